//! The session class: checks the names, converts, runs, converts back.

use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use engine::{Error, Kind, Library, Port, Session, Tensor, Value, bytes_at_most};
use pyo3::exceptions::{
    PyRuntimeError, PyTypeError, PyUnicodeDecodeError, PyValueError,
};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBytes, PyDict, PyList, PyString};
use smallvec::SmallVec;

use crate::arrays::{fill, to_array};
use crate::error::classes::{Fail, InvalidArgument};
use crate::error::to_python;
use crate::frame::{self, Columns, no_rows};
use crate::gil::Gil;
use crate::metadata::{ModelMetadata, NodeArg};
use crate::options::{self, PROVIDER};
use crate::out::Out;
use crate::values;

/// Bytes up to which the inputs of a run, and its outputs, are kept for the next one.
const BYTES_TO_KEEP: usize = 1 << 18;

/// A model that is ready to answer, on the CPU, from any number of threads at once.
///
/// `path_or_bytes`: the model's file, or what is in it. `sess_options`: onnxruntime's; a
/// setting that cannot be honoured is refused, except what onnxruntime shows to nobody:
/// overrides of free dimensions, added initialisers and custom operators have no effect.
/// `providers`: names, as onnxruntime takes them; the CPU's is the only one here, so each
/// other is warned of. It has no options.
///
/// Raises a class of `rust_ext.errors` for a model that does not open, such as
/// `NoSuchFile` or `InvalidProtobuf`, and `NotImplemented` for an option that would have
/// no effect; `ImportError` where ONNX Runtime's library is not found.
#[pyclass(frozen, module = "rust_ext")]
pub struct InferenceSession {
    session: Session,
    input_names: Vec<Py<PyString>>,
    every_output: Vec<usize>,
    /// Whether the inputs and outputs are tensors, one and all.
    plain: bool,
    gil: Gil,
    /// How often this process had been forked from another when the session was opened;
    /// none where the session has no threads of its own to lose.
    forks: Option<usize>,
    columns: PyOnceLock<Columns>,
    /// Small tensors of past runs, to be used again: one slot a thread.
    spare: Mutex<Vec<Slot>>,
}

static FORKS: AtomicUsize = AtomicUsize::new(0);

fn forks() -> usize {
    FORKS.load(Ordering::Relaxed)
}

/// Counts this process as forked from another: Python calls it in the child.
#[pyfunction]
pub fn _forked() {
    FORKS.fetch_add(1, Ordering::Relaxed);
}

/// The tensors of one run.
struct Slot {
    inputs: Vec<Tensor>,
    outputs: Vec<Tensor>,
}

