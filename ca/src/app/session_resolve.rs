//! From the names in a session request to the things that they name.

use portreeve_access_policy::facts::{Bundle, Host, WatchFacts};
use portreeve_protocol::digest::Digest;
use portreeve_protocol::facts::Intent;
use portreeve_protocol::grant::HostTarget;
use portreeve_protocol::problem::Code;
use portreeve_protocol::session::{BundleRef, SessionRequest};
use portreeve_protocol::task::Task;

use super::session_plan::Drawn;
use super::{App, Failure};
use crate::decide::Asked;
use crate::identity::Delegation;
use crate::store::{Bastion, BastionEnrolled, Host as KnownHost, SessionFilter, StoreError};

/// The most bastions that one session may be served by; the signer allows no more.
const MAX_GATES: usize = 16;

/// A request with everything that it names.
#[derive(Debug)]
pub(super) struct Resolved {
    /// What policy is asked. Things that do not exist stand in it with their names and nothing
    /// else, so that they are decided like any other.
    pub(super) asked: Asked,
    pub(super) task: Task,
    pub(super) target: Result<Target, Missing>,
}

/// Where a session goes, and through which bastions.
#[derive(Debug)]
pub(super) struct Target {
    pub(super) host: HostTarget,
    /// One past the highest UID that the CA knows the host to have used.
    pub(super) uid_floor: Option<u32>,
    /// At least one.
    pub(super) bastions: Vec<Gate>,
}

/// A bastion that can open grants.
#[derive(Debug)]
pub(super) struct Gate {
    pub(super) bastion: Bastion,
    pub(super) enrolled: BastionEnrolled,
}

/// What a request names or needs and is not there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Missing {
    #[error("there is no such host")]
    Host,
    #[error("there is no such bundle")]
    Bundle,
    #[error("every version of the bundle was withdrawn")]
    Withdrawn,
    #[error("the pair has no session of that task")]
    Task,
    #[error("the host is not enrolled yet")]
    Enrolment,
    #[error("no bastion is enrolled")]
    Bastion,
}

impl Missing {
    pub(super) const fn code(self) -> Code {
        match self {
            Self::Host | Self::Bundle | Self::Withdrawn | Self::Task => Code::NotPermitted,
            Self::Enrolment | Self::Bastion => Code::Unavailable,
        }
    }
}

impl App {
    pub(super) async fn resolve(
        &self,
        delegation: &Delegation,
        request: &SessionRequest,
        drawn: &Drawn,
    ) -> Result<Resolved, Failure> {
        let (host, bundle, gates, task_is_theirs) = tokio::try_join!(
            self.store.host(&request.host),
            self.store.bundle(&request.bundle),
            self.gates(),
            self.continues(delegation, request),
        )?;
        let bundle = match bundle {
            Some(record) => Some(Bundle {
                intent: self.intent_of(&record)?,
                version: BundleRef {
                    name: record.name,
                    digest: record.digest,
                },
            }),
            None => None,
        };
        let task = Task {
            id: request.task.unwrap_or(drawn.task),
            ticket: request.ticket.clone(),
            purpose: request.purpose.clone(),
        };
        let sessions = &self.settings.sessions;
        let labels = host.as_ref().map(|host| host.record.labels.clone());
        let watch = host.as_ref().and_then(|host| host.watch);
        let target = match (host, &bundle, task_is_theirs) {
            (None, _, _) => Err(Missing::Host),
            (_, None, _) => Err(Missing::Bundle),
            (_, _, false) => Err(Missing::Task),
            (Some(host), Some(_), true) => target(host, gates),
        };
        let asked = Asked {
            id: drawn.session,
            host: Host {
                name: request.host.clone(),
                labels: labels.unwrap_or_default(),
            },
            bundle: bundle.unwrap_or_else(|| Bundle {
                version: BundleRef {
                    name: request.bundle.clone(),
                    digest: Digest::of(&[]),
                },
                intent: Intent::Write,
            }),
            task: task.clone(),
            ttl: request
                .ttl
                .unwrap_or(sessions.default_ttl)
                .min(sessions.max_ttl),
            host_watch: watch.map(WatchFacts::of),
        };
        Ok(Resolved {
            asked,
            task,
            target,
        })
    }

    /// The bastions that can open grants.
    pub(super) async fn gates(&self) -> Result<Vec<Gate>, StoreError> {
        let bastions = self.store.bastions().await?;
        Ok(bastions
            .into_iter()
            .filter_map(|bastion| {
                let (_, enrolled) = bastion.enrolled.clone()?;
                Some(Gate { bastion, enrolled })
            })
            .take(MAX_GATES)
            .collect())
    }

    /// Whether the task that a request continues, if any, is one of the same pair.
    async fn continues(
        &self,
        delegation: &Delegation,
        request: &SessionRequest,
    ) -> Result<bool, StoreError> {
        let Some(task) = request.task else {
            return Ok(true);
        };
        let filter = SessionFilter {
            human: Some(delegation.pair().human.id()),
            agent: Some(delegation.pair().agent.clone()),
            ..SessionFilter::default()
        };
        let earlier = self.store.sessions(&filter).await?;
        Ok(earlier
            .iter()
            .any(|session| session.summary.task.id == task))
    }
}

fn target(host: KnownHost, bastions: Vec<Gate>) -> Result<Target, Missing> {
    let identity = host.record.identity.ok_or(Missing::Enrolment)?;
    if host.host_keys.is_empty() {
        return Err(Missing::Enrolment);
    }
    if bastions.is_empty() {
        return Err(Missing::Bastion);
    }
    Ok(Target {
        host: HostTarget {
            name: host.record.host,
            address: host.record.address,
            host_keys: host.host_keys,
            identity,
        },
        uid_floor: host.uid_floor,
        bastions,
    })
}
