//! Answers with a model, from any number of threads at once.

mod opening;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use ort::session::SharedSessionInner;
use smallvec::SmallVec;

pub use self::opening::Metadata;
use crate::error::{Error, Result, Status, runtime};
use crate::ffi::{self, Handle, Names};
use crate::hazards::Hazards;
use crate::port::{Kind, Port};
use crate::schema::{self, Column};
use crate::tensor::Tensor;
use crate::value::{Keys, Value};

const RUN: &str = "run the model";

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
    /// Outputs into whose memory no later run may write: they are inputs, so it would be
    /// the caller's own, or their shape may vary with more than the rows.
    made_anew: Vec<usize>,
    /// Whether an output turned out to vary with more than the rows.
    varies: AtomicBool,
    /// The keys of outputs that are lists of maps, of which the tensor is asked for.
    keys: Vec<Option<Arc<Keys>>>,
    /// Inputs that only the maps' node reads, which is not run: it would refuse a none.
    zipped: Vec<usize>,
    hazards: Hazards,
    metadata: Metadata,
}

impl Session {
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
        let rowless = self.check(inputs, wanted)?;
        let run = |outputs: &mut Vec<Tensor>| {
            let named_inputs = (&self.taken_names, inputs);
            let named_outputs = (&self.output_names, wanted);
            ffi::run(&self.inner, named_inputs, named_outputs, outputs)
        };
        let reused = !rowless
            && !self.varies.load(Ordering::Relaxed)
            && self.fit(outputs, inputs, wanted);
        if reused && run(outputs).is_ok() {
            return Ok(());
        }
        outputs.clear();
        run(outputs).map_err(runtime(RUN))?;
        if reused {
            self.varies.store(true, Ordering::Relaxed);
        }
        let mut seen = inputs.iter().filter_map(Tensor::address).collect();
        outputs.iter_mut().try_for_each(|output| own(output, &mut seen))
    }
    // endregion: run

    /// The outputs at the positions `wanted` for values of any kind, each given with its
    /// position among the inputs, which the initialisers follow. What is optional, or an
    /// initialiser, may be left out; [`Value::None`] leaves out any input.
    ///
    /// # Errors
    /// As [`Session::run_into`], and [`Error::InputUnknown`] for a position too high.
    pub fn run_values(
        &self,
        inputs: Vec<(usize, Value)>,
        wanted: &[usize],
    ) -> Result<Vec<Value>> {
        self.check_values(&inputs, wanted)?;
        let tensors = inputs.iter().filter_map(|(_, value)| value.tensor());
        let mut seen = tensors.filter_map(Tensor::address).collect();
        let handle = |(position, value): (usize, Value)| {
            let handle = value.into_handle(&self.taken[position].kind).transpose()?;
            Some(handle.map(|handle| (position, handle)))
        };
        let inputs =
            inputs.into_iter().filter_map(handle).collect::<Result<Vec<_>>>()?;
        let named_inputs = (&self.taken_names, &inputs[..]);
        let named_outputs = (&self.output_names, wanted);
        let handles = ffi::run_any(&self.inner, named_inputs, named_outputs)
            .map_err(runtime(RUN))?;
        let output = |(handle, position): (Handle, &usize)| {
            let mut value = Value::from_handle(handle)?;
            if let Value::Tensor(tensor) = &mut value {
                own(tensor, &mut seen)?;
            }
            match &self.keys[*position] {
                Some(keys) => value.zipped(keys),
                None => Ok(value),
            }
        };
        handles.into_iter().zip(wanted).map(output).collect()
    }

    fn check_values(&self, inputs: &[(usize, Value)], wanted: &[usize]) -> Result<()> {
        for (position, value) in inputs {
            let port = self.taken.get(*position);
            let port = port.ok_or_else(|| self.unknown(format!("#{position}")))?;
            value.check(port)?;
        }
        let shapes = inputs.iter().filter_map(|(position, value)| {
            Some((self.taken[*position].name.as_str(), value.tensor()?.shape()))
        });
        self.check_rows(&shapes.collect::<Vec<_>>())?;
        let needed = self.inputs().iter().enumerate().filter(|(position, port)| {
            !matches!(port.kind, Kind::Optional(_))
                && !inputs.iter().any(|(given, _)| given == position)
        });
        let missing: Vec<String> = needed.map(|(_, port)| port.name.clone()).collect();
        if !missing.is_empty() {
            return Err(Error::InputMissing { missing, inputs: names(self.inputs()) });
        }
        let mut nones = inputs.iter().filter(|(_, value)| matches!(value, Value::None));
        if let Some((position, _)) = nones.find(|(at, _)| self.zipped.contains(at)) {
            let reason = format!("input '{}' is none", self.taken[*position].name);
            return Err(Error::Runtime { task: RUN, status: Status::Fail, reason });
        }
        for &position in wanted {
            let port = self.wanted(position)?;
            if let Some(kind) = port.kind.other() {
                let (name, kind) = (port.name.clone(), kind.to_owned());
                return Err(Error::Unsupported { name, kind });
            }
        }
        Ok(())
    }

    fn unknown(&self, name: String) -> Error {
        Error::InputUnknown { name, inputs: names(&self.taken) }
    }

    /// The position of the input called `name`, or of the initialiser behind them.
    ///
    /// # Errors
    /// [`Error::InputUnknown`] with the names that there are.
    pub fn input(&self, name: &str) -> Result<usize> {
        position(&self.taken, name).ok_or_else(|| self.unknown(name.to_owned()))
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

    /// Checks what a run is given; whether an input has no rows.
    fn check(&self, inputs: &[Tensor], wanted: &[usize]) -> Result<bool> {
        if inputs.len() != self.required {
            let names = names(self.inputs());
            let missing = names.iter().skip(inputs.len()).cloned().collect();
            return Err(Error::InputMissing { missing, inputs: names });
        }
        let mut rowless = false;
        for (input, port) in inputs.iter().zip(self.inputs()) {
            port.check(input)?;
            rowless |= input.shape().first() == Some(&0);
        }
        if rowless {
            let shapes = self.inputs().iter().zip(inputs);
            let shapes =
                shapes.map(|(port, input)| (port.name.as_str(), input.shape()));
            self.check_rows(&shapes.collect::<Vec<_>>())?;
        }
        for &position in wanted {
            self.wanted(position)?.element_type()?;
        }
        Ok(rowless)
    }

    fn check_rows(&self, inputs: &[(&str, &[usize])]) -> Result<()> {
        match self.hazards.find(inputs) {
            Some(name) => Err(Error::RowsMissing { name: name.to_owned() }),
            None => Ok(()),
        }
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
                    && !self.made_anew.contains(&position)
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
