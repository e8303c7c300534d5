//! The one error of this crate: a variant for each cause.

use std::path::PathBuf;

use crate::tensor::ElementType;

/// What this crate's functions return.
pub type Result<T> = std::result::Result<T, Error>;

/// Why loading a library, opening a model or running it failed.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Error {
    /// ONNX Runtime's library is nowhere that [`crate::find_library`] looks.
    #[error(
        "ONNX Runtime's library is in no active Python environment (looked in: {}); \
         set ORT_DYLIB_PATH to the file, or activate one that has onnxruntime",
        paths(searched)
    )]
    LibraryNotFound {
        /// Where it was looked for.
        searched: Vec<PathBuf>,
    },
    /// The file named as ONNX Runtime's library is not one that can be used.
    #[error(
        "'{}' cannot be loaded as ONNX Runtime's library: {reason}; \
         set ORT_DYLIB_PATH to the file inside the onnxruntime wheel",
        path.display()
    )]
    LibraryUnusable {
        /// The file.
        path: PathBuf,
        /// What the system's loader or the library said.
        reason: String,
    },
    /// There is no tensor without ONNX Runtime.
    #[error("ONNX Runtime is not loaded; call Library::load before you make a tensor")]
    LibraryNotLoaded,
    /// A process keeps the ONNX Runtime library that it loaded first.
    #[error(
        "ONNX Runtime is already loaded from '{}', so '{}' cannot be; \
         start a new process for it",
        loaded.display(),
        asked.display()
    )]
    LibraryChanged {
        /// The library in use.
        loaded: PathBuf,
        /// The one asked for after it.
        asked: PathBuf,
    },
    /// There is no model file at this path.
    #[error("there is no model at '{}'; check the path", path.display())]
    ModelNotFound {
        /// The path as given.
        path: PathBuf,
    },
    /// ONNX Runtime refuses the model.
    #[error("{model} is not a model that ONNX Runtime can open: {reason}")]
    ModelRefused {
        /// The file, or that it came from memory.
        model: String,
        /// ONNX Runtime's kind of failure.
        status: Status,
        /// ONNX Runtime's own words.
        reason: String,
    },
    /// The metadata `fare.schema` does not describe this graph, or nothing can.
    #[error("the model's schema cannot be used: {reason}; export the model again")]
    SchemaRefused {
        /// What does not fit.
        reason: String,
    },
    /// The feed leaves out inputs.
    #[error(
        "the feed has no {}; the model's inputs are {}",
        quoted(missing),
        quoted(inputs)
    )]
    InputMissing {
        /// The inputs left out.
        missing: Vec<String>,
        /// All inputs of the model.
        inputs: Vec<String>,
    },
    /// The feed names something that is not an input.
    #[error("the model has no input '{name}'; its inputs are {}", quoted(inputs))]
    InputUnknown {
        /// The name in the feed.
        name: String,
        /// All inputs of the model.
        inputs: Vec<String>,
    },
    /// An input has another element type than the model takes.
    #[error("input '{name}' is {actual} where the model takes {expected}; convert it")]
    InputType {
        /// The input.
        name: String,
        /// What the model takes, such as `tensor(float)`.
        expected: String,
        /// What was given.
        actual: String,
    },
    /// An input has another rank or width than the model takes.
    #[error(
        "input '{name}' has shape {actual:?} where the model takes {expected}; \
         reshape it"
    )]
    InputShape {
        /// The input.
        name: String,
        /// What the model takes, such as `[N, 3]`.
        expected: String,
        /// What was given.
        actual: Vec<usize>,
    },
    /// An input has no rows, and an operator of the model would end the process, or
    /// answer with garbage.
    #[error(
        "input '{name}' has no rows, for which an operator of this model has no answer; \
         give it as many as the others, one at least"
    )]
    RowsMissing {
        /// The input.
        name: String,
    },
    /// An output was asked for that the model does not have.
    #[error("the model has no output '{name}'; its outputs are {}", quoted(outputs))]
    OutputUnknown {
        /// The name asked for.
        name: String,
        /// All outputs of the model.
        outputs: Vec<String>,
    },
    /// The model uses a kind of value that this crate does not carry.
    #[error(
        "'{name}' is {kind}, which is not carried here: tensors of floats, integers, \
         bool and strings are"
    )]
    Unsupported {
        /// The input or output.
        name: String,
        /// Its kind, such as `seq(map(int64,tensor(float)))`.
        kind: String,
    },
    /// A tensor was read as another element type than it holds.
    #[error("the tensor holds {actual}, not {asked}")]
    TensorType {
        /// What the caller asked for.
        asked: ElementType,
        /// What the tensor holds.
        actual: ElementType,
    },
    /// The number of elements does not fit the shape.
    #[error("shape {shape:?} does not hold {elements} elements")]
    TensorSize {
        /// The shape.
        shape: Vec<usize>,
        /// The number of elements given, or the index asked for.
        elements: usize,
    },
    /// ONNX Runtime failed while it worked.
    #[error("ONNX Runtime failed to {task}: {reason}")]
    Runtime {
        /// What it was asked to do.
        task: &'static str,
        /// ONNX Runtime's kind of failure.
        status: Status,
        /// ONNX Runtime's own words.
        reason: String,
    },
}

