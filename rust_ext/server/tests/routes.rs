//! The routes, without a socket.
#![cfg(test)]

use std::convert::Infallible;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::http::{Request, StatusCode, header};
use axum::response::Response;
use clap::Parser;
use fare_server::{Config, Model, State, app};
use http_body_util::BodyExt;
use http_body_util::channel::Channel;
use serde_json::{Value, json};
use tower::ServiceExt;

const JSON: &str = "application/json";

/// The routes that serve one of the test models.
fn server(model: &str, options: &[&str]) -> Router {
    let path = format!("{}/tests/models/{model}.onnx", env!("CARGO_MANIFEST_DIR"));
    let arguments = ["fare-server", "--model", &path].into_iter();
    let config = Config::parse_from(arguments.chain(options.iter().copied()));
    let library = engine::find_library(None).unwrap();
    let library = engine::Library::load(&library).unwrap();
    app(State::new(Model::open(library, &config.model).unwrap(), config))
}

fn post(body: impl Into<Body>) -> Request<Body> {
    let request = Request::post("/predict").header(header::CONTENT_TYPE, JSON);
    request.body(body.into()).unwrap()
}

async fn read(response: Response) -> (StatusCode, Value) {
    let status = response.status();
    let kind = response.headers()[header::CONTENT_TYPE].clone();
    let expected = if status == 200 { JSON } else { "application/problem+json" };
    assert_eq!(kind, expected);
    let body = response.into_body().collect().await.unwrap().to_bytes();
    (status, serde_json::from_slice(&body).unwrap())
}

async fn ask(server: &Router, body: &str) -> (StatusCode, Value) {
    read(server.clone().oneshot(post(body.to_owned())).await.unwrap()).await
}

/// The first complaint and where it points.
async fn complaint(server: &Router, body: &str) -> (String, String) {
    let (status, problem) = ask(server, body).await;
    assert_eq!(
        (status.as_u16(), &problem["type"]),
        (422, &json!("urn:fare:wrong-rows"))
    );
    let first = &problem["errors"][0];
    assert_eq!(first["detail"], problem["detail"]);
    let text = |key: &str| first[key].as_str().unwrap().to_owned();
    (text("pointer"), text("detail"))
}

/// A good row of `rides`, with some values replaced.
fn ride(changes: &Value) -> String {
    let mut row = json!({
        "distance (mi)": 1.5, "zone": "b", "hour": 3, "wait/min": 2,
        "member": true, "pet": "dog",
    });
    let changes = changes.as_object().unwrap().clone();
    row.as_object_mut().unwrap().extend(changes);
    json!({ "instances": [row] }).to_string()
}

#[tokio::test]
async fn rows_and_columns_give_the_same_predictions() {
    let server = server("rides", &[]);
    let expected = (StatusCode::OK, json!({ "predictions": [129.0, 119.0] }));
    let rows = r#"{"instances": [
        {"distance (mi)": 1.5, "zone": "b", "hour": 3, "wait/min": 2,
         "member": true, "pet": "dog"},
        {"pet": "dog", "member": true, "wait/min": 2.0, "hour": 3,
         "zone": "a", "distance (mi)": 1.5}]}"#;
    let columns = r#"{"columns": {"zone": ["b", "a"], "distance (mi)": [1.5, 1.5],
        "hour": [3, 3], "wait/min": [2, 2], "member": [true, true],
        "pet": ["dog", "dog"]}}"#;
    assert_eq!(ask(&server, rows).await, expected);
    assert_eq!(ask(&server, columns).await, expected);
    for none in [r#"{"instances": []}"#, &columns_of_none()] {
        let expected = (StatusCode::OK, json!({ "predictions": [] }));
        assert_eq!(ask(&server, none).await, expected);
    }
}

fn columns_of_none() -> String {
    json!({ "columns": { "zone": [], "distance (mi)": [], "hour": [], "wait/min": [],
        "member": [], "pet": [] } })
    .to_string()
}

#[tokio::test]
async fn halves_are_rounded_as_they_come_in_and_written_out_whole() {
    let server = server("half", &[]);
    let body = r#"{"instances": [{"x": 0.1}, {"x": 65504}]}"#;
    let expected = json!({ "predictions": [0.099_975_586, 65504.0] });
    assert_eq!(ask(&server, body).await, (StatusCode::OK, expected));
    let beyond = r#"{"instances": [{"x": 65520}]}"#;
    assert_eq!(complaint(&server, beyond).await.1, "'x' is out of range for float16");
}

