//! The elements of tensors, as JSON and as bytes.

use std::borrow::Cow;
use std::io;

use engine::{ElementType, Tensor, f16};

use crate::json::Json;

macro_rules! values {
    ($($variant:ident $type:ty as $shown:ty, $name:literal, $json:ident;)*) => {
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
                    $(Self::$variant(all) => {
                        serde_json::to_writer(json, &<$shown>::from(all[index]))?;
                    })*
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
    Float16 f16 as f32, "FP16", float;
    Float32 f32 as f32, "FP32", float;
    Float64 f64 as f64, "FP64", float;
    Int8 i8 as i8, "INT8", integer;
    Int16 i16 as i16, "INT16", integer;
    Int32 i32 as i32, "INT32", integer;
    Int64 i64 as i64, "INT64", integer;
    Uint8 u8 as u8, "UINT8", integer;
    Uint16 u16 as u16, "UINT16", integer;
    Uint32 u32 as u32, "UINT32", integer;
    Uint64 u64 as u64, "UINT64", integer;
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_type_is_read_as_it_is_written() {
        let texts = ["", "é日本🚲", "a"].map(str::to_owned).to_vec();
        for (element, values, expected) in [
            (ElementType::Float16, Values::Float16(&[f16::MIN; 2]), float(f16::MIN)),
            (ElementType::Float32, Values::Float32(&[0.1, -0.0]), float(0.1_f32)),
            (ElementType::Float64, Values::Float64(&[0.1, 1.0]), float(0.1)),
            (ElementType::Int8, Values::Int8(&[i8::MIN, 1]), integer(i8::MIN)),
            (ElementType::Int16, Values::Int16(&[i16::MIN, 1]), integer(i16::MIN)),
            (ElementType::Int32, Values::Int32(&[i32::MIN, 1]), integer(i32::MIN)),
            (ElementType::Int64, Values::Int64(&[i64::MIN, 1]), integer(i64::MIN)),
            (ElementType::Uint8, Values::Uint8(&[u8::MAX, 1]), integer(u8::MAX)),
            (ElementType::Uint16, Values::Uint16(&[u16::MAX, 1]), integer(u16::MAX)),
            (ElementType::Uint32, Values::Uint32(&[u32::MAX, 1]), integer(u32::MAX)),
            (ElementType::Uint64, Values::Uint64(&[u64::MAX, 1]), integer(u64::MAX)),
            (ElementType::Bool, Values::Bool(&[true, false]), Json::Bool(true)),
            (ElementType::String, Values::String(texts), Json::Text("".into())),
        ] {
            let mut bytes = Vec::new();
            values.append(&mut bytes);
            let decoded = decode(element, &bytes).unwrap();
            assert_eq!(decoded[0], expected, "{element}");
            assert_eq!(
                decoded.len(),
                if element == ElementType::String { 3 } else { 2 }
            );
        }
        let mut bytes = Vec::new();
        Values::Int16(&[1, -2]).append(&mut bytes);
        assert_eq!(bytes, [1, 0, 0xfe, 0xff]);
        assert_eq!(
            decode(ElementType::Float64, &f64::NAN.to_le_bytes()),
            Some(vec![Json::Null])
        );
    }
}
