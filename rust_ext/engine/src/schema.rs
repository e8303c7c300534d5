//! The columns of a tabular model, as its callers know them.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::error::{Error, Result};
use crate::port::{Dim, Kind, Port};
use crate::session::Metadata;
use crate::tensor::ElementType;

const KEY: &str = "fare.schema";

/// What an input of strings gets for a missing one: not a character, so no text is it.
pub const MISSING_TEXT: &str = "\u{ffff}";

/// One column of a model.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
pub struct Column {
    /// Its name where the model was trained.
    pub name: String,
    /// The graph's input that takes it.
    pub input: String,
    /// The type of its values.
    pub dtype: ElementType,
    /// What its numbers count, such as `mile`.
    pub unit: Option<String>,
    /// Whether a value may be missing.
    pub missing: bool,
    /// The values known when the model was trained, where there is a list of them.
    pub categories: Option<Vec<Value>>,
    /// What becomes of a value that is not in that list.
    pub unknown: Option<Unknown>,
    /// The position of `input` among the graph's inputs.
    #[serde(skip)]
    pub position: usize,
    /// Values a row: 1, or more where the input is a vector.
    #[serde(skip_deserializing)]
    pub width: usize,
}

/// What becomes of a value that is not among a column's categories.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Unknown {
    /// The model answers as if the row had no category.
    Ignore,
    /// The caller gets an error.
    Error,
}

/// The columns in the order that the model's author gave them, one for each input.
pub(crate) fn columns(metadata: &Metadata, inputs: &[Port]) -> Result<Vec<Column>> {
    if inputs.is_empty() {
        return Err(refused("it has no inputs".to_owned()));
    }
    let mut columns: Vec<Column> = match metadata.custom.get(KEY) {
        Some(text) => serde_json::from_str(text)
            .map_err(|error| refused(format!("'{KEY}' is not as expected: {error}")))?,
        None => inputs.iter().map(derived).collect::<Result<_>>()?,
    };
    for column in &mut columns {
        column.bind(inputs)?;
    }
    for (position, port) in inputs.iter().enumerate() {
        let takers = columns.iter().filter(|column| column.position == position);
        match takers.count() {
            1 => {}
            0 => return Err(refused(format!("no column feeds '{}'", port.name))),
            _ => return Err(refused(format!("two columns feed '{}'", port.name))),
        }
    }
    Ok(columns)
}

