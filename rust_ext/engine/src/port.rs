//! What a model takes and returns: names, element types and shapes.

use std::fmt;

use ort::value::{TensorElementType, ValueType};

use crate::error::{Error, Result};
use crate::tensor::{ElementType, Tensor};

/// One input or output of a model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Port {
    /// Its name in the graph.
    pub name: String,
    /// What it carries.
    pub kind: Kind,
    /// Its dimensions; none where the graph leaves the shape open.
    pub shape: Vec<Dim>,
}

/// What a port carries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// A tensor of elements that this crate carries.
    Tensor(ElementType),
    /// A list of values of one kind.
    List(Box<Kind>),
    /// A map from integers or strings to tensors' elements.
    Map {
        /// The type of its keys.
        key: ElementType,
        /// The type of its values.
        value: ElementType,
    },
    /// A value of this kind, or none.
    Optional(Box<Kind>),
    /// Anything else, by ONNX Runtime's name for it.
    Other(String),
}

/// One dimension of a port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Dim {
    /// This many.
    Fixed(usize),
    /// Any number, the same wherever the graph uses this name.
    Named(String),
    /// Any number.
    Any,
}

impl Port {
    /// The type of its elements.
    ///
    /// # Errors
    /// [`Error::Unsupported`] where it carries no tensor, or one of another type.
    pub fn element_type(&self) -> Result<ElementType> {
        self.kind.element_type().ok_or_else(|| Error::Unsupported {
            name: self.name.clone(),
            kind: self.kind.to_string(),
        })
    }

    /// The shape that a batch of `rows` rows has here.
    ///
    /// # Errors
    /// [`Error::InputShape`] where the graph fixes another number of rows, or leaves
    /// more than the number of rows open.
    pub fn shape_of(&self, rows: usize) -> Result<Vec<usize>> {
        let mut shape = vec![rows];
        shape.extend(self.shape.iter().skip(1).map_while(|dim| match dim {
            Dim::Fixed(size) => Some(*size),
            Dim::Named(_) | Dim::Any => None,
        }));
        self.check_shape(&shape)?;
        Ok(shape)
    }

    /// Whether `tensor` fits here.
    pub(crate) fn check(&self, tensor: &Tensor) -> Result<()> {
        if self.kind.present().element_type() != Some(tensor.element_type()) {
            return Err(Error::InputType {
                name: self.name.clone(),
                expected: self.kind.to_string(),
                actual: tensor.element_type().to_string(),
            });
        }
        self.check_shape(tensor.shape())
    }

    fn check_shape(&self, actual: &[usize]) -> Result<()> {
        let fits = self.shape.is_empty()
            || (self.shape.len() == actual.len()
                && self.shape.iter().zip(actual).all(|(dim, size)| match dim {
                    Dim::Fixed(fixed) => fixed == size,
                    Dim::Named(_) | Dim::Any => true,
                }));
        if fits {
            return Ok(());
        }
        let expected: Vec<String> = self.shape.iter().map(Dim::to_string).collect();
        Err(Error::InputShape {
            name: self.name.clone(),
            expected: format!("[{}]", expected.join(", ")),
            actual: actual.to_vec(),
        })
    }
}

impl Kind {
    /// The type of its elements, if it is a tensor.
    #[must_use]
    pub fn element_type(&self) -> Option<ElementType> {
        if let Self::Tensor(element) = self { Some(*element) } else { None }
    }

    /// The name of what it is or holds that is not carried, if there is any.
    pub(crate) fn other(&self) -> Option<&str> {
        match self {
            Self::Other(name) => Some(name),
            Self::List(kind) | Self::Optional(kind) => kind.other(),
            Self::Tensor(_) | Self::Map { .. } => None,
        }
    }

    /// What an optional value is where there is one; any other is itself.
    #[must_use]
    pub fn present(&self) -> &Self {
        match self {
            Self::Optional(kind) => kind,
            kind => kind,
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tensor(element) => write!(f, "{element}"),
            Self::List(of) => write!(f, "seq({of})"),
            Self::Map { key, value } => write!(f, "map({},{value})", key.name()),
            Self::Optional(kind) => write!(f, "optional({kind})"),
            Self::Other(name) => f.write_str(name),
        }
    }
}

impl fmt::Display for Dim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fixed(size) => write!(f, "{size}"),
            Self::Named(name) => f.write_str(name),
            Self::Any => f.write_str("any"),
        }
    }
}

impl Port {
    /// The port of this name and type.
    pub(crate) fn new(name: &str, ty: &ValueType) -> Self {
        let present = if let ValueType::Optional(of) = ty { of } else { ty };
        let shape = match present {
            ValueType::Tensor { shape, dimension_symbols, .. } => {
                shape.iter().zip(dimension_symbols.iter()).map(dim).collect()
            }
            _ => Vec::new(),
        };
        Self { name: name.to_owned(), kind: kind(ty), shape }
    }
}

fn kind(ty: &ValueType) -> Kind {
    let element = ElementType::from_ort;
    let carried = match ty {
        ValueType::Tensor { ty, .. } => element(*ty).map(Kind::Tensor),
        ValueType::Sequence(of) => Some(Kind::List(Box::new(kind(of)))),
        ValueType::Optional(of) => Some(Kind::Optional(Box::new(kind(of)))),
        ValueType::Map { key, value } => {
            let carried = element(*key).zip(element(*value));
            carried.map(|(key, value)| Kind::Map { key, value })
        }
    };
    carried.unwrap_or_else(|| Kind::Other(other_name(ty)))
}

fn dim((size, symbol): (&i64, &String)) -> Dim {
    match usize::try_from(*size) {
        Ok(size) => Dim::Fixed(size),
        Err(_) if symbol.is_empty() => Dim::Any,
        Err(_) => Dim::Named(symbol.clone()),
    }
}

/// ONNX's name for a type that is not carried, such as `tensor(bfloat16)`.
fn other_name(ty: &ValueType) -> String {
    let name = |ty: &TensorElementType| format!("{ty:?}").to_lowercase();
    match ty {
        ValueType::Map { key, value } => {
            format!("map({},tensor({}))", name(key), name(value))
        }
        ValueType::Tensor { ty, .. } => format!("tensor({})", name(ty)),
        other => other.to_string(),
    }
}
