//! What onnxruntime's `SessionOptions` and provider lists mean here.

use std::ffi::CString;

use engine::{Optimisation, Options};
use pyo3::exceptions::{PyTypeError, PyUserWarning};
use pyo3::prelude::*;
use pyo3::types::PyTuple;

use crate::error::classes::NotImplemented;

/// The only provider that a session runs on.
pub const PROVIDER: &str = "CPUExecutionProvider";

/// Settings that cannot be honoured, each with the value that changes nothing.
const UNUSED: [(&str, &str); 3] = [
    ("execution_mode", "ExecutionMode.ORT_SEQUENTIAL"),
    ("enable_profiling", "False"),
    ("optimized_model_filepath", ""),
];

/// The engine's options for onnxruntime's: its defaults where there are none.
pub fn from_python(options: Option<&Bound<'_, PyAny>>) -> PyResult<Options> {
    let defaults =
        Options { intra_threads: 0, inter_threads: 0, optimisation: Optimisation::All };
    let Some(options) = options else { return Ok(defaults) };
    let level = options.getattr("graph_optimization_level").map_err(|_| {
        let given = options.get_type();
        PyTypeError::new_err(format!(
            "sess_options must be SessionOptions, not {given}"
        ))
    })?;
    for (name, neutral) in UNUSED {
        let value = options.getattr(name)?.str()?;
        if value != neutral {
            let message = format!("sess_options.{name} = {value} is not supported");
            return Err(NotImplemented::new_err(format!("{message}; leave it out")));
        }
    }
    Ok(Options {
        intra_threads: options.getattr("intra_op_num_threads")?.extract()?,
        inter_threads: options.getattr("inter_op_num_threads")?.extract()?,
        optimisation: optimisation(&level)?,
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

/// Accepts onnxruntime's `RunOptions`, of which nothing changes an answer.
pub fn check_run_options(options: Option<&Bound<'_, PyAny>>) -> PyResult<()> {
    let Some(options) = options else { return Ok(()) };
    if options.hasattr("terminate")? {
        return Ok(());
    }
    let given = options.get_type();
    Err(PyTypeError::new_err(format!("run_options must be RunOptions, not {given}")))
}
