//! The engine as a Python extension.
#![forbid(unsafe_code)]

use pyo3::prelude::*;

/// Holds what the Python package `rust_ext` re-exports.
#[pymodule]
fn _rust_ext(_module: &Bound<'_, PyModule>) -> PyResult<()> {
    Ok(())
}
