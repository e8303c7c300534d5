//! The engine as a Python extension: a drop-in for onnxruntime's session.
#![forbid(unsafe_code)]

mod arrays;
mod column;
mod error;
mod floor;
mod frame;
mod gil;
mod metadata;
mod options;
mod out;
mod session;
mod values;

/// Holds what the Python package `rust_ext` re-exports.
#[pyo3::pymodule]
mod _rust_ext {
    use pyo3::prelude::*;

    #[pymodule_export]
    use crate::floor::Floor;
    #[pymodule_export]
    use crate::metadata::{ModelMetadata, NodeArg};
    #[pymodule_export]
    use crate::session::{_forked, InferenceSession};

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        crate::error::classes::add_to(module)?;
        let profile = if cfg!(debug_assertions) { "debug" } else { "release" };
        module.add("BUILD_PROFILE", profile)
    }
}
