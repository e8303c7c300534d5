//! What a model takes and answers, as JSON Schema.

use engine::{Column, Dim, ElementType, Port, Unknown};
use serde_json::{Map, Value, json};

use crate::infer::{VERSION, shape};
use crate::model::Model;
use crate::values::datatype;

/// Numbers from here on round to infinity.
const BEYOND_FLOAT16: f64 = 65_520.0;
const BEYOND_FLOAT32: f64 = 3.402_823_567_797_336_6e38;

/// A list of values that are all like this.
pub fn list(items: &Value) -> Value {
    json!({ "type": "array", "items": items })
}

/// An object of all these properties and no others.
pub fn object(properties: &Value) -> Value {
    let names: Vec<&String> =
        properties.as_object().into_iter().flat_map(Map::keys).collect();
    json!({
        "type": "object",
        "required": names,
        "properties": properties,
        "additionalProperties": false,
    })
}

/// What `/predict` takes.
pub fn rows_or_columns(model: &Model) -> Value {
    let values =
        || model.columns().map(|column| (column.name.clone(), row_value(column)));
    let lists = values().map(|(name, value)| (name, batched(&value, model.batch)));
    let rows = batched(&object(&values().collect()), model.batch);
    let rows = object(&json!({ "instances": rows }));
    let columns = object(&json!({ "columns": object(&lists.collect()) }));
    json!({ "oneOf": [rows, columns] })
}

/// A list with one of these for each row: none, or as many as the model takes.
fn batched(row: &Value, batch: Option<usize>) -> Value {
    let mut rows = list(row);
    if let Some(batch) = batch {
        let whole = json!({ "minItems": batch, "maxItems": batch });
        rows["oneOf"] = json!([{ "maxItems": 0 }, whole]);
    }
    rows
}

/// What a row has in a column: a list where the column is wide.
fn row_value(column: &Column) -> Value {
    let (one, width) = (one_value(column), column.width);
    if width == 1 { one } else { exactly(width, &one) }
}

fn exactly(count: usize, items: &Value) -> Value {
    json!({ "type": "array", "items": items, "minItems": count, "maxItems": count })
}

fn one_value(column: &Column) -> Value {
    let mut value = finite(column.dtype);
    if let (Some(known), Some(Unknown::Error)) = (&column.categories, column.unknown) {
        value["enum"] = json!(known);
    }
    if column.missing {
        value["type"] = json!([value["type"], "null"]);
        if let Some(known) = value.get_mut("enum").and_then(Value::as_array_mut) {
            known.push(Value::Null);
        }
    }
    value
}

/// All finite values of a type.
fn finite(dtype: ElementType) -> Value {
    let floats = |beyond: f64| {
        let (least, most) = (-beyond, beyond);
        json!({ "type": "number", "exclusiveMinimum": least, "exclusiveMaximum": most })
    };
    let (least, most) = match dtype {
        ElementType::Bool => return json!({ "type": "boolean" }),
        ElementType::String => return json!({ "type": "string" }),
        ElementType::Float16 => return floats(BEYOND_FLOAT16),
        ElementType::Float32 => return floats(BEYOND_FLOAT32),
        ElementType::Float64 => {
            let (least, most) = (f64::MIN, f64::MAX);
            return json!({ "type": "number", "minimum": least, "maximum": most });
        }
        ElementType::Int8 => (json!(i8::MIN), json!(i8::MAX)),
        ElementType::Int16 => (json!(i16::MIN), json!(i16::MAX)),
        ElementType::Int32 => (json!(i32::MIN), json!(i32::MAX)),
        ElementType::Int64 => (json!(i64::MIN), json!(i64::MAX)),
        ElementType::Uint8 => (json!(u8::MIN), json!(u8::MAX)),
        ElementType::Uint16 => (json!(u16::MIN), json!(u16::MAX)),
        ElementType::Uint32 => (json!(u32::MIN), json!(u32::MAX)),
        ElementType::Uint64 => (json!(u64::MIN), json!(u64::MAX)),
    };
    json!({ "type": "integer", "minimum": least, "maximum": most })
}

/// What `/predict` answers for one row.
pub fn entry(model: &Model) -> Value {
    let ports = model.session.outputs();
    if let [only] = ports {
        let entry = row_output(only);
        if entry["type"] != "array" {
            return entry;
        }
    }
    let outputs = ports.iter().map(|port| (port.name.clone(), row_output(port)));
    object(&outputs.collect())
}

/// What a row has at an output: a value, or lists of them.
fn row_output(port: &Port) -> Value {
    let sizes = port.shape.iter().skip(1).map(|dim| match dim {
        Dim::Fixed(size) => Some(*size),
        Dim::Named(_) | Dim::Any => None,
    });
    let sizes: Option<Vec<usize>> = sizes.collect();
    match sizes.filter(|_| !port.shape.is_empty()) {
        None => json!({}), // a value or a list: that shows when it is there
        Some(sizes) if sizes.iter().product::<usize>() == 1 => output(port),
        Some(sizes) => {
            sizes.iter().rev().fold(output(port), |items, size| exactly(*size, &items))
        }
    }
}

