//! The session class: checks the names, converts, runs, converts back.

use std::path::PathBuf;

use engine::{Library, Session, Tensor};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyList, PyString};

use crate::arrays::{to_array, to_tensor};
use crate::error::to_python;
use crate::metadata::{ModelMetadata, NodeArg};
use crate::options::{self, PROVIDER};

/// Rows from which a run releases the GIL: for fewer, handing it over costs two
/// threads more than they gain.
const ROWS_TO_RELEASE: usize = 10;

/// A model that is ready to answer, from any number of threads at once.
#[pyclass(frozen, module = "rust_ext")]
pub struct InferenceSession {
    session: Session,
    input_names: Vec<Py<PyString>>,
    every_output: Vec<usize>,
}

#[pymethods]
impl InferenceSession {
    #[new]
    #[pyo3(signature = (path_or_bytes, sess_options=None, providers=None))]
    fn new(
        path_or_bytes: &Bound<'_, PyAny>,
        sess_options: Option<&Bound<'_, PyAny>>,
        providers: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Self> {
        let py = path_or_bytes.py();
        let options = options::from_python(sess_options)?;
        options::check_providers(providers)?;
        let session = if let Ok(bytes) = path_or_bytes.cast::<PyBytes>() {
            let (library, bytes) = (library(py)?, bytes.as_bytes());
            py.detach(|| Session::from_bytes(library, bytes, &options))
        } else if let Ok(path) = path_or_bytes.extract::<PathBuf>() {
            let library = library(py)?;
            py.detach(|| Session::open(library, &path, &options))
        } else {
            let given = path_or_bytes.get_type();
            let message = format!("the model must be a path or bytes, not {given}");
            return Err(PyTypeError::new_err(message));
        };
        let session = session.map_err(to_python)?;
        let names = session.inputs().iter();
        Ok(Self {
            input_names: names
                .map(|p| PyString::intern(py, &p.name).unbind())
                .collect(),
            every_output: (0..session.outputs().len()).collect(),
            session,
        })
    }

    /// Returns the outputs named, or all where none are, as a list of arrays.
    #[pyo3(signature = (output_names, input_feed, run_options=None))]
    fn run<'py>(
        &self,
        output_names: Option<&Bound<'py, PyAny>>,
        input_feed: &Bound<'py, PyAny>,
        run_options: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyList>> {
        let py = input_feed.py();
        options::check_run_options(run_options)?;
        let inputs = match input_feed.cast::<PyDict>() {
            Ok(feed) => self.inputs(feed)?,
            Err(_) => self.inputs(&to_dict(input_feed)?)?,
        };
        let wanted = self.wanted(output_names)?;
        let wanted = wanted.as_deref().unwrap_or(&self.every_output);
        let rows = inputs.first().and_then(|input| input.shape().first());
        let outputs = if rows < Some(&ROWS_TO_RELEASE) {
            self.session.run_only(&inputs, wanted)
        } else {
            py.detach(|| self.session.run_only(&inputs, wanted))
        };
        let outputs = outputs.map_err(to_python)?;
        let arrays: Vec<_> = outputs
            .iter()
            .map(|output| to_array(py, output))
            .collect::<PyResult<_>>()?;
        PyList::new(py, arrays)
    }

    fn get_inputs(&self) -> Vec<NodeArg> {
        NodeArg::list(self.session.inputs())
    }

    fn get_outputs(&self) -> Vec<NodeArg> {
        NodeArg::list(self.session.outputs())
    }

    fn get_modelmeta(&self) -> ModelMetadata {
        self.session.metadata().into()
    }

    #[allow(clippy::unused_self, reason = "onnxruntime has it as a method")]
    fn get_providers(&self) -> [&'static str; 1] {
        [PROVIDER]
    }
}

impl InferenceSession {
    /// The feed's values as tensors, in the order of the graph's inputs.
    fn inputs(&self, feed: &Bound<'_, PyDict>) -> PyResult<Vec<Tensor>> {
        let py = feed.py();
        let ports = self.session.inputs();
        let mut inputs = Vec::with_capacity(ports.len());
        for (port, name) in ports.iter().zip(&self.input_names) {
            match feed.get_item(name.bind(py))? {
                Some(value) => inputs.push(to_tensor(port, &value)?),
                None => return Err(self.missing(feed)),
            }
        }
        if feed.len() > ports.len() {
            self.check_names(feed)?;
        }
        Ok(inputs)
    }

    fn missing(&self, feed: &Bound<'_, PyDict>) -> PyErr {
        let names = self.session.inputs().iter().map(|port| port.name.clone());
        let missing =
            names.clone().filter(|name| !feed.contains(name).unwrap_or(false));
        to_python(engine::Error::InputMissing {
            missing: missing.collect(),
            inputs: names.collect(),
        })
    }

    fn check_names(&self, feed: &Bound<'_, PyDict>) -> PyResult<()> {
        for name in feed.keys() {
            let name = name.cast::<PyString>()?.to_str()?;
            self.session.input(name).map_err(to_python)?;
        }
        Ok(())
    }

    /// The positions of the outputs named; none for all of them.
    fn wanted(&self, names: Option<&Bound<'_, PyAny>>) -> PyResult<Option<Vec<usize>>> {
        let Some(names) = names else { return Ok(None) };
        if names.is_instance_of::<PyString>() {
            return Err(PyTypeError::new_err("output_names must be a list of names"));
        }
        let mut wanted = Vec::new();
        for name in names.try_iter()? {
            let name = name?;
            let name = name.cast::<PyString>()?.to_str()?;
            wanted.push(self.session.output(name).map_err(to_python)?);
        }
        Ok(if wanted.is_empty() { None } else { Some(wanted) })
    }
}

/// Any mapping as a dict.
fn to_dict<'py>(feed: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyDict>> {
    let dict = PyDict::new(feed.py());
    for name in feed.call_method0("keys")?.try_iter()? {
        let name = name?;
        dict.set_item(&name, feed.get_item(&name)?)?;
    }
    Ok(dict)
}

/// ONNX Runtime, loaded on first use from where the Python package finds it.
fn library(py: Python<'_>) -> PyResult<Library> {
    if let Some(library) = Library::loaded() {
        return Ok(library);
    }
    let found = py.import("rust_ext")?.call_method0("onnxruntime_library")?;
    Library::load(&found.extract::<PathBuf>()?).map_err(to_python)
}
