//! `POST /predict`

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::{self, Request};
use axum::http::HeaderMap;
use axum::http::header::{CONTENT_TYPE, EXPECT};
use axum::response::IntoResponse;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::Body as _;
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use crate::error::Problem;
use crate::state::State;

/// How much of a body that is too large is read on, and for how long: a client that
/// sends to the end before it reads would else find the connection reset.
const DRAIN_BYTES: usize = 64 << 20;
const DRAIN: Duration = Duration::from_secs(2);

// region: handler
/// Answers a body of rows with their predictions.
pub async fn predict(
    extract::State(state): extract::State<Arc<State>>,
    request: Request,
) -> Result<impl IntoResponse, Problem> {
    let place = state.admit()?;
    check_type(request.headers())?;
    let body = read_body(request, &state).await?;
    let answer = if body.len() <= state.inline_bytes {
        state.answer(&body)?
    } else {
        let limit = state.config.timeout_s;
        let mut job = spawn_blocking(move || (state.answer(&body), place));
        let finished = timeout(limit, &mut job).await.map_err(|_| {
            job.abort(); // if it has not begun
            Problem::Timeout { seconds: limit.as_secs_f64() }
        })?;
        finished.map_err(|_| Problem::Internal)?.0?
    };
    Ok(([(CONTENT_TYPE, "application/json")], answer))
}
// endregion: handler

fn check_type(headers: &HeaderMap) -> Result<(), Problem> {
    let given = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let kind = given.and_then(|value| value.split(';').next()).unwrap_or_default();
    if kind.trim().eq_ignore_ascii_case("application/json") {
        return Ok(());
    }
    Err(Problem::WrongType)
}

/// The whole body, if it is small enough and arrives in time.
async fn read_body(request: Request, state: &State) -> Result<Bytes, Problem> {
    let limit = state.config.max_body_bytes;
    let asks_first = request.headers().contains_key(EXPECT);
    let mut body = request.into_body();
    let announced = body.size_hint().lower();
    if announced > limit as u64 {
        if !asks_first {
            drain(body).await;
        }
        return Err(Problem::TooLarge { limit });
    }
    let read =
        timeout(state.config.timeout_s, Limited::new(&mut body, limit).collect()).await;
    let seconds = state.config.timeout_s.as_secs_f64();
    match read.map_err(|_| Problem::SlowClient { seconds })? {
        Ok(read) => Ok(read.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => {
            drain(body).await;
            Err(Problem::TooLarge { limit })
        }
        Err(error) => Err(Problem::NotJson(format!("it broke off: {error}"))),
    }
}

async fn drain(body: Body) {
    let mut rest = Limited::new(body, DRAIN_BYTES);
    let all = async { while let Some(Ok(_)) = rest.frame().await {} };
    let _ = timeout(DRAIN, all).await;
}
