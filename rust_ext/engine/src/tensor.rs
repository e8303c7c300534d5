//! Arrays that ONNX Runtime owns: what goes into a session and what comes out.

use std::fmt;

use half::f16;
use ort::value::TensorElementType;
use serde::Deserialize;
use smallvec::SmallVec;

use crate::error::{Error, Result, runtime};
use crate::ffi::{self, Value};

/// The types of element that are carried; to add one, add a line to `elements!`.
macro_rules! elements {
    ($($variant:ident, $rust:ty, $onnx:literal;)*) => {
        /// What a tensor holds; its serialised name is numpy's.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
        #[serde(rename_all = "lowercase")]
        pub enum ElementType {
            $(#[doc = concat!("ONNX calls it `tensor(", $onnx, ")`.")] $variant,)*
            /// ONNX calls it `tensor(string)`.
            String,
        }

        impl ElementType {
            pub(crate) fn from_ort(ty: TensorElementType) -> Option<Self> {
                match ty {
                    $(TensorElementType::$variant => Some(Self::$variant),)*
                    TensorElementType::String => Some(Self::String),
                    _ => None,
                }
            }

            pub(crate) fn to_ort(self) -> TensorElementType {
                match self {
                    $(Self::$variant => TensorElementType::$variant,)*
                    Self::String => TensorElementType::String,
                }
            }

            /// Bytes an element takes; strings have no fixed size.
            pub(crate) fn size(self) -> Option<usize> {
                match self {
                    $(Self::$variant => Some(size_of::<$rust>()),)*
                    Self::String => None,
                }
            }
        }

        impl fmt::Display for ElementType {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(match self {
                    $(Self::$variant => concat!("tensor(", $onnx, ")"),)*
                    Self::String => "tensor(string)",
                })
            }
        }

        $(
            impl sealed::Sealed for $rust {}
            impl Element for $rust {
                const TYPE: ElementType = ElementType::$variant;
            }
        )*
    };
}

elements! {
    Float16, f16, "float16";
    Float32, f32, "float";
    Float64, f64, "double";
    Int8, i8, "int8";
    Int16, i16, "int16";
    Int32, i32, "int32";
    Int64, i64, "int64";
    Uint8, u8, "uint8";
    Uint16, u16, "uint16";
    Uint32, u32, "uint32";
    Uint64, u64, "uint64";
    Bool, bool, "bool";
}

mod sealed {
    pub trait Sealed {}
}

/// A Rust type that a tensor holds as it is.
pub trait Element: Copy + sealed::Sealed {
    /// Its type in ONNX.
    const TYPE: ElementType;
}

/// An array of numbers or strings that ONNX Runtime owns, in row-major order.
///
/// Making one panics before [`crate::Library::load`] has succeeded.
#[derive(Debug)]
pub struct Tensor {
    value: Value,
    element: ElementType,
    shape: SmallVec<[usize; 4]>,
}

impl Tensor {
    /// A tensor of zeros, or of empty strings.
    ///
    /// # Errors
    /// [`Error::Runtime`] where there is no memory for it.
    pub fn zeros(element: ElementType, shape: &[usize]) -> Result<Self> {
        Ok(Self {
            value: Value::zeros(element, shape).map_err(runtime("make a tensor"))?,
            element,
            shape: shape.into(),
        })
    }

    /// A tensor of numbers, copied from `data`.
    ///
    /// # Errors
    /// [`Error::TensorSize`] where `data` does not fill `shape`.
    pub fn from_slice<T: Element>(shape: &[usize], data: &[T]) -> Result<Self> {
        check_size(shape, data.len())?;
        let mut tensor = Self::zeros(T::TYPE, shape)?;
        tensor.as_mut_slice()?.copy_from_slice(data);
        Ok(tensor)
    }

    /// Overwrites shape and numbers; where the shape stays, so does the memory.
    ///
    /// # Errors
    /// [`Error::TensorSize`] where `data` does not fill `shape`, [`Error::TensorType`]
    /// where the tensor holds another type.
    pub fn refill<T: Element>(&mut self, shape: &[usize], data: &[T]) -> Result<()> {
        self.check_type(T::TYPE)?;
        if self.shape() == shape && self.len() == data.len() {
            self.as_mut_slice()?.copy_from_slice(data);
        } else {
            *self = Self::from_slice(shape, data)?;
        }
        Ok(())
    }

    /// A tensor of strings, copied from `data`.
    ///
    /// # Errors
    /// [`Error::TensorSize`] where `data` does not fill `shape`.
    pub fn from_strings<S: AsRef<str>>(shape: &[usize], data: &[S]) -> Result<Self> {
        check_size(shape, data.len())?;
        let mut tensor = Self::zeros(ElementType::String, shape)?;
        for (index, text) in data.iter().enumerate() {
            tensor.set_string(index, text.as_ref())?;
        }
        Ok(tensor)
    }

    /// A tensor that ONNX Runtime returned.
    pub(crate) fn from_value(value: Value) -> std::result::Result<Self, ort::Error> {
        let (element, shape) = value.element_and_shape()?;
        Ok(Self { value, element, shape })
    }

    /// What it holds.
    #[must_use]
    pub fn element_type(&self) -> ElementType {
        self.element
    }

    /// Its dimensions.
    #[must_use]
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// The number of its elements.
    #[must_use]
    pub fn len(&self) -> usize {
        self.shape.iter().product()
    }

    /// Whether it has no elements.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Its numbers.
    ///
    /// # Errors
    /// [`Error::TensorType`] where it holds another type.
    pub fn as_slice<T: Element>(&self) -> Result<&[T]> {
        self.check_type(T::TYPE)?;
        ffi::numbers(self).map_err(runtime("read a tensor"))
    }

    /// Its numbers, to overwrite.
    ///
    /// # Errors
    /// [`Error::TensorType`] where it holds another type.
    pub fn as_mut_slice<T: Element>(&mut self) -> Result<&mut [T]> {
        self.check_type(T::TYPE)?;
        ffi::numbers_mut(self).map_err(runtime("write a tensor"))
    }

    /// Its strings.
    ///
    /// # Errors
    /// [`Error::TensorType`] where it holds numbers.
    pub fn strings(&self) -> Result<Vec<String>> {
        self.check_type(ElementType::String)?;
        ffi::strings(self).map_err(runtime("read a tensor"))
    }

    /// Overwrites one string.
    ///
    /// # Errors
    /// [`Error::TensorType`] where it holds numbers, [`Error::TensorSize`] where
    /// `index` is out of bounds.
    pub fn set_string(&mut self, index: usize, text: &str) -> Result<()> {
        self.check_type(ElementType::String)?;
        if index >= self.len() {
            let shape = self.shape.to_vec();
            return Err(Error::TensorSize { shape, elements: index });
        }
        ffi::set_string(self, index, text).map_err(runtime("write a tensor"))
    }

    pub(crate) fn value(&self) -> &Value {
        &self.value
    }

    fn check_type(&self, asked: ElementType) -> Result<()> {
        if asked == self.element {
            return Ok(());
        }
        Err(Error::TensorType { asked, actual: self.element })
    }
}

fn check_size(shape: &[usize], elements: usize) -> Result<()> {
    if shape.iter().product::<usize>() == elements {
        return Ok(());
    }
    Err(Error::TensorSize { shape: shape.to_vec(), elements })
}
