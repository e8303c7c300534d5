//! The routes: a file each.

mod body;
pub mod health;
pub mod metrics;
pub mod openapi;
pub mod predict;
pub mod protocol;
pub mod schema;

use axum::http::{Method, Uri};

use crate::error::Problem;

/// Answers a path that is none.
pub async fn not_found(uri: Uri) -> Problem {
    Problem::NotFound(uri.path().to_owned())
}

/// Answers a method that a path does not take.
pub async fn method_not_allowed(method: Method, uri: Uri) -> Problem {
    Problem::MethodNotAllowed {
        path: uri.path().to_owned(),
        method: method.to_string(),
    }
}
