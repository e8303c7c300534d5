//! The session class: checks the names, converts, runs, converts back.

use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};

use engine::{Library, Port, Session, Tensor};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBytes, PyDict, PyList, PyString};

use crate::arrays::{fill, to_array};
use crate::error::to_python;
use crate::frame::{self, Columns};
use crate::metadata::{ModelMetadata, NodeArg};
use crate::options::{self, PROVIDER};
use crate::out;

// region: release
/// Rows from which a run releases the GIL: for fewer, a small model answers sooner than
/// two threads hand it over.
const ROWS_TO_RELEASE: usize = 10;
/// Bytes from which a model is not small: it releases the GIL for one row already.
const LARGE_MODEL: u64 = 1 << 20;
// endregion: release

/// A model that is ready to answer, from any number of threads at once.
#[pyclass(frozen, module = "rust_ext")]
pub struct InferenceSession {
    session: Session,
    input_names: Vec<Py<PyString>>,
    every_output: Vec<usize>,
    rows_to_release: usize,
    columns: PyOnceLock<Columns>,
    /// Tensors of past runs, to be used again: small ones, and one slot a thread.
    spare: Mutex<Vec<Slot>>,
}

/// The tensors of one run.
struct Slot {
    inputs: Vec<Tensor>,
    outputs: Vec<Tensor>,
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
        let (session, size) = if let Ok(bytes) = path_or_bytes.cast::<PyBytes>() {
            let (library, bytes) = (library(py)?, bytes.as_bytes());
            let session = py.detach(|| Session::from_bytes(library, bytes, &options));
            (session, bytes.len() as u64)
        } else if let Ok(path) = path_or_bytes.extract::<PathBuf>() {
            let library = library(py)?;
            let session = py.detach(|| Session::open(library, &path, &options));
            (session, path.metadata().map_or(0, |metadata| metadata.len()))
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
            rows_to_release: if size < LARGE_MODEL { ROWS_TO_RELEASE } else { 0 },
            columns: PyOnceLock::new(),
            spare: Mutex::default(),
            session,
        })
    }

    /// Returns the outputs named, or all where none are, as a list of arrays: those of
    /// `out`, written over, or else new ones.
    #[pyo3(signature = (output_names, input_feed, run_options=None, *, out=None))]
    fn run<'py>(
        &self,
        output_names: Option<&Bound<'py, PyAny>>,
        input_feed: &Bound<'py, PyAny>,
        run_options: Option<&Bound<'py, PyAny>>,
        out: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyList>> {
        let py = input_feed.py();
        options::check_run_options(run_options)?;
        let mut slot = self.slot()?;
        match input_feed.cast::<PyDict>() {
            Ok(feed) => self.fill(&mut slot.inputs, feed)?,
            Err(_) => self.fill(&mut slot.inputs, &to_dict(input_feed)?)?,
        }
        let wanted = self.wanted(output_names)?;
        let wanted = wanted.as_deref().unwrap_or(&self.every_output);
        let mut once = wanted.to_vec();
        once.sort_unstable();
        once.dedup();
        let ports = self.session.outputs();
        let names = || wanted.iter().map(|&position| ports[position].name.as_str());
        let out = out.map(|out| out::in_order(out, names())).transpose()?;
        self.answer(py, slot, &once, |outputs| {
            let index = |position| once.partition_point(|other| other < position);
            let answers = wanted.iter().map(|position| &outputs[index(position)]);
            let Some(arrays) = out else {
                let arrays = answers.map(|answer| to_array(py, answer));
                return PyList::new(py, arrays.collect::<PyResult<Vec<_>>>()?);
            };
            out::write(&arrays, names(), answers)?;
            PyList::new(py, arrays)
        })
    }

    /// Returns the answers for a frame's rows.
    fn predict<'py>(&self, frame: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        let py = frame.py();
        let columns = self.columns.get_or_try_init(py, || {
            let columns = self.session.schema().map_err(to_python)?;
            PyResult::Ok(Columns::new(py, columns))
        })?;
        let mut slot = self.slot()?;
        let rows = columns.fill(frame, self.session.inputs(), &mut slot.inputs)?;
        self.answer(py, slot, &self.every_output, |outputs| {
            frame::answers(py, self.session.outputs(), outputs, rows)
        })
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
    /// Runs on the filled slot, reads the `wanted` outputs and keeps the slot if small.
    fn answer<T>(
        &self,
        py: Python<'_>,
        mut slot: Slot,
        wanted: &[usize],
        read: impl FnOnce(&[Tensor]) -> PyResult<T>,
    ) -> PyResult<T> {
        let Slot { inputs, outputs } = &mut slot;
        let rows = inputs.first().and_then(|input| input.shape().first());
        let short = rows < Some(&self.rows_to_release);
        if short {
            self.session.run_into(inputs, wanted, outputs)
        } else {
            py.detach(|| self.session.run_into(inputs, wanted, outputs))
        }
        .map_err(to_python)?;
        let answer = read(outputs)?;
        if short {
            self.spare().push(slot);
        }
        Ok(answer)
    }

    /// Copies the feed's values into the inputs.
    fn fill(&self, inputs: &mut [Tensor], feed: &Bound<'_, PyDict>) -> PyResult<()> {
        let ports = self.session.inputs();
        for ((port, name), input) in ports.iter().zip(&self.input_names).zip(inputs) {
            let value = feed.get_item(name)?.ok_or_else(|| self.missing(feed))?;
            fill(input, port, &value)?;
        }
        if feed.len() > ports.len() {
            self.check_names(feed)?;
        }
        Ok(())
    }

    /// The tensors of a past run, or new ones without elements.
    fn slot(&self) -> PyResult<Slot> {
        if let Some(slot) = self.spare().pop() {
            return Ok(slot);
        }
        let blank = |port: &Port| Tensor::zeros(port.element_type()?, &[0]);
        let inputs = self.session.inputs().iter().map(blank);
        let inputs = inputs.collect::<engine::Result<_>>().map_err(to_python)?;
        Ok(Slot { inputs, outputs: Vec::new() })
    }

    fn spare(&self) -> MutexGuard<'_, Vec<Slot>> {
        self.spare.lock().unwrap_or_else(PoisonError::into_inner)
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
