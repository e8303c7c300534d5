//! Serves an ONNX model of a table over HTTP.
//!
//! A body goes through `json` (a tree), `rows` and `columns` (checked against the
//! schema and written into the model's inputs), the engine, and `answer` (the outputs
//! as JSON); `model` joins these, and `infer` does so for the Open Inference Protocol.
//! `jsonschema` and `openapi` say what they take and answer. `routes`, `serve` and
//! `unread` are all that know HTTP; `state` has the places for work, `metrics` and `log`
//! tell what was done.
#![forbid(unsafe_code)]

mod answer;
mod columns;
mod config;
mod error;
mod infer;
mod json;
mod jsonschema;
mod log;
mod metrics;
mod model;
mod openapi;
mod routes;
mod rows;
mod serve;
mod state;
mod timing;
mod unread;
mod values;

use std::sync::Arc;

use axum::Router;
use axum::routing::{get, post};

pub use config::Config;
pub use error::{Complaint, Problem};
pub use log::Format;
pub use model::Model;
pub use serve::{StartError, run};
pub use state::State;

/// The routes of a server.
pub fn app(state: Arc<State>) -> Router {
    Router::new()
        .route("/predict", post(routes::predict::predict))
        .route("/metrics", get(routes::metrics::metrics))
        .route("/openapi.json", get(routes::openapi::document))
        .route("/schema", get(routes::schema::schema))
        .route("/health/live", get(routes::health::live))
        .route("/health/ready", get(routes::health::ready))
        .merge(routes::protocol::routes())
        .fallback(routes::not_found)
        .method_not_allowed_fallback(routes::method_not_allowed)
        .with_state(state)
}
