//! Opens a model and answers with it, from any number of threads at once.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use ort::logging::LogLevel;
use ort::session::SharedSessionInner;
/// How far ONNX Runtime rewrites a graph to make it faster.
pub use ort::session::builder::GraphOptimizationLevel as Optimisation;
use ort::session::builder::SessionBuilder;
use ort::value::Outlet;
use smallvec::SmallVec;

use crate::error::{Error, Result, Status, runtime};
use crate::ffi::{self, Names};
use crate::library::Library;
use crate::port::{Kind, Port};
use crate::schema::{self, Column};
use crate::tensor::Tensor;
use crate::value::Value;

/// How a session works.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// Threads inside one operator; 0 takes a thread for each physical core.
    pub intra_threads: usize,
    /// Threads across operators.
    pub inter_threads: usize,
    /// How far ONNX Runtime rewrites the graph.
    pub optimisation: Optimisation,
}

impl Default for Options {
    fn default() -> Self {
        Self { intra_threads: 1, inter_threads: 1, optimisation: Optimisation::All }
    }
}

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

/// A model that is ready to answer, on the CPU, from any number of threads at once.
pub struct Session {
    inner: Arc<SharedSessionInner>,
    /// The inputs, then the initialisers that a run may replace.
    taken: Vec<Port>,
    /// How many of those are inputs.
    required: usize,
    outputs: Vec<Port>,
    taken_names: Names,
    output_names: Names,
    every_output: Vec<usize>,
    /// Outputs that are inputs: ONNX Runtime would return the caller's own memory.
    passed_on: Vec<usize>,
    metadata: Metadata,
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
        Self::create(model, options, |builder| builder.commit_from_file(path))
    }

    /// The model in `bytes`.
    ///
    /// # Errors
    /// [`Error::ModelRefused`].
    pub fn from_bytes(_: Library, bytes: &[u8], options: &Options) -> Result<Self> {
        let model = format!("the model of {} bytes", bytes.len());
        Self::create(model, options, |builder| builder.commit_from_memory(bytes))
    }

    fn create(
        model: String,
        options: &Options,
        commit: impl FnOnce(&mut SessionBuilder) -> ort::Result<ort::session::Session>,
    ) -> Result<Self> {
        let mut builder = builder(options).map_err(runtime("set its options"))?;
        let session = commit(&mut builder).map_err(|error| Error::ModelRefused {
            model,
            status: error.code().into(),
            reason: error.message().to_owned(),
        })?;
        let port = |outlet: &Outlet| Port::new(outlet.name(), outlet.dtype());
        let mut taken: Vec<Port> = session.inputs().iter().map(port).collect();
        let required = taken.len();
        let initialisers = session.overridable_initializers();
        taken.extend(
            initialisers.iter().map(|each| Port::new(each.name(), each.dtype())),
        );
        let outputs: Vec<Port> = session.outputs().iter().map(port).collect();
        let passed_on = (0..outputs.len())
            .filter(|&index| position(&taken, &outputs[index].name).is_some())
            .collect();
        Ok(Self {
            passed_on,
            inner: session.inner(),
            taken_names: Names::of(&taken),
            output_names: Names::of(&outputs),
            every_output: (0..outputs.len()).collect(),
            metadata: metadata(&session).map_err(runtime("read the metadata"))?,
            taken,
            required,
            outputs,
        })
    }

    /// What the model takes, in the graph's order.
    #[must_use]
    pub fn inputs(&self) -> &[Port] {
        &self.taken[..self.required]
    }

    /// The initialisers that [`Session::run_values`] may replace, in the graph's order.
    #[must_use]
    pub fn initialisers(&self) -> &[Port] {
        &self.taken[self.required..]
    }

    /// What the model returns, in the graph's order.
    #[must_use]
    pub fn outputs(&self) -> &[Port] {
        &self.outputs
    }

    /// What the file says about the model.
    #[must_use]
    pub fn metadata(&self) -> &Metadata {
        &self.metadata
    }

    /// The columns that the model takes, from its metadata or else from its graph.
    ///
    /// # Errors
    /// [`Error::SchemaRefused`] where the graph takes no table or the metadata does not
    /// fit it.
    pub fn schema(&self) -> Result<Vec<Column>> {
        schema::columns(&self.metadata, self.inputs())
    }

    /// One tensor for each input, in the graph's order, to be filled for a batch of
    /// `rows` rows. A thread may keep them and fill them again for its next batch.
    ///
    /// # Errors
    /// [`Error::InputShape`] where the graph does not take that many rows,
    /// [`Error::Unsupported`] where an input is no tensor.
    pub fn prepare(&self, rows: usize) -> Result<Vec<Tensor>> {
        let empty =
            |port: &Port| Tensor::zeros(port.element_type()?, &port.shape_of(rows)?);
        self.inputs().iter().map(empty).collect()
    }

    /// All outputs, in the graph's order, for one tensor for each input.
    ///
    /// # Errors
    /// As [`Session::run_into`].
    pub fn run(&self, inputs: &[Tensor]) -> Result<Vec<Tensor>> {
        let mut outputs = Vec::with_capacity(self.outputs.len());
        self.run_into(inputs, &self.every_output, &mut outputs)?;
        Ok(outputs)
    }

    /// Replaces `outputs` by the outputs at the positions `wanted`, in the memory of an
    /// earlier run's outputs where they fit.
    ///
    /// # Errors
    /// [`Error::InputMissing`], [`Error::InputType`] or [`Error::InputShape`] where the
    /// inputs do not fit, [`Error::OutputUnknown`] or [`Error::Unsupported`] where
    /// `wanted` does not, [`Error::Runtime`] where a node of the graph fails.
    // region: run
    pub fn run_into(
        &self,
        inputs: &[Tensor],
        wanted: &[usize],
        outputs: &mut Vec<Tensor>,
    ) -> Result<()> {
        self.check(inputs, wanted)?;
        let run = |outputs: &mut Vec<Tensor>| {
            let named_inputs = (&self.taken_names, inputs);
            let named_outputs = (&self.output_names, wanted);
            ffi::run(&self.inner, named_inputs, named_outputs, outputs)
        };
        // A shape may depend on the data, so outputs that look right may still not fit.
        if self.fit(outputs, inputs, wanted) && run(outputs).is_ok() {
            return Ok(());
        }
        outputs.clear();
        run(outputs).map_err(runtime("run the model"))?;
        let mut seen = inputs.iter().filter_map(Tensor::address).collect();
        outputs.iter_mut().try_for_each(|output| own(output, &mut seen))
    }
    // endregion: run

    /// The outputs at the positions `wanted` for values of any kind, each given with its
    /// position among the inputs, which the initialisers follow. What is optional, or an
    /// initialiser, may be left out.
    ///
    /// # Errors
    /// As [`Session::run_into`], and [`Error::InputUnknown`] for a position too high.
    pub fn run_values(
        &self,
        inputs: Vec<(usize, Value)>,
        wanted: &[usize],
    ) -> Result<Vec<Value>> {
        for (position, value) in &inputs {
            let port =
                self.taken.get(*position).ok_or_else(|| Error::InputUnknown {
                    name: format!("#{position}"),
                    inputs: names(&self.taken),
                })?;
            value.check(port)?;
        }
        let given: Vec<usize> = inputs.iter().map(|(position, _)| *position).collect();
        let needed = self.inputs().iter().enumerate().filter(|(position, port)| {
            !given.contains(position) && !matches!(port.kind, Kind::Optional(_))
        });
        let missing: Vec<String> = needed.map(|(_, port)| port.name.clone()).collect();
        if !missing.is_empty() {
            return Err(Error::InputMissing { missing, inputs: names(self.inputs()) });
        }
        for &position in wanted {
            let port = self.wanted(position)?;
            if let Kind::Other(kind) = &port.kind {
                let (name, kind) = (port.name.clone(), kind.clone());
                return Err(Error::Unsupported { name, kind });
            }
        }
        let tensors = inputs.iter().filter_map(|(_, value)| value.tensor());
        let mut seen = tensors.filter_map(Tensor::address).collect();
        let handle = |(position, value): (usize, Value)| {
            Ok((position, value.into_handle(&self.taken[position].kind)?))
        };
        let run = || {
            let inputs =
                inputs.into_iter().map(handle).collect::<ort::Result<Vec<_>>>()?;
            let named_inputs = (&self.taken_names, &inputs[..]);
            let named_outputs = (&self.output_names, wanted);
            let handles = ffi::run_any(&self.inner, named_inputs, named_outputs)?;
            handles.into_iter().map(Value::from_handle).collect::<ort::Result<Vec<_>>>()
        };
        let mut outputs = run().map_err(runtime("run the model"))?;
        for output in &mut outputs {
            if let Value::Tensor(tensor) = output {
                own(tensor, &mut seen)?;
            }
        }
        Ok(outputs)
    }

    /// The position of the input called `name`, or of the initialiser behind them.
    ///
    /// # Errors
    /// [`Error::InputUnknown`] with the names that there are.
    pub fn input(&self, name: &str) -> Result<usize> {
        position(&self.taken, name).ok_or_else(|| Error::InputUnknown {
            name: name.to_owned(),
            inputs: names(&self.taken),
        })
    }

    /// The position of the output called `name`.
    ///
    /// # Errors
    /// [`Error::OutputUnknown`] with the names that there are.
    pub fn output(&self, name: &str) -> Result<usize> {
        position(&self.outputs, name).ok_or_else(|| Error::OutputUnknown {
            name: name.to_owned(),
            outputs: names(&self.outputs),
        })
    }

    pub(crate) fn inner(&self) -> Arc<SharedSessionInner> {
        Arc::clone(&self.inner)
    }

    fn check(&self, inputs: &[Tensor], wanted: &[usize]) -> Result<()> {
        if inputs.len() != self.required {
            let names = names(self.inputs());
            let missing = names.iter().skip(inputs.len()).cloned().collect();
            return Err(Error::InputMissing { missing, inputs: names });
        }
        for (input, port) in inputs.iter().zip(self.inputs()) {
            port.check(input)?;
        }
        for &position in wanted {
            self.wanted(position)?.element_type()?;
        }
        Ok(())
    }

    fn wanted(&self, position: usize) -> Result<&Port> {
        self.outputs.get(position).ok_or_else(|| Error::OutputUnknown {
            name: format!("#{position}"),
            outputs: names(&self.outputs),
        })
    }

    /// Whether the outputs of an earlier run may be written over by this one: there is
    /// one for each, of the right type, for as many rows, and none is another's twin.
    pub(crate) fn fit(
        &self,
        outputs: &[Tensor],
        inputs: &[Tensor],
        wanted: &[usize],
    ) -> bool {
        let rows = inputs.first().and_then(|input| input.shape().first());
        outputs.len() == wanted.len()
            && outputs.iter().zip(wanted).all(|(output, &position)| {
                self.outputs[position].check(output).is_ok()
                    && output.shape().first() == rows
                    && !self.passed_on.contains(&position)
            })
            && wanted.iter().enumerate().all(|(index, &position)| {
                let name = &self.outputs[position].name;
                !wanted[..index].iter().any(|&other| self.outputs[other].name == *name)
            })
    }
}

/// Gives a tensor memory of its own where it lies in memory seen before: ONNX Runtime
/// returns an input that is an output as it is, and an output asked for twice once.
fn own(tensor: &mut Tensor, seen: &mut SmallVec<[*const u8; 16]>) -> Result<()> {
    match tensor.address() {
        Some(address) if seen.contains(&address) => *tensor = tensor.copied()?,
        address => seen.extend(address),
    }
    Ok(())
}

fn position(ports: &[Port], name: &str) -> Option<usize> {
    ports.iter().position(|port| port.name == name)
}

fn names(ports: &[Port]) -> Vec<String> {
    ports.iter().map(|port| port.name.clone()).collect()
}

fn builder(options: &Options) -> ort::Result<SessionBuilder> {
    Ok(SessionBuilder::new()?
        .with_execution_providers([ort::ep::CPU::default().build().error_on_failure()])?
        .with_intra_threads(options.intra_threads)?
        .with_inter_threads(options.inter_threads)?
        .with_intra_op_spinning(false)?
        .with_inter_op_spinning(false)?
        .with_optimization_level(options.optimisation)?
        .with_log_level(LogLevel::Warning)?)
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
