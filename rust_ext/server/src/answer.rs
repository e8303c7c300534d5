//! The model's outputs as JSON: one entry a row.

use std::io;

use engine::{ElementType, Port, Tensor, f16};

use crate::error::Problem;

/// The answer with a constant for each row.
pub fn zeros(rows: usize) -> Vec<u8> {
    format!(r#"{{"predictions":[{}]}}"#, vec!["0.0"; rows].join(",")).into_bytes()
}

/// The answer that holds the outputs of so many rows: the bare value where there is one
/// output of one value a row, else an object of them by name.
pub fn predictions(
    ports: &[Port],
    outputs: &[Tensor],
    rows: usize,
) -> Result<Vec<u8>, Problem> {
    let outputs: Vec<Output> = ports
        .iter()
        .zip(outputs)
        .map(|(port, tensor)| Output::of(&port.name, tensor, rows))
        .collect::<Result<_, _>>()?;
    let mut json = Vec::with_capacity(32 + rows * outputs.len() * 16);
    json.extend_from_slice(br#"{"predictions":["#);
    let written = match &outputs[..] {
        [only] if only.shape.is_empty() => {
            list(&mut json, rows, |json, row| only.values.write(json, row))
        }
        _ => list(&mut json, rows, |json, row| object(json, &outputs, row)),
    };
    written.map_err(|error| {
        tracing::error!(%error, "an answer could not be written");
        Problem::Internal
    })?;
    json.extend_from_slice(b"]}");
    Ok(json)
}

struct Output<'a> {
    /// Its name as JSON, with quotes.
    name: String,
    values: Values<'a>,
    /// The shape of one row; empty where it is a single value.
    shape: &'a [usize],
}

impl<'a> Output<'a> {
    fn of(name: &str, tensor: &'a Tensor, rows: usize) -> Result<Self, Problem> {
        let shape = tensor.shape();
        if shape.first() != Some(&rows) {
            tracing::error!("output '{name}' has shape {shape:?} for {rows} rows");
            return Err(Problem::Internal);
        }
        let single = tensor.len() == rows;
        Ok(Self {
            name: serde_json::Value::from(name).to_string(),
            values: Values::of(tensor)?,
            shape: if single { &[] } else { &shape[1..] },
        })
    }
}

fn object(json: &mut Vec<u8>, outputs: &[Output], row: usize) -> io::Result<()> {
    json.push(b'{');
    for (position, output) in outputs.iter().enumerate() {
        if position > 0 {
            json.push(b',');
        }
        json.extend_from_slice(output.name.as_bytes());
        json.push(b':');
        nested(json, &output.values, output.shape, row)?;
    }
    json.push(b'}');
    Ok(())
}

/// The values at `index` among those of this shape: one of them, or lists in lists.
fn nested(
    json: &mut Vec<u8>,
    values: &Values,
    shape: &[usize],
    index: usize,
) -> io::Result<()> {
    let Some((&size, inner)) = shape.split_first() else {
        return values.write(json, index);
    };
    json.push(b'[');
    list(json, size, |json, place| nested(json, values, inner, index * size + place))?;
    json.push(b']');
    Ok(())
}

fn list(
    json: &mut Vec<u8>,
    count: usize,
    mut write: impl FnMut(&mut Vec<u8>, usize) -> io::Result<()>,
) -> io::Result<()> {
    for index in 0..count {
        if index > 0 {
            json.push(b',');
        }
        write(json, index)?;
    }
    Ok(())
}

macro_rules! values {
    ($($variant:ident $type:ty as $shown:ty,)*) => {
        /// The values of a tensor.
        enum Values<'a> {
            $($variant(&'a [$type]),)*
            String(Vec<String>),
        }

        impl<'a> Values<'a> {
            fn of(tensor: &'a Tensor) -> engine::Result<Self> {
                Ok(match tensor.element_type() {
                    $(ElementType::$variant => Self::$variant(tensor.as_slice()?),)*
                    ElementType::String => Self::String(tensor.strings()?),
                })
            }

            /// Writes one value: a float as the shortest decimal that reads back to
            /// it, or as null where it is not finite.
            fn write(&self, json: &mut Vec<u8>, index: usize) -> io::Result<()> {
                match self {
                    $(Self::$variant(all) => {
                        serde_json::to_writer(json, &<$shown>::from(all[index]))?;
                    })*
                    Self::String(all) => serde_json::to_writer(json, &all[index])?,
                }
                Ok(())
            }
        }
    };
}

values! {
    Float16 f16 as f32, Float32 f32 as f32, Float64 f64 as f64, Bool bool as bool,
    Int8 i8 as i8, Int16 i16 as i16, Int32 i32 as i32, Int64 i64 as i64,
    Uint8 u8 as u8, Uint16 u16 as u16, Uint32 u32 as u32, Uint64 u64 as u64,
}
