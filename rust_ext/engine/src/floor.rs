//! What the C interface alone takes: the limit of whatever stands on it.

use std::sync::Arc;

use ort::session::SharedSessionInner;

use crate::error::{Error, Result, runtime};
use crate::ffi::{self, Names};
use crate::session::Session;
use crate::tensor::{ElementType, Tensor};

/// Calls of ONNX Runtime and nothing else, to measure others by: all tensors are there
/// beforehand, and nothing is checked.
///
/// Of several feeds, each is copied into the same tensors. To have tensors for each is
/// slower where they are many: they fall out of the processor's caches.
pub struct Floor {
    session: Arc<SharedSessionInner>,
    input_names: Names,
    output_names: Names,
    every_output: Vec<usize>,
    feeds: Vec<Vec<Cells>>,
    inputs: Vec<Tensor>,
    outputs: Vec<Tensor>,
}

/// What one tensor holds.
enum Cells {
    Bytes(Vec<u8>),
    Texts(Vec<String>),
}

impl Floor {
    /// Takes one tensor for each input in each feed, all feeds of one shape.
    ///
    /// # Errors
    /// As [`Session::run`], which tries each feed; [`Error::TensorSize`] where two feeds
    /// differ in shape, [`Error::Unsupported`] where the model does not return one row
    /// for each in an array of its own.
    pub fn new(session: &Session, feeds: Vec<Vec<Tensor>>) -> Result<Self> {
        let every_output: Vec<usize> = (0..session.outputs().len()).collect();
        let mut outputs = Vec::new();
        for feed in &feeds {
            outputs = session.run(feed)?;
            for (input, first) in feed.iter().zip(&feeds[0]) {
                if input.shape() != first.shape() {
                    let (shape, elements) = (first.shape().to_vec(), input.len());
                    return Err(Error::TensorSize { shape, elements });
                }
            }
            if !session.fit(&outputs, feed, &every_output) {
                let (name, kind) = ("an output".to_owned(), "not by row".to_owned());
                return Err(Error::Unsupported { name, kind });
            }
        }
        let cells = feeds.iter().map(|feed| feed.iter().map(Cells::of).collect());
        let cells = cells.collect::<Result<_>>()?;
        Ok(Self {
            session: session.inner(),
            input_names: Names::of(session.inputs()),
            output_names: Names::of(session.outputs()),
            every_output,
            feeds: cells,
            inputs: feeds.into_iter().next_back().unwrap_or_default(),
            outputs,
        })
    }

    /// Runs every feed once; returns the outputs of the last one.
    ///
    /// # Errors
    /// [`Error::Runtime`] where a node of the graph fails.
    pub fn run(&mut self) -> Result<&[Tensor]> {
        let names = (&self.output_names, self.every_output.as_slice());
        for feed in &self.feeds {
            if self.feeds.len() > 1 {
                for (input, cells) in self.inputs.iter_mut().zip(feed) {
                    cells.copy_to(input)?;
                }
            }
            let inputs = (&self.input_names, self.inputs.as_slice());
            ffi::run(&self.session, inputs, names, &mut self.outputs)
                .map_err(runtime("run the model"))?;
        }
        Ok(&self.outputs)
    }
}

impl Cells {
    fn of(tensor: &Tensor) -> Result<Self> {
        if tensor.element_type() == ElementType::String {
            return Ok(Self::Texts(tensor.strings()?));
        }
        let bytes = ffi::bytes(tensor).map_err(runtime("read a tensor"))?;
        Ok(Self::Bytes(bytes.to_vec()))
    }

    fn copy_to(&self, tensor: &mut Tensor) -> Result<()> {
        match self {
            Self::Bytes(bytes) => ffi::set_bytes(tensor, bytes),
            Self::Texts(texts) => {
                let mut texts = texts.iter().enumerate();
                texts.try_for_each(|(index, text)| ffi::set_string(tensor, index, text))
            }
        }
        .map_err(runtime("write a tensor"))
    }
}
