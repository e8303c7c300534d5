//! What the server answers when it cannot answer: RFC 9457 problem details.

use std::num::NonZeroU32;

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::json;

/// A request that gets an error for an answer; its text is the `detail`.
#[derive(Debug, thiserror::Error)]
pub enum Problem {
    /// The body cannot be read as JSON.
    #[error("the body is not JSON: {0}")]
    NotJson(String),
    /// There is no such path.
    #[error(
        "there is nothing at {0}: \
         try POST /predict, GET /health/live or GET /health/ready"
    )]
    NotFound(String),
    /// The path exists for other methods.
    #[error("{path} does not take {method}")]
    MethodNotAllowed {
        /// The path.
        path: String,
        /// The method that it does not take.
        method: String,
    },
    /// The body did not arrive in time.
    #[error("the body did not arrive within {seconds} s")]
    SlowClient {
        /// The time it had.
        seconds: f64,
    },
    /// The body has more bytes than are taken.
    #[error("the body is over the limit of {limit} bytes")]
    TooLarge {
        /// The bytes that are taken.
        limit: usize,
    },
    /// The body is not said to be JSON.
    #[error("the body must be application/json")]
    WrongType,
    /// The body is said to be compressed, or encoded in another way.
    #[error("the body must come as it is, without a Content-Encoding")]
    WrongEncoding,
    /// The rows do not fit the model's columns, or the model cannot answer them.
    #[error("{detail}")]
    WrongRows {
        /// The first complaint, or what else is wrong.
        detail: String,
        /// What is wrong where.
        errors: Vec<Complaint>,
    },
    /// As many requests as are taken at once are being answered.
    #[error("{limit} requests are in flight: try again")]
    Overloaded {
        /// The requests that are taken at once.
        limit: NonZeroU32,
    },
    /// Something failed that the caller cannot mend.
    #[error("the server failed; its log says why")]
    Internal,
    /// No prediction has succeeded yet, or the server is about to stop.
    #[error("the server is starting or stopping")]
    NotReady,
    /// The answer was not there in time.
    #[error("the answer took longer than {seconds} s")]
    Timeout {
        /// The time it had.
        seconds: f64,
    },
}

/// The code of the problem that a response tells, for who counts them.
#[derive(Debug, Clone, Copy)]
pub struct Code(pub &'static str);

/// One thing that is wrong with a body, and where.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Complaint {
    /// An RFC 6901 pointer into the body.
    pub pointer: String,
    /// What is wrong there.
    pub detail: String,
}

/// What is left to say when the model has been asked; the log gets the rest.
impl From<engine::Error> for Problem {
    fn from(error: engine::Error) -> Self {
        use engine::Error as E;
        let detail = match &error {
            E::Runtime { .. } => {
                tracing::error!(%error, "the model refused rows");
                "the model cannot answer these rows; the server's log says why"
                    .to_owned()
            }
            E::LibraryNotFound { .. }
            | E::LibraryUnusable { .. }
            | E::LibraryNotLoaded
            | E::LibraryChanged { .. }
            | E::ModelNotFound { .. }
            | E::ModelRefused { .. }
            | E::SchemaRefused { .. }
            | E::InputMissing { .. }
            | E::InputUnknown { .. }
            | E::InputType { .. }
            | E::InputShape { .. }
            | E::RowsMissing { .. }
            | E::OutputUnknown { .. }
            | E::Unsupported { .. }
            | E::TensorType { .. }
            | E::TensorSize { .. } => {
                tracing::error!(code = error.code(), %error, "a prediction failed");
                return Self::Internal;
            }
        };
        Self::WrongRows { detail, errors: Vec::new() }
    }
}

impl Problem {
    /// Its status, the end of its type's URN, and its title.
    #[must_use]
    pub fn kind(&self) -> (u16, &'static str, &'static str) {
        match self {
            Self::NotJson(_) => (400, "not-json", "The body is not JSON"),
            Self::NotFound(_) => (404, "not-found", "There is nothing here"),
            Self::MethodNotAllowed { .. } => {
                (405, "method-not-allowed", "The method is not allowed")
            }
            Self::SlowClient { .. } => {
                (408, "slow-client", "The request came too slowly")
            }
            Self::TooLarge { .. } => (413, "too-large", "The body is too large"),
            Self::WrongType => (415, "wrong-type", "The body must be application/json"),
            Self::WrongEncoding => {
                (415, "wrong-encoding", "The body must not be encoded")
            }
            Self::WrongRows { .. } => {
                (422, "wrong-rows", "The rows do not fit the model")
            }
            Self::Overloaded { .. } => {
                (429, "overloaded", "Too many requests are in flight")
            }
            Self::Internal => (500, "internal", "The server failed"),
            Self::NotReady => (503, "not-ready", "The server is not ready"),
            Self::Timeout { .. } => (504, "timeout", "The answer took too long"),
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let (status, code, title) = self.kind();
        let detail = self.to_string();
        let errors: &[Complaint] = match &self {
            Self::WrongRows { errors, .. } => errors,
            _ => &[],
        };
        let body = json!({
            "type": format!("urn:fare:{code}"),
            "title": title,
            "status": status,
            "detail": detail,
            "error": detail,
            "errors": errors,
        });
        let kind = [(header::CONTENT_TYPE, "application/problem+json")];
        let mut response = (kind, body.to_string()).into_response();
        response.extensions_mut().insert(Code(code));
        *response.status_mut() =
            StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let hint = match self {
            Self::Overloaded { .. } => Some((header::RETRY_AFTER, "1")),
            Self::WrongEncoding => Some((header::ACCEPT_ENCODING, "identity")),
            _ => None,
        };
        if let Some((name, value)) = hint {
            response.headers_mut().insert(name, HeaderValue::from_static(value));
        }
        response
    }
}