/// A value that comes out of a port: null where it is not finite.
fn output(port: &Port) -> Value {
    let mut value = port.element_type().map_or(Value::Null, finite);
    if value["type"] == "number" {
        value["type"] = json!(["number", "null"]);
    }
    value
}

/// What `/v2/models/{model}/infer` takes.
pub fn tensors(model: &Model) -> Value {
    let (inputs, outputs) = (model.session.inputs(), model.session.outputs());
    let each = |ports: &[Port], least: usize| -> Vec<Value> {
        let once = |port| json!({ "contains": named(port), "minContains": least, "maxContains": 1 });
        ports.iter().map(once).collect()
    };
    let taken = model.columns().map(|column| input(&inputs[column.position], column));
    let wanted = outputs.iter().map(|port| {
        let mut output = named(port);
        output["properties"]["parameters"] = parameters();
        output
    });
    json!({
        "type": "object",
        "required": ["inputs"],
        "properties": {
            "id": { "type": ["string", "null"] },
            "parameters": parameters(),
            "inputs": {
                "type": "array",
                "items": { "oneOf": taken.collect::<Vec<_>>() },
                "allOf": each(inputs, 1),
            },
            "outputs": {
                "type": "array",
                "items": { "oneOf": wanted.collect::<Vec<_>>() },
                "allOf": each(outputs, 0),
            },
        },
    })
}

fn named(port: &Port) -> Value {
    let name = json!({ "name": { "const": port.name } });
    json!({ "type": "object", "required": ["name"], "properties": name })
}

/// What may be asked for: others that JSON holds are ignored, null is as good as none.
fn parameters() -> Value {
    let none = json!({ "type": "null" });
    let flag = json!({ "type": ["boolean", "null"] });
    let size =
        json!({ "type": ["integer", "null"], "minimum": 0, "maximum": usize::MAX });
    json!({
        "type": "object",
        "properties": {
            "binary_data": flag,
            "binary_data_output": flag,
            "binary_data_size": size,
            "shared_memory_region": none,
            "classification": none,
        },
    })
}

/// A tensor that JSON holds: its values in one list, or in one for each row.
fn input(port: &Port, column: &Column) -> Value {
    let value = one_value(column);
    let mut input = tensor(port, 1);
    let properties = &mut input["properties"];
    properties["data"] = match port.shape.len() {
        1 => list(&value),
        _ => json!({ "anyOf": [list(&value), list(&exactly(column.width, &value))] }),
    };
    properties["parameters"] = parameters();
    properties["parameters"]["properties"]["binary_data_size"] =
        json!({ "type": "null" });
    input
}

/// A tensor at a port; no dimension is less than `least`.
fn tensor(port: &Port, least: usize) -> Value {
    let mut tensor = named(port);
    tensor["required"] = json!(["name", "shape", "datatype", "data"]);
    let properties = &mut tensor["properties"];
    properties["datatype"] =
        json!({ "const": port.element_type().map_or("", datatype) });
    let size = json!({ "type": "integer", "minimum": least, "maximum": usize::MAX });
    properties["shape"] = match port.shape.len() {
        0 => list(&size), // the graph leaves it open
        rank => exactly(rank, &size),
    };
    properties["shape"]["description"] = json!(shape(port)).to_string().into();
    properties["data"] = list(&output(port));
    tensor
}

/// What `/v2/models/{model}/infer` answers, as JSON.
pub fn inferred(model: &Model) -> Value {
    let outputs = model.session.outputs().iter().map(|port| tensor(port, 0));
    json!({
        "type": "object",
        "required": ["model_name", "model_version", "outputs"],
        "properties": {
            "model_name": { "const": model.name() },
            "model_version": { "const": VERSION },
            "id": { "type": "string" },
            "outputs": list(&json!({ "oneOf": outputs.collect::<Vec<_>>() })),
        },
    })
}

/// What `/v2/models/{model}` answers.
pub fn metadata() -> Value {
    let text = json!({ "type": "string" });
    let shape = list(&json!({ "type": "integer", "minimum": -1 }));
    let port = object(&json!({ "name": text, "datatype": text, "shape": shape }));
    object(&json!({
        "name": text, "versions": list(&text), "platform": text,
        "inputs": list(&port), "outputs": list(&port),
    }))
}

/// What `/schema` answers.
pub fn columns() -> Value {
    let (text, truth) = (json!({ "type": "string" }), json!({ "type": "boolean" }));
    let column = object(&json!({
        "name": text,
        "input": text,
        "dtype": text,
        "unit": { "type": ["string", "null"] },
        "missing": truth,
        "categories": { "type": ["array", "null"] },
        "unknown": { "enum": ["ignore", "error", null] },
        "width": { "type": "integer", "minimum": 1 },
    }));
    object(&json!({ "columns": list(&column) }))
}

/// What is answered where something is wrong.
pub fn problem() -> Value {
    let text = json!({ "type": "string" });
    let errors = list(&object(&json!({ "pointer": text, "detail": text })));
    object(&json!({
        "type": { "type": "string", "pattern": "^urn:fare:" },
        "title": text,
        "status": { "type": "integer" },
        "detail": text,
        "error": text,
        "errors": errors,
    }))
}