#[pymethods]
impl InferenceSession {
    #[new]
    #[pyo3(signature = (path_or_bytes, sess_options=None, providers=None, provider_options=None))]
    fn new(
        path_or_bytes: &Bound<'_, PyAny>,
        sess_options: Option<&Bound<'_, PyAny>>,
        providers: Option<&Bound<'_, PyAny>>,
        provider_options: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Self> {
        let py = path_or_bytes.py();
        let options = options::from_python(sess_options)?;
        options::check_providers(providers)?;
        let _ = provider_options; // the only provider has none
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
            plain: session
                .inputs()
                .iter()
                .chain(session.outputs())
                .all(|port| port.kind.element_type().is_some()),
            gil: Gil::of(size),
            forks: (options.intra_threads != 1 || options.parallel).then(forks),
            columns: PyOnceLock::new(),
            spare: Mutex::default(),
            session,
        })
    }

    /// Run the model; return its outputs in the order of `output_names`, or all of them.
    ///
    /// `output_names`: a list of names; None or an empty one for all. `input_feed`: for
    /// each input's name an array or a list, of the input's type and shape, in any layout.
    /// `run_options`: onnxruntime's; a setting that cannot be honoured is refused.
    ///
    /// `out`: arrays to write the outputs into, instead of making new ones: a list in the
    /// order of the outputs, or a dict by name. Each is writable, in C order, of exactly
    /// the output's dtype and shape, and in memory that no other of them has; it may be
    /// an input's. They come back, in the same list if in one. Text has no place in them.
    ///
    /// Raises `InvalidArgument` where names, types or shapes do not fit the model,
    /// `ValueError` where an input is missing, `RuntimeError` for what is no array, and
    /// `Fail` or another class of `rust_ext.errors` where a node of the graph fails;
    /// `TypeError` or `ValueError` where `out` does not fit: nothing is written then.
    #[pyo3(signature = (output_names, input_feed, run_options=None, *, out=None))]
    fn run<'py>(
        &self,
        output_names: Option<&Bound<'py, PyAny>>,
        input_feed: &Bound<'py, PyAny>,
        run_options: Option<&Bound<'py, PyAny>>,
        out: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyList>> {
        let py = input_feed.py();
        self.check_process()?;
        let feed = match input_feed.cast::<PyDict>() {
            Ok(feed) => feed,
            Err(_) => &to_dict(input_feed)?,
        };
        let options = options::check_run_options(run_options);
        let wanted = self.wanted(output_names);
        let (slot, wanted) = match (self.filled(feed)?, &options, wanted) {
            (Some(slot), Ok(()), Ok(wanted)) => (slot, wanted),
            (_, _, wanted) => return self.run_any(feed, options, wanted, out),
        };
        let wanted = wanted.as_deref().unwrap_or(&self.every_output);
        let out = out.map(|out| Out::of(out, self.names(wanted))).transpose()?;
        self.answer(py, slot, wanted, |outputs| {
            let Some(out) = out else {
                let arrays = outputs.iter().map(|output| to_array(py, output));
                return PyList::new(
                    py,
                    arrays.collect::<PyResult<SmallVec<[_; 4]>>>()?,
                );
            };
            out.write(py, self.names(wanted), outputs.iter())
        })
    }

    /// Return the answers for a frame's rows.
    ///
    /// `frame`: a `DataFrame` of pandas or polars, or a dict of arrays or lists. Columns
    /// are found by the names in the model's `fare.schema`, else those of its inputs, in
    /// any order; others are ignored, as scikit-learn's `ColumnTransformer` does. An input
    /// of several values a row takes one column, with a list of so many in each row.
    ///
    /// Numbers may be of any type, so long as an integer is whole and in range, and a
    /// truth value 0 or 1; a float is rounded to the nearest. Text is `str`, however it
    /// is stored. None, NaN and NA are missing, which only some columns may be: numbers
    /// are then NaN, text is what the model has learned for a gap.
    ///
    /// Returns an array `[rows]` where the model has one output of one value a row; else
    /// a dict by output name, `[rows]` or `[rows, values]` each. No rows are no error.
    ///
    /// Raises `ValueError` with the columns that are missing, or with column, row and
    /// value of the first that does not fit; `TypeError` for what is no frame;
    /// `InvalidGraph` for a model that takes no table; else as `run`.
    fn predict<'py>(&self, frame: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        let py = frame.py();
        self.check_process()?;
        let columns = self.columns.get_or_try_init(py, || {
            let columns = self.session.schema().map_err(to_python)?;
            PyResult::Ok(Columns::new(py, columns))
        })?;
        let mut slot = self.slot()?;
        let rows = columns.fill(frame, self.session.inputs(), &mut slot.inputs)?;
        let (ports, wanted) = (self.session.outputs(), &self.every_output);
        if rows == 0 {
            return frame::answers(
                py,
                ports,
                ports.iter().map(|port| no_rows(py, port)),
                0,
            );
        }
        if self.plain {
            return self.answer(py, slot, wanted, |outputs| {
                let arrays = outputs.iter().map(|output| to_array(py, output));
                frame::answers(py, ports, arrays, rows)
            });
        }
        let inputs = slot.inputs.into_iter().map(Value::Tensor).enumerate().collect();
        let outputs = self.run_values(py, inputs, wanted).map_err(to_python)?;
        let answers = outputs.iter().map(|output| values::from_value(py, output));
        frame::answers(py, ports, answers, rows)
    }

    /// The session itself: it never changes.
    fn __copy__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    /// What the model takes, in the graph's order.
    fn get_inputs(&self) -> Vec<NodeArg> {
        NodeArg::list(self.session.inputs())
    }

    /// What the model returns, in the graph's order.
    fn get_outputs(&self) -> Vec<NodeArg> {
        NodeArg::list(self.session.outputs())
    }

    /// Initialisers that a feed may replace, as further inputs.
    fn get_overridable_initializers(&self) -> Vec<NodeArg> {
        NodeArg::list(self.session.initialisers())
    }

    /// What the model's file says about the model.
    fn get_modelmeta(&self) -> ModelMetadata {
        self.session.metadata().into()
    }

    /// What the model runs on: the CPU.
    #[allow(clippy::unused_self, reason = "onnxruntime has it as a method")]
    fn get_providers(&self) -> [&'static str; 1] {
        [PROVIDER]
    }
}

impl InferenceSession {
    /// A run would wait for ever for threads that a fork has left behind.
    fn check_process(&self) -> PyResult<()> {
        if self.forks.is_none_or(|opened| opened == forks()) {
            return Ok(());
        }
        Err(Fail::new_err(
            "this process was forked after the session was opened, and the session's \
             threads are not in it: open it with intra_op_num_threads = 1, or start \
             the process afresh (spawn)",
        ))
    }

