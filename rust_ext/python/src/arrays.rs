//! numpy arrays to tensors and back.

use engine::{ElementType, Port, Tensor};
use numpy::ndarray::{ArrayD, ArrayViewD};
use numpy::{
    Element, PyArray, PyArrayDescr, PyArrayDescrMethods, PyArrayDyn, PyArrayMethods,
    PyUntypedArray, PyUntypedArrayMethods, ToPyArray,
};
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use pyo3::types::{IntoPyDict, PyList, PyString};

use crate::error::to_python;

/// A number that both numpy and ONNX Runtime hold.
pub trait Number: Element + engine::Element {}
impl<T: Element + engine::Element> Number for T {}

/// Calls a generic function for the Rust type of each numeric element type.
macro_rules! for_each_number {
    ($element:expr, $function:ident($($argument:expr),*), $strings:expr) => {
        match $element {
            ElementType::Float16 => $function::<engine::f16>($($argument),*),
            ElementType::Float32 => $function::<f32>($($argument),*),
            ElementType::Float64 => $function::<f64>($($argument),*),
            ElementType::Int8 => $function::<i8>($($argument),*),
            ElementType::Int16 => $function::<i16>($($argument),*),
            ElementType::Int32 => $function::<i32>($($argument),*),
            ElementType::Int64 => $function::<i64>($($argument),*),
            ElementType::Uint8 => $function::<u8>($($argument),*),
            ElementType::Uint16 => $function::<u16>($($argument),*),
            ElementType::Uint32 => $function::<u32>($($argument),*),
            ElementType::Uint64 => $function::<u64>($($argument),*),
            ElementType::Bool => $function::<bool>($($argument),*),
            ElementType::String => $strings,
        }
    };
}
pub(crate) use for_each_number;

/// Copies the value into the tensor of `port`, whatever the value's layout.
pub fn fill(
    tensor: &mut Tensor,
    port: &Port,
    value: &Bound<'_, PyAny>,
) -> PyResult<()> {
    for_each_number!(
        tensor.element_type(),
        fill_numbers(tensor, port, value),
        fill_strings(tensor, port, value)
    )
}

/// The tensor as a new array.
pub fn to_array<'py>(py: Python<'py>, tensor: &Tensor) -> PyResult<Bound<'py, PyAny>> {
    for_each_number!(
        tensor.element_type(),
        numbers_out(py, tensor),
        strings_out(py, tensor)
    )
}

// region: fill_numbers
fn fill_numbers<T: Number>(
    tensor: &mut Tensor,
    port: &Port,
    value: &Bound<'_, PyAny>,
) -> PyResult<()> {
    if let Ok(array) = value.cast::<PyArrayDyn<T>>()
        && array.is_c_contiguous()
        && let Ok(data) = array.to_vec()
    {
        return tensor.refill(array.shape(), &data).map_err(to_python);
    }
    let array = regular(port, value, numpy::dtype::<T>(value.py()))?;
    let array = array.cast::<PyArrayDyn<T>>()?;
    tensor.refill(array.shape(), &array.to_vec()?).map_err(to_python)
}
// endregion: fill_numbers

fn numbers_out<'py, T: Number>(
    py: Python<'py>,
    tensor: &Tensor,
) -> PyResult<Bound<'py, PyAny>> {
    let data = tensor.as_slice::<T>().map_err(to_python)?;
    let view = ArrayViewD::from_shape(tensor.shape(), data);
    let view = view.map_err(|error| PyRuntimeError::new_err(error.to_string()))?;
    Ok(view.to_pyarray(py).into_any())
}

/// Each element becomes `str(element)`, as in onnxruntime.
fn fill_strings(
    tensor: &mut Tensor,
    port: &Port,
    value: &Bound<'_, PyAny>,
) -> PyResult<()> {
    let py = value.py();
    let array = match value.cast::<PyArrayDyn<Py<PyAny>>>() {
        Ok(array) if array.is_c_contiguous() => array,
        _ => &regular(port, value, numpy::dtype::<Py<PyAny>>(py))?.cast_into()?,
    };
    if tensor.shape() != array.shape() {
        *tensor =
            Tensor::zeros(ElementType::String, array.shape()).map_err(to_python)?;
    }
    for (index, element) in array.to_vec()?.iter().enumerate() {
        let element = element.bind(py);
        let text = match element.cast::<PyString>() {
            Ok(text) => text,
            Err(_) => &element.str()?,
        };
        tensor.set_string(index, text.to_str()?).map_err(to_python)?;
    }
    Ok(())
}

fn strings_out<'py>(py: Python<'py>, tensor: &Tensor) -> PyResult<Bound<'py, PyAny>> {
    let strings = tensor.strings().map_err(to_python)?;
    let objects =
        strings.iter().map(|text| PyString::new(py, text).into_any().unbind());
    let array = ArrayD::from_shape_vec(tensor.shape(), objects.collect());
    let array = array.map_err(|error| PyRuntimeError::new_err(error.to_string()))?;
    Ok(PyArray::from_owned_object_array(py, array).into_any())
}

/// A list, or an array of any layout and byte order, as a new aligned C-ordered array.
fn regular<'py>(
    port: &Port,
    value: &Bound<'py, PyAny>,
    wanted: Bound<'py, PyArrayDescr>,
) -> PyResult<Bound<'py, PyAny>> {
    let py = value.py();
    let mut source = value.clone();
    if let Ok(array) = value.cast::<PyUntypedArray>() {
        let given = array.dtype();
        if type_name(&given).as_deref() != type_name(&wanted).as_deref() {
            return Err(wrong_type(port, &given));
        }
        if given.kind() == b'S' {
            source = value.call_method1("astype", ("U",))?;
        }
    } else if !value.is_instance_of::<PyList>() {
        let (name, given) = (&port.name, value.get_type());
        let message = format!("input '{name}' must be an array or a list, not {given}");
        return Err(PyRuntimeError::new_err(message));
    }
    let order = [("order", "C")].into_py_dict(py)?;
    let array =
        py.import("numpy")?.call_method("array", (source, wanted), Some(&order));
    array.map_err(|error| {
        let message = format!("input '{}' is no {}: {error}", port.name, port.kind);
        PyRuntimeError::new_err(message)
    })
}

fn wrong_type(port: &Port, given: &Bound<'_, PyArrayDescr>) -> PyErr {
    match type_name(given) {
        Some(actual) => to_python(engine::Error::InputType {
            name: port.name.clone(),
            expected: port.kind.to_string(),
            actual,
        }),
        None => PyRuntimeError::new_err(format!(
            "input '{}' is an array of {given}, which ONNX cannot hold",
            port.name
        )),
    }
}

/// ONNX's name for a numpy type, where it has one.
fn type_name(dtype: &Bound<'_, PyArrayDescr>) -> Option<String> {
    let bits = dtype.itemsize() * 8;
    let name = match (dtype.kind(), bits) {
        (b'f', 16) => "float16".to_owned(),
        (b'f', 32) => "float".to_owned(),
        (b'f', 64) => "double".to_owned(),
        (b'i', _) => format!("int{bits}"),
        (b'u', _) => format!("uint{bits}"),
        (b'b', _) => "bool".to_owned(),
        (b'O' | b'U' | b'S', _) => "string".to_owned(),
        _ => return None,
    };
    Some(format!("tensor({name})"))
}