impl Error {
    /// A short name for the cause that stays the same between versions.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::LibraryNotFound { .. } => "library-not-found",
            Self::LibraryUnusable { .. } => "library-unusable",
            Self::LibraryNotLoaded => "library-not-loaded",
            Self::LibraryChanged { .. } => "library-changed",
            Self::ModelNotFound { .. } => "model-not-found",
            Self::ModelRefused { .. } => "model-refused",
            Self::SchemaRefused { .. } => "schema-refused",
            Self::InputMissing { .. } => "input-missing",
            Self::InputUnknown { .. } => "input-unknown",
            Self::InputType { .. } => "input-type",
            Self::InputShape { .. } => "input-shape",
            Self::RowsMissing { .. } => "rows-missing",
            Self::OutputUnknown { .. } => "output-unknown",
            Self::Unsupported { .. } => "unsupported",
            Self::TensorType { .. } => "tensor-type",
            Self::TensorSize { .. } => "tensor-size",
            Self::Runtime { .. } => "runtime",
        }
    }
}

/// ONNX Runtime's own kinds of failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// A failure with no kind of its own.
    Fail,
    /// An argument does not fit, such as an empty file or a wrong shape.
    InvalidArgument,
    /// A file is missing.
    NoSuchFile,
    /// No model was given.
    NoModel,
    /// The engine failed.
    EngineError,
    /// A node failed while running.
    RuntimeException,
    /// The bytes are not an ONNX model.
    InvalidProtobuf,
    /// The model was loaded already.
    ModelLoaded,
    /// An operator has no implementation here.
    NotImplemented,
    /// The graph breaks ONNX's rules.
    InvalidGraph,
    /// The execution provider failed.
    EpFail,
}

impl From<ort::ErrorCode> for Status {
    fn from(code: ort::ErrorCode) -> Self {
        match code {
            ort::ErrorCode::InvalidArgument => Self::InvalidArgument,
            ort::ErrorCode::NoSuchFile => Self::NoSuchFile,
            ort::ErrorCode::NoModel => Self::NoModel,
            ort::ErrorCode::EngineError => Self::EngineError,
            ort::ErrorCode::RuntimeException => Self::RuntimeException,
            ort::ErrorCode::InvalidProtobuf => Self::InvalidProtobuf,
            ort::ErrorCode::ModelLoaded => Self::ModelLoaded,
            ort::ErrorCode::NotImplemented => Self::NotImplemented,
            ort::ErrorCode::InvalidGraph => Self::InvalidGraph,
            ort::ErrorCode::ExecutionProviderFailure => Self::EpFail,
            _ => Self::Fail,
        }
    }
}

/// Turns ONNX Runtime's error into ours, for use with `map_err`.
pub(crate) fn runtime(task: &'static str) -> impl Fn(ort::Error) -> Error {
    move |error| Error::Runtime {
        task,
        status: error.code().into(),
        reason: error.message().to_owned(),
    }
}

fn paths(paths: &[PathBuf]) -> String {
    let paths: Vec<String> =
        paths.iter().map(|path| path.display().to_string()).collect();
    if paths.is_empty() { "none".to_owned() } else { quoted(&paths) }
}

fn quoted(names: &[String]) -> String {
    let quoted: Vec<String> = names.iter().map(|name| format!("'{name}'")).collect();
    quoted.join(", ")
}
