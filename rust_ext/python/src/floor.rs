//! The limit that the benchmark measures the session by.

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};

use crate::arrays::to_array;
use crate::error::to_python;
use crate::session::InferenceSession;

/// ONNX Runtime's C interface in a loop, over feeds that became tensors beforehand.
#[pyclass(module = "rust_ext._rust_ext")]
pub struct Floor(engine::Floor);

#[pymethods]
impl Floor {
    /// Takes feeds of as many rows each, as `InferenceSession.run` does.
    #[new]
    fn new(session: &InferenceSession, feeds: &Bound<'_, PyList>) -> PyResult<Self> {
        let feeds: Vec<Bound<'_, PyDict>> = feeds.extract()?;
        Ok(Self(session.floor(&feeds)?))
    }

    /// Runs every feed once; returns the outputs of the last one.
    fn run<'py>(&mut self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        let outputs = self.0.run().map_err(to_python)?;
        let arrays = outputs.iter().map(|output| to_array(py, output));
        PyList::new(py, arrays.collect::<PyResult<Vec<_>>>()?)
    }
}
