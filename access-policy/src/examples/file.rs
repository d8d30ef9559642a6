//! The file as it is written.

use std::collections::BTreeMap;
use std::net::IpAddr;

use portreeve_protocol::facts::Intent;
use portreeve_protocol::name::{BundleName, HostName, HumanName};
use portreeve_protocol::pair::Agent;
use portreeve_protocol::task::{Purpose, Ticket};
use portreeve_protocol::time::Timestamp;
use serde::Deserialize;
use toml::Spanned;

use crate::explain::Outcome;
use crate::facts::{HostFacts, WatchFacts};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct File {
    #[serde(default)]
    pub(super) people: BTreeMap<String, Person>,
    #[serde(default)]
    pub(super) agents: BTreeMap<String, AgentEntry>,
    #[serde(default)]
    pub(super) hosts: BTreeMap<String, HostEntry>,
    #[serde(default)]
    pub(super) bundles: BTreeMap<String, BundleEntry>,
    #[serde(default, rename = "example")]
    pub(super) examples: Vec<Spanned<Example>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Person {
    #[serde(default)]
    pub(super) issuer: Option<String>,
    #[serde(default)]
    pub(super) email: Option<String>,
    #[serde(default)]
    pub(super) groups: Vec<String>,
    #[serde(default)]
    pub(super) amr: Vec<String>,
    #[serde(default)]
    pub(super) acr: Option<String>,
    #[serde(default)]
    pub(super) signed_in: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AgentEntry {
    pub(super) owner: HumanName,
    #[serde(default = "yes")]
    pub(super) enabled: bool,
    #[serde(default)]
    pub(super) review_by: Option<Timestamp>,
}

fn yes() -> bool {
    true
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct HostEntry {
    #[serde(default)]
    pub(super) labels: Vec<String>,
    #[serde(default)]
    pub(super) check: Option<HostFacts>,
    #[serde(default)]
    pub(super) watch: Option<WatchFacts>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct BundleEntry {
    pub(super) intent: Intent,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Example {
    pub(super) ask: String,
    #[serde(default)]
    pub(super) name: Option<String>,
    pub(super) human: String,
    #[serde(default)]
    pub(super) by: Option<String>,
    #[serde(default)]
    pub(super) agent: Option<Agent>,
    #[serde(default)]
    pub(super) host: Option<HostName>,
    #[serde(default)]
    pub(super) bundle: Option<BundleName>,
    #[serde(default)]
    pub(super) ticket: Option<Ticket>,
    #[serde(default)]
    pub(super) purpose: Option<Purpose>,
    #[serde(default)]
    pub(super) ttl: Option<String>,
    #[serde(default)]
    pub(super) command: Option<String>,
    #[serde(default)]
    pub(super) kind: Option<String>,
    #[serde(default)]
    pub(super) address: Option<String>,
    #[serde(default)]
    pub(super) port: Option<u16>,
    #[serde(default)]
    pub(super) to: Option<BundleName>,
    #[serde(default)]
    pub(super) source: Option<IpAddr>,
    #[serde(default)]
    pub(super) at: Option<Timestamp>,
    pub(super) expect: Expect,
    #[serde(default, rename = "for")]
    pub(super) lasts: Option<String>,
    #[serde(default)]
    pub(super) determining: Option<Vec<String>>,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Expect {
    Permit,
    NeedsApproval,
    Deny,
}

impl From<Expect> for Outcome {
    fn from(expect: Expect) -> Self {
        match expect {
            Expect::Permit => Self::Permitted,
            Expect::NeedsApproval => Self::NeedsApproval,
            Expect::Deny => Self::Denied,
        }
    }
}
