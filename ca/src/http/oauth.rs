//! The token endpoint and what clients discover.

use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::Value;

use super::Server;
use super::answer::{Json, Rejection};
use super::body::Form;
use super::proof::ByAnybody;
use crate::app::{ExchangeFailure, ExchangeRequest};

pub(super) async fn metadata(State(server): State<Server>) -> Json<Value> {
    Json(server.app.metadata())
}

pub(super) async fn key_set(State(server): State<Server>) -> Json<Value> {
    Json(server.app.key_set())
}

pub(super) async fn token(
    State(server): State<Server>,
    by: ByAnybody,
    form: Result<Form, Rejection>,
) -> Response {
    let parsed = match form {
        Ok(Form(pairs)) => ExchangeRequest::parse(pairs),
        Err(_) => Err(ExchangeFailure::Request(
            "send a form of acceptable size as `application/x-www-form-urlencoded`",
        )),
    };
    let outcome = server.app.exchange(parsed, by.origin).await;
    // Neither a token nor the reason why there is none is anybody else's business (RFC 6749, section 5.1).
    let private = [(header::CACHE_CONTROL, HeaderValue::from_static("no-store"))];
    match outcome {
        Ok(answer) => (private, Json(answer)).into_response(),
        Err(failure) => (private, refused(&failure)).into_response(),
    }
}

fn refused(failure: &ExchangeFailure) -> Response {
    if let ExchangeFailure::Failed(cause) = failure {
        tracing::error!(error = %cause.chain(), "no token could be issued");
    }
    let (status, error) = failure.answer();
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    (status, Json(error)).into_response()
}
