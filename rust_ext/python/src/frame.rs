//! A frame's columns, by name, to a model's inputs; outputs to answers for its rows.

use engine::{Port, Tensor};
use numpy::{PyUntypedArray, PyUntypedArrayMethods};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};

use crate::arrays::to_array;
use crate::column::Column;
use crate::error::to_python;

/// The columns that a model takes, in the order of its schema.
pub struct Columns(Vec<Column>);

impl Columns {
    pub fn new(py: Python<'_>, columns: Vec<engine::Column>) -> Self {
        Self(columns.into_iter().map(|column| Column::new(py, column)).collect())
    }

    /// Copies the frame's values into the inputs; returns how many rows there are.
    pub fn fill(
        &self,
        frame: &Bound<'_, PyAny>,
        ports: &[Port],
        inputs: &mut [Tensor],
    ) -> PyResult<usize> {
        let mut first = None;
        for column in &self.0 {
            let found = frame.get_item(&column.name);
            let array =
                column.array(found.map_err(|error| self.lack(frame, error))?)?;
            let rows = array.shape()[0];
            let expected = *first.get_or_insert(rows);
            if rows != expected {
                return Err(PyValueError::new_err(format!(
                    "{column} has {rows} rows where {} has {expected}",
                    self.0[0]
                )));
            }
            if rows == 0 {
                continue;
            }
            let position = column.schema.position;
            let shape = ports[position].shape_of(rows).map_err(to_python)?;
            let input = &mut inputs[position];
            if input.shape() != shape {
                let dtype = column.schema.dtype;
                *input = Tensor::zeros(dtype, &shape).map_err(to_python)?;
            }
            column.fill(input, &array)?;
        }
        Ok(first.unwrap_or(0))
    }

    /// Why a column cannot be had: the frame has none of that name, or is no frame.
    fn lack(&self, frame: &Bound<'_, PyAny>, error: PyErr) -> PyErr {
        let names = frame.getattr("columns").or_else(|_| frame.call_method0("keys"));
        let Ok(names) = names else {
            let given = frame.get_type();
            let message = "the frame must be a DataFrame or a dict of columns, not";
            return PyTypeError::new_err(format!("{message} {given}"));
        };
        let lacks = |column: &&Column| !names.contains(&column.name).unwrap_or(true);
        let lacking: Vec<String> =
            self.0.iter().filter(lacks).map(Column::to_string).collect();
        if lacking.is_empty() {
            return error;
        }
        PyValueError::new_err(format!("the frame has no {}", lacking.join(", no ")))
    }
}

/// An output for no rows, which many a graph cannot answer.
pub fn no_rows<'py>(py: Python<'py>, port: &Port) -> PyResult<Bound<'py, PyAny>> {
    let Ok(element) = port.element_type() else {
        return Ok(PyList::empty(py).into_any());
    };
    let shape = port.shape_of(0).unwrap_or_else(|_| vec![0]);
    to_array(py, &Tensor::zeros(element, &shape).map_err(to_python)?)
}

/// The outputs, `[rows]` where a row has one value: that one alone, or else all by name.
pub fn answers<'py>(
    py: Python<'py>,
    ports: &[Port],
    outputs: impl Iterator<Item = PyResult<Bound<'py, PyAny>>>,
    rows: usize,
) -> PyResult<Bound<'py, PyAny>> {
    let by_name = PyDict::new(py);
    for (port, output) in ports.iter().zip(outputs) {
        let mut output = output?;
        let array = output.cast::<PyUntypedArray>();
        let shape = array.map_or(&[][..], |array| array.shape());
        if *shape == [rows] || *shape == [rows, 1] {
            output = output.call_method1("reshape", (rows,))?;
            if ports.len() == 1 {
                return Ok(output);
            }
        }
        by_name.set_item(&port.name, output)?;
    }
    Ok(by_name.into_any())
}
