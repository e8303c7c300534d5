//! A server without a socket.
#![allow(dead_code)] // no test program uses all of it

use axum::Router;
use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use axum::response::Response;
use clap::Parser;
use fare_server::{Config, Model, State, app};
use http_body_util::BodyExt;
use serde_json::Value;
use tower::ServiceExt;

pub const JSON: &str = "application/json";

/// The routes that serve one of the test models.
pub fn server(model: &str, options: &[&str]) -> Router {
    let path = format!("{}/tests/models/{model}.onnx", env!("CARGO_MANIFEST_DIR"));
    let arguments = ["fare-server", "--model", &path].into_iter();
    let config = Config::parse_from(arguments.chain(options.iter().copied()));
    let library = engine::find_library(None).unwrap();
    let library = engine::Library::load(&library).unwrap();
    app(State::new(Model::open(library, &config.model).unwrap(), config))
}

pub fn post(body: impl Into<Body>) -> Request<Body> {
    let request = Request::post("/predict").header(header::CONTENT_TYPE, JSON);
    request.body(body.into()).unwrap()
}

pub async fn read(response: Response) -> (StatusCode, Value) {
    let status = response.status();
    let kind = response.headers()[header::CONTENT_TYPE].clone();
    let expected = if status == 200 { JSON } else { "application/problem+json" };
    assert_eq!(kind, expected);
    let body = response.into_body().collect().await.unwrap().to_bytes();
    (status, serde_json::from_slice(&body).unwrap())
}

pub async fn ask(server: &Router, body: &str) -> (StatusCode, Value) {
    read(server.clone().oneshot(post(body.to_owned())).await.unwrap()).await
}

pub async fn get(server: &Router, path: &str) -> Response {
    let request = Request::get(path).body(Body::empty()).unwrap();
    server.clone().oneshot(request).await.unwrap()
}
