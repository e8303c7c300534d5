//! `GET /health/live` and `GET /health/ready`

use std::sync::Arc;

use axum::extract;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;

use crate::error::Problem;
use crate::state::State;

const JSON: [(axum::http::HeaderName, &str); 1] = [(CONTENT_TYPE, "application/json")];

/// Answers as long as the process runs.
pub async fn live() -> impl IntoResponse {
    (JSON, r#"{"status":"live"}"#)
}

/// Answers 200 while the server can be sent requests.
pub async fn ready(
    extract::State(state): extract::State<Arc<State>>,
) -> Result<impl IntoResponse, Problem> {
    state.ready()?;
    Ok((JSON, r#"{"status":"ready"}"#))
}
