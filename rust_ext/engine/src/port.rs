//! What a model takes and returns: names, element types and shapes.

use std::fmt;

use ort::value::{Outlet, TensorElementType, ValueType};

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
        match &self.kind {
            Kind::Tensor(element) => Ok(*element),
            Kind::Other(kind) => {
                Err(Error::Unsupported { name: self.name.clone(), kind: kind.clone() })
            }
        }
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
        if self.kind != Kind::Tensor(tensor.element_type()) {
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

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tensor(element) => write!(f, "{element}"),
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

impl From<&Outlet> for Port {
    fn from(outlet: &Outlet) -> Self {
        let (kind, shape) = match outlet.dtype() {
            ValueType::Tensor { ty, shape, dimension_symbols } => {
                let kind = ElementType::from_ort(*ty).map_or_else(
                    || Kind::Other(format!("tensor({})", onnx_name(*ty))),
                    Kind::Tensor,
                );
                let dims = shape.iter().zip(dimension_symbols.iter()).map(dim);
                (kind, dims.collect())
            }
            other => (Kind::Other(value_name(other)), Vec::new()),
        };
        Self { name: outlet.name().to_owned(), kind, shape }
    }
}

fn dim((size, symbol): (&i64, &String)) -> Dim {
    match usize::try_from(*size) {
        Ok(size) => Dim::Fixed(size),
        Err(_) if symbol.is_empty() => Dim::Any,
        Err(_) => Dim::Named(symbol.clone()),
    }
}

/// ONNX Runtime's name for a kind of value, as its Python package writes it.
fn value_name(kind: &ValueType) -> String {
    match kind {
        ValueType::Tensor { ty, .. } => format!("tensor({})", onnx_name(*ty)),
        ValueType::Sequence(of) => format!("seq({})", value_name(of)),
        ValueType::Map { key, value } => {
            format!("map({},tensor({}))", onnx_name(*key), onnx_name(*value))
        }
        ValueType::Optional(of) => format!("optional({})", value_name(of)),
    }
}

/// ONNX's name for an element type, such as `float` or `int64`.
fn onnx_name(ty: TensorElementType) -> String {
    match ty {
        TensorElementType::Float32 => "float".to_owned(),
        TensorElementType::Float64 => "double".to_owned(),
        other => format!("{other:?}").to_lowercase(),
    }
}
