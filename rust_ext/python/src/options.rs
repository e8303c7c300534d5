//! What onnxruntime's `SessionOptions`, `RunOptions` and provider lists mean here: each
//! setting that can be read is honoured, or refused by name.

use std::ffi::CString;

use engine::{Optimisation, Options, Severity};
use pyo3::conversion::FromPyObjectOwned;
use pyo3::exceptions::{PyRuntimeError, PyTypeError, PyUserWarning};
use pyo3::prelude::*;
use pyo3::types::PyTuple;

use crate::error::classes::{Fail, NotImplemented};

/// The only provider that a session runs on.
pub const PROVIDER: &str = "CPUExecutionProvider";

/// Settings of a session that cannot be honoured, each with the value that asks for
/// nothing. `profile_file_prefix` has no meaning without `enable_profiling`.
const SESSION_REFUSED: [(&str, &str); 4] = [
    ("enable_mem_reuse", "True"),
    ("enable_profiling", "False"),
    ("execution_order", "ExecutionOrder.DEFAULT"),
    ("use_per_session_threads", "True"),
];

/// The same for a run.
const RUN_REFUSED: [(&str, &str); 4] = [
    ("log_severity_level", "-1"),
    ("log_verbosity_level", "0"),
    ("logid", ""),
    ("only_execute_path_to_fetches", "False"),
];

/// The entries of a run that mean something on the CPU; none can be honoured.
const RUN_ENTRIES: [&str; 1] = ["memory.enable_memory_arena_shrinkage"];

/// The entries of a session that change its answers, its threads or what it opens on the
/// CPU. They can be asked for one by one only, and to ask for one that is not there takes
/// 30 us and more, so those that tune or inspect are not asked for.
const SESSION_ENTRIES: [&str; 20] = [
    "mlas.qnbit.force_fp32",
    "mlas.use_lut_gemm",
    "optimization.disable_specified_optimizers",
    "optimization.enable_cast_chain_elimination",
    "optimization.enable_gelu_approximation",
    "session.allow_released_opsets_only",
    "session.disable_double_qdq_remover",
    "session.disable_quant_qdq",
    "session.enable_dq_matmulnbits_fusion",
    "session.enable_quant_qdq_cleanup",
    "session.inter_op.allow_spinning",
    "session.intra_op.allow_spinning",
    "session.intra_op_thread_affinities",
    "session.load_model_format",
    "session.model_external_initializers_file_folder_path",
    "session.qdq_matmulnbits_accuracy_level",
    "session.qdqisint8allowed",
    "session.set_denormal_as_zero",
    "session.strict_shape_type_inference",
    "session.x64quantprecision",
];

/// The engine's options for onnxruntime's: its defaults where there are none.
///
/// What its objects do not show, such as overrides of dimensions and initialisers given
/// from outside, is not seen.
pub fn from_python(options: Option<&Bound<'_, PyAny>>) -> PyResult<Options> {
    let defaults = Options { intra_threads: 0, inter_threads: 0, ..Options::default() };
    let Some(options) = options else { return Ok(defaults) };
    let level = options.getattr("graph_optimization_level").map_err(|_| {
        let given = options.get_type();
        PyTypeError::new_err(format!(
            "sess_options must be SessionOptions, not {given}"
        ))
    })?;
    refuse("sess_options", options, &SESSION_REFUSED)?;
    if options.call_method0("has_providers")?.is_truthy()? {
        let message = "sess_options has providers; name them in `providers`";
        return Err(NotImplemented::new_err(message));
    }
    let path: String = read(options, "optimized_model_filepath")?;
    Ok(Options {
        intra_threads: threads(options, "intra_op_num_threads")?,
        inter_threads: threads(options, "inter_op_num_threads")?,
        parallel: options.getattr("execution_mode")?.str()?
            == "ExecutionMode.ORT_PARALLEL",
        optimisation: optimisation(&level)?,
        optimised_model: (!path.is_empty()).then(|| path.into()),
        arena: read(options, "enable_cpu_mem_arena")?,
        memory_pattern: read(options, "enable_mem_pattern")?,
        deterministic: read(options, "use_deterministic_compute")?,
        severity: severity(read(options, "log_severity_level")?)?,
        verbosity: read(options, "log_verbosity_level")?,
        log_id: read(options, "logid")?,
        entries: entries(options, "get_session_config_entry", &SESSION_ENTRIES)?,
    })
}

