//! The Open Inference Protocol, version 2: `/v2` and all under it.

use std::sync::Arc;

use axum::extract::{self, FromRequestParts, Path, Request};
use axum::http::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use axum::http::request::Parts;
use axum::response::IntoResponse;
use axum::{Json, Router, routing};
use serde_json::{Value, json};

use crate::error::Problem;
use crate::infer::VERSION;
use crate::routes::body;
use crate::state::State;
use crate::timing::SERVER_TIMING;

/// So many bytes of a body are JSON; binary tensors follow them.
const JSON_BYTES: HeaderName =
    HeaderName::from_static("inference-header-content-length");

/// What a request may say that it is; clients of the protocol need not say it.
const TYPES: [&str; 3] = ["", "application/json", "application/octet-stream"];

/// The protocol's routes.
pub fn routes() -> Router<Arc<State>> {
    let mut routes = Router::new()
        .route("/v2", routing::get(server))
        .route("/v2/health/live", routing::get(live))
        .route("/v2/health/ready", routing::get(ready));
    for model in ["/v2/models/{model}", "/v2/models/{model}/versions/{version}"] {
        routes = routes
            .route(model, routing::get(metadata))
            .route(&format!("{model}/ready"), routing::get(model_ready))
            .route(&format!("{model}/infer"), routing::post(infer));
    }
    routes
}

/// The proof that a path names the model served, in the only version there is.
struct Named;

impl FromRequestParts<Arc<State>> for Named {
    type Rejection = Problem;

    async fn from_request_parts(
        parts: &mut Parts,
        state: &Arc<State>,
    ) -> Result<Self, Problem> {
        let named = Path::<Vec<(String, String)>>::from_request_parts(parts, state);
        let right = named.await.is_ok_and(|Path(named)| {
            named.iter().all(|(key, value)| match key.as_str() {
                "model" => value == state.model.name(),
                _ => value == VERSION,
            })
        });
        let path = || parts.uri.path().to_owned();
        if right { Ok(Self) } else { Err(Problem::NotFound(path())) }
    }
}

async fn server() -> Json<Value> {
    Json(json!({
        "name": "fare-server",
        "version": env!("CARGO_PKG_VERSION"),
        "extensions": ["binary_tensor_data"],
    }))
}

async fn live() -> Json<Value> {
    Json(json!({ "live": true }))
}

async fn ready(
    extract::State(state): extract::State<Arc<State>>,
) -> Result<Json<Value>, Problem> {
    state.ready()?;
    Ok(Json(json!({ "ready": true })))
}

async fn model_ready(
    _: Named,
    extract::State(state): extract::State<Arc<State>>,
) -> Result<Json<Value>, Problem> {
    state.ready()?;
    Ok(Json(json!({ "name": state.model.name(), "ready": true })))
}

async fn metadata(
    _: Named,
    extract::State(state): extract::State<Arc<State>>,
) -> Json<Value> {
    Json(state.model.metadata())
}

/// Answers tensors with the model's outputs.
async fn infer(
    _: Named,
    extract::State(state): extract::State<Arc<State>>,
    request: Request,
) -> Result<impl IntoResponse, Problem> {
    let length = request.headers().get(JSON_BYTES).cloned();
    let body = body::read(request, &TYPES, &state).await?;
    let json_bytes = match length {
        None => None,
        Some(length) => {
            let length = length.to_str().ok().and_then(|text| text.parse().ok());
            let refused = || Problem::NotJson(format!("{JSON_BYTES} is no length"));
            Some(length.ok_or_else(refused)?)
        }
    };
    let answer = state.answer(body, move |model, body| model.infer(body, json_bytes));
    let answer = answer.await?;
    let kind = match answer.json_bytes {
        None => "application/json",
        Some(_) => "application/octet-stream",
    };
    let json_bytes = answer.json_bytes.map(|length| [(JSON_BYTES, length.to_string())]);
    let headers = [
        (CONTENT_TYPE, HeaderValue::from_static(kind)),
        (SERVER_TIMING, answer.stages.header()),
    ];
    Ok((headers, json_bytes, answer.body))
}
