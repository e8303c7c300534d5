//! `GET /schema`

use std::sync::Arc;

use axum::{Json, extract};
use serde_json::{Value, json};

use crate::state::State;

/// Answers the columns that the model takes, in the words of its file.
pub async fn schema(extract::State(state): extract::State<Arc<State>>) -> Json<Value> {
    let columns: Vec<_> = state.model.columns().collect();
    Json(json!({ "columns": columns }))
}
