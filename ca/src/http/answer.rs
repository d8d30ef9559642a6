//! Answers: values as JSON, refusals as problems (RFC 9457).

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use portreeve_protocol::problem::{Code, Problem};
use serde::Serialize;

use crate::app::Failure;

/// A refusal on its way out.
#[derive(Debug)]
pub(super) struct Rejection(Problem);

impl Rejection {
    pub(super) fn new(code: Code) -> Self {
        Self(Problem::new(code))
    }

    pub(super) fn advise(code: Code, detail: impl Into<String>) -> Self {
        Self(Problem::new(code).detail(detail))
    }
}

impl From<Failure> for Rejection {
    fn from(failure: Failure) -> Self {
        if failure.is_ours() {
            tracing::error!(error = %failure.chain(), "a request failed");
        }
        Self(failure.problem())
    }
}

impl IntoResponse for Rejection {
    fn into_response(self) -> Response {
        let status =
            StatusCode::from_u16(self.0.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let challenge = (self.0.code == Code::Unauthenticated).then_some([(
            header::WWW_AUTHENTICATE,
            HeaderValue::from_static("Bearer, DPoP algs=\"EdDSA\""),
        )]);
        let kind = [(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/problem+json"),
        )];
        (status, challenge, kind, to_json(&self.0)).into_response()
    }
}

/// A value as JSON.
#[derive(Debug)]
pub(super) struct Json<T>(pub(super) T);

impl<T: Serialize> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        let kind = [(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/json"),
        )];
        (kind, to_json(&self.0)).into_response()
    }
}

/// A value that was made.
#[derive(Debug)]
pub(super) struct Created<T>(pub(super) T);

impl<T: Serialize> IntoResponse for Created<T> {
    fn into_response(self) -> Response {
        (StatusCode::CREATED, Json(self.0)).into_response()
    }
}

fn to_json<T: Serialize>(value: &T) -> Vec<u8> {
    serde_json::to_vec(value).unwrap_or_else(|error| {
        tracing::error!(%error, "an answer does not serialise");
        Vec::new()
    })
}

/// What does not exist looks like what is forbidden.
pub(super) async fn no_such_route() -> Rejection {
    Rejection::new(Code::NotPermitted)
}
