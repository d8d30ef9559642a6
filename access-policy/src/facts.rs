//! What a decision is made from: who, where, with what, and in which circumstances.
//!
//! Plain values, as the registry and the identity provider gave them. They are stored with every
//! decision, so each is complete: a decision is never made from something that is not here.

use std::net::IpAddr;

use portreeve_protocol::facts::{Facts, Intent, SignIn};
use portreeve_protocol::id::SessionId;
use portreeve_protocol::name::{HostName, HumanName};
use portreeve_protocol::pair;
use portreeve_protocol::session::BundleRef;
use portreeve_protocol::task::{Purpose, Ticket};
use portreeve_protocol::time::Timestamp;
use serde::{Deserialize, Serialize};

/// A person, as an identity provider knows them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Human {
    /// Who.
    pub identity: pair::Human,
    /// The e-mail address, if the identity provider vouched for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// The groups whose member the person is.
    pub groups: Vec<String>,
}

/// An agent, as the registry knows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Agent {
    /// Which.
    pub identity: pair::Agent,
    /// Who answers for it.
    pub owner: HumanName,
    /// Whether it may do anything.
    pub enabled: bool,
    /// When its owner must look at it again; none when never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub review_by: Option<Timestamp>,
}

/// A host, as the registry knows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Host {
    /// Its name.
    pub name: HostName,
    /// Its labels.
    pub labels: Vec<String>,
}

/// A published sudo bundle.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bundle {
    /// Name and version.
    pub version: BundleRef,
    /// What its author says that it does.
    pub intent: Intent,
}

/// A session: asked for, alive, or over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Session {
    /// Its id; chosen before the first decision about it.
    pub id: SessionId,
    /// Who asked.
    pub human: Human,
    /// Who acts.
    pub agent: Agent,
    /// Where.
    pub host: Host,
    /// With which bundle.
    pub bundle: Bundle,
    /// Why: the ticket.
    pub ticket: Ticket,
    /// Why: the purpose.
    pub purpose: Purpose,
}

impl Session {
    /// The pair whose session this is.
    #[must_use]
    pub fn pair(&self) -> pair::Pair {
        pair::Pair {
            human: self.human.identity.clone(),
            agent: self.agent.identity.clone(),
        }
    }

    /// Joins the names that a grant carries with the facts that it carries beside them.
    ///
    /// The agent was enabled when the grant was made; disabling it kills its sessions.
    #[must_use]
    pub fn from_grant(grant: &portreeve_protocol::grant::Grant) -> Self {
        let Facts {
            email,
            groups,
            sign_in: _,
            owner,
            review_by,
            labels,
            intent,
        } = grant.facts.clone();
        Self {
            id: grant.session,
            human: Human {
                identity: grant.pair.human.clone(),
                email,
                groups,
            },
            agent: Agent {
                identity: grant.pair.agent.clone(),
                owner,
                enabled: true,
                review_by,
            },
            host: Host {
                name: grant.host.name.clone(),
                labels,
            },
            bundle: Bundle {
                version: grant.bundle.clone(),
                intent,
            },
            ticket: grant.task.ticket.clone(),
            purpose: grant.task.purpose.clone(),
        }
    }

    /// The facts to put into a grant of this session.
    #[must_use]
    pub fn facts(&self, sign_in: &SignIn) -> Facts {
        Facts {
            email: self.human.email.clone(),
            groups: self.human.groups.clone(),
            sign_in: sign_in.clone(),
            owner: self.agent.owner.clone(),
            review_by: self.agent.review_by,
            labels: self.host.labels.clone(),
            intent: self.bundle.intent,
        }
    }
}

/// When, from where, and how well the human is known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Circumstances {
    /// The time of the decision.
    pub now: Timestamp,
    /// The address from which the request came.
    pub source: IpAddr,
    /// How and when the human signed in.
    pub sign_in: SignIn,
}
