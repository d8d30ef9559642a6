//! Looks: asked for by people, taken up and answered by bastions.

use axum::extract::State;
use portreeve_protocol::look::{LookAnswer, LookClaimed, LookStatus};

use super::Server;
use super::answer::{Created, Json, Rejection};
use super::body::{Body, Parts, part};
use super::proof::{ByBastion, ByPerson};

pub(super) async fn ask(
    State(server): State<Server>,
    by: ByPerson,
    Parts(host): Parts<String>,
) -> Result<Created<LookStatus>, Rejection> {
    let asked = server
        .app
        .ask_look(&by.person, &part(&host)?, by.origin)
        .await?;
    Ok(Created(asked))
}

pub(super) async fn show(
    State(server): State<Server>,
    by: ByPerson,
    Parts((host, look)): Parts<(String, String)>,
) -> Result<Json<LookStatus>, Rejection> {
    let status = server
        .app
        .look(&by.person, &part(&host)?, part(&look)?, by.origin)
        .await?;
    Ok(Json(status))
}

pub(super) async fn claim(
    State(server): State<Server>,
    by: ByBastion,
    Parts(look): Parts<String>,
) -> Result<Json<LookClaimed>, Rejection> {
    let claimed = server
        .app
        .claim_look(&by.bastion, part(&look)?, by.origin)
        .await?;
    Ok(Json(claimed))
}

pub(super) async fn answer(
    State(server): State<Server>,
    by: ByBastion,
    Parts(look): Parts<String>,
    Body(answer): Body<LookAnswer>,
) -> Result<Json<LookStatus>, Rejection> {
    let status = server
        .app
        .answer_look(&by.bastion, part(&look)?, answer, by.origin)
        .await?;
    Ok(Json(status))
}
