//! Answers written into arrays that the caller brings.

use std::fmt::Display;
use std::ops::Range;

use engine::{ElementType, Tensor};
use numpy::{
    BorrowError, PyArrayDyn, PyArrayMethods, PyUntypedArray, PyUntypedArrayMethods,
};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyTuple};
use smallvec::SmallVec;

use crate::arrays::{Number, for_each_number};
use crate::error::to_python;

/// The caller's arrays, in the order of the outputs that are asked for.
pub struct Out<'py> {
    arrays: SmallVec<[Bound<'py, PyAny>; 1]>,
    /// What they came in, if in a list: to be returned, which is cheaper than another.
    list: Option<Bound<'py, PyList>>,
}

/// Writes one answer into an array that is known to fit it, and where that lies.
type Write<'a> = (Range<*const u8>, Box<dyn FnOnce() -> PyResult<()> + 'a>);

impl<'py> Out<'py> {
    /// The arrays of `out`, a list or a dict by name, for the outputs `names`.
    pub fn of<'n>(
        out: &Bound<'py, PyAny>,
        names: impl ExactSizeIterator<Item = &'n str> + Clone,
    ) -> PyResult<Self> {
        let list = out.cast::<PyList>().ok().cloned();
        let arrays: Option<SmallVec<_>> = if let Some(list) = &list {
            Some(list.iter().collect())
        } else if let Ok(arrays) = out.cast::<PyTuple>() {
            Some(arrays.iter().collect())
        } else if let Ok(arrays) = out.cast::<PyDict>() {
            let found = names.clone().map(|name| arrays.get_item(name));
            found.collect::<PyResult<_>>()?
        } else {
            let given = out.get_type();
            let message =
                format!("out must be a list or a dict of arrays, not {given}");
            return Err(PyTypeError::new_err(message));
        };
        match arrays {
            Some(arrays) if out.len()? == names.len() => Ok(Self { arrays, list }),
            _ => {
                let names: Vec<&str> = names.collect();
                let message = "out must have one array for each output asked for";
                Err(PyValueError::new_err(format!("{message}: {}", names.join(", "))))
            }
        }
    }

    /// Writes the answers of the outputs `names` into the arrays, all of them or none;
    /// returns the arrays.
    pub fn write<'a>(
        self,
        py: Python<'py>,
        names: impl Iterator<Item = &'a str>,
        answers: impl Iterator<Item = &'a Tensor>,
    ) -> PyResult<Bound<'py, PyList>> {
        let text = |name| {
            PyTypeError::new_err(format!(
                "output '{name}' is text, which out does not take; ask for the other \
                 outputs by name"
            ))
        };
        let answers = names.zip(answers);
        if let [array] = &self.arrays[..] {
            // One answer needs no list of what is to be written.
            for (name, answer) in answers {
                for_each_number!(
                    answer.element_type(),
                    write_now(array, name, answer),
                    Err(text(name))
                )?;
            }
        } else {
            let writes =
                self.arrays.iter().zip(answers).map(|(array, (name, answer))| {
                    for_each_number!(
                        answer.element_type(),
                        write_later(array, name, answer),
                        Err(text(name))
                    )
                });
            let writes: Vec<Write> = writes.collect::<PyResult<_>>()?;
            let places = writes.iter().map(|(place, _)| place);
            let mut places: Vec<_> = places.filter(|place| !place.is_empty()).collect();
            places.sort_by_key(|place| place.start);
            if places.windows(2).any(|pair| pair[0].end > pair[1].start) {
                let message = "two arrays of out lie in the same memory";
                return Err(PyValueError::new_err(message));
            }
            writes.into_iter().try_for_each(|(_, write)| write())?;
        }
        self.list.map_or_else(|| PyList::new(py, self.arrays), Ok)
    }
}

fn write_now<T: Number>(
    array: &Bound<'_, PyAny>,
    name: &str,
    answer: &Tensor,
) -> PyResult<()> {
    let (_, write) = prepare::<T>(array, name, answer)?;
    write()
}

fn write_later<'a, T: Number + 'a>(
    array: &'a Bound<'_, PyAny>,
    name: &'a str,
    answer: &'a Tensor,
) -> PyResult<Write<'a>> {
    let (place, write) = prepare::<T>(array, name, answer)?;
    Ok((place, Box::new(write)))
}

/// Borrows the array for writing, so that none who borrows it elsewhere is surprised.
fn prepare<'a, 'py, T: Number + 'a>(
    array: &'a Bound<'py, PyAny>,
    name: &'a str,
    answer: &'a Tensor,
) -> PyResult<(Range<*const u8>, impl FnOnce() -> PyResult<()> + use<'a, 'py, T>)> {
    let refusal = |given: &dyn Display| {
        let (dtype, shape) = (numpy::dtype::<T>(array.py()), answer.shape());
        format!(
            "out for output '{name}' must be an array of {dtype} and shape {shape:?}, \
             writable and in C order; it is {given}"
        )
    };
    let wrong = |given: &dyn Display| PyValueError::new_err(refusal(given));
    let Ok(typed) = array.cast::<PyArrayDyn<T>>() else {
        let given = match array.cast::<PyUntypedArray>() {
            Ok(array) => format!("of {}", array.dtype()),
            Err(_) => array.get_type().to_string(),
        };
        return Err(PyTypeError::new_err(refusal(&given)));
    };
    if typed.shape() != answer.shape() {
        return Err(wrong(&format!("of shape {:?}", typed.shape())));
    }
    let mut target = typed.try_readwrite().map_err(|error| match error {
        BorrowError::NotWriteable => wrong(&"read-only"),
        _ => wrong(&"in the memory of another"),
    })?;
    let place = match target.as_slice_mut() {
        Ok(cells) if typed.is_c_contiguous() => cells.as_ptr_range(),
        _ => return Err(wrong(&"in another order, or not aligned")),
    };
    let answer = answer.as_slice::<T>().map_err(to_python)?;
    let write = move || {
        target.as_slice_mut()?.copy_from_slice(answer);
        Ok(())
    };
    Ok((place.start.cast()..place.end.cast(), write))
}
