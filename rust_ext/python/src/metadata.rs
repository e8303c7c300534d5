//! What a session says about its model.

use std::collections::BTreeMap;

use engine::{Dim, Metadata, Port};
use pyo3::IntoPyObjectExt;
use pyo3::prelude::*;

/// One input or output of a model.
#[pyclass(frozen, module = "rust_ext")]
pub struct NodeArg(Port);

impl NodeArg {
    pub fn list(ports: &[Port]) -> Vec<Self> {
        ports.iter().cloned().map(Self).collect()
    }
}

#[pymethods]
impl NodeArg {
    /// Its name in the graph.
    #[getter]
    fn name(&self) -> &str {
        &self.0.name
    }

    /// What it carries, such as `tensor(float)`.
    #[getter]
    fn r#type(&self) -> String {
        self.0.kind.to_string()
    }

    /// A number, a name or None for each dimension.
    #[getter]
    fn shape<'py>(&self, py: Python<'py>) -> PyResult<Vec<Bound<'py, PyAny>>> {
        let dims = self.0.shape.iter().map(|dim| match dim {
            Dim::Fixed(size) => size.into_bound_py_any(py),
            Dim::Named(name) => name.into_bound_py_any(py),
            Dim::Any => Ok(py.None().into_bound(py)),
        });
        dims.collect()
    }

    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        let (name, kind) = (&self.0.name, &self.0.kind);
        let shape = self.shape(py)?.into_pyobject(py)?;
        Ok(format!("NodeArg(name='{name}', type='{kind}', shape={})", shape.repr()?))
    }
}

/// What a model's file says about the model.
#[pyclass(frozen, get_all, module = "rust_ext")]
pub struct ModelMetadata {
    /// What made the file.
    producer_name: String,
    /// The graph's name.
    graph_name: String,
    /// The model's namespace.
    domain: String,
    /// The model in words.
    description: String,
    /// The graph in words.
    graph_description: String,
    /// The model's version.
    version: i64,
    /// Anything else, such as `fare.schema`.
    custom_metadata_map: BTreeMap<String, String>,
}

impl From<&Metadata> for ModelMetadata {
    fn from(metadata: &Metadata) -> Self {
        let metadata = metadata.clone();
        Self {
            producer_name: metadata.producer,
            graph_name: metadata.graph_name,
            domain: metadata.domain,
            description: metadata.description,
            graph_description: metadata.graph_description,
            version: metadata.version,
            custom_metadata_map: metadata.custom,
        }
    }
}
