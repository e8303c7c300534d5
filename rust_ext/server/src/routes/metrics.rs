//! `GET /metrics`

use std::fmt;
use std::sync::Arc;

use axum::extract;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use engine::Library;

use crate::error::Problem;
use crate::metrics::{info, single};
use crate::state::State;

/// Answers what the server has done, as Prometheus reads it.
pub async fn metrics(
    extract::State(state): extract::State<Arc<State>>,
) -> Result<impl IntoResponse, Problem> {
    let mut text = String::with_capacity(20_000);
    write(&state, &mut text).map_err(|_| Problem::Internal)?;
    Ok(([(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text))
}

fn write(state: &State, text: &mut String) -> fmt::Result {
    state.metrics.write(text)?;
    let (name, help) = ("fare_requests_in_flight", "Requests that hold a place");
    single(text, name, "gauge", help, state.in_flight())?;
    let version = [("version", env!("CARGO_PKG_VERSION"))];
    info(text, "fare_build_info", "The server", &version)?;
    let onnxruntime = Library::loaded().map_or("", |library| library.version());
    let model = [
        ("name", state.model.name()),
        ("sha256", &state.sha256),
        ("onnxruntime", onnxruntime),
    ];
    info(text, "fare_model_info", "The model's file, and what runs it", &model)
}