/// Accepts onnxruntime's `RunOptions` that ask for nothing.
pub fn check_run_options(options: Option<&Bound<'_, PyAny>>) -> PyResult<()> {
    let Some(options) = options else { return Ok(()) };
    let terminate = options.getattr("terminate").map_err(|_| {
        let given = options.get_type();
        PyTypeError::new_err(format!("run_options must be RunOptions, not {given}"))
    })?;
    refuse("run_options", options, &RUN_REFUSED)?;
    let entries = entries(options, "get_run_config_entry", &RUN_ENTRIES)?;
    if let Some((key, value)) = entries.first() {
        let message = format!("run_options '{key}' = '{value}' is not supported");
        return Err(NotImplemented::new_err(format!("{message}; leave it out")));
    }
    if terminate.is_truthy()? {
        return Err(Fail::new_err(
            "the run does not start: run_options.terminate is set",
        ));
    }
    Ok(())
}

fn refuse(
    of: &str,
    options: &Bound<'_, PyAny>,
    refused: &[(&str, &str)],
) -> PyResult<()> {
    for (name, neutral) in refused {
        let value = options.getattr(*name)?.str()?;
        if value != *neutral {
            let message = format!("{of}.{name} = {value} is not supported");
            return Err(NotImplemented::new_err(format!("{message}; leave it out")));
        }
    }
    Ok(())
}

/// The entries that have a value, with it.
fn entries(
    options: &Bound<'_, PyAny>,
    getter: &str,
    keys: &[&str],
) -> PyResult<Vec<(String, String)>> {
    let mut entries = Vec::new();
    for &key in keys {
        match options.call_method1(getter, (key,)) {
            Ok(value) => entries.push((key.to_owned(), value.extract()?)),
            Err(error) if error.is_instance_of::<PyRuntimeError>(options.py()) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(entries)
}

fn read<'py, T: FromPyObjectOwned<'py>>(
    options: &Bound<'py, PyAny>,
    name: &str,
) -> PyResult<T> {
    options.getattr(name)?.extract().map_err(Into::into)
}

/// A number of threads; onnxruntime takes one below 0 for 0.
fn threads(options: &Bound<'_, PyAny>, name: &str) -> PyResult<usize> {
    Ok(usize::try_from(read::<i64>(options, name)?).unwrap_or_default())
}

fn severity(level: i32) -> PyResult<Severity> {
    Ok(match level {
        0 => Severity::Verbose,
        1 => Severity::Info,
        -1 | 2 => Severity::Warning,
        3 => Severity::Error,
        4 => Severity::Fatal,
        other => {
            let message =
                format!("log_severity_level must be from -1 to 4, not {other}");
            return Err(PyRuntimeError::new_err(message));
        }
    })
}

fn optimisation(level: &Bound<'_, PyAny>) -> PyResult<Optimisation> {
    match level.getattr("name")?.extract::<String>()?.as_str() {
        "ORT_DISABLE_ALL" => Ok(Optimisation::Disable),
        "ORT_ENABLE_BASIC" => Ok(Optimisation::Level1),
        "ORT_ENABLE_EXTENDED" => Ok(Optimisation::Level2),
        "ORT_ENABLE_LAYOUT" => Ok(Optimisation::Level3),
        "ORT_ENABLE_ALL" => Ok(Optimisation::All),
        other => Err(NotImplemented::new_err(format!(
            "graph_optimization_level {other} is not supported; use ORT_ENABLE_ALL"
        ))),
    }
}

/// Warns of providers other than the CPU's, as onnxruntime does of those it lacks.
pub fn check_providers(providers: Option<&Bound<'_, PyAny>>) -> PyResult<()> {
    let Some(providers) = providers else { return Ok(()) };
    let py = providers.py();
    for provider in providers.try_iter()? {
        let provider = provider?;
        let name = match provider.cast::<PyTuple>() {
            Ok(pair) => pair.get_item(0)?,
            Err(_) => provider,
        };
        if name.str()? != PROVIDER {
            let message =
                format!("there is no provider '{name}' here: {PROVIDER} runs");
            let category = py.get_type::<PyUserWarning>();
            PyErr::warn(py, &category, &CString::new(message)?, 1)?;
        }
    }
    Ok(())
}
