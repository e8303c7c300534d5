//! `POST /predict`

use std::sync::Arc;

use axum::extract::{self, Request};
use axum::http::header::{CONTENT_TYPE, HeaderValue};
use axum::response::IntoResponse;

use crate::error::Problem;
use crate::model::Model;
use crate::routes::body;
use crate::state::State;
use crate::timing::SERVER_TIMING;

// region: handler
/// Answers a body of rows with their predictions.
pub async fn predict(
    extract::State(state): extract::State<Arc<State>>,
    request: Request,
) -> Result<impl IntoResponse, Problem> {
    let body = body::read(request, &["application/json"], &state).await?;
    let work = if state.config.noop { Model::noop } else { Model::predict };
    let answer = state.answer(body, work).await?;
    let kind = HeaderValue::from_static("application/json");
    let timing = answer.stages.header();
    Ok(([(CONTENT_TYPE, kind), (SERVER_TIMING, timing)], answer.body))
}
// endregion: handler
