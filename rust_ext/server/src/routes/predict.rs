//! `POST /predict`

use std::sync::Arc;

use axum::extract::{self, Request};
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;

use crate::error::Problem;
use crate::model::Model;
use crate::routes::body;
use crate::state::State;

// region: handler
/// Answers a body of rows with their predictions.
pub async fn predict(
    extract::State(state): extract::State<Arc<State>>,
    request: Request,
) -> Result<impl IntoResponse, Problem> {
    let place = state.admit()?;
    if !body::content_type(request.headers()).eq_ignore_ascii_case("application/json") {
        return Err(Problem::WrongType);
    }
    let body = body::read(request, &state.config).await?;
    let work = if state.config.noop { Model::noop } else { Model::predict };
    let answer = state.answer(place, body, work).await?;
    Ok(([(CONTENT_TYPE, "application/json")], answer.body))
}
// endregion: handler
