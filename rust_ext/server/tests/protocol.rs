//! The Open Inference Protocol, without a socket. The requests with bytes are what
//! tritonclient 2.73 sends.
#![cfg(test)]

mod app;

use app::{ask, get, read, server};
use axum::Router;
use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use axum::response::Response;
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tower::ServiceExt;

const JSON_BYTES: &str = "inference-header-content-length";

async fn post(server: &Router, path: &str, body: String) -> Response {
    let request = Request::post(path).body(Body::from(body)).unwrap();
    server.clone().oneshot(request).await.unwrap()
}

/// The answer to inputs as JSON.
async fn infer(server: &Router, model: &str, request: &Value) -> (StatusCode, Value) {
    let path = format!("/v2/models/{model}/infer");
    read(post(server, &path, request.to_string()).await).await
}

/// An answer's JSON and the bytes behind it.
async fn split(response: Response) -> (Value, Vec<u8>) {
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()[header::CONTENT_TYPE], "application/octet-stream");
    let length = response.headers()[JSON_BYTES].to_str().unwrap().parse().unwrap();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    let (json, bytes) = body.split_at(length);
    (serde_json::from_slice(json).unwrap(), bytes.to_vec())
}

/// Inputs whose data follow the JSON.
struct Binary {
    json: Value,
    bytes: Vec<u8>,
}

impl Binary {
    fn new() -> Self {
        let json = json!({ "id": "7", "inputs": [],
            "parameters": { "binary_data_output": true, "priority": 3 } });
        Self { json, bytes: Vec::new() }
    }

    fn with(mut self, name: &str, datatype: &str, rows: usize, bytes: &[u8]) -> Self {
        let size = json!({ "binary_data_size": bytes.len() });
        self.json["inputs"].as_array_mut().unwrap().push(json!({
            "name": name, "shape": [rows, 1], "datatype": datatype, "parameters": size,
        }));
        self.bytes.extend(bytes);
        self
    }

    async fn send(&self, server: &Router, model: &str) -> Response {
        let mut body = self.json.to_string().into_bytes();
        let request = Request::post(format!("/v2/models/{model}/infer"))
            .header(JSON_BYTES, body.len());
        body.extend(&self.bytes);
        server.clone().oneshot(request.body(Body::from(body)).unwrap()).await.unwrap()
    }
}

fn floats(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_le_bytes()).collect()
}

/// Two rides as bytes; the second has this zone and this wait.
fn rides(zone: &[u8], wait: f32) -> Binary {
    Binary::new()
        .with("zone", "BYTES", 2, &[b"\x01\0\0\0b", zone].concat())
        .with("miles", "FP32", 2, &floats(&[1.5, 1.5]))
        .with("hour", "INT64", 2, &[3_i64, 3].map(i64::to_le_bytes).concat())
        .with("wait", "FP32", 2, &floats(&[2.0, wait]))
        .with("member", "BOOL", 2, &[1, 1])
        .with("pet", "BYTES", 2, b"\x03\0\0\0dog\x03\0\0\0cat")
}

#[tokio::test]
async fn the_server_and_the_model_are_described() {
    let server = server("plain", &[]);
    for (path, expected) in [
        ("/v2/health/live", json!({ "live": true })),
        ("/v2/health/ready", json!({ "ready": true })),
        ("/v2/models/plain/ready", json!({ "name": "plain", "ready": true })),
        (
            "/v2/models/plain/versions/1",
            json!({
                "name": "plain",
                "versions": ["1"],
                "platform": "onnxruntime_onnx",
                "inputs": [{ "name": "X", "datatype": "FP32", "shape": [-1, 4] }],
                "outputs": [
                    { "name": "label", "datatype": "INT64", "shape": [-1] },
                    { "name": "twice", "datatype": "FP32", "shape": [-1, 4] },
                    { "name": "name", "datatype": "BYTES", "shape": [-1] },
                ],
            }),
        ),
    ] {
        assert_eq!(read(get(&server, path).await).await, (StatusCode::OK, expected));
    }
    let (_, about) = read(get(&server, "/v2").await).await;
    assert_eq!(about["name"], "fare-server");
    assert_eq!(about["extensions"], json!(["binary_tensor_data"]));
    for path in ["/v2/models/other", "/v2/models/plain/versions/2", "/v2/models/%ff"] {
        let (status, problem) = read(get(&server, path).await).await;
        let detail = format!("there is nothing at {path}: ");
        assert_eq!(status, 404);
        assert!(problem["error"].as_str().unwrap().starts_with(&detail), "{problem}");
    }
}