#[tokio::test]
async fn what_is_missing_or_unknown_follows_the_schema() {
    let server = server("rides", &[]);
    for (changes, prediction) in [
        (json!({ "pet": null }), json!(29.0)),
        (json!({ "pet": "cat" }), json!(29.0)),
        (json!({ "wait/min": null }), Value::Null),
    ] {
        let (status, answer) = ask(&server, &ride(&changes)).await;
        assert_eq!((status.as_u16(), &answer["predictions"][0]), (200, &prediction));
    }
    let last_wins = ride(&json!({})).replace(r#""hour":3"#, r#""hour":"x","hour":4"#);
    assert_eq!(ask(&server, &last_wins).await.1["predictions"][0], 130.0);
}

#[tokio::test]
async fn each_wrong_value_is_named() {
    let server = server("rides", &[]);
    for (column, value, detail) in [
        ("distance (mi)", json!("1.5"), "must be a number"),
        ("distance (mi)", json!(true), "must be a number"),
        ("distance (mi)", json!(1e39), "is out of range for float32"),
        ("distance (mi)", json!(null), "must not be null"),
        ("hour", json!(1.0), "must be an integer"),
        ("hour", json!("1"), "must be an integer"),
        ("hour", json!(9_223_372_036_854_775_808_u64), "is out of range for int64"),
        ("hour", json!(-1e19), "is out of range for int64"),
        ("zone", json!(1), "must be a string"),
        ("zone", json!("z"), "has no category 'z'"),
        ("member", json!(1), "must be true or false"),
        ("wait/min", json!([1]), "must be a number"),
    ] {
        let pointer = format!("/instances/0/{}", column.replace('/', "~1"));
        let found = complaint(&server, &ride(&json!({ column: value }))).await;
        assert_eq!(found, (pointer, format!("'{column}' {detail}")));
    }
}

async fn check_shapes(cases: &[(&str, &str, &str)]) {
    let server = server("plain", &[]);
    for (body, pointer, detail) in cases {
        let (found, said) = complaint(&server, body).await;
        assert_eq!((found.as_str(), said.as_str()), (*pointer, *detail), "{body}");
    }
}

#[tokio::test]
async fn each_wrong_body_of_rows_is_named() {
    let either = "the body must be an object with either 'instances' or 'columns'";
    let object = "row must be an object of column: value";
    let four = "'X' must be a list of 4 numbers";
    let far = "'X' is out of range for float32";
    let unknown = "column 'a~/b' is not in the model";
    check_shapes(&[
        ("[]", "", either),
        ("{}", "", either),
        (r#"{"instances": [], "columns": {}}"#, "", either),
        (r#"{"instances": [], "more": 1}"#, "", either),
        (r#"{"instances": {}}"#, "/instances", "'instances' must be a list of objects"),
        (r#"{"instances": [[1]]}"#, "/instances/0", object),
        (r#"{"instances": [{}]}"#, "/instances/0", "column 'X' is missing"),
        (
            r#"{"instances": [{"X": [1, 2, 3, 4], "a~/b": 1}]}"#,
            "/instances/0/a~0~1b",
            unknown,
        ),
        (r#"{"instances": [{"X": [1, 2, 3]}]}"#, "/instances/0/X", four),
        (r#"{"instances": [{"X": [1, 2, 3, null]}]}"#, "/instances/0/X", four),
        (r#"{"instances": [{"X": [1e39, 2, 3, "4"]}]}"#, "/instances/0/X", four),
        (r#"{"instances": [{"X": [1e39, 2, 3, 4]}]}"#, "/instances/0/X", far),
    ])
    .await;
}

#[tokio::test]
async fn each_wrong_body_of_columns_is_named() {
    let object = "'columns' must be an object of column: list";
    let four = "'X' must be a list of 4 numbers";
    check_shapes(&[
        (r#"{"columns": []}"#, "/columns", object),
        (r#"{"columns": {}}"#, "/columns", "column 'X' is missing"),
        (r#"{"columns": {"X": 1}}"#, "/columns/X", "'X' must be a list"),
        (r#"{"columns": {"X": [[1, 2, 3, 4], 5]}}"#, "/columns/X/1", four),
        (r#"{"columns": {"X": [null]}}"#, "/columns/X/0", "'X' must not be null"),
        (
            r#"{"columns": {"X": [], "Y": []}}"#,
            "/columns/Y",
            "column 'Y' is not in the model",
        ),
    ])
    .await;
}

#[tokio::test]
async fn complaints_are_in_order_and_at_most_ten() {
    let server = server("rides", &[]);
    let body = r#"{"instances": [{"hour": 1.5, "x": 1}, 7, {}, {}]}"#;
    let (_, problem) = ask(&server, body).await;
    let errors = problem["errors"].as_array().unwrap();
    let text = |e: &Value| format!("{} {}", e["pointer"], e["detail"]).replace('"', "");
    let found: Vec<String> = errors.iter().map(text).collect();
    assert_eq!(found.len(), 10);
    assert_eq!(found[0], "/instances/0 column 'distance (mi)' is missing");
    assert_eq!(found[2], "/instances/0/hour 'hour' must be an integer");
    assert_eq!(found[6], "/instances/0/x column 'x' is not in the model");
    assert_eq!(found[7], "/instances/1 row must be an object of column: value");
    assert_eq!(found[9], "/instances/2 column 'zone' is missing");

    let lists = r#"{"columns": {"zone": ["a", "b"], "distance (mi)": [1, "2", 3],
        "hour": 3, "wait/min": [1, 2, 3], "member": [], "pet": []}}"#;
    let (_, problem) = ask(&server, lists).await;
    let errors = problem["errors"].as_array().unwrap();
    let found: Vec<String> = errors.iter().map(text).collect();
    let expected = [
        "/columns/zone 'zone' has 2 values where 'distance (mi)' has 3",
        "/columns/hour 'hour' must be a list",
        "/columns/member 'member' has 0 values where 'distance (mi)' has 3",
        "/columns/pet 'pet' has 0 values where 'distance (mi)' has 3",
    ];
    assert_eq!(found, expected);
}

#[tokio::test]
async fn several_outputs_are_objects_by_name() {
    let server = server("plain", &[]);
    let body = r#"{"columns": {"X": [[0.1, 1, 0, -1e-7], [9, 8, 7, 6]]}}"#;
    let (_, answer) = ask(&server, body).await;
    let expected = json!([
        { "label": 1, "twice": [0.2, 2.0, 0.0, -2e-7], "name": "\"one\"" },
        { "label": 0, "twice": [18.0, 16.0, 14.0, 12.0], "name": "zero" },
    ]);
    assert_eq!(answer["predictions"], expected);
}

#[tokio::test]
async fn a_model_of_one_row_says_so() {
    let server = server("one_row", &[]);
    let one = r#"{"columns": {"x": [[0.1, 2]]}}"#;
    assert_eq!(ask(&server, one).await.1, json!({ "predictions": [0.1] }));
    let two = r#"{"columns": {"x": [[0.1, 2], [3, 4]]}}"#;
    let (status, problem) = ask(&server, two).await;
    assert_eq!(status, 422);
    assert_eq!(problem["detail"], "the model takes 1 rows at a time, not 2");
}

#[tokio::test]
async fn a_server_is_ready_after_its_first_prediction() {
    let server = server("picky", &[]);
    let ready = || Request::get("/health/ready").body(Body::empty()).unwrap();
    let (status, problem) = read(server.clone().oneshot(ready()).await.unwrap()).await;
    assert_eq!(
        (status.as_u16(), &problem["type"]),
        (503, &json!("urn:fare:not-ready"))
    );

    let (status, problem) = ask(&server, r#"{"instances": [{"x": 0}]}"#).await;
    let detail = "the model cannot answer these rows; the server's log says why";
    assert_eq!((status.as_u16(), &problem["detail"]), (422, &json!(detail)));
    let (_, answer) = ask(&server, r#"{"instances": [{"x": 1}]}"#).await;
    assert_eq!(answer, json!({ "predictions": [7.0] }));
    assert_eq!(server.oneshot(ready()).await.unwrap().status(), 200);
}

#[tokio::test]
async fn what_is_not_json_is_400() {
    let server = server("rides", &[]);
    for body in ["", "{", "NaN", r#"{"instances": [{"hour": Infinity}]}"#] {
        let (status, problem) = ask(&server, body).await;
        assert_eq!(status, 400, "{body}");
        assert_eq!(problem["type"], "urn:fare:not-json");
        assert_eq!(problem["errors"], json!([]));
    }
}

#[tokio::test]
async fn only_json_is_taken() {
    let server = server("plain", &[]);
    for (kind, status) in [
        (Some("application/json"), 200),
        (Some("Application/JSON; charset=utf-8"), 200),
        (Some("application/vnd.x+json"), 415),
        (Some("text/plain"), 415),
        (None, 415),
    ] {
        let mut request = Request::post("/predict");
        if let Some(kind) = kind {
            request = request.header(header::CONTENT_TYPE, kind);
        }
        let request = request.body(Body::from(r#"{"instances": []}"#)).unwrap();
        let answer = server.clone().oneshot(request).await.unwrap();
        assert_eq!(read(answer).await.0.as_u16(), status, "{kind:?}");
    }
}

#[tokio::test]
async fn other_paths_and_methods_are_problems() {
    let server = server("plain", &[]);
    let get = |path: &str| Request::get(path).body(Body::empty()).unwrap();
    for (path, status, code) in [
        ("/", 404, "urn:fare:not-found"),
        ("/predict/", 404, "urn:fare:not-found"),
        ("/predict", 405, "urn:fare:method-not-allowed"),
    ] {
        let response = server.clone().oneshot(get(path)).await.unwrap();
        let allowed = response.headers().get(header::ALLOW).cloned();
        let (found, problem) = read(response).await;
        assert_eq!((found.as_u16(), &problem["type"]), (status, &json!(code)));
        assert_eq!(problem["status"], status);
        assert_eq!(allowed.is_some_and(|methods| methods == "POST"), status == 405);
    }
    for state in ["live", "ready"] {
        let path = format!("/health/{state}");
        let response = server.clone().oneshot(get(&path)).await.unwrap();
        assert_eq!(read(response).await, (StatusCode::OK, json!({ "status": state })));
    }
}

/// A body that comes in pieces, without a length.
async fn pieces(piece: &'static [u8], count: usize) -> Body {
    let (mut sender, body) = Channel::<Bytes, Infallible>::new(count);
    for _ in 0..count {
        sender.send_data(Bytes::from_static(piece)).await.unwrap();
    }
    Body::new(body)
}

#[tokio::test]
async fn a_body_over_the_limit_is_413_whole_or_in_pieces() {
    let server = server("plain", &["--max-body-bytes", "20"]);
    let exact = r#"{"instances":[]     }"#;
    assert_eq!(exact.len(), 21);
    let (status, problem) = ask(&server, exact).await;
    assert_eq!(status, 413);
    assert_eq!(problem["detail"], "the body is over the limit of 20 bytes");
    assert_eq!(ask(&server, &exact.replacen(' ', "", 1)).await.0, 200);
    for (piece, count, expected) in [
        (&b"{\"instances\":[]     }"[..], 1, 413),
        (b"{\"instances\":[]    }", 1, 200),
        (b"0123456789", 3, 413),
    ] {
        let request = post(pieces(piece, count).await);
        let answer = server.clone().oneshot(request).await.unwrap();
        assert_eq!(read(answer).await.0.as_u16(), expected);
    }
}

#[tokio::test(start_paused = true)]
async fn a_body_that_stops_is_408() {
    let server = server("plain", &["--timeout-s", "2.5"]);
    let (_sender, body) = Channel::<Bytes, Infallible>::new(1);
    let started = tokio::time::Instant::now();
    let answer = server.oneshot(post(Body::new(body))).await.unwrap();
    let (status, problem) = read(answer).await;
    assert_eq!(status, 408);
    assert_eq!(problem["detail"], "the body did not arrive within 2.5 s");
    assert!((2500..2600).contains(&started.elapsed().as_millis()));
}

/// A body of so many rows for the model `slow`, which needs about 1 ms for each.
fn slow(rows: usize) -> String {
    json!({ "columns": { "x": vec![1; rows] } }).to_string()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_long_request_delays_no_short_one_and_fills_its_place() {
    let server = server("slow", &["--max-inflight", "1"]);
    let long = tokio::spawn({
        let server = server.clone();
        async move { (ask(&server, &slow(1000)).await.0, std::time::Instant::now()) }
    });
    tokio::time::sleep(Duration::from_millis(100)).await;
    let live = Request::get("/health/live").body(Body::empty()).unwrap();
    assert_eq!(server.clone().oneshot(live).await.unwrap().status(), 200);
    let refused = server.clone().oneshot(post(slow(1))).await.unwrap();
    assert_eq!(refused.headers()[header::RETRY_AFTER], "1");
    let (status, problem) = read(refused).await;
    assert_eq!(status, 429);
    assert_eq!(problem["detail"], "1 requests are in flight: try again");
    let refused_at = std::time::Instant::now();

    let (status, finished) = long.await.unwrap();
    assert_eq!(status, 200);
    assert!(refused_at < finished, "the short requests waited for the long one");
    assert_eq!(ask(&server, &slow(1)).await.0, 200);
}

#[tokio::test]
async fn an_answer_that_takes_too_long_is_504() {
    let server = server("slow", &["--timeout-s", "0.05"]);
    let (status, problem) = ask(&server, &slow(1000)).await;
    assert_eq!(status, 504);
    assert_eq!(problem["detail"], "the answer took longer than 0.05 s");
}

#[tokio::test]
async fn noop_reads_and_checks_but_answers_zero() {
    let server = server("rides", &["--noop"]);
    let (status, answer) = ask(&server, &ride(&json!({}))).await;
    assert_eq!((status.as_u16(), answer), (200, json!({ "predictions": [0.0] })));
    assert_eq!(
        complaint(&server, &ride(&json!({ "hour": "x" }))).await.0,
        "/instances/0/hour"
    );
}
