//! Agents, hosts and bastions, and their enrolment.

use axum::extract::State;
use portreeve_protocol::admin::{
    AddAgent, AddBastion, AddHost, AgentRecord, BastionTicket, HostRecord, Listing,
};
use portreeve_protocol::enrol::{BastionEnrolled, BastionEnrolment, HostProof, HostTicket};
use portreeve_protocol::inventory::{HostInventory, Inventory, InventoryRow};
use portreeve_protocol::pair::Agent;
use portreeve_protocol::session::BastionContact;
use portreeve_protocol::signed::Signed;

use super::Server;
use super::answer::{Created, Json, Rejection};
use super::body::{Body, Parts, part};
use super::proof::{ByAnybody, ByPerson};

pub(super) async fn agents(
    State(server): State<Server>,
    by: ByPerson,
) -> Result<Json<Listing<AgentRecord>>, Rejection> {
    Ok(Json(server.app.agents(&by.person, by.origin).await?))
}

pub(super) async fn add_agent(
    State(server): State<Server>,
    by: ByPerson,
    Body(request): Body<AddAgent>,
) -> Result<Created<AgentRecord>, Rejection> {
    let record = server.app.add_agent(&by.person, request, by.origin).await?;
    Ok(Created(record))
}

pub(super) async fn disable_agent(
    State(server): State<Server>,
    by: ByPerson,
    Parts((team, name)): Parts<(String, String)>,
) -> Result<Json<AgentRecord>, Rejection> {
    let agent = agent(&team, &name)?;
    let record = server
        .app
        .enable_agent(&by.person, &agent, false, by.origin)
        .await?;
    Ok(Json(record))
}

pub(super) async fn enable_agent(
    State(server): State<Server>,
    by: ByPerson,
    Parts((team, name)): Parts<(String, String)>,
) -> Result<Json<AgentRecord>, Rejection> {
    let agent = agent(&team, &name)?;
    let record = server
        .app
        .enable_agent(&by.person, &agent, true, by.origin)
        .await?;
    Ok(Json(record))
}

fn agent(team: &str, name: &str) -> Result<Agent, Rejection> {
    Ok(Agent {
        team: part(team)?,
        name: part(name)?,
    })
}

pub(super) async fn hosts(
    State(server): State<Server>,
    by: ByPerson,
) -> Result<Json<Listing<HostRecord>>, Rejection> {
    Ok(Json(server.app.hosts(&by.person, by.origin).await?))
}

pub(super) async fn add_host(
    State(server): State<Server>,
    by: ByPerson,
    Body(request): Body<AddHost>,
) -> Result<Created<HostTicket>, Rejection> {
    let ticket = server.app.add_host(&by.person, request, by.origin).await?;
    Ok(Created(ticket))
}

pub(super) async fn inventories(
    State(server): State<Server>,
    by: ByPerson,
) -> Result<Json<Listing<InventoryRow>>, Rejection> {
    Ok(Json(server.app.inventories(&by.person, by.origin).await?))
}

pub(super) async fn inventory(
    State(server): State<Server>,
    by: ByPerson,
    Parts(host): Parts<String>,
) -> Result<Json<HostInventory>, Rejection> {
    let kept = server
        .app
        .inventory(&by.person, &part(&host)?, by.origin)
        .await?;
    Ok(Json(kept))
}

pub(super) async fn keep_inventory(
    State(server): State<Server>,
    by: ByPerson,
    Parts(host): Parts<String>,
    Body(statement): Body<Signed<Inventory>>,
) -> Result<Json<HostInventory>, Rejection> {
    let kept = server
        .app
        .keep_inventory(&by.person, &part(&host)?, statement, by.origin)
        .await?;
    Ok(Json(kept))
}

pub(super) async fn enrol_host(
    State(server): State<Server>,
    by: ByAnybody,
    Body(proof): Body<HostProof>,
) -> Result<Created<HostRecord>, Rejection> {
    Ok(Created(server.app.enrol_host(&proof, by.origin).await?))
}

pub(super) async fn bastions(
    State(server): State<Server>,
    by: ByPerson,
) -> Result<Json<Listing<BastionContact>>, Rejection> {
    Ok(Json(server.app.bastions(&by.person, by.origin).await?))
}

pub(super) async fn add_bastion(
    State(server): State<Server>,
    by: ByPerson,
    Body(request): Body<AddBastion>,
) -> Result<Created<BastionTicket>, Rejection> {
    let ticket = server
        .app
        .add_bastion(&by.person, request, by.origin)
        .await?;
    Ok(Created(ticket))
}

pub(super) async fn enrol_bastion(
    State(server): State<Server>,
    by: ByAnybody,
    Body(request): Body<BastionEnrolment>,
) -> Result<Created<BastionEnrolled>, Rejection> {
    let enrolled = server.app.enrol_bastion(request, by.origin).await?;
    Ok(Created(enrolled))
}
