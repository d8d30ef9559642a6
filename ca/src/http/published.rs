//! The policy.

use axum::extract::State;
use portreeve_protocol::admin::{PolicyRecord, Publish};

use super::Server;
use super::answer::{Json, Rejection};
use super::body::Body;
use super::proof::ByPerson;

pub(super) async fn policy(
    State(server): State<Server>,
    by: ByPerson,
) -> Result<Json<PolicyRecord>, Rejection> {
    Ok(Json(server.app.policy(&by.person, by.origin).await?))
}

pub(super) async fn publish_policy(
    State(server): State<Server>,
    by: ByPerson,
    Body(request): Body<Publish>,
) -> Result<Json<PolicyRecord>, Rejection> {
    let record = server
        .app
        .publish_policy(&by.person, request, by.origin)
        .await?;
    Ok(Json(record))
}
