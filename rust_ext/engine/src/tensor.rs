//! Arrays that ONNX Runtime owns: what goes into a session and what comes out.

use std::fmt;

use half::f16;
use ort::value::TensorElementType;
use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

use crate::error::{Error, Result, runtime};
use crate::ffi::{self, Handle};
use crate::library::Library;

/// The types of element that are carried; to add one, add a line to `elements!`.
macro_rules! elements {
    ($($variant:ident, $rust:ty, $onnx:literal;)*) => {
        /// What a tensor holds; its serialised name is numpy's.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
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

            /// ONNX's name for it, such as `float`.
            pub(crate) fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $onnx,)*
                    Self::String => "string",
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

        impl ElementType {
            /// Its number in ONNX's `TensorProto.DataType`.
            pub(crate) fn onnx_number(self) -> u8 {
                ort::sys::ONNXTensorElementDataType::from(self.to_ort()) as u8
            }
        }

        impl fmt::Display for ElementType {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "tensor({})", self.name())
            }
        }

        impl Tensor {
            /// The same numbers or strings in memory of their own.
            pub(crate) fn copied(&self) -> Result<Self> {
                match self.element {
                    $(ElementType::$variant => {
                        Self::from_slice::<$rust>(&self.shape, self.as_slice()?)
                    })*
                    ElementType::String => {
                        Self::from_strings(&self.shape, &self.strings()?)
                    }
                }
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
#[derive(Debug)]
pub struct Tensor {
    handle: Handle,
    element: ElementType,
    shape: SmallVec<[usize; 4]>,
    /// The bytes of the longest text that was ever set; unknown of another's tensor.
    longest: Option<usize>,
}

/// What one text takes besides its bytes: a `std::string`.
const TEXT: usize = 32;

impl Tensor {
    /// A tensor of zeros, or of empty strings.
    ///
    /// # Errors
    /// [`Error::LibraryNotLoaded`] before [`Library::load`] has succeeded,
    /// [`Error::Runtime`] where there is no memory for it.
    pub fn zeros(element: ElementType, shape: &[usize]) -> Result<Self> {
        Library::loaded().ok_or(Error::LibraryNotLoaded)?;
        Ok(Self {
            handle: Handle::zeros(element, shape).map_err(runtime("make a tensor"))?,
            element,
            shape: shape.into(),
            longest: Some(0),
        })
    }

    /// A tensor of numbers, copied from `data`.
    ///
    /// # Errors
    /// As [`Tensor::zeros`], and [`Error::TensorSize`] where `data` does not fill `shape`.
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
    /// As [`Tensor::zeros`], and [`Error::TensorSize`] where `data` does not fill `shape`.
    pub fn from_strings<S: AsRef<str>>(shape: &[usize], data: &[S]) -> Result<Self> {
        check_size(shape, data.len())?;
        let mut tensor = Self::zeros(ElementType::String, shape)?;
        for (index, text) in data.iter().enumerate() {
            tensor.set_string(index, text.as_ref())?;
        }
        Ok(tensor)
    }

    /// A tensor that ONNX Runtime returned.
    pub(crate) fn from_handle(handle: Handle) -> ort::Result<Self> {
        let (element, shape) = handle.element_and_shape()?;
        let mut tensor = Self { handle, element, shape, longest: None };
        ffi::make_bools(&mut tensor)?;
        Ok(tensor)
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

    fn bytes_at_most(&self) -> usize {
        let text = || self.longest.unwrap_or(usize::MAX).saturating_add(TEXT);
        self.len().saturating_mul(self.element.size().unwrap_or_else(text))
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
        self.longest = self.longest.map(|longest| longest.max(text.len()));
        ffi::set_string(self, index, text).map_err(runtime("write a tensor"))
    }

    /// Where its elements lie; tensors without any lie nowhere.
    pub(crate) fn address(&self) -> Option<*const u8> {
        let start = self.handle.data().ok()?;
        (!self.is_empty()).then_some(start.cast_const())
    }

    pub(crate) fn handle(&self) -> &Handle {
        &self.handle
    }

    pub(crate) fn into_handle(self) -> Handle {
        self.handle
    }

    fn check_type(&self, asked: ElementType) -> Result<()> {
        if asked == self.element {
            return Ok(());
        }
        Err(Error::TensorType { asked, actual: self.element })
    }
}

/// The bytes that the elements of these tensors take, at most: a text that is overwritten
/// by a shorter one keeps its room. `usize::MAX` where the texts are ONNX Runtime's own,
/// whose lengths are not known.
#[must_use]
pub fn bytes_at_most(tensors: &[Tensor]) -> usize {
    tensors.iter().map(Tensor::bytes_at_most).fold(0, usize::saturating_add)
}

fn check_size(shape: &[usize], elements: usize) -> Result<()> {
    if shape.iter().product::<usize>() == elements {
        return Ok(());
    }
    Err(Error::TensorSize { shape: shape.to_vec(), elements })
}
