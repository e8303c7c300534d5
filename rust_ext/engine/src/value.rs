//! Values of every kind: tensors, and the lists and maps that some models take or return.

use std::fmt;
use std::sync::Arc;

use ort::session::builder::SessionBuilder;

use crate::error::{Error, Result, Status, runtime};
use crate::ffi::{self, Handle, Names, Parts};
use crate::port::{Kind, Port};
use crate::tensor::{ElementType, Tensor};

/// What a model takes or returns.
#[derive(Debug)]
pub enum Value {
    /// An array.
    Tensor(Tensor),
    /// Tensors or maps of one type, in order.
    List(Vec<Value>),
    /// Keys with one value each.
    Map {
        /// The keys.
        keys: Keys,
        /// Their numbers or strings, in a tensor of rank 1.
        values: Tensor,
    },
    /// A list of maps that have the same keys, as a model returns them.
    Maps {
        /// The keys of each.
        keys: Arc<Keys>,
        /// A row of values for each, one after another.
        rows: Tensor,
    },
    /// No value: what an optional output may be, or an input that is left out.
    None,
}

/// The keys of a map.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Keys {
    /// Integers.
    Integers(Vec<i64>),
    /// Strings.
    Texts(Vec<String>),
}

impl Keys {
    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Integers(keys) => keys.len(),
            Self::Texts(keys) => keys.len(),
        }
    }

    pub(crate) fn element_type(&self) -> ElementType {
        match self {
            Self::Integers(_) => ElementType::Int64,
            Self::Texts(_) => ElementType::String,
        }
    }

    fn of(tensor: &Tensor) -> Result<Self> {
        Ok(match tensor.element_type() {
            ElementType::String => Self::Texts(tensor.strings()?),
            _ => Self::Integers(tensor.as_slice()?.to_vec()),
        })
    }

    fn tensor(&self) -> Result<Tensor> {
        match self {
            Self::Integers(keys) => Tensor::from_slice(&[keys.len()], keys),
            Self::Texts(keys) => Tensor::from_strings(&[keys.len()], keys),
        }
    }
}

impl Value {
    pub(crate) fn from_handle(handle: Handle) -> Result<Self> {
        let reading = || runtime("read an output");
        let tensor = |handle| Tensor::from_handle(handle).map_err(reading());
        Ok(match handle.into_parts().map_err(reading())? {
            Parts::Tensor(handle) => Self::Tensor(tensor(handle)?),
            Parts::List(items) => {
                let items = items.into_iter().map(Self::from_handle);
                Self::List(items.collect::<Result<_>>()?)
            }
            Parts::Map { keys, values } => {
                Self::Map { keys: Keys::of(&tensor(keys)?)?, values: tensor(values)? }
            }
            Parts::None => Self::None,
        })
    }

    /// The value as ONNX Runtime's, for a port of this kind, which it fits.
    pub(crate) fn into_handle(self, kind: &Kind) -> Result<Option<Handle>> {
        match (self, kind.present()) {
            (Self::None, _) => return Ok(None),
            (Self::Tensor(tensor), _) => Ok(tensor.into_handle()),
            (Self::Map { keys, values }, _) => {
                Handle::map(&[keys.tensor()?.into_handle(), values.into_handle()])
            }
            (Self::List(items), Kind::List(of)) if !items.is_empty() => {
                let items = items.into_iter();
                let items = items.filter_map(|item| item.into_handle(of).transpose());
                Handle::list(&items.collect::<Result<Vec<_>>>()?)
            }
            (_, Kind::List(of)) => empty_list(of),
            _ => Err(ort::Error::new("the value does not fit")),
        }
        .map(Some)
        .map_err(runtime("take an input"))
    }

    /// Rows of values as maps with these keys.
    pub(crate) fn zipped(self, keys: &Arc<Keys>) -> Result<Self> {
        let refusal = |status, given: &dyn fmt::Debug| {
            let reason = format!("{} keys do not fit {given:?}", keys.len());
            Error::Runtime { task: "make maps", status, reason }
        };
        match self {
            Self::Tensor(rows) => match *rows.shape() {
                [_, width] | [width] if width == keys.len() => {
                    Ok(Self::Maps { keys: Arc::clone(keys), rows })
                }
                ref shape => Err(refusal(Status::InvalidArgument, &shape)),
            },
            other => Err(refusal(Status::Fail, &other)),
        }
    }

    /// Whether the value fits the port.
    pub(crate) fn check(&self, port: &Port) -> Result<()> {
        match self {
            Self::None => Ok(()),
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
            Self::Maps { keys, rows } => {
                let (key, value) = (keys.element_type(), rows.element_type());
                write!(f, "seq(map({},{value}))", key.name())
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