#[tokio::test]
async fn a_model_that_cannot_answer_is_not_ready() {
    let server = server("picky", &[]);
    for path in ["/v2/health/ready", "/v2/models/picky/ready"] {
        assert_eq!(get(&server, path).await.status(), 503);
    }
    let (status, _) = ask(&server, r#"{"instances": []}"#).await;
    assert_eq!(status, 200);
    assert_eq!(get(&server, "/v2/health/ready").await.status(), 503);
    let x = json!({ "name": "x", "shape": [1, 1], "datatype": "INT64", "data": [1] });
    let (status, _) = infer(&server, "picky", &json!({ "inputs": [x] })).await;
    assert_eq!(status, 200);
    assert_eq!(get(&server, "/v2/health/ready").await.status(), 200);
}

#[tokio::test]
async fn tensors_as_json_are_answered_as_json() {
    let server = server("plain", &[]);
    let x = |data| json!({ "name": "X", "shape": [2, 4], "datatype": "FP32", "data": data });
    let flat = json!([0.1, 1, 0, -1e-7, 9, 8, 7, 6]);
    let nested = json!([[0.1, 1, 0, -1e-7], [9, 8, 7, 6]]);
    for data in [flat, nested] {
        let request = json!({ "id": "é\"7", "inputs": [x(data)] });
        let (status, answer) = infer(&server, "plain/versions/1", &request).await;
        let expected = json!({
            "model_name": "plain",
            "model_version": "1",
            "id": "é\"7",
            "outputs": [
                { "name": "label", "datatype": "INT64", "shape": [2], "data": [1, 0] },
                { "name": "twice", "datatype": "FP32", "shape": [2, 4],
                  "data": [0.2, 2.0, 0.0, -2e-7, 18.0, 16.0, 14.0, 12.0] },
                { "name": "name", "datatype": "BYTES", "shape": [2],
                  "data": ["\"one\"", "zero"] },
            ],
        });
        assert_eq!((status, answer), (StatusCode::OK, expected));
    }
}

#[tokio::test]
async fn tensors_as_bytes_are_answered_as_bytes() {
    let server = server("rides", &[]);
    let answer = rides(b"\x01\0\0\0a", f32::NAN).send(&server, "rides").await;
    assert!(
        answer.headers()["server-timing"].to_str().unwrap().contains("predict;dur=")
    );
    let (json, bytes) = split(answer).await;
    let fare = json!({ "name": "fare", "datatype": "FP32", "shape": [2, 1],
        "parameters": { "binary_data_size": 8 } });
    assert_eq!((&json["id"], &json["outputs"]), (&json!("7"), &json!([fare])));
    assert_eq!(bytes[..4], 129_f32.to_le_bytes());
    assert!(f32::from_le_bytes(bytes[4..].try_into().unwrap()).is_nan());
}

#[tokio::test]
async fn each_output_comes_as_it_is_asked_for() {
    let server = server("plain", &[]);
    let request = json!({
        "inputs": [one_row()],
        "outputs": [
            { "name": "name", "parameters": { "binary_data": true } },
            { "name": "twice", "parameters": { "binary_data": false } },
            { "name": "label" },
        ],
        "parameters": { "binary_data_output": true },
    });
    let path = "/v2/models/plain/infer";
    let (json, bytes) = split(post(&server, path, request.to_string()).await).await;
    let of = |at: usize| (&json["outputs"][at]["name"], &json["outputs"][at]["data"]);
    assert_eq!(of(0), (&json!("name"), &Value::Null));
    assert_eq!(of(1), (&json!("twice"), &json!([2.0, 10.0, 6.0, 8.0])));
    assert_eq!(bytes, b"\x05\0\0\0\"one\"\x01\0\0\0\0\0\0\0");
}

#[tokio::test]
async fn the_schema_holds_for_tensors() {
    let server = server("rides", &[]);
    for (request, detail) in [
        (rides(b"\x01\0\0\0z", 0.0), "input 'zone' at 1: 'zone' has no category 'z'"),
        (rides(b"\x01\0\0\0\xff", 0.0), "input 'zone' has bytes that are no BYTES"),
        (rides(b"\x02\0\0\0a", 0.0), "input 'zone' has bytes that are no BYTES"),
        (
            rides(b"\x01\0\0\0a", f32::INFINITY),
            "input 'wait' at 1: 'wait/min' is out of range for float32",
        ),
        (
            Binary::new().with("miles", "FP32", 1, &floats(&[f32::NAN])),
            "input 'miles' at 0: 'distance (mi)' must not be null",
        ),
        (
            Binary::new().with("miles", "FP32", 1, b"123"),
            "input 'miles' has bytes that are no FP32",
        ),
        (
            Binary::new().with("hour", "INT32", 1, b"1234"),
            "input 'hour' is INT32 where the model takes INT64",
        ),
        (Binary::new().with("member", "BOOL", 1, b"\x01"), "input 'zone' is missing"),
        (
            Binary::new()
                .with("member", "BOOL", 1, b"1")
                .with("hour", "INT64", 2, &[0; 16]),
            "input 'hour' has another number of rows",
        ),
    ] {
        let (status, problem) = read(request.send(&server, "rides").await).await;
        assert_eq!((status.as_u16(), &problem["error"]), (422, &json!(detail)));
    }
}

/// One row of `plain`.
fn one_row() -> Value {
    json!({ "name": "X", "shape": [1, 4], "datatype": "FP32", "data": [1, 5, 3, 4] })
}

async fn check(request: &Value, pointer: &str, detail: &str) {
    let (status, problem) = infer(&server("plain", &[]), "plain", request).await;
    let complaint = json!([{ "pointer": pointer, "detail": detail }]);
    assert_eq!((status.as_u16(), &problem["errors"]), (422, &complaint));
    assert_eq!(problem["error"], detail);
}

#[tokio::test]
async fn each_wrong_input_is_named() {
    let takes = "where the model takes [-1, 4]";
    let no_data = "must have data, as a list or as bytes";
    for (key, value, what) in [
        ("name", json!("x"), "is not in the model"),
        ("shape", json!([4]), &format!("has shape [4] {takes}")),
        ("shape", json!([0, 4]), &format!("has shape [0, 4] {takes}")),
        (
            "shape",
            json!([(1_u64 << 62) + 1, 4]),
            "has 4 values for the shape [4611686018427387905, 4]",
        ),
        ("data", json!([1, 2, 3]), "has 3 values for the shape [1, 4]"),
        ("data", json!([1, 2, 3, "4"]), "at 3: 'X' must be a number"),
        ("data", json!([[[1, 2, 3, 4]]]), "has lists that do not fit [1, 4]"),
        ("data", json!([[[1], 2, 3, 4]]), "at 0: 'X' must be a number"),
        ("data", Value::Null, no_data),
        ("parameters", json!({ "binary_data_size": 0 }), no_data),
        (
            "parameters",
            json!({ "shared_memory_region": "a" }),
            "asks for shared memory",
        ),
    ] {
        let mut x = one_row();
        x[key] = value;
        let detail = format!("input '{}' {what}", x["name"].as_str().unwrap());
        check(&json!({ "inputs": [x] }), "/inputs/0", &detail).await;
    }
    for data in [
        json!([[1, 2, 3, 4, 5], [6, 7, 8]]),
        json!([[1, 2, 3, 4, 5, 6, 7, 8]]),
        json!([[1, 2, 3, 4], 5, 6, 7, 8]),
        json!([[1, 2], [3, 4], [5, 6], [7, 8]]),
    ] {
        let mut x = one_row();
        (x["shape"], x["data"]) = (json!([2, 4]), data);
        let detail = "input 'X' has lists that do not fit [2, 4]";
        check(&json!({ "inputs": [x] }), "/inputs/0", detail).await;
    }
    let twice = json!({ "inputs": [one_row(), one_row()] });
    check(&twice, "/inputs/1", "input 'X' appears twice").await;
    check(&json!({ "inputs": [] }), "/inputs", "input 'X' is missing").await;
}

#[tokio::test]
async fn each_wrong_output_is_named() {
    let classes = json!({ "classification": 2 });
    let memory = json!({ "shared_memory_region": "a" });
    for (second, what) in [
        (json!({ "name": "y" }), "'y' is not in the model"),
        (json!({ "name": "label" }), "'label' appears twice"),
        (
            json!({ "name": "name", "parameters": classes }),
            "'name' asks for classification",
        ),
        (
            json!({ "name": "name", "parameters": memory }),
            "'name' asks for shared memory",
        ),
    ] {
        let outputs = [json!({ "name": "label" }), second];
        let request = json!({ "inputs": [one_row()], "outputs": outputs });
        check(&request, "/outputs/1", &format!("output {what}")).await;
    }
}

#[tokio::test]
async fn what_is_asked_for_all_outputs_is_offered_or_refused() {
    for (parameter, what) in [
        (json!({ "classification": 2 }), "asks for classification"),
        (json!({ "shared_memory_region": "a" }), "asks for shared memory"),
    ] {
        let request = json!({ "inputs": [one_row()], "parameters": parameter });
        check(&request, "/parameters", &format!("the request {what}")).await;
    }
    let request = json!({ "inputs": [one_row()], "parameters": { "priority": 1 } });
    assert_eq!(infer(&server("plain", &[]), "plain", &request).await.0, 200);
}

#[tokio::test]
async fn what_is_no_request_is_refused() {
    let server = server("plain", &[]);
    for (body, expected) in [
        ("{", (400, "urn:fare:not-json")),
        ("[]", (422, "urn:fare:wrong-rows")),
        (r#"{"inputs": 1}"#, (422, "urn:fare:wrong-rows")),
        (r#"{"inputs": [], "inputs": []}"#, (422, "urn:fare:wrong-rows")),
    ] {
        let answer = post(&server, "/v2/models/plain/infer", body.to_owned()).await;
        let (status, problem) = read(answer).await;
        assert_eq!(
            (status.as_u16(), problem["type"].as_str().unwrap()),
            expected,
            "{body}"
        );
    }
    let lists = [
        json!(["7", [one_row()]]),
        json!({ "inputs": [["X", [1, 4], "FP32", [1, 2, 3, 4]]] }),
        json!({ "inputs": [one_row()], "outputs": [["label"]] }),
        json!({ "inputs": [one_row()], "parameters": [null, true] }),
    ];
    for request in lists {
        let (status, problem) = infer(&server, "plain", &request).await;
        let detail = problem["detail"].as_str().unwrap();
        assert_eq!(status, 422, "{request}");
        assert!(detail.starts_with("invalid type: sequence, expected an object"));
    }
    for (header, value, status) in [
        (JSON_BYTES, "3", 400),
        (JSON_BYTES, "x", 400),
        ("content-encoding", "gzip", 415),
        ("content-type", "text/plain", 415),
        ("content-type", "application/octet-stream", 422),
        ("content-type", "application/json; charset=utf-8", 422),
    ] {
        let request = Request::post("/v2/models/plain/infer").header(header, value);
        let request = request.body(Body::from("{}")).unwrap();
        let answer = server.clone().oneshot(request).await.unwrap();
        assert_eq!(read(answer).await.0.as_u16(), status, "{header}: {value}");
    }
    let mut early = Binary::new().with("X", "FP32", 1, b"1234");
    early.json["inputs"][0]["shape"] = json!([1, 4]);
    early.json["inputs"][0]["parameters"]["binary_data_size"] = json!(16);
    let (_, problem) = read(early.send(&server, "plain").await).await;
    assert_eq!(problem["error"], "input 'X' has fewer bytes than it says");
    early.bytes = vec![0; 17];
    let (_, problem) = read(early.send(&server, "plain").await).await;
    assert_eq!(problem["error"], "1 bytes follow the last input");
}
