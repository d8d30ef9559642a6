//! The policy and the bundles.

use axum::extract::State;
use portreeve_protocol::admin::{BundleRecord, Listing, PolicyRecord, Publish};

use super::Server;
use super::answer::{Json, Rejection};
use super::body::{Body, Parts, part};
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

pub(super) async fn bundles(
    State(server): State<Server>,
    by: ByPerson,
) -> Result<Json<Listing<BundleRecord>>, Rejection> {
    Ok(Json(server.app.bundles(&by.person, by.origin).await?))
}

pub(super) async fn publish_bundle(
    State(server): State<Server>,
    by: ByPerson,
    Body(request): Body<Publish>,
) -> Result<Json<BundleRecord>, Rejection> {
    let record = server
        .app
        .publish_bundle(&by.person, request, by.origin)
        .await?;
    Ok(Json(record))
}

pub(super) async fn bundle(
    State(server): State<Server>,
    by: ByPerson,
    Parts(name): Parts<String>,
) -> Result<Json<BundleRecord>, Rejection> {
    let record = server
        .app
        .bundle(&by.person, &part(&name)?, by.origin)
        .await?;
    Ok(Json(record))
}
