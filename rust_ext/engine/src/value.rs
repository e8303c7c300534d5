//! Values of every kind: tensors, and the lists and maps that some models take or return.

use std::fmt;

use ort::session::builder::SessionBuilder;

use crate::error::{Error, Result};
use crate::ffi::{self, Handle, Names, Parts};
use crate::port::{Kind, Port};
use crate::tensor::Tensor;

/// What a model takes or returns.
#[derive(Debug)]
pub enum Value {
    /// An array.
    Tensor(Tensor),
    /// Tensors or maps of one type, in order.
    List(Vec<Value>),
    /// Keys and their values: tensors of rank 1 and of one length.
    Map {
        /// Integers or strings.
        keys: Tensor,
        /// Numbers or strings.
        values: Tensor,
    },
    /// What an optional output may be.
    None,
}

impl Value {
    pub(crate) fn from_handle(handle: Handle) -> ort::Result<Self> {
        Ok(match handle.into_parts()? {
            Parts::Tensor(tensor) => Self::Tensor(Tensor::from_handle(tensor)?),
            Parts::List(items) => {
                let items = items.into_iter().map(Self::from_handle);
                Self::List(items.collect::<ort::Result<_>>()?)
            }
            Parts::Map { keys, values } => Self::Map {
                keys: Tensor::from_handle(keys)?,
                values: Tensor::from_handle(values)?,
            },
            Parts::None => Self::None,
        })
    }

    /// The value as ONNX Runtime's, for a port of this kind, which it fits.
    pub(crate) fn into_handle(self, kind: &Kind) -> ort::Result<Handle> {
        match (self, kind.present()) {
            (Self::Tensor(tensor), _) => Ok(tensor.into_handle()),
            (Self::Map { keys, values }, _) => {
                Handle::map(&[keys.into_handle(), values.into_handle()])
            }
            (Self::List(items), Kind::List(of)) if !items.is_empty() => {
                let items = items.into_iter().map(|item| item.into_handle(of));
                Handle::list(&items.collect::<ort::Result<Vec<_>>>()?)
            }
            (_, Kind::List(of)) => empty_list(of),
            _ => Err(ort::Error::new("the value does not fit")),
        }
    }

    /// Whether the value fits the port.
    pub(crate) fn check(&self, port: &Port) -> Result<()> {
        match self {
            Self::Tensor(tensor) => port.check(tensor),
            _ if self.fits(port.kind.present()) => Ok(()),
            _ => Err(Error::InputType {
                name: port.name.clone(),
                expected: port.kind.to_string(),
                actual: self.to_string(),
            }),
        }
    }

    /// The tensor, if it is one.
    #[must_use]
    pub fn tensor(&self) -> Option<&Tensor> {
        if let Self::Tensor(tensor) = self { Some(tensor) } else { None }
    }

    fn fits(&self, kind: &Kind) -> bool {
        match (self, kind) {
            (Self::Tensor(tensor), Kind::Tensor(element)) => {
                tensor.element_type() == *element
            }
            (Self::List(items), Kind::List(of)) => {
                items.iter().all(|item| item.fits(of))
            }
            (Self::Map { keys, values }, Kind::Map { key, value }) => {
                (keys.element_type(), values.element_type()) == (*key, *value)
            }
            _ => false,
        }
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tensor(tensor) => write!(f, "{}", tensor.element_type()),
            Self::List(items) => match items.first() {
                Some(first) => write!(f, "seq({first})"),
                None => f.write_str("seq()"),
            },
            Self::Map { keys, values } => {
                let (key, value) = (keys.element_type(), values.element_type());
                write!(f, "map({},{value})", key.name())
            }
            Self::None => f.write_str("none"),
        }
    }
}

/// A list without items, which the C interface can only compute: by a model of one node,
/// `SequenceEmpty`, as protobuf writes it.
fn empty_list(of: &Kind) -> ort::Result<Handle> {
    let Kind::Tensor(element) = of else {
        return Err(ort::Error::new("a list of maps may not be empty"));
    };
    let model = [
        &b"\x08\x06:'\n \x12\x01y\"\rSequenceEmpty*\x0c\n\x05dtype\x18"[..],
        &[element.onnx_number()],
        b"\xa0\x01\x02b\x03\n\x01yB\x04\n\x00\x10\x0b",
    ];
    let session = SessionBuilder::new()?
        .with_intra_threads(1)?
        .commit_from_memory(&model.concat())?;
    let names = Names::of(&[Port::new("y", session.outputs()[0].dtype())]);
    let mut lists = ffi::run_any(&session.inner(), (&names, &[]), (&names, &[0]))?;
    lists.pop().ok_or_else(|| ort::Error::new("no list came back"))
}
