//! The bodies of requests: whole, in time, of a known kind and no larger than allowed.

use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::http::HeaderMap;
use axum::http::header::{CONTENT_ENCODING, CONTENT_TYPE, EXPECT};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::Body as _;
use tokio::time::timeout;

use crate::config::Config;
use crate::error::Problem;
use crate::state::State;

/// How much of a refused body is read on, and for how long: a client that sends to the
/// end before it reads would else find the connection reset.
const DRAIN_BYTES: usize = 64 << 20;
const DRAIN: Duration = Duration::from_secs(2);

/// The whole body, if it has one of these types, is small enough and arrives in time.
/// It holds no place meanwhile, but is not begun where none is free.
///
/// # Errors
/// [`Problem::Overloaded`], [`Problem::WrongType`], [`Problem::WrongEncoding`],
/// [`Problem::TooLarge`], [`Problem::SlowClient`], or [`Problem::NotJson`] where the
/// body breaks off.
pub async fn read(
    request: Request,
    types: &[&str],
    state: &State,
) -> Result<Bytes, Problem> {
    let (head, mut body) = request.into_parts();
    let right = state.has_place().and_then(|()| check(&head.headers, types));
    let read = match right {
        Ok(()) => collect(&mut body, &state.config).await,
        Err(problem) => Err(problem),
    };
    if let Err(problem) = &read
        && !matches!(problem, Problem::SlowClient { .. })
        && !head.headers.contains_key(EXPECT)
    {
        tokio::spawn(drain(body));
    }
    read
}

fn check(headers: &HeaderMap, types: &[&str]) -> Result<(), Problem> {
    let given = headers.get(CONTENT_TYPE).map(|value| value.to_str().unwrap_or("?"));
    let given = given.and_then(|value| value.split(';').next()).unwrap_or_default();
    if !types.iter().any(|kind| kind.eq_ignore_ascii_case(given.trim())) {
        return Err(Problem::WrongType);
    }
    let mut encodings = headers.get_all(CONTENT_ENCODING).iter();
    if encodings.all(|value| value.as_bytes().eq_ignore_ascii_case(b"identity")) {
        Ok(())
    } else {
        Err(Problem::WrongEncoding)
    }
}

async fn collect(body: &mut Body, config: &Config) -> Result<Bytes, Problem> {
    let limit = config.max_body_bytes;
    if body.size_hint().lower() > limit as u64 {
        return Err(Problem::TooLarge { limit });
    }
    let read = timeout(config.timeout_s, Limited::new(body, limit).collect()).await;
    let seconds = config.timeout_s.as_secs_f64();
    match read.map_err(|_| Problem::SlowClient { seconds })? {
        Ok(read) => Ok(read.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => {
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