    /// The limit to measure runs on these feeds by.
    pub fn floor(&self, feeds: &[Bound<'_, PyDict>]) -> PyResult<engine::Floor> {
        let tensors = feeds.iter().map(|feed| {
            let slot = self.filled(feed)?;
            let unfit = || PyValueError::new_err("the floor takes arrays that fit");
            Ok(slot.ok_or_else(unfit)?.inputs)
        });
        let tensors = tensors.collect::<PyResult<_>>()?;
        engine::Floor::new(&self.session, tensors).map_err(to_python)
    }

    /// Runs on the filled slot, reads the `wanted` outputs and keeps what of it is small.
    fn answer<T>(
        &self,
        py: Python<'_>,
        mut slot: Slot,
        wanted: &[usize],
        read: impl FnOnce(&[Tensor]) -> PyResult<T>,
    ) -> PyResult<T> {
        let Slot { inputs, outputs } = &mut slot;
        let few = self.gil.few_rows(inputs.first());
        let run = || self.session.run_into(inputs, wanted, outputs);
        self.gil.run(py, few, run).map_err(to_python)?;
        let answer = read(outputs)?;
        if bytes_at_most(outputs) > BYTES_TO_KEEP {
            outputs.clear();
        }
        if bytes_at_most(inputs) <= BYTES_TO_KEEP {
            self.spare().push(slot);
        }
        Ok(answer)
    }

    /// Runs on values of any kind.
    fn run_values(
        &self,
        py: Python<'_>,
        inputs: Vec<(usize, Value)>,
        wanted: &[usize],
    ) -> engine::Result<Vec<Value>> {
        let first = inputs.iter().find_map(|(_, value)| value.tensor());
        let few = self.gil.few_rows(first);
        self.gil.run(py, few, || self.session.run_values(inputs, wanted))
    }

    /// The inputs, filled from a feed of their arrays alone; none for any other feed.
    fn filled(&self, feed: &Bound<'_, PyDict>) -> PyResult<Option<Slot>> {
        let ports = self.session.inputs();
        if !self.plain || feed.len() != ports.len() {
            return Ok(None);
        }
        let mut slot = self.slot()?;
        let inputs = slot.inputs.iter_mut();
        for ((port, name), input) in ports.iter().zip(&self.input_names).zip(inputs) {
            let Some(value) = feed.get_item(name)? else { return Ok(None) };
            match fill(input, port, &value) {
                Err(error)
                    if error.is_instance_of::<PyRuntimeError>(feed.py())
                        || error.is_instance_of::<PyUnicodeDecodeError>(feed.py()) =>
                {
                    return Ok(None);
                }
                outcome => outcome?,
            }
        }
        Ok(Some(slot))
    }

    /// Runs on any feed; raises what onnxruntime would, and in its order.
    fn run_any<'py>(
        &self,
        feed: &Bound<'py, PyDict>,
        options: PyResult<()>,
        wanted: PyResult<Option<Vec<usize>>>,
        out: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyList>> {
        let py = feed.py();
        self.check_missing(feed)?;
        options?;
        let wanted = match wanted {
            Err(error) if !error.is_instance_of::<InvalidArgument>(py) => {
                return Err(error);
            }
            wanted => wanted,
        };
        let inputs = values::of_feed(&self.session, feed)?;
        let wanted = wanted?;
        let wanted = wanted.as_deref().unwrap_or(&self.every_output);
        let out = out.map(|out| Out::of(out, self.names(wanted))).transpose()?;
        let outputs = self.run_values(py, inputs, wanted).map_err(to_python)?;
        let Some(out) = out else {
            let answers = outputs.iter().map(|output| values::from_value(py, output));
            return PyList::new(py, answers.collect::<PyResult<Vec<_>>>()?);
        };
        let tensors: Option<Vec<_>> = outputs.iter().map(Value::tensor).collect();
        let tensors = tensors.ok_or_else(|| {
            PyTypeError::new_err(
                "out takes tensors only; ask for these outputs by name",
            )
        })?;
        out.write(py, self.names(wanted), tensors.into_iter())
    }

    fn names(
        &self,
        positions: &[usize],
    ) -> impl ExactSizeIterator<Item = &str> + Clone {
        let ports = self.session.outputs();
        positions.iter().map(|&position| ports[position].name.as_str())
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

    fn check_missing(&self, feed: &Bound<'_, PyDict>) -> PyResult<()> {
        let ports = self.session.inputs().iter();
        let inputs: Vec<String> = ports
            .filter(|port| !matches!(port.kind, Kind::Optional(_)))
            .map(|port| port.name.clone())
            .collect();
        let lacks = |name: &&String| !feed.contains(name).unwrap_or(false);
        let missing: Vec<String> = inputs.iter().filter(lacks).cloned().collect();
        if missing.is_empty() {
            return Ok(());
        }
        Err(to_python(Error::InputMissing { missing, inputs }))
    }

    /// The positions of the outputs named; none for all of them.
    fn wanted(&self, names: Option<&Bound<'_, PyAny>>) -> PyResult<Option<Vec<usize>>> {
        let Some(names) = names else { return Ok(None) };
        if !names.is_truthy()? {
            return Ok(None);
        }
        // onnxruntime takes what has a length, generators and maps; no other iterator.
        let kind = names.get_type().name()?;
        let is_list = names.len().is_ok() || kind == "generator" || kind == "map";
        let is_other =
            names.is_instance_of::<PyString>() || names.is_instance_of::<PyDict>();
        if is_other || !is_list {
            return Err(PyTypeError::new_err("output_names must be a list of names"));
        }
        let mut wanted = Vec::new();
        for name in names.try_iter()? {
            let name = values::name(&name?)?;
            wanted.push(self.session.output(&name).map_err(to_python)?);
        }
        Ok(Some(wanted))
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
