//! A session that exists, as policy sees it.

use portreeve_access_policy::facts::{Agent, Bundle, Host, Human, Session};
use portreeve_protocol::admin::{AgentRecord, HostRecord};
use portreeve_protocol::facts::Intent;
use portreeve_protocol::session::SessionSummary;

/// What the registry knows of the things that a session is made of.
#[derive(Debug, Clone)]
pub struct Known {
    /// Its agent.
    pub agent: AgentRecord,
    /// Its host.
    pub host: HostRecord,
    /// What the author of its bundle says that it does.
    pub intent: Intent,
}

/// The session as policy sees it. The human's groups are not: they are known of a caller only.
#[must_use]
pub fn session(summary: &SessionSummary, known: Known) -> Session {
    Session {
        id: summary.session,
        human: Human {
            identity: summary.pair.human.clone(),
            email: None,
            groups: Vec::new(),
        },
        agent: Agent {
            identity: known.agent.agent,
            owner: known.agent.owner,
            enabled: known.agent.enabled,
            review_by: known.agent.review_by,
        },
        host: Host {
            name: known.host.host,
            labels: known.host.labels,
        },
        bundle: Bundle {
            version: summary.bundle.clone(),
            intent: known.intent,
        },
        ticket: summary.task.ticket.clone(),
        purpose: summary.task.purpose.clone(),
    }
}
