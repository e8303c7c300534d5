//! A frame's columns to tensors by name, and a model's outputs to one answer a row.

use std::collections::HashSet;
use std::fmt;

use engine::{ElementType, MISSING_TEXT, Port, Tensor};
use numpy::{
    PyArrayDescrMethods, PyArrayDyn, PyArrayMethods, PyUntypedArray,
    PyUntypedArrayMethods,
};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyFloat, PyString};

use crate::arrays::{Number, for_each_number, to_array};
use crate::error::to_python;

/// The columns of a model, each with its input's position.
pub struct Columns(Vec<Column>);

struct Column {
    schema: engine::Column,
    name: Py<PyString>,
    /// The only values that it takes, as text; `None` where any will do.
    known: Option<HashSet<String>>,
}

/// The values of a column, in one of three types that hold those of all others.
enum Values {
    Integers(Vec<i64>),
    Floats(Vec<f64>),
    Objects(Vec<Py<PyAny>>),
}

/// One value of a column.
enum Value<'py> {
    Missing,
    Integer(i128),
    Float(f64),
    Text(Bound<'py, PyString>),
    Other(Bound<'py, PyAny>),
}

impl Columns {
    pub fn new(py: Python<'_>, columns: Vec<engine::Column>) -> Self {
        let columns = columns.into_iter().map(|schema| Column {
            name: PyString::intern(py, &schema.name).unbind(),
            known: schema.only(),
            schema,
        });
        Self(columns.collect())
    }

    /// Copies the frame's columns into the inputs; returns the number of rows.
    pub fn fill(
        &self,
        frame: &Bound<'_, PyAny>,
        ports: &[Port],
        inputs: &mut [Tensor],
    ) -> PyResult<usize> {
        let py = frame.py();
        let mut rows = None;
        for column in &self.0 {
            let value = frame.get_item(&column.name);
            let value = value.map_err(|error| self.missing(frame, error))?;
            let array = column.array(&value)?;
            let count = array.shape()[0];
            let rows = *rows.get_or_insert(count);
            if count != rows {
                let (name, first) = (&column.schema.name, &self.0[0].schema.name);
                return Err(PyValueError::new_err(format!(
                    "column '{name}' has {count} rows where '{first}' has {rows}"
                )));
            }
            let position = column.schema.position;
            let shape = ports[position].shape_of(rows).map_err(to_python)?;
            let input = &mut inputs[position];
            if input.shape() != shape {
                *input =
                    Tensor::zeros(column.schema.dtype, &shape).map_err(to_python)?;
            }
            let values = column.values(&array)?;
            for_each_number!(
                column.schema.dtype,
                fill_numbers(py, column, &values, input),
                fill_texts(py, column, &values, input)
            )?;
        }
        Ok(rows.unwrap_or(0))
    }

    /// Why a column was not found: the frame lacks it, or is no frame.
    fn missing(&self, frame: &Bound<'_, PyAny>, error: PyErr) -> PyErr {
        let names = frame.getattr("columns").or_else(|_| frame.call_method0("keys"));
        let Ok(names) = names else {
            let given = frame.get_type();
            return PyTypeError::new_err(format!(
                "predict takes a DataFrame or a dict of columns, not {given}"
            ));
        };
        let is_there = |name: &Py<PyString>| names.contains(name).unwrap_or(true);
        let missing = self.0.iter().filter(|column| !is_there(&column.name));
        let missing: Vec<String> = missing.map(|column| column.described()).collect();
        if missing.is_empty() {
            return error;
        }
        PyValueError::new_err(format!("the frame has no column {}", missing.join(", ")))
    }
}

impl Column {
    /// The column as numpy's array `[rows]`, or `[rows, width]` where a row is a vector.
    fn array<'py>(
        &self,
        value: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyUntypedArray>> {
        let py = value.py();
        let objects = |value| {
            let objects = (value, numpy::dtype::<Py<PyAny>>(py));
            py.import("numpy")?.call_method1("array", objects)
        };
        let mut array = if value.is_instance_of::<PyUntypedArray>() {
            value.clone()
        } else if value.hasattr("to_numpy")? {
            value.call_method0("to_numpy")?
        } else {
            objects(value.clone())?
        };
        let width = self.schema.width;
        if width > 1 && array.cast::<PyUntypedArray>()?.ndim() == 1 {
            array = objects(array.call_method0("tolist")?)?;
        }
        let array = array.cast_into::<PyUntypedArray>()?;
        match *array.shape() {
            [rows, ..] if array.len() == rows * width => Ok(array),
            ref shape => Err(PyValueError::new_err(format!(
                "column {} has shape {shape:?}",
                self.described()
            ))),
        }
    }

    /// Its name, and what a row holds in it.
    fn described(&self) -> String {
        match (&self.schema.name, self.schema.width) {
            (name, 1) => format!("'{name}'"),
            (name, width) => format!("'{name}' of {width} values a row"),
        }
    }

    /// The array's values in row-major order.
    fn values(&self, array: &Bound<'_, PyUntypedArray>) -> PyResult<Values> {
        let py = array.py();
        let dtype = array.dtype();
        let (floats, integers, objects) = (
            numpy::dtype::<f64>(py),
            numpy::dtype::<i64>(py),
            numpy::dtype::<Py<PyAny>>(py),
        );
        let regular =
            |dtype| array.call_method1("astype", (dtype, "C", "unsafe", false, false));
        Ok(match (dtype.kind(), dtype.itemsize()) {
            (b'f', _) => {
                Values::Floats(regular(floats)?.cast::<PyArrayDyn<f64>>()?.to_vec()?)
            }
            (b'b' | b'i', _) | (b'u', 1..8) => Values::Integers(
                regular(integers)?.cast::<PyArrayDyn<i64>>()?.to_vec()?,
            ),
            (b'u' | b'O' | b'U' | b'T', _) => Values::Objects(
                regular(objects)?.cast::<PyArrayDyn<Py<PyAny>>>()?.to_vec()?,
            ),
            _ => {
                let (name, wanted) = (&self.schema.name, self.wanted());
                return Err(PyValueError::new_err(format!(
                    "column '{name}' must hold {wanted}, not {dtype}"
                )));
            }
        })
    }

    fn wanted(&self) -> String {
        let dtype = format!("{:?}", self.schema.dtype).to_lowercase();
        match self.schema.dtype {
            ElementType::String => "text".to_owned(),
            ElementType::Bool => "true or false".to_owned(),
            ElementType::Float32 | ElementType::Float64 => {
                format!("numbers that {dtype} reaches")
            }
            _ => format!("whole numbers that {dtype} reaches"),
        }
    }

    #[cold]
    fn refusal(&self, index: usize, value: &Value) -> PyErr {
        let (name, row) = (&self.schema.name, index / self.schema.width);
        let wanted = self.wanted();
        PyValueError::new_err(format!(
            "column '{name}' must hold {wanted}; row {row} has {value}"
        ))
    }

    #[cold]
    fn unknown(&self, index: usize, value: &Value) -> PyErr {
        let (name, row) = (&self.schema.name, index / self.schema.width);
        PyValueError::new_err(format!(
            "column '{name}' has no category {value}, which is in row {row}"
        ))
    }

    /// Whether the model knows the value, or does not mind.
    fn knows(&self, text: impl ToString) -> bool {
        self.known.as_ref().is_none_or(|known| known.contains(&text.to_string()))
    }
}

impl Values {
    fn get<'py>(&self, py: Python<'py>, index: usize) -> Value<'py> {
        match self {
            Self::Integers(values) => Value::Integer(values[index].into()),
            Self::Floats(values) => Value::from_float(values[index]),
            Self::Objects(values) => Value::from_object(values[index].bind(py)),
        }
    }
}