impl Column {
    /// The only values that the column takes, as text; `None` where any will do.
    #[must_use]
    pub fn only(&self) -> Option<HashSet<String>> {
        let text = |value: &Value| match value {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        let known = self.categories.as_ref();
        let known = known.filter(|_| self.unknown == Some(Unknown::Error));
        known.map(|known| known.iter().map(text).collect())
    }

    /// Finds the column's input in the graph and checks that they agree.
    fn bind(&mut self, inputs: &[Port]) -> Result<()> {
        let position = inputs.iter().position(|port| port.name == self.input);
        let Some(position) = position else {
            let reason = format!("'{}' is not an input of the graph", self.input);
            return Err(refused(reason));
        };
        let port = &inputs[position];
        if port.kind != Kind::Tensor(self.dtype) {
            let kinds =
                format!("{} in the schema, {} in the graph", self.dtype, port.kind);
            return Err(refused(format!("'{}' is {kinds}", self.input)));
        }
        if let Some(known) = &self.categories {
            self.check_categories(known)?;
        }
        self.position = position;
        self.width = width(port)?;
        Ok(())
    }

    /// Only strings and integers may have categories, and each is one of its column's.
    fn check_categories(&self, known: &[Value]) -> Result<()> {
        let fits: fn(&Value) -> bool = match self.dtype {
            ElementType::String => Value::is_string,
            ElementType::Float16
            | ElementType::Float32
            | ElementType::Float64
            | ElementType::Bool => {
                let dtype = self.dtype;
                let reason =
                    format!("'{}' is {dtype}, which has no categories", self.name);
                return Err(refused(reason));
            }
            _ => |value| value.is_i64() || value.is_u64(),
        };
        match known.iter().find(|value| !fits(value)) {
            None => Ok(()),
            Some(odd) => {
                let reason = format!(
                    "'{}' is {}, and its category {odd} is not",
                    self.name, self.dtype
                );
                Err(refused(reason))
            }
        }
    }
}

/// A column for an input that nothing else is known about.
fn derived(port: &Port) -> Result<Column> {
    let Kind::Tensor(dtype) = port.kind else {
        return Err(refused(format!("'{}' is {}", port.name, port.kind)));
    };
    Ok(Column {
        name: port.name.clone(),
        input: port.name.clone(),
        dtype,
        unit: None,
        missing: false,
        categories: None,
        unknown: None,
        position: 0,
        width: 0,
    })
}

/// Values a row of a table's input: its shape is `[rows]` or `[rows, width]`.
fn width(port: &Port) -> Result<usize> {
    match port.shape.as_slice() {
        [_] => Ok(1),
        [_, Dim::Fixed(width)] => Ok(*width),
        shape => {
            let dims: Vec<String> = shape.iter().map(Dim::to_string).collect();
            let dims = dims.join(", ");
            Err(refused(format!("'{}' has shape [{dims}], not a table's", port.name)))
        }
    }
}

fn refused(reason: String) -> Error {
    Error::SchemaRefused { reason }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(schema: &str) -> String {
        let port = |name: &str, kind, width| Port {
            name: name.to_owned(),
            kind,
            shape: vec![Dim::Any, Dim::Fixed(width)],
        };
        let mut metadata = Metadata::default();
        if !schema.is_empty() {
            metadata.custom.insert(KEY.to_owned(), schema.to_owned());
        }
        let odd = Kind::Other("seq(tensor(float))".to_owned());
        let kind =
            if schema.is_empty() { odd } else { Kind::Tensor(ElementType::Int64) };
        let inputs = [port("hour", kind, 1)];
        columns(&metadata, &inputs).unwrap_err().to_string()
    }

    fn column(input: &str, dtype: &str) -> String {
        format!(
            r#"{{"name": "h", "input": "{input}", "dtype": "{dtype}", "unit": null,
                "missing": false, "categories": null, "unknown": null}}"#
        )
    }

    #[test]
    fn refuses_schemas_that_do_not_fit_the_graph() {
        let hour = column("hour", "int64");
        for (schema, reason) in [
            ("{}".to_owned(), "'fare.schema' is not as expected"),
            (format!("[{}]", column("hour", "complex")), "unknown variant `complex`"),
            (format!("[{}]", column("day", "int64")), "'day' is not an input"),
            (format!("[{}]", column("hour", "float32")), "tensor(float) in the schema"),
            ("[]".to_owned(), "no column feeds 'hour'"),
            (format!("[{hour}, {hour}]"), "two columns feed 'hour'"),
            (String::new(), "'hour' is seq(tensor(float))"),
        ] {
            let message = refusal(&schema);
            assert!(message.contains(reason), "{message}");
        }
    }

    #[test]
    fn only_strings_and_integers_have_categories_and_of_their_type() {
        let taken = |known: &str, dtype: &str, element| {
            let ries = format!(r#"ries": [{known}]"#);
            let schema = column("x", dtype).replace(r#"ries": null"#, &ries);
            let custom = [(KEY.to_owned(), format!("[{schema}]"))].into();
            let (kind, shape) = (Kind::Tensor(element), vec![Dim::Any]);
            let port = Port { name: "x".to_owned(), kind, shape };
            columns(&Metadata { custom, ..Metadata::default() }, &[port])
        };
        taken("1, -2", "int64", ElementType::Int64).unwrap();
        taken(r#""1", """#, "string", ElementType::String).unwrap();
        for (known, dtype, element) in [
            ("1, 2.0", "int64", ElementType::Int64),
            ("true", "uint8", ElementType::Uint8),
            (r#""1""#, "int64", ElementType::Int64),
            (r#""1", 1"#, "string", ElementType::String),
            ("null", "string", ElementType::String),
        ] {
            let message = taken(known, dtype, element).unwrap_err().to_string();
            assert!(message.contains(" is not"), "{message}");
        }
        for (dtype, element) in [
            ("float16", ElementType::Float16),
            ("float32", ElementType::Float32),
            ("float64", ElementType::Float64),
            ("bool", ElementType::Bool),
        ] {
            let message = taken("1", dtype, element).unwrap_err().to_string();
            assert!(message.contains("which has no categories"), "{message}");
        }
    }
}
