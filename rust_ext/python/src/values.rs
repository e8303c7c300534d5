//! Values of every kind: what a feed may hold beside arrays, and what comes back.

use std::collections::BTreeMap;

use engine::{ElementType, Keys, Kind, Port, Session, Tensor, Value};
use numpy::PyUntypedArray;
use pyo3::IntoPyObjectExt;
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyList, PyString};

use crate::arrays::{fill, to_array, to_tensor};
use crate::error::to_python;

/// The feed's values with the positions of their inputs.
pub fn of_feed(
    session: &Session,
    feed: &Bound<'_, PyDict>,
) -> PyResult<Vec<(usize, Value)>> {
    let names = feed.keys();
    let names = names.iter().map(|key| name(&key));
    let names: Vec<String> = names.collect::<PyResult<_>>()?;
    let ports = session.inputs().iter().chain(session.initialisers());
    let ports: Vec<&Port> = ports.collect();
    let (mut values, mut unknown) = (Vec::with_capacity(names.len()), None);
    for (index, value) in feed.values().iter().enumerate() {
        match session.input(&names[index]) {
            Err(error) => unknown = unknown.or(Some(error)),
            // The same name as str and as bytes: the first one counts.
            Ok(_) if names[..index].contains(&names[index]) => {}
            Ok(position) => {
                let port = ports[position];
                let replaces = position >= session.inputs().len();
                if replaces && value.is_instance_of::<PyList>() {
                    return Err(refused(port, "a list, which replaces no initialiser"));
                }
                values.push((position, to_value(port, &value)?));
            }
        }
    }
    unknown.map_or(Ok(values), |error| Err(to_python(error)))
}

/// A name, which onnxruntime takes as bytes, too.
pub fn name(name: &Bound<'_, PyAny>) -> PyResult<String> {
    if let Ok(bytes) = name.cast::<PyBytes>() {
        return Ok(String::from_utf8_lossy(bytes.as_bytes()).into_owned());
    }
    Ok(name.cast::<PyString>()?.to_str()?.to_owned())
}

/// What onnxruntime makes of the value for this input: of its own type, fitting or not.
fn to_value(port: &Port, value: &Bound<'_, PyAny>) -> PyResult<Value> {
    if value.is_none() {
        return Ok(Value::None);
    }
    if let Ok(array) = value.cast::<PyUntypedArray>() {
        return Ok(Value::Tensor(to_tensor(port, array)?));
    }
    if let Ok(list) = value.cast::<PyList>() {
        return of_list(port, list);
    }
    if let Ok(dict) = value.cast::<PyDict>() {
        return of_dict(port, dict);
    }
    if value.get_type().name()? == "OrtValue" {
        return to_value(port, &value.call_method0("numpy")?);
    }
    let dicts = value.try_iter().map_err(|_| {
        refused(port, &format!("an object of {}, which is no array", value.get_type()))
    })?;
    let maps = dicts.map(|item| match item?.cast::<PyDict>() {
        Ok(dict) => of_dict(port, dict),
        Err(_) => Err(refused(port, "an iterable, but not of dicts")),
    });
    match maps.collect::<PyResult<Vec<Value>>>()? {
        maps if maps.is_empty() => Err(refused(port, "an iterable of nothing")),
        maps => Ok(Value::List(maps)),
    }
}

/// A list is a tensor in itself, except where the input takes a list of tensors.
fn of_list(port: &Port, list: &Bound<'_, PyList>) -> PyResult<Value> {
    let kind = port.kind.present();
    let is_list = matches!(kind, Kind::List(_));
    let element = if let Kind::List(of) = kind { of } else { kind }.element_type();
    let element = element.ok_or_else(|| refused(port, "a list"))?;
    if !is_list {
        let mut tensor = Tensor::zeros(element, &[0]).map_err(to_python)?;
        fill(&mut tensor, port, list)?;
        return Ok(Value::Tensor(tensor));
    }
    let tensor = |item: Bound<'_, PyAny>| {
        let array = item.cast::<PyUntypedArray>();
        let array = array.map_err(|_| refused(port, "a list, but not of arrays"))?;
        let tensor = to_tensor(port, array)?;
        match tensor.element_type() {
            same if same == element => Ok(Value::Tensor(tensor)),
            other => Err(refused(port, &format!("a list with a {other}"))),
        }
    };
    Ok(Value::List(list.iter().map(tensor).collect::<PyResult<_>>()?))
}

