//! The bodies of requests: whole, in time, and no larger than allowed.

use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::http::HeaderMap;
use axum::http::header::{CONTENT_TYPE, EXPECT};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::Body as _;
use tokio::time::timeout;

use crate::config::Config;
use crate::error::Problem;

/// How much of a body that is too large is read on, and for how long: a client that
/// sends to the end before it reads would else find the connection reset.
const DRAIN_BYTES: usize = 64 << 20;
const DRAIN: Duration = Duration::from_secs(2);

/// The content type that the headers give; empty where they give none.
pub fn content_type(headers: &HeaderMap) -> &str {
    let given = headers.get(CONTENT_TYPE).map(|value| value.to_str().unwrap_or("?"));
    given.and_then(|value| value.split(';').next()).unwrap_or_default().trim()
}

/// The whole body, if it is small enough and arrives in time.
///
/// # Errors
/// [`Problem::TooLarge`], [`Problem::SlowClient`], or [`Problem::NotJson`] where the
/// body breaks off.
pub async fn read(request: Request, config: &Config) -> Result<Bytes, Problem> {
    let limit = config.max_body_bytes;
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
        timeout(config.timeout_s, Limited::new(&mut body, limit).collect()).await;
    let seconds = config.timeout_s.as_secs_f64();
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
