//! The `OpenAPI` document of a server: what each path takes and answers, for its model.

use std::fmt::Write;

use serde_json::{Map, Value, json};

use crate::infer::VERSION;
use crate::jsonschema::{self as schema, list, object};
use crate::model::Model;

const JSON: &str = "application/json";
const PROBLEM: &str = "#/components/responses/Problem";
const OVERLOADED: &str = "#/components/responses/Overloaded";
/// What may be the matter with a body, beside 429.
const REFUSALS: [u16; 7] = [400, 408, 413, 415, 422, 500, 504];
const PREDICT: &str = "An entry a row: the value where the model has one output of one \
    value a row, else an object by output name; a number that is not finite is null. \
    Lists of columns have one length. An integer is written without fraction or \
    exponent, and no name stands twice in an object.";
const INFER: &str = "Inputs come in any order, each once, all with one number of rows; \
    `data` has a value for each place of `shape`. Tensors may instead follow the JSON \
    as bytes (`binary_data_size`), and outputs come so on demand (`binary_data`): the \
    header Inference-Header-Content-Length is then the length of the JSON.";

/// The document; without a model every prediction is 0.
pub fn document(model: &Model, noop: bool) -> Value {
    let problem =
        json!({ "application/problem+json": { "schema": schema::problem() } });
    let retry = json!({ "description": "Seconds", "schema": { "type": "integer" } });
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "fare-server",
            "version": env!("CARGO_PKG_VERSION"),
            "description": format!("Serves the ONNX model {}", model.name()),
        },
        "paths": paths(model, noop),
        "components": { "responses": {
            "Problem": { "description": "What is wrong", "content": problem },
            "Overloaded": {
                "description": "Too many requests are in flight: try again",
                "headers": { "Retry-After": retry },
                "content": problem,
            },
        } },
    })
}

fn paths(model: &Model, noop: bool) -> Map<String, Value> {
    let text = json!({ "type": "string" });
    let yes = json!({ "const": true });
    let status = |status: &str| object(&json!({ "status": { "const": status } }));
    let named = format!("/v2/models/{}", encoded(model.name()));
    let versions = [named.clone(), format!("{named}/versions/{VERSION}")];
    let server = json!({ "name": text, "version": text, "extensions": list(&text) });
    let mut paths = Map::new();
    let mut get = |path: &str, summary: &str, answer: Value, problems: &[u16]| {
        let responses = responses(JSON, &answer, problems);
        let operation = json!({ "summary": summary, "responses": responses });
        paths.insert(path.to_owned(), json!({ "get": operation }));
    };
    get("/openapi.json", "This document", json!({ "type": "object" }), &[]);
    get("/schema", "The columns that the model takes", schema::columns(), &[]);
    get("/health/live", "The process runs", status("live"), &[]);
    get("/health/ready", "It can be asked", status("ready"), &[503]);
    get("/v2", "The server", object(&server), &[]);
    get("/v2/health/live", "The process runs", object(&json!({ "live": yes })), &[]);
    get(
        "/v2/health/ready",
        "It can be asked",
        object(&json!({ "ready": yes })),
        &[503],
    );
    for path in &versions {
        get(path, "What goes in and comes out", schema::metadata(), &[]);
        let ready = object(&json!({ "name": { "const": model.name() }, "ready": yes }));
        get(&format!("{path}/ready"), "It can be asked", ready, &[503]);
    }
    let metrics = responses("text/plain", &text, &[500]);
    let metrics = json!({ "summary": "Counts, for Prometheus", "responses": metrics });
    paths.insert("/metrics".to_owned(), json!({ "get": metrics }));
    paths.insert("/predict".to_owned(), json!({ "post": predict(model, noop) }));
    for path in &versions {
        paths.insert(format!("{path}/infer"), json!({ "post": infer(model) }));
    }
    paths
}

fn predict(model: &Model, noop: bool) -> Value {
    let entry = if noop { json!({ "const": 0 }) } else { schema::entry(model) };
    let answer = object(&json!({ "predictions": list(&entry) }));
    json!({
        "summary": "Predictions for rows, or for columns",
        "description": PREDICT,
        "requestBody": body(&schema::rows_or_columns(model), &model.sample(1)),
        "responses": asked(&answer),
    })
}

fn infer(model: &Model) -> Value {
    let mut responses = asked(&schema::inferred(model));
    responses["200"]["content"]["application/octet-stream"] = json!({});
    json!({
        "summary": "Outputs for inputs, as the Open Inference Protocol has them",
        "description": INFER,
        "requestBody": body(&schema::tensors(model), &model.sample_tensors()),
        "responses": responses,
    })
}

/// What an operation takes.
fn body(schema: &Value, example: &Value) -> Value {
    let content = json!({ JSON: { "schema": schema, "example": example } });
    json!({ "required": true, "content": content })
}

/// What answers a body.
fn asked(answer: &Value) -> Value {
    let mut responses = responses(JSON, answer, &REFUSALS);
    responses["429"] = json!({ "$ref": OVERLOADED });
    responses
}

/// What answers an operation.
fn responses(kind: &str, schema: &Value, problems: &[u16]) -> Value {
    let content = json!({ kind: { "schema": schema } });
    let mut responses = json!({ "200": { "description": "OK", "content": content } });
    for status in problems {
        responses[status.to_string()] = json!({ "$ref": PROBLEM });
    }
    responses
}

/// A name as one step of a path.
fn encoded(name: &str) -> String {
    name.bytes().fold(String::new(), |mut path, byte| {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            path.push(byte.into());
        } else {
            let _ = write!(path, "%{byte:02X}");
        }
        path
    })
}
