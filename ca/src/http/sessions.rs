//! Sessions, their trails, and the log that the trails are parts of.

use axum::extract::{RawQuery, State};
use portreeve_protocol::admin::Listing;
use portreeve_protocol::checkpoint::Trail;
use portreeve_protocol::problem::Code;
use portreeve_protocol::session::{
    ClaimRequest, Claimed, KillRequest, SessionGranted, SessionRequest, SessionSummary,
};

use super::Server;
use super::answer::{Created, Json, Rejection};
use super::body::{Body, Parts, part};
use super::proof::{ByBastion, ByCaller, ByPair, ByPerson};
use crate::app::TrailPage;

pub(super) async fn request(
    State(server): State<Server>,
    by: ByPair,
    Body(request): Body<SessionRequest>,
) -> Result<Created<SessionGranted>, Rejection> {
    let granted = server
        .app
        .request_session(&by.delegation, request, by.origin)
        .await?;
    Ok(Created(granted))
}

pub(super) async fn list(
    State(server): State<Server>,
    by: ByCaller,
) -> Result<Json<Listing<SessionSummary>>, Rejection> {
    Ok(Json(server.app.sessions(&by.caller, by.origin).await?))
}

pub(super) async fn show(
    State(server): State<Server>,
    by: ByCaller,
    Parts(id): Parts<String>,
) -> Result<Json<SessionSummary>, Rejection> {
    let summary = server
        .app
        .session(&by.caller, part(&id)?, by.origin)
        .await?;
    Ok(Json(summary))
}

pub(super) async fn kill(
    State(server): State<Server>,
    by: ByCaller,
    Parts(id): Parts<String>,
    Body(request): Body<KillRequest>,
) -> Result<Json<SessionSummary>, Rejection> {
    let summary = server
        .app
        .kill(&by.caller, part(&id)?, &request, by.origin)
        .await?;
    Ok(Json(summary))
}

pub(super) async fn claim(
    State(server): State<Server>,
    by: ByBastion,
    Parts(id): Parts<String>,
    Body(request): Body<ClaimRequest>,
) -> Result<Json<Claimed>, Rejection> {
    let claimed = server
        .app
        .claim(&by.bastion, part(&id)?, &request, by.origin)
        .await?;
    Ok(Json(claimed))
}

pub(super) async fn trail(
    State(server): State<Server>,
    by: ByCaller,
    Parts(id): Parts<String>,
    RawQuery(query): RawQuery,
) -> Result<Json<Trail>, Rejection> {
    let page = page(query.as_deref().unwrap_or_default())?;
    let id = part(&id)?;
    Ok(Json(
        server.app.trail(&by.caller, id, page, by.origin).await?,
    ))
}

/// All of a trail unless `since` says from where on, and `size` of which checkpoint.
fn page(query: &str) -> Result<Option<TrailPage>, Rejection> {
    let read = || {
        let (since, size) = match query.split_once('&') {
            None => (query, None),
            Some((since, size)) => (since, Some(size.strip_prefix("size=")?.parse().ok()?)),
        };
        let since = since.strip_prefix("since=")?.parse().ok()?;
        Some(TrailPage { since, size })
    };
    if query.is_empty() {
        return Ok(None);
    }
    read().map(Some).ok_or_else(|| {
        Rejection::advise(
            Code::Malformed,
            "the query: `since` is the number of the first event to read, then may come `size`, that of the checkpoint, and there is nothing else",
        )
    })
}

pub(super) async fn log(
    State(server): State<Server>,
    by: ByPerson,
    RawQuery(query): RawQuery,
) -> Result<Json<Trail>, Rejection> {
    let since = since(query.as_deref().unwrap_or_default())?;
    Ok(Json(
        server.app.log_from(&by.person, since, by.origin).await?,
    ))
}

/// From where the log is to be read: its beginning unless `since` says otherwise.
fn since(query: &str) -> Result<u64, Rejection> {
    let place = match query {
        "" => Some(0),
        query => query
            .strip_prefix("since=")
            .and_then(|place| place.parse().ok()),
    };
    place.ok_or_else(|| {
        Rejection::advise(
            Code::Malformed,
            "the query: `since` is the number of the first event to read, and there is nothing else",
        )
    })
}

pub(super) async fn checkpoint(State(server): State<Server>) -> Result<String, Rejection> {
    Ok(server.app.checkpoint().await?)
}
