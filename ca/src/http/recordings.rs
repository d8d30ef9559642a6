//! Recordings: listed, read, held, and deleted by bastions that ask.

use axum::body::Body as Content;
use axum::extract::{RawQuery, State};
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse as _, Response};
use portreeve_protocol::admin::Listing;
use portreeve_protocol::problem::Code;
use portreeve_protocol::recording::{Deletion, HoldRequest, RecordingRow};

use super::Server;
use super::answer::{Json, Rejection};
use super::body::{Body, Parts, part};
use super::proof::{ByBastion, ByPerson};

pub(super) async fn list(
    State(server): State<Server>,
    by: ByPerson,
) -> Result<Json<Listing<RecordingRow>>, Rejection> {
    Ok(Json(server.app.recordings(&by.person, by.origin).await?))
}

pub(super) async fn fetch(
    State(server): State<Server>,
    by: ByPerson,
    Parts(id): Parts<String>,
    RawQuery(query): RawQuery,
) -> Result<Response, Rejection> {
    let from = from(query.as_deref().unwrap_or_default())?;
    let fetched = server
        .app
        .fetch_recording(&by.person, part(&id)?, from, by.origin)
        .await?;
    let kind = [
        (
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/x-tar"),
        ),
        (header::CONTENT_LENGTH, fetched.bytes.into()),
    ];
    Ok((kind, Content::from_stream(fetched.content)).into_response())
}

pub(super) async fn hold(
    State(server): State<Server>,
    by: ByPerson,
    Parts(id): Parts<String>,
    Body(request): Body<HoldRequest>,
) -> Result<Json<RecordingRow>, Rejection> {
    let held = server
        .app
        .set_hold(&by.person, part(&id)?, true, request, by.origin)
        .await?;
    Ok(Json(held))
}

pub(super) async fn release(
    State(server): State<Server>,
    by: ByPerson,
    Parts(id): Parts<String>,
    Body(request): Body<HoldRequest>,
) -> Result<Json<RecordingRow>, Rejection> {
    let released = server
        .app
        .set_hold(&by.person, part(&id)?, false, request, by.origin)
        .await?;
    Ok(Json(released))
}

pub(super) async fn deletion(
    State(server): State<Server>,
    by: ByBastion,
    Parts(id): Parts<String>,
) -> Result<Json<Deletion>, Rejection> {
    let permitted = server
        .app
        .permit_deletion(&by.bastion, part(&id)?, by.origin)
        .await?;
    Ok(Json(permitted))
}

/// From which byte a recording is to be read: its beginning unless `from` says otherwise.
fn from(query: &str) -> Result<u64, Rejection> {
    let place = match query {
        "" => Some(0),
        query => query
            .strip_prefix("from=")
            .and_then(|place| place.parse().ok()),
    };
    place.ok_or_else(|| {
        Rejection::advise(
            Code::Malformed,
            "the query: `from` is the first byte to read, and there is nothing else",
        )
    })
}
