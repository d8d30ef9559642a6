//! What surrounds every request: its id, its time limit, and that it runs to its end.

use std::time::Duration;

use axum::extract::Request;
use axum::http::{HeaderName, HeaderValue, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use portreeve_protocol::problem::Code;
use tracing::Instrument as _;

use super::answer::Rejection;
use crate::app::STORE_TIME;
use crate::entropy;

/// How long a request may take until its answer begins.
const PATIENCE: Duration = Duration::from_secs(30);
const _: () = assert!(
    STORE_TIME.as_secs() < PATIENCE.as_secs(),
    "who waits for the recording store is told of it, and not to try again"
);

/// Runs a request in a task of its own: what was begun is finished even when the caller goes away,
/// and a panic is an answer like any other.
pub(super) async fn run(request: Request, next: Next) -> Response {
    let id = format!("{:016x}", u64::from_be_bytes(entropy::random()));
    let span = tracing::info_span!(
        "request",
        id,
        method = %request.method(),
        path = request.uri().path(),
    );
    let work = tokio::spawn(next.run(request).instrument(span.clone()));
    let mut response = match tokio::time::timeout(PATIENCE, work).await {
        Ok(Ok(response)) => response,
        Ok(Err(error)) => {
            span.in_scope(|| tracing::error!(%error, "a request failed"));
            Rejection::new(Code::Internal).into_response()
        }
        Err(_) => {
            span.in_scope(|| tracing::error!("a request took too long"));
            Rejection::new(Code::Unavailable).into_response()
        }
    };
    span.in_scope(|| tracing::debug!(status = response.status().as_u16(), "answered"));
    let headers = response.headers_mut();
    if let Ok(id) = HeaderValue::from_str(&id) {
        headers.insert(HeaderName::from_static("x-request-id"), id);
    }
    headers.insert(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
    headers
        .entry(header::CACHE_CONTROL)
        .or_insert(HeaderValue::from_static("no-store"));
    response
}
