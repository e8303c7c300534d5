//! numpy arrays to tensors and back.

use std::fmt::Display;

use engine::{ElementType, Port, Tensor};
use numpy::ndarray::{ArrayD, ArrayView2, ArrayViewD};
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

/// Copies the value, an array of the tensor's type or a list, into the tensor of `port`,
/// whatever the value's layout.
pub fn fill(
    tensor: &mut Tensor,
    port: &Port,
    value: &Bound<'_, PyAny>,
) -> PyResult<()> {
    if tensor.element_type() == ElementType::Bool {
        return fill_truths(tensor, port, value);
    }
    for_each_number!(
        tensor.element_type(),
        fill_numbers(tensor, port, value),
        fill_strings(tensor, port, value)
    )
}

/// An array of any type that ONNX has, as a new tensor.
pub fn to_tensor(port: &Port, array: &Bound<'_, PyUntypedArray>) -> PyResult<Tensor> {
    let (name, dtype) = (&port.name, array.dtype());
    let element = element_type(&dtype).ok_or_else(|| {
        let message =
            format!("input '{name}' is an array of {dtype}, which is not ONNX's");
        PyRuntimeError::new_err(message)
    })?;
    let mut tensor = Tensor::zeros(element, &[0]).map_err(to_python)?;
    fill(&mut tensor, port, array)?;
    Ok(tensor)
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

/// A byte of numpy's `bool` may be more than 0 or 1, which Rust's must not be.
fn fill_truths(
    tensor: &mut Tensor,
    port: &Port,
    value: &Bound<'_, PyAny>,
) -> PyResult<()> {
    let (truth, byte) = (numpy::dtype::<bool>, numpy::dtype::<u8>);
    let array = match value.cast::<PyArrayDyn<bool>>() {
        Ok(array) if array.is_c_contiguous() => array,
        _ => &regular(port, value, truth(value.py()))?.cast_into()?,
    };
    let bytes = array.call_method1("view", (byte(value.py()),))?;
    let bytes = bytes.cast::<PyArrayDyn<u8>>()?.to_vec()?;
    let truths: Vec<bool> = bytes.iter().map(|&byte| byte != 0).collect();
    tensor.refill(array.shape(), &truths).map_err(to_python)
}

fn numbers_out<'py, T: Number>(
    py: Python<'py>,
    tensor: &Tensor,
) -> PyResult<Bound<'py, PyAny>> {
    let data = tensor.as_slice::<T>().map_err(to_python)?;
    let array = match *tensor.shape() {
        // As below, with less to work out.
        [rows, width] => ArrayView2::from_shape((rows, width), data)
            .map(|view| view.to_pyarray(py).into_any()),
        _ => ArrayViewD::from_shape(tensor.shape(), data)
            .map(|view| view.to_pyarray(py).into_any()),
    };
    array.map_err(|error| PyRuntimeError::new_err(error.to_string()))
}

/// Each element becomes `str(element)`, as in onnxruntime; bytes are UTF-8.
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
    let kind = value.cast::<PyUntypedArray>().map(|array| array.dtype().kind());
    let encoded = matches!(kind, Ok(b'S' | b'V'));
    if tensor.shape() != array.shape() {
        *tensor =
            Tensor::zeros(ElementType::String, array.shape()).map_err(to_python)?;
    }
    for (index, element) in array.to_vec()?.iter().enumerate() {
        let element = element.bind(py);
        if encoded {
            let bytes: &[u8] = element.extract().unwrap_or(b"\xff");
            let text = std::str::from_utf8(bytes).map_err(|error| {
                let message =
                    format!("input '{}' holds other bytes than text", port.name);
                PyRuntimeError::new_err(format!("{message}: {error}"))
            })?;
            tensor.set_string(index, text).map_err(to_python)?;
            continue;
        }
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

/// A list, or an array of the wanted type, as a new aligned C-ordered array.
fn regular<'py>(
    port: &Port,
    value: &Bound<'py, PyAny>,
    wanted: Bound<'py, PyArrayDescr>,
) -> PyResult<Bound<'py, PyAny>> {
    let py = value.py();
    let refusal = |reason: &dyn Display| {
        let (name, kind) = (&port.name, &port.kind);
        PyRuntimeError::new_err(format!("input '{name}' is no {kind}: {reason}"))
    };
    let fits = match value.cast::<PyUntypedArray>() {
        Ok(array) => element_type(&array.dtype()) == element_type(&wanted),
        Err(_) => value.is_instance_of::<PyList>(),
    };
    if !fits {
        return Err(refusal(&value.get_type()));
    }
    let order = [("order", "C")].into_py_dict(py)?;
    let array = py.import("numpy")?.call_method("array", (value, wanted), Some(&order));
    array.map_err(|error| refusal(&error))
}

/// ONNX's type for a numpy type, where it has one.
fn element_type(dtype: &Bound<'_, PyArrayDescr>) -> Option<ElementType> {
    Some(match (dtype.kind(), dtype.itemsize()) {
        (b'f', 2) => ElementType::Float16,
        (b'f', 4) => ElementType::Float32,
        (b'f', 8) => ElementType::Float64,
        (b'i', 1) => ElementType::Int8,
        (b'i', 2) => ElementType::Int16,
        (b'i', 4) => ElementType::Int32,
        (b'i', 8) => ElementType::Int64,
        (b'u', 1) => ElementType::Uint8,
        (b'u', 2) => ElementType::Uint16,
        (b'u', 4) => ElementType::Uint32,
        (b'u', 8) => ElementType::Uint64,
        (b'b', _) => ElementType::Bool,
        (b'O' | b'U' | b'T' | b'S' | b'V', _) => ElementType::String,
        _ => return None,
    })
}
