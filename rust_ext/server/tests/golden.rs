//! The server gives the golden answers of scikit-learn, without a socket.
#![cfg(test)]

#[path = "../../engine/tests/golden_file/mod.rs"]
mod golden_file;

use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use clap::Parser;
use fare_server::{Config, Model, State, app};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tower::ServiceExt;

#[tokio::test]
async fn the_server_gives_the_golden_answers() {
    let golden = golden_file::read();
    let model = golden_file::path("fare_small.onnx");
    let arguments = ["fare-server".as_ref(), "--model".as_ref(), model.as_os_str()];
    let config = Config::parse_from(arguments);
    let library = engine::find_library(None).unwrap();
    let library = engine::Library::load(&library).unwrap();
    let server = app(State::new(Model::open(library, &model).unwrap(), config));

    let body = json!({ "columns": golden.rows }).to_string();
    let request =
        Request::post("/predict").header(header::CONTENT_TYPE, "application/json");
    let answer = server.oneshot(request.body(Body::from(body)).unwrap()).await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    let answer = answer.into_body().collect().await.unwrap().to_bytes();
    let mut answer: Value = serde_json::from_slice(&answer).unwrap();
    golden.check(
        &serde_json::from_value::<Vec<f64>>(answer["predictions"].take()).unwrap(),
    );
}
