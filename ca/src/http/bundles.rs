//! Bundles: their versions, their history, withdrawing.

use axum::extract::State;
use portreeve_protocol::admin::Listing;
use portreeve_protocol::bundle::{
    BundleChange, BundlePublished, BundleRecord, BundleWithdrawn, PublishBundle, WithdrawBundle,
};
use portreeve_protocol::session::BundleRef;

use super::Server;
use super::answer::{Json, Rejection};
use super::body::{Body, Parts, part};
use super::proof::ByPerson;

pub(super) async fn list(
    State(server): State<Server>,
    by: ByPerson,
) -> Result<Json<Listing<BundleRecord>>, Rejection> {
    Ok(Json(server.app.bundles(&by.person, by.origin).await?))
}

pub(super) async fn publish(
    State(server): State<Server>,
    by: ByPerson,
    Body(request): Body<PublishBundle>,
) -> Result<Json<BundlePublished>, Rejection> {
    let published = server
        .app
        .publish_bundle(&by.person, request, by.origin)
        .await?;
    Ok(Json(published))
}

pub(super) async fn show(
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

pub(super) async fn version(
    State(server): State<Server>,
    by: ByPerson,
    Parts((name, digest)): Parts<(String, String)>,
) -> Result<Json<BundleRecord>, Rejection> {
    let version = BundleRef {
        name: part(&name)?,
        digest: part(&digest)?,
    };
    let record = server
        .app
        .bundle_version(&by.person, &version, by.origin)
        .await?;
    Ok(Json(record))
}

pub(super) async fn history(
    State(server): State<Server>,
    by: ByPerson,
    Parts(name): Parts<String>,
) -> Result<Json<Listing<BundleChange>>, Rejection> {
    let history = server
        .app
        .bundle_history(&by.person, &part(&name)?, by.origin)
        .await?;
    Ok(Json(history))
}

pub(super) async fn withdraw(
    State(server): State<Server>,
    by: ByPerson,
    Parts(name): Parts<String>,
    Body(request): Body<WithdrawBundle>,
) -> Result<Json<BundleWithdrawn>, Rejection> {
    let withdrawn = server
        .app
        .withdraw_bundle(&by.person, &part(&name)?, &request, by.origin)
        .await?;
    Ok(Json(withdrawn))
}
