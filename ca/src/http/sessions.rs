//! Sessions and their trails.

use axum::extract::{Path, State};
use portreeve_protocol::admin::Listing;
use portreeve_protocol::checkpoint::Trail;
use portreeve_protocol::session::{
    ClaimRequest, Claimed, KillRequest, SessionGranted, SessionRequest, SessionSummary,
};

use super::Server;
use super::answer::{Created, Json, Rejection};
use super::body::{Body, part};
use super::proof::{ByBastion, ByCaller, ByPair};

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
    Path(id): Path<String>,
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
    Path(id): Path<String>,
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
    Path(id): Path<String>,
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
    Path(id): Path<String>,
) -> Result<Json<Trail>, Rejection> {
    Ok(Json(
        server.app.trail(&by.caller, part(&id)?, by.origin).await?,
    ))
}

pub(super) async fn checkpoint(State(server): State<Server>) -> Result<String, Rejection> {
    Ok(server.app.checkpoint().await?)
}
