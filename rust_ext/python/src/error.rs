//! Which Python exception each of the engine's errors becomes.

use engine::{Error, Status};
use pyo3::exceptions::{PyImportError, PyRuntimeError, PyValueError};
use pyo3::prelude::*;

/// The classes of `rust_ext.errors`, named as onnxruntime names its own.
pub mod classes {
    use pyo3::create_exception;
    use pyo3::exceptions::PyException;
    use pyo3::prelude::*;

    macro_rules! classes {
        ($($name:ident: $doc:literal;)*) => {
            $(create_exception!(rust_ext.errors, $name, PyException, $doc);)*

            pub fn add_to(module: &Bound<'_, PyModule>) -> PyResult<()> {
                $(module.add(stringify!($name), module.py().get_type::<$name>())?;)*
                Ok(())
            }
        };
    }

    classes! {
        Fail: "A failure with no kind of its own.";
        InvalidArgument: "An input, an output's name or an empty file does not fit.";
        NoSuchFile: "There is no model at the path.";
        NoModel: "No model was given.";
        EngineError: "The engine failed.";
        RuntimeException: "A node of the graph failed while running.";
        InvalidProtobuf: "The bytes are not an ONNX model.";
        ModelLoaded: "The model was loaded already.";
        NotImplemented: "The model or an option uses what is not carried.";
        InvalidGraph: "The graph breaks ONNX's rules.";
        EPFail: "The execution provider failed.";
    }
}

/// The exception that onnxruntime raises for the same cause.
#[allow(clippy::needless_pass_by_value, reason = "the form that `map_err` takes")]
pub fn to_python(error: Error) -> PyErr {
    let message = error.to_string();
    match error {
        Error::LibraryNotFound { .. }
        | Error::LibraryUnusable { .. }
        | Error::LibraryNotLoaded
        | Error::LibraryChanged { .. } => PyImportError::new_err(message),
        Error::ModelNotFound { .. } => classes::NoSuchFile::new_err(message),
        Error::ModelRefused { status, .. } | Error::Runtime { status, .. } => {
            of_status(status, message)
        }
        Error::SchemaRefused { .. } => classes::InvalidGraph::new_err(message),
        Error::InputMissing { .. } => PyValueError::new_err(message),
        Error::InputUnknown { .. }
        | Error::InputType { .. }
        | Error::InputShape { .. }
        | Error::OutputUnknown { .. } => classes::InvalidArgument::new_err(message),
        Error::RowsMissing { .. } => classes::Fail::new_err(message),
        Error::Unsupported { .. } => PyRuntimeError::new_err(message),
        Error::TensorType { .. } | Error::TensorSize { .. } => {
            classes::RuntimeException::new_err(message)
        }
    }
}

fn of_status(status: Status, message: String) -> PyErr {
    match status {
        Status::Fail => classes::Fail::new_err(message),
        Status::InvalidArgument => classes::InvalidArgument::new_err(message),
        Status::NoSuchFile => classes::NoSuchFile::new_err(message),
        Status::NoModel => classes::NoModel::new_err(message),
        Status::EngineError => classes::EngineError::new_err(message),
        Status::RuntimeException => classes::RuntimeException::new_err(message),
        Status::InvalidProtobuf => classes::InvalidProtobuf::new_err(message),
        Status::ModelLoaded => classes::ModelLoaded::new_err(message),
        Status::NotImplemented => classes::NotImplemented::new_err(message),
        Status::InvalidGraph => classes::InvalidGraph::new_err(message),
        Status::EpFail => classes::EPFail::new_err(message),
    }
}
