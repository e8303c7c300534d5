//! One column of a frame: which values it takes, of whatever type, and what they become.

use std::collections::HashSet;
use std::fmt;

use engine::{ElementType, MISSING_TEXT, Tensor, f16};
use numpy::{
    PyArrayDescrMethods, PyArrayDyn, PyArrayMethods, PyUntypedArray,
    PyUntypedArrayMethods,
};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyFloat, PyString};

use crate::arrays::{Number, for_each_number};
use crate::error::to_python;

/// One column of a model.
pub struct Column {
    pub schema: engine::Column,
    pub name: Py<PyString>,
    /// The only values that it takes, as text; `None` where any will do.
    known: Option<HashSet<String>>,
}

impl Column {
    pub fn new(py: Python<'_>, schema: engine::Column) -> Self {
        let name = PyString::intern(py, &schema.name).unbind();
        Self { name, known: schema.only(), schema }
    }

    /// The frame's column as numpy's array: `[rows]`, or `[rows, width]`.
    pub fn array<'py>(
        &self,
        column: Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyUntypedArray>> {
        let py = column.py();
        let objects = |values: Bound<'py, PyAny>| {
            let arguments = (values, numpy::dtype::<Py<PyAny>>(py));
            py.import("numpy")?.call_method1("array", arguments)
        };
        let mut array = if column.is_instance_of::<PyUntypedArray>() {
            column
        } else if let Ok(to_numpy) = column.getattr("to_numpy") {
            to_numpy.call0()?
        } else {
            objects(column)?
        };
        let width = self.schema.width;
        if width > 1 && array.cast::<PyUntypedArray>()?.ndim() == 1 {
            array = objects(array.call_method0("tolist")?)?; // a row is a list
        }
        let array = array.cast_into::<PyUntypedArray>()?;
        match *array.shape() {
            [rows, ..] if array.len() == rows * width => Ok(array),
            ref shape => {
                let wanted = if width > 1 { "[rows, width]" } else { "[rows]" };
                let message = format!("{self} has shape {shape:?}, not {wanted}");
                Err(PyValueError::new_err(message))
            }
        }
    }

    /// Copies the array's values into the input, which has room for exactly them.
    pub fn fill(
        &self,
        input: &mut Tensor,
        array: &Bound<'_, PyUntypedArray>,
    ) -> PyResult<()> {
        let (py, dtype) = (array.py(), array.dtype());
        let Some(values) = Values::of(array)? else {
            let message = format!("{self} must hold {}, not {dtype}", self.wanted());
            return Err(PyValueError::new_err(message));
        };
        for_each_number!(
            input.element_type(),
            fill_numbers(py, input, self, &values),
            fill_texts(py, input, self, &values)
        )
    }

    /// The only values that fit, in words.
    fn wanted(&self) -> String {
        let dtype = format!("{:?}", self.schema.dtype).to_lowercase();
        match self.schema.dtype {
            _ if self.known.is_some() => "one of its categories".to_owned(),
            ElementType::String => "text".to_owned(),
            ElementType::Bool => "true or false".to_owned(),
            ElementType::Float16 | ElementType::Float32 | ElementType::Float64 => {
                format!("numbers in the range of {dtype}")
            }
            _ => format!("whole numbers in the range of {dtype}"),
        }
    }

    fn knows(&self, text: &impl ToString) -> bool {
        self.known.as_ref().is_none_or(|known| known.contains(&text.to_string()))
    }

    /// Why a value does not fit; `index` counts the values of all rows.
    fn refusal(&self, index: usize, value: &Value) -> PyErr {
        let (row, wanted) = (index / self.schema.width, self.wanted());
        let message = format!("{self} must hold {wanted}; row {row} has {value}");
        PyValueError::new_err(message)
    }
}

impl fmt::Display for Column {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.schema.name, self.schema.width) {
            (name, 1) => write!(f, "column '{name}'"),
            (name, width) => write!(f, "column '{name}' of {width} values a row"),
        }
    }
}

fn fill_numbers<T: Cell>(
    py: Python<'_>,
    input: &mut Tensor,
    column: &Column,
    values: &Values,
) -> PyResult<()> {
    let cells = input.as_mut_slice::<T>().map_err(to_python)?;
    for (index, cell) in cells.iter_mut().enumerate() {
        let value = values.get(py, index);
        let found = match value {
            Value::Missing if column.schema.missing => T::MISSING,
            Value::Integer(value) => T::from_integer(value).filter(|x| column.knows(x)),
            Value::Float(value) => T::from_float(value).filter(|x| column.knows(x)),
            _ => None,
        };
        *cell = found.ok_or_else(|| column.refusal(index, &value))?;
    }
    Ok(())
}

fn fill_texts(
    py: Python<'_>,
    input: &mut Tensor,
    column: &Column,
    values: &Values,
) -> PyResult<()> {
    for index in 0..input.len() {
        let value = values.get(py, index);
        let found = match &value {
            Value::Missing if column.schema.missing => Some(MISSING_TEXT),
            Value::Text(text) => text.to_str().ok().filter(|text| column.knows(text)),
            _ => None,
        };
        let text = found.ok_or_else(|| column.refusal(index, &value))?;
        input.set_string(index, text).map_err(to_python)?;
    }
    Ok(())
}

/// The values of a column, in one of three types that hold those of all others.
enum Values {
    Integers(Vec<i64>),
    Floats(Vec<f64>),
    Objects(Vec<Py<PyAny>>),
}

