//! Opens a model, and reads what ONNX Runtime and its file say of it.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use ort::session::builder::SessionBuilder;
use ort::value::Outlet;

use super::{Session, position};
use crate::error::{Error, Result, Status, runtime};
use crate::ffi::Names;
use crate::graph::{Graph, Unzipped, Zip};
use crate::library::Library;
use crate::options::Options;
use crate::port::{Dim, Kind, Port};
use crate::tensor::ElementType;

/// Where a model that is given as bytes has its weights that lie in files.
const WEIGHTS_FOLDER: &str = "session.model_external_initializers_file_folder_path";

/// What a model's file says about the model.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Metadata {
    /// What made the file.
    pub producer: String,
    /// The graph's name.
    pub graph_name: String,
    /// The model's namespace.
    pub domain: String,
    /// The model in words.
    pub description: String,
    /// The graph in words.
    pub graph_description: String,
    /// The model's version.
    pub version: i64,
    /// Anything else, such as `fare.schema`.
    pub custom: BTreeMap<String, String>,
}

impl Session {
    /// The model in the file at `path`.
    ///
    /// # Errors
    /// [`Error::ModelNotFound`], or [`Error::ModelRefused`] with the file's name.
    pub fn open(_: Library, path: &Path, options: &Options) -> Result<Self> {
        if !path.exists() {
            return Err(Error::ModelNotFound { path: path.to_owned() });
        }
        let model = format!("'{}'", path.display());
        if path.is_dir() {
            let (status, reason) =
                (Status::InvalidProtobuf, "it is a folder".to_owned());
            return Err(Error::ModelRefused { model, status, reason });
        }
        let graph = Graph::read(&fs::read(path).unwrap_or_default());
        let folder = path.parent().and_then(Path::to_str);
        Self::create(model, graph, options, folder, |builder| {
            builder.commit_from_file(path)
        })
    }

    /// The model in `bytes`.
    ///
    /// # Errors
    /// [`Error::ModelRefused`].
    pub fn from_bytes(_: Library, bytes: &[u8], options: &Options) -> Result<Self> {
        let model = format!("the model of {} bytes", bytes.len());
        Self::create(model, Graph::read(bytes), options, None, |builder| {
            builder.commit_from_memory(bytes)
        })
    }

    fn create(
        model: String,
        graph: Graph,
        options: &Options,
        folder: Option<&str>,
        commit: impl FnOnce(&mut SessionBuilder) -> ort::Result<ort::session::Session>,
    ) -> Result<Self> {
        let mut builder = options.builder().map_err(runtime("set its options"))?;
        // A rewritten model is to be that of the file.
        let Graph { hazards, unzipped } = graph;
        let unzipped = unzipped.as_ref().filter(|_| options.optimised_model.is_none());
        let unzipped = unzipped.and_then(|Unzipped { model, zips }| {
            let mut builder = builder.clone();
            if let Some(folder) = folder {
                builder = builder.with_config_entry(WEIGHTS_FOLDER, folder).ok()?;
            }
            Some((builder.commit_from_memory(model).ok()?, &zips[..]))
        });
        // A model that cannot be unzipped, for whatever reason, is opened as it is.
        let (session, zips) = match unzipped {
            Some(unzipped) => unzipped,
            None => (commit(&mut builder).map_err(refused(model))?, &[][..]),
        };
        let port = |outlet: &Outlet| Port::new(outlet.name(), outlet.dtype());
        let mut taken: Vec<Port> = session.inputs().iter().map(port).collect();
        let required = taken.len();
        let initialisers = session.overridable_initializers();
        taken.extend(
            initialisers.iter().map(|each| Port::new(each.name(), each.dtype())),
        );
        let mut outputs: Vec<Port> = session.outputs().iter().map(port).collect();
        let output_names = Names::of(&outputs);
        let anew = |port: &Port| position(&taken, &port.name).is_some() || varies(port);
        let made_anew = (0..outputs.len()).filter(|&i| anew(&outputs[i])).collect();
        let mut keys = vec![None; outputs.len()];
        let mut zipped = Vec::new();
        for Zip { position, name, keys: all } in zips {
            let (key, value) = (all.element_type(), ElementType::Float32);
            let kind = Kind::List(Box::new(Kind::Map { key, value }));
            zipped.extend(super::position(&taken, &outputs[*position].name));
            outputs[*position] = Port { name: name.clone(), kind, shape: Vec::new() };
            keys[*position] = Some(Arc::new(all.clone()));
        }
        Ok(Self {
            hazards,
            zipped,
            made_anew,
            varies: AtomicBool::new(false),
            inner: session.inner(),
            taken_names: Names::of(&taken),
            output_names,
            every_output: (0..outputs.len()).collect(),
            metadata: metadata(&session).map_err(runtime("read the metadata"))?,
            taken,
            required,
            outputs,
            keys,
        })
    }
}

/// Whether more of a shape than its first dimension is open.
fn varies(port: &Port) -> bool {
    port.shape.iter().skip(1).any(|dim| !matches!(dim, Dim::Fixed(_)))
}

fn refused(model: String) -> impl FnOnce(ort::Error) -> Error {
    |error| Error::ModelRefused {
        model,
        status: error.code().into(),
        reason: error.message().to_owned(),
    }
}

fn metadata(session: &ort::session::Session) -> ort::Result<Metadata> {
    let metadata = session.metadata()?;
    let custom = metadata.custom_keys()?.into_iter().map(|key| {
        let value = metadata.custom(&key).unwrap_or_default();
        (key, value)
    });
    Ok(Metadata {
        producer: metadata.producer().unwrap_or_default(),
        graph_name: metadata.name().unwrap_or_default(),
        domain: metadata.domain().unwrap_or_default(),
        description: metadata.description().unwrap_or_default(),
        graph_description: metadata.graph_description().unwrap_or_default(),
        version: metadata.version().unwrap_or_default(),
        custom: custom.collect(),
    })
}
