//! The engine as a Python extension.
#![forbid(unsafe_code)]

use pyo3::prelude::*;

/// Holds what the Python package `rust_ext` re-exports.
#[pymodule]
fn _rust_ext(module: &Bound<'_, PyModule>) -> PyResult<()> {
    let profile = if cfg!(debug_assertions) {
        "debug"
    } else {
        "release"
    };
    module.add("BUILD_PROFILE", profile)
}
