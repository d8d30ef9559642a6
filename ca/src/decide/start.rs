//! Whether a pair may begin a session.

use std::net::IpAddr;

use portreeve_access_policy::act::StartRequest;
use portreeve_access_policy::facts::{
    Agent, Bundle, Circumstances, Host, Human, Session, WatchFacts,
};
use portreeve_protocol::id::SessionId;
use portreeve_protocol::task::Task;
use portreeve_protocol::time::{Timestamp, Ttl};

use super::{Policies, StartDecision};
use crate::identity::Delegation;

/// What a pair asks for, as far as policy looks at it.
#[derive(Debug, Clone)]
pub struct Asked {
    /// The session's id, chosen before the first decision about it.
    pub id: SessionId,
    /// Where.
    pub host: Host,
    /// With which bundle.
    pub bundle: Bundle,
    /// Why.
    pub task: Task,
    /// For how long.
    pub ttl: Ttl,
    /// By what the host watched its last session, if that is known.
    pub host_watch: Option<WatchFacts>,
}

/// Asks whether `delegation` may begin the session that it asks for.
pub fn start(
    policies: &Policies,
    delegation: &Delegation,
    asked: Asked,
    source: IpAddr,
    now: Timestamp,
) -> StartDecision {
    let agent = delegation.agent();
    policies.start(StartRequest {
        session: Session {
            id: asked.id,
            human: Human {
                identity: delegation.pair().human.clone(),
                email: delegation.email().map(str::to_owned),
                groups: delegation.groups().to_vec(),
            },
            agent: Agent {
                identity: agent.agent.clone(),
                owner: agent.owner.clone(),
                enabled: agent.enabled,
                review_by: agent.review_by,
            },
            host: asked.host,
            bundle: asked.bundle,
            ticket: asked.task.ticket,
            purpose: asked.task.purpose,
        },
        ttl: asked.ttl,
        host_watch: asked.host_watch,
        circumstances: Circumstances {
            now,
            source,
            sign_in: delegation.sign_in().clone(),
        },
    })
}
