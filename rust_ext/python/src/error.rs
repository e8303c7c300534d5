//! Which Python exception each of the engine's errors becomes.

use engine::{Error, Status};
use pyo3::PyErr;
use pyo3::exceptions::{PyImportError, PyValueError};

/// The classes of `rust_ext.errors`.
pub mod classes {
    use pyo3::import_exception;

    import_exception!(rust_ext.errors, Fail);
    import_exception!(rust_ext.errors, InvalidArgument);
    import_exception!(rust_ext.errors, NoSuchFile);
    import_exception!(rust_ext.errors, NoModel);
    import_exception!(rust_ext.errors, EngineError);
    import_exception!(rust_ext.errors, RuntimeException);
    import_exception!(rust_ext.errors, InvalidProtobuf);
    import_exception!(rust_ext.errors, ModelLoaded);
    import_exception!(rust_ext.errors, NotImplemented);
    import_exception!(rust_ext.errors, InvalidGraph);
    import_exception!(rust_ext.errors, EPFail);
}

/// The exception that onnxruntime raises for the same cause.
#[allow(clippy::needless_pass_by_value, reason = "the form that `map_err` takes")]
pub fn to_python(error: Error) -> PyErr {
    let message = error.to_string();
    match error {
        Error::LibraryNotFound { .. }
        | Error::LibraryUnusable { .. }
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
        Error::Unsupported { .. } => classes::NotImplemented::new_err(message),
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
