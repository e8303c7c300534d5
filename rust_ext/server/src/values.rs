//! The elements of tensors, as JSON and as bytes.

use std::borrow::Cow;
use std::io;

use engine::{ElementType, Tensor};

use crate::json::Json;

macro_rules! values {
    ($($variant:ident $type:ty, $name:literal, $json:ident;)*) => {
        /// The values of a tensor.
        pub enum Values<'a> {
            $(#[doc = concat!("Of ", stringify!($type))] $variant(&'a [$type]),)*
            /// Truth values.
            Bool(&'a [bool]),
            /// Strings.
            String(Vec<String>),
        }

        impl<'a> Values<'a> {
            /// The values of `tensor`.
            pub fn of(tensor: &'a Tensor) -> engine::Result<Self> {
                Ok(match tensor.element_type() {
                    $(ElementType::$variant => Self::$variant(tensor.as_slice()?),)*
                    ElementType::Bool => Self::Bool(tensor.as_slice()?),
                    ElementType::String => Self::String(tensor.strings()?),
                })
            }

            /// Writes one value: a float as the shortest decimal that reads back to
            /// it, or as null where it is not finite.
            pub fn write(&self, json: &mut Vec<u8>, index: usize) -> io::Result<()> {
                match self {
                    $(Self::$variant(all) => serde_json::to_writer(json, &all[index])?,)*
                    Self::Bool(all) => serde_json::to_writer(json, &all[index])?,
                    Self::String(all) => serde_json::to_writer(json, &all[index])?,
                }
                Ok(())
            }

            /// Appends all values as bytes, little end first; a string after its
            /// length in four bytes.
            pub fn append(&self, bytes: &mut Vec<u8>) {
                match self {
                    $(Self::$variant(all) => {
                        bytes.extend(all.iter().flat_map(|value| value.to_le_bytes()));
                    })*
                    Self::Bool(all) => bytes.extend(all.iter().map(|&value| u8::from(value))),
                    Self::String(all) => for text in all {
                        let length = u32::try_from(text.len()).unwrap_or(u32::MAX);
                        bytes.extend(length.to_le_bytes());
                        bytes.extend(text.bytes());
                    },
                }
            }
        }

        /// The Open Inference Protocol's name for a type.
        pub fn datatype(element: ElementType) -> &'static str {
            match element {
                $(ElementType::$variant => $name,)*
                ElementType::Bool => "BOOL",
                ElementType::String => "BYTES",
            }
        }

        /// The values that [`Values::append`] has written; a NaN is a missing one.
        pub fn decode(element: ElementType, bytes: &[u8]) -> Option<Vec<Json<'_>>> {
            match element {
                $(ElementType::$variant => {
                    let (values, rest) = bytes.as_chunks();
                    let values = values.iter().map(|value| $json(<$type>::from_le_bytes(*value)));
                    rest.is_empty().then(|| values.collect())
                })*
                ElementType::Bool => {
                    Some(bytes.iter().map(|byte| Json::Bool(*byte != 0)).collect())
                }
                ElementType::String => texts(bytes),
            }
        }
    };
}

values! {
    Float32 f32, "FP32", float; Float64 f64, "FP64", float;
    Int8 i8, "INT8", integer; Int16 i16, "INT16", integer;
    Int32 i32, "INT32", integer; Int64 i64, "INT64", integer;
    Uint8 u8, "UINT8", integer; Uint16 u16, "UINT16", integer;
    Uint32 u32, "UINT32", integer; Uint64 u64, "UINT64", integer;
}

fn float(value: impl Into<f64>) -> Json<'static> {
    let value = value.into();
    if value.is_nan() { Json::Null } else { Json::Float(value) }
}

fn integer(value: impl Into<i128>) -> Json<'static> {
    Json::Integer(value.into())
}

fn texts(mut bytes: &[u8]) -> Option<Vec<Json<'_>>> {
    let mut texts = Vec::new();
    while let Some((length, rest)) = bytes.split_first_chunk() {
        let length = usize::try_from(u32::from_le_bytes(*length)).ok()?;
        let (text, rest) = rest.split_at_checked(length)?;
        texts.push(Json::Text(Cow::Borrowed(str::from_utf8(text).ok()?)));
        bytes = rest;
    }
    bytes.is_empty().then_some(texts)
}
