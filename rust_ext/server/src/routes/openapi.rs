//! `GET /openapi.json`

use std::sync::Arc;

use axum::{Json, extract};
use serde_json::Value;

use crate::openapi;
use crate::state::State;

/// Answers the document that describes this server.
pub async fn document(
    extract::State(state): extract::State<Arc<State>>,
) -> Json<Value> {
    Json(openapi::document(&state.model, state.config.noop))
}
