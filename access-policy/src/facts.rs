//! What a decision is made from: who, where, with what, and in which circumstances.
//!
//! Plain values, as the registry and the identity provider gave them. They are stored with every
//! decision, so each is complete: a decision is never made from something that is not here.

use std::net::IpAddr;

use portreeve_protocol::attest::{HostCheck, HostWatch, OutsideWatch, Reach, Watcher};
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

/// What a session's host proved of itself when the session opened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HostFacts {
    /// Whether everything could be looked at in time.
    pub complete: bool,
    /// sudo's dialect and version.
    pub sudo: String,
    /// The known vulnerabilities by which any account becomes root, where they are certain.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub local_root: Vec<String>,
    /// All known vulnerabilities that are certain.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub vulnerabilities: Vec<String>,
    /// Those of which the host cannot tell whether its sudo has them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub uncertain: Vec<String>,
    /// The codes of what is not as it should be.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub findings: Vec<String>,
    /// The programs, and directories on the way to them, that somebody beside root may replace.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub replaceable: Vec<String>,
}

/// By what a session's host watches what runs there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WatchFacts {
    /// What sees programs in the session's control group.
    pub processes: Watcher,
    /// What sees connections there.
    pub connections: Watcher,
    /// What sees programs that others start for the session's account.
    #[serde(default = "nobody", skip_serializing_if = "is_nobody")]
    pub outside_processes: Watcher,
    /// What sees connections of those.
    #[serde(default = "nobody", skip_serializing_if = "is_nobody")]
    pub outside_connections: Watcher,
}

const fn nobody() -> Watcher {
    Watcher::Absent
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde hands over a reference"
)]
fn is_nobody(watcher: &Watcher) -> bool {
    *watcher == Watcher::Absent
}

impl WatchFacts {
    /// A host that misses nothing.
    pub const EVERYTHING: Self = Self {
        processes: Watcher::Ebpf,
        connections: Watcher::Ebpf,
        outside_processes: Watcher::Ebpf,
        outside_connections: Watcher::Ebpf,
    };

    /// What an attestation says, as policies talk about it.
    #[must_use]
    pub fn of(watch: HostWatch) -> Self {
        let outside = watch.outside.unwrap_or(OutsideWatch::NOTHING);
        Self {
            processes: watch.processes,
            connections: watch.connections,
            outside_processes: outside.processes,
            outside_connections: outside.connections,
        }
    }
}

/// What makes a path one that somebody beside root may replace.
const REPLACEABLE: [&str; 2] = ["SP403", "SP404"];

impl HostFacts {
    /// What an attestation says, as policies talk about it.
    #[must_use]
    pub fn of(sudo: &str, check: &HostCheck) -> Self {
        let known = |wanted: &dyn Fn(Reach, bool) -> bool| {
            let ids = check.vulnerabilities.iter();
            each_once(
                ids.filter(|known| wanted(known.reach, known.certain))
                    .map(|known| known.id.clone()),
            )
        };
        let replaceable = check
            .findings
            .iter()
            .filter(|finding| REPLACEABLE.contains(&finding.code.as_str()));
        Self {
            complete: check.complete,
            sudo: sudo.to_owned(),
            local_root: known(&|reach, certain| certain && reach == Reach::AnyAccount),
            vulnerabilities: known(&|_, certain| certain),
            uncertain: known(&|_, certain| !certain),
            findings: each_once(check.findings.iter().map(|finding| finding.code.clone())),
            replaceable: each_once(replaceable.filter_map(|finding| finding.path.clone())),
        }
    }
}

fn each_once(texts: impl Iterator<Item = String>) -> Vec<String> {
    let mut texts: Vec<String> = texts.collect();
    texts.sort();
    texts.dedup();
    texts
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

#[cfg(test)]
mod tests {
    use super::*;
    use portreeve_protocol::attest::{HostFinding, SudoVulnerability};

    #[test]
    fn what_a_host_found_is_sorted_by_what_policies_ask() {
        let vulnerability = |id: &str, reach, certain| SudoVulnerability {
            id: id.into(),
            reach,
            certain,
        };
        let finding = |code: &str, path: &str| HostFinding {
            code: code.into(),
            path: Some(path.into()),
            detail: "in words".into(),
        };
        let check = HostCheck {
            complete: true,
            package: None,
            vulnerabilities: vec![
                vulnerability("CVE-2025-32463", Reach::AnyAccount, true),
                vulnerability("CVE-2021-3156", Reach::AnyAccount, false),
                vulnerability("CVE-2025-32462", Reach::Configured, true),
            ],
            findings: vec![
                finding("SP403", "/opt/tool"),
                finding("SP403", "/opt"),
                finding("SP406", "/srv/tool"),
            ],
            more: 0,
            missing: 1,
        };
        let facts = HostFacts::of("sudo 1.9.16", &check);
        assert_eq!(facts.local_root, ["CVE-2025-32463"]);
        assert_eq!(facts.vulnerabilities, ["CVE-2025-32462", "CVE-2025-32463"]);
        assert_eq!(facts.uncertain, ["CVE-2021-3156"]);
        assert_eq!(facts.findings, ["SP403", "SP406"]);
        assert_eq!(facts.replaceable, ["/opt", "/opt/tool"]);
    }
}