impl<'py> Value<'py> {
    fn from_float(value: f64) -> Self {
        if value.is_nan() { Self::Missing } else { Self::Float(value) }
    }

    fn from_object(value: &Bound<'py, PyAny>) -> Self {
        if let Ok(text) = value.cast::<PyString>() {
            return Self::Text(text.clone());
        }
        if let Ok(float) = value.cast::<PyFloat>() {
            return Self::from_float(float.value());
        }
        if value.is_none() {
            return Self::Missing;
        }
        if let Ok(integer) = value.extract::<i64>() {
            return Self::Integer(integer.into());
        }
        if is_na(value) {
            return Self::Missing;
        }
        if let Ok(integer) = value.extract::<i128>() {
            return Self::Integer(integer);
        }
        match value.extract::<f64>() {
            Ok(float) => Self::from_float(float),
            Err(_) => Self::Other(value.clone()),
        }
    }
}

/// Whether it is the missing value of pandas: of any type, or of times.
fn is_na(value: &Bound<'_, PyAny>) -> bool {
    value.get_type().name().is_ok_and(|name| name == "NAType" || name == "NaTType")
}

impl fmt::Display for Value<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => f.write_str("no value"),
            Self::Integer(value) => value.fmt(f),
            Self::Float(value) => value.fmt(f),
            Self::Text(text) => write!(f, "'{text}'"),
            Self::Other(value) => write!(f, "{value}, a {}", value.get_type()),
        }
    }
}