/// The first key says whether they are integers or strings; the values are floats.
fn of_dict(port: &Port, dict: &Bound<'_, PyDict>) -> PyResult<Value> {
    let Some(first) = dict.keys().iter().next() else {
        return Err(refused(port, "a dict of nothing"));
    };
    let keys_or_values =
        |_| refused(port, "a dict, but not of numbers by name or number");
    if first.is_instance_of::<PyString>() {
        let pairs = dict
            .iter()
            .map(|(key, value)| Ok((key.str()?.to_string(), value.extract::<f64>()?)));
        let pairs: PyResult<BTreeMap<String, f64>> = pairs.collect();
        let pairs = pairs.map_err(keys_or_values)?;
        let (keys, values): (Vec<String>, Vec<f64>) = pairs.into_iter().unzip();
        map(Keys::Texts(keys), &values)
    } else {
        let pairs: PyResult<BTreeMap<i64, f64>> = dict.extract();
        let pairs = pairs.map_err(keys_or_values)?;
        let (keys, values): (Vec<i64>, Vec<f64>) = pairs.into_iter().unzip();
        map(Keys::Integers(keys), &values)
    }
}

#[allow(clippy::cast_possible_truncation, reason = "as onnxruntime does")]
fn map(keys: Keys, values: &[f64]) -> PyResult<Value> {
    let values: Vec<f32> = values.iter().map(|&value| value as f32).collect();
    let values = Tensor::from_slice(&[values.len()], &values).map_err(to_python)?;
    Ok(Value::Map { keys, values })
}

/// The value as onnxruntime returns it: an array, or Python's own types.
pub fn from_value<'py>(py: Python<'py>, value: &Value) -> PyResult<Bound<'py, PyAny>> {
    match value {
        Value::Tensor(tensor) => to_array(py, tensor),
        Value::List(items) => {
            let items = items.iter().map(|item| from_value(py, item));
            let items = items.collect::<PyResult<Vec<_>>>()?;
            Ok(PyList::new(py, items)?.into_any())
        }
        Value::Map { keys, values } => {
            Ok(dict(py, &of_keys(py, keys)?, numbers_or_texts(py, values)?)?.into_any())
        }
        Value::Maps { keys, rows } => {
            let keys = of_keys(py, keys)?;
            let rows = rows.as_slice::<f32>().map_err(to_python)?;
            let dicts = rows.chunks_exact(keys.len());
            let dicts = dicts.map(|row| dict(py, &keys, row));
            Ok(PyList::new(py, dicts.collect::<PyResult<Vec<_>>>()?)?.into_any())
        }
        Value::None => Ok(py.None().into_bound(py)),
    }
}

fn of_keys<'py>(py: Python<'py>, keys: &Keys) -> PyResult<Vec<Bound<'py, PyAny>>> {
    match keys {
        Keys::Integers(keys) => objects(py, keys),
        Keys::Texts(keys) => objects(py, keys),
    }
}

/// The values of a map, as Python's own.
fn numbers_or_texts<'py>(
    py: Python<'py>,
    tensor: &Tensor,
) -> PyResult<Vec<Bound<'py, PyAny>>> {
    match tensor.element_type() {
        ElementType::Float32 => {
            objects(py, tensor.as_slice::<f32>().map_err(to_python)?)
        }
        ElementType::Float64 => {
            objects(py, tensor.as_slice::<f64>().map_err(to_python)?)
        }
        ElementType::Int64 => objects(py, tensor.as_slice::<i64>().map_err(to_python)?),
        _ => objects(py, &tensor.strings().map_err(to_python)?),
    }
}

fn objects<'py, T: IntoPyObject<'py>>(
    py: Python<'py>,
    items: impl IntoIterator<Item = T>,
) -> PyResult<Vec<Bound<'py, PyAny>>> {
    items.into_iter().map(|item| item.into_bound_py_any(py)).collect()
}

fn dict<'py, T: IntoPyObject<'py>>(
    py: Python<'py>,
    keys: &[Bound<'py, PyAny>],
    values: impl IntoIterator<Item = T>,
) -> PyResult<Bound<'py, PyDict>> {
    let dict = PyDict::new(py);
    for (key, value) in keys.iter().zip(values) {
        dict.set_item(key, value)?;
    }
    Ok(dict)
}

fn refused(port: &Port, given: &str) -> PyErr {
    let (name, kind) = (&port.name, &port.kind);
    PyRuntimeError::new_err(format!("input '{name}' takes {kind}; it is {given}"))
}