impl Values {
    /// The array's values in row-major order; `None` of times and other odd types.
    fn of(array: &Bound<'_, PyUntypedArray>) -> PyResult<Option<Self>> {
        let dtype = array.dtype();
        Ok(Some(match (dtype.kind(), dtype.itemsize()) {
            (b'f', _) => Self::Floats(list(array)?),
            (b'b' | b'i', _) | (b'u', ..8) => Self::Integers(list(array)?),
            (b'u' | b'O' | b'U' | b'T', _) => Self::Objects(list(array)?),
            _ => return Ok(None),
        }))
    }

    fn get<'py>(&self, py: Python<'py>, index: usize) -> Value<'py> {
        match self {
            Self::Integers(values) => Value::Integer(values[index].into()),
            Self::Floats(values) => values[index].into(),
            Self::Objects(values) => values[index].bind(py).into(),
        }
    }
}

fn list<T: numpy::Element>(array: &Bound<'_, PyUntypedArray>) -> PyResult<Vec<T>> {
    let arguments = (numpy::dtype::<T>(array.py()), "C", "unsafe", false, false);
    let array = array.call_method1("astype", arguments)?;
    Ok(array.cast::<PyArrayDyn<T>>()?.to_vec()?)
}

/// One value.
enum Value<'py> {
    Missing,
    Integer(i128),
    Float(f64),
    Text(Bound<'py, PyString>),
    Other(Bound<'py, PyAny>),
}

impl From<f64> for Value<'_> {
    fn from(value: f64) -> Self {
        if value.is_nan() { Self::Missing } else { Self::Float(value) }
    }
}

impl<'py> From<&Bound<'py, PyAny>> for Value<'py> {
    fn from(value: &Bound<'py, PyAny>) -> Self {
        if let Ok(text) = value.cast::<PyString>() {
            Self::Text(text.clone())
        } else if let Ok(float) = value.cast::<PyFloat>() {
            float.value().into()
        } else if value.is_none() {
            Self::Missing
        } else if let Ok(integer) = value.extract::<i64>() {
            Self::Integer(integer.into())
        } else if is_na(value) {
            Self::Missing
        } else if let Ok(integer) = value.extract() {
            Self::Integer(integer)
        } else {
            number(value).unwrap_or_else(|_| Self::Other(value.clone()))
        }
    }
}

/// A number of another type, such as a `Decimal`: as a float, unless that loses a digit
/// of a whole number or all of a large one.
fn number<'py>(value: &Bound<'py, PyAny>) -> PyResult<Value<'py>> {
    let float: f64 = value.extract()?;
    if float.is_nan() || value.eq(float)? {
        return Ok(float.into());
    }
    if float.fract() != 0.0 {
        return Ok(Value::Float(float));
    }
    let integer = value.call_method0("__int__")?;
    let whole = value.eq(&integer)?;
    Ok(if whole { Value::Integer(integer.extract()?) } else { Value::Float(float) })
}

/// Whether it is what pandas has for a missing value, or for a missing time.
fn is_na(value: &Bound<'_, PyAny>) -> bool {
    value.get_type().name().is_ok_and(|name| name == "NAType" || name == "NaTType")
}

impl fmt::Display for Value<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => f.write_str("no value"),
            Self::Integer(value) => write!(f, "{value}"),
            Self::Float(value) => write!(f, "{value:?}"),
            Self::Text(text) => write!(f, "'{text}'"),
            Self::Other(value) => write!(f, "{value}, {}", value.get_type()),
        }
    }
}

/// A number or truth value of a tensor.
trait Cell: Number + ToString {
    /// Stands for a missing value, where there is such a number.
    const MISSING: Option<Self> = None;

    /// The same number, or the nearest float; `None` where it is not in range.
    fn from_integer(value: i128) -> Option<Self>;
    fn from_float(value: f64) -> Option<Self>;
}

macro_rules! floats {
    ($($float:ident $from_i128:expr, $from_f64:expr;)*) => {$(
        impl Cell for $float {
            const MISSING: Option<Self> = Some(Self::NAN);

            #[allow(clippy::cast_precision_loss, reason = "as numpy and scikit-learn")]
            fn from_integer(value: i128) -> Option<Self> {
                let nearest: Self = $from_i128(value);
                nearest.is_finite().then_some(nearest)
            }

            #[allow(clippy::cast_possible_truncation, reason = "checked")]
            fn from_float(value: f64) -> Option<Self> {
                let nearest: Self = $from_f64(value);
                (nearest.is_finite() || value.is_infinite()).then_some(nearest)
            }
        }
    )*};
}

macro_rules! integers {
    ($($integer:ident)*) => {$(
        impl Cell for $integer {
            fn from_integer(value: i128) -> Option<Self> {
                value.try_into().ok()
            }

            #[allow(clippy::cast_possible_truncation, reason = "checked")]
            fn from_float(value: f64) -> Option<Self> {
                if value.fract() == 0.0 { Self::from_integer(value as i128) } else { None }
            }
        }
    )*};
}

floats! {
    f16 (|value| f16::from_f64(value as f64)), f16::from_f64;
    f32 (|value| value as f32), (|value| value as f32);
    f64 (|value| value as f64), std::convert::identity;
}
integers! { i8 i16 i32 i64 u8 u16 u32 u64 }

impl Cell for bool {
    fn from_integer(value: i128) -> Option<Self> {
        [false, true].into_iter().find(|&truth| i128::from(truth) == value)
    }

    fn from_float(value: f64) -> Option<Self> {
        u8::from_float(value).and_then(|value| Self::from_integer(value.into()))
    }
}