/// A number or truth value of a tensor, as a column's value becomes one.
trait Cell: Number + ToString {
    /// Stands for a missing value, where there is such a number.
    const MISSING: Option<Self> = None;

    /// The same number, in floats the nearest one; `None` where there is none.
    fn from_float(value: f64) -> Option<Self>;
    fn from_integer(value: i128) -> Option<Self>;
}

macro_rules! floats {
    ($($float:ident)*) => {$(
        impl Cell for $float {
            const MISSING: Option<Self> = Some(Self::NAN);

            #[allow(clippy::cast_possible_truncation)]
            fn from_float(value: f64) -> Option<Self> {
                let nearest = value as Self;
                (nearest.is_finite() || value.is_infinite()).then_some(nearest)
            }

            // Through f64, as scikit-learn does.
            #[allow(clippy::cast_precision_loss)]
            fn from_integer(value: i128) -> Option<Self> {
                Self::from_float(value as f64)
            }
        }
    )*};
}

macro_rules! integers {
    ($($integer:ident)*) => {$(
        impl Cell for $integer {
            #[allow(clippy::cast_possible_truncation, clippy::cast_precision_loss)]
            #[allow(clippy::float_cmp, reason = "only the same number will do")]
            fn from_float(value: f64) -> Option<Self> {
                let whole = value as i128;
                if whole as f64 == value { Self::from_integer(whole) } else { None }
            }

            fn from_integer(value: i128) -> Option<Self> {
                Self::try_from(value).ok()
            }
        }
    )*};
}

floats! { f32 f64 }
integers! { i8 i16 i32 i64 u8 u16 u32 u64 }

impl Cell for bool {
    fn from_float(value: f64) -> Option<Self> {
        u8::from_float(value).and_then(|value| Self::from_integer(value.into()))
    }

    fn from_integer(value: i128) -> Option<Self> {
        match value {
            0 => Some(false),
            1 => Some(true),
            _ => None,
        }
    }
}

fn fill_numbers<T: Cell>(
    py: Python<'_>,
    column: &Column,
    values: &Values,
    input: &mut Tensor,
) -> PyResult<()> {
    let cells = input.as_mut_slice::<T>().map_err(to_python)?;
    for (index, cell) in cells.iter_mut().enumerate() {
        let value = values.get(py, index);
        let read = match value {
            Value::Missing if column.schema.missing => T::MISSING,
            Value::Integer(integer) => T::from_integer(integer),
            Value::Float(float) => T::from_float(float),
            _ => None,
        };
        *cell = read.ok_or_else(|| column.refusal(index, &value))?;
        if !matches!(value, Value::Missing) && !column.knows(*cell) {
            return Err(column.unknown(index, &value));
        }
    }
    Ok(())
}

fn fill_texts(
    py: Python<'_>,
    column: &Column,
    values: &Values,
    input: &mut Tensor,
) -> PyResult<()> {
    for index in 0..input.len() {
        let value = values.get(py, index);
        let text = match &value {
            Value::Missing if column.schema.missing => MISSING_TEXT,
            Value::Text(text) => {
                let text = text.to_str()?;
                if !column.knows(text) {
                    return Err(column.unknown(index, &value));
                }
                text
            }
            _ => return Err(column.refusal(index, &value)),
        };
        input.set_string(index, text).map_err(to_python)?;
    }
    Ok(())
}

/// The outputs as arrays: `[rows]` where a row has one value, alone where that is all.
pub fn answers<'py>(
    py: Python<'py>,
    ports: &[Port],
    outputs: &[Tensor],
    rows: usize,
) -> PyResult<Bound<'py, PyAny>> {
    let by_name = PyDict::new(py);
    for (port, output) in ports.iter().zip(outputs) {
        let mut array = to_array(py, output)?;
        if let [count, 1] = *output.shape()
            && count == rows
        {
            array = array.call_method1("reshape", (rows,))?;
        }
        if outputs.len() == 1 && array.cast::<PyUntypedArray>()?.shape() == [rows] {
            return Ok(array);
        }
        by_name.set_item(&port.name, array)?;
    }
    Ok(by_name.into_any())
}
