//! numpy arrays to tensors and back.

use std::fmt::Display;

use engine::{ElementType, Port, Tensor};
use numpy::ndarray::{ArrayView1, ArrayView2};
use numpy::{
    Element, PyArray, PyArrayDescr, PyArrayDescrMethods, PyArrayDyn, PyArrayMethods,
    PyUntypedArray, PyUntypedArrayMethods, ToPyArray,
};
use pyo3::exceptions::{PyRuntimeError, PyUnicodeDecodeError};
use pyo3::prelude::*;
use pyo3::types::{IntoPyDict, PyList, PyString, PyTuple};

use crate::error::to_python;

/// So many numbers are copied twice rather than borrowed, and become an array without
/// `numpy.empty`: that is quicker, and there is memory for them.
const FEW: usize = 1 << 12;

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
        && copy(tensor, array).is_ok()
    {
        return Ok(());
    }
    let array = regular(port, value, numpy::dtype::<T>(value.py()))?;
    copy(tensor, array.cast::<PyArrayDyn<T>>()?)
}
// endregion: fill_numbers

/// Copies an array in C order and aligned memory.
fn copy<T: Number>(
    tensor: &mut Tensor,
    array: &Bound<'_, PyArrayDyn<T>>,
) -> PyResult<()> {
    if array.len() <= FEW {
        return tensor.refill(array.shape(), &array.to_vec()?).map_err(to_python);
    }
    let borrowed = array.try_readonly()?;
    tensor.refill(array.shape(), borrowed.as_slice()?).map_err(to_python)
}

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
    let bytes = bytes.cast::<PyArrayDyn<u8>>()?.try_readonly()?;
    if tensor.shape() != array.shape() {
        *tensor = Tensor::zeros(ElementType::Bool, array.shape()).map_err(to_python)?;
    }
    let truths = tensor.as_mut_slice::<bool>().map_err(to_python)?;
    for (truth, byte) in truths.iter_mut().zip(bytes.as_slice()?) {
        *truth = *byte != 0;
    }
    Ok(())
}

fn numbers_out<'py, T: Number>(
    py: Python<'py>,
    tensor: &Tensor,
) -> PyResult<Bound<'py, PyAny>> {
    let data = tensor.as_slice::<T>().map_err(to_python)?;
    match *tensor.shape() {
        [_] if data.len() <= FEW => {
            Ok(ArrayView1::from(data).to_pyarray(py).into_any())
        }
        [rows, width] if data.len() <= FEW && rows.max(width) <= FEW => {
            let view = ArrayView2::from_shape((rows, width), data);
            let view =
                view.map_err(|error| PyRuntimeError::new_err(error.to_string()))?;
            Ok(view.to_pyarray(py).into_any())
        }
        ref shape => {
            // numpy raises where it has no such shape, or no memory for it.
            let empty = py.import("numpy")?.getattr("empty")?;
            let array =
                empty.call1((PyTuple::new(py, shape)?, numpy::dtype::<T>(py)))?;
            let mut target = array.cast::<PyArrayDyn<T>>()?.try_readwrite()?;
            target.as_slice_mut()?.copy_from_slice(data);
            drop(target);
            Ok(array)
        }
    }
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
            let text = match str::from_utf8(bytes) {
                Ok(text) => text,
                Err(error) => {
                    let error = PyUnicodeDecodeError::new_utf8(py, bytes, error)?;
                    return Err(PyErr::from_value(error.into_any()));
                }
            };
            tensor.set_string(index, text).map_err(to_python)?;
            continue;
        }
        let text = match element.cast_exact::<PyString>() {
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
    let array = PyArray::from_owned_object_array(py, objects.collect());
    array.call_method1("reshape", (PyTuple::new(py, tensor.shape())?,))
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
