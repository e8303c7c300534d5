//! The bodies of requests: whole, in time, of a known kind and no larger than allowed.

use axum::body::Body;
use axum::extract::Request;
use axum::http::HeaderMap;
use axum::http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::{Body as _, Buf};
use tokio::time::timeout;

use crate::config::Config;
use crate::error::Problem;
use crate::state::State;

/// The whole body, in the pieces that arrived, if it has one of these types, is small
/// enough and arrives in time. It holds no place meanwhile, but is not begun where none
/// is free.
///
/// # Errors
/// [`Problem::Overloaded`], [`Problem::WrongType`], [`Problem::WrongEncoding`],
/// [`Problem::TooLarge`], [`Problem::SlowClient`], or [`Problem::NotJson`] where the
/// body breaks off.
pub async fn read(
    request: Request,
    types: &[&str],
    state: &State,
) -> Result<impl Buf + Send + use<>, Problem> {
    state.has_place()?;
    check(request.headers(), types)?;
    collect(request.into_body(), &state.config).await
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

async fn collect(
    body: Body,
    config: &Config,
) -> Result<impl Buf + Send + use<>, Problem> {
    let limit = config.max_body_bytes;
    if body.size_hint().lower() > limit as u64 {
        return Err(Problem::TooLarge { limit });
    }
    let read = timeout(config.timeout_s, Limited::new(body, limit).collect()).await;
    let seconds = config.timeout_s.as_secs_f64();
    match read.map_err(|_| Problem::SlowClient { seconds })? {
        Ok(read) => Ok(read.aggregate()),
        Err(error) if error.is::<LengthLimitError>() => {
            Err(Problem::TooLarge { limit })
        }
        Err(error) => Err(Problem::NotJson(format!("it broke off: {error}"))),
    }
}
