//! What is left of a request's body where its answer needs no more of it.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::http::Request;
use axum::http::header::EXPECT;
use http_body_util::{BodyExt, Limited};
use hyper::body::{Body, Bytes, Frame, Incoming, SizeHint};
use tokio::runtime::Handle;
use tokio::time::timeout;

/// How much of an unread body is read on, and for how long: a client that sends to the
/// end before it reads would else find the connection reset.
const MOST: usize = 64 << 20;
const LONGEST: Duration = Duration::from_secs(2);

/// A request's body; where it is dropped before its end, the rest is read on.
pub struct Drained {
    /// None once it has ended.
    body: Option<Incoming>,
    /// The client sends it only when asked to, which the first read does.
    held_back: bool,
}

/// A request whose body is read on, whatever becomes of it.
pub fn drained(request: Request<Incoming>) -> Request<Drained> {
    let expects = request.headers().get(EXPECT);
    let held_back = expects
        .is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"100-continue"));
    request.map(|body| Drained { body: Some(body), held_back })
}

impl Body for Drained {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        self.held_back = false;
        let Some(body) = &mut self.body else { return Poll::Ready(None) };
        let frame = Pin::new(body).poll_frame(context);
        if matches!(frame, Poll::Ready(None | Some(Err(_)))) {
            self.body = None;
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        let ended = || SizeHint::with_exact(0);
        self.body.as_ref().map_or_else(ended, Body::size_hint)
    }
}

impl Drop for Drained {
    fn drop(&mut self) {
        if self.held_back || self.is_end_stream() {
            return;
        }
        if let (Some(body), Ok(runtime)) = (self.body.take(), Handle::try_current()) {
            runtime.spawn(drain(body));
        }
    }
}

async fn drain(body: Incoming) {
    let mut rest = Limited::new(body, MOST);
    let all = async { while let Some(Ok(_)) = rest.frame().await {} };
    let _ = timeout(LONGEST, all).await;
}
