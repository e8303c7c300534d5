//! The model's outputs as JSON: one entry a row.

use std::io;

use engine::{Port, Tensor};

use crate::error::Problem;
use crate::values::Values;

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
    name: &'a str,
    values: Values<'a>,
    /// The shape of one row; empty where it is a single value.
    shape: &'a [usize],
}

impl<'a> Output<'a> {
    fn of(name: &'a str, tensor: &'a Tensor, rows: usize) -> Result<Self, Problem> {
        let shape = tensor.shape();
        if shape.first() != Some(&rows) {
            tracing::error!("output '{name}' has shape {shape:?} for {rows} rows");
            return Err(Problem::Internal);
        }
        let single = tensor.len() == rows;
        Ok(Self {
            name,
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
        serde_json::to_writer(&mut *json, output.name)?;
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

/// Writes so many values with commas between them.
pub fn list(
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
