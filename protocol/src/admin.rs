//! What administrators ask of the CA.

use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::key::PublicKey;
use crate::name::{BastionName, HostName, HumanName};
use crate::pair::Agent;
use crate::secret::SecretText;
use crate::time::Timestamp;

/// `POST /v1/agents`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AddAgent {
    /// The agent.
    pub agent: Agent,
    /// The Ed25519 key it authenticates with.
    pub key: PublicKey,
    /// Who answers for it.
    pub owner: HumanName,
    /// When its owner must look at it again; none when never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub review_by: Option<Timestamp>,
}

/// An agent as the registry knows it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct AgentRecord {
    /// The agent.
    pub agent: Agent,
    /// Its key.
    pub key: PublicKey,
    /// Who answers for it.
    pub owner: HumanName,
    /// Whether it may do anything.
    pub enabled: bool,
    /// When its owner must look at it again.
    pub review_by: Option<Timestamp>,
    /// When it was added.
    pub created_at: Timestamp,
}

/// `POST /v1/hosts`; the answer is a [`crate::enrol::HostTicket`].
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AddHost {
    /// The host.
    pub host: HostName,
    /// Its address as bastions reach it: a name or address, a colon, and a port.
    pub address: String,
    /// Labels that policies can ask for.
    #[serde(default)]
    pub labels: Vec<String>,
    /// Also when it is enrolled: it goes on under its keys until it enrols with the new ticket.
    #[serde(default)]
    pub again: bool,
}

/// A host as the registry knows it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct HostRecord {
    /// The host.
    pub host: HostName,
    /// Its address.
    pub address: String,
    /// Its labels.
    pub labels: Vec<String>,
    /// When it was enrolled; none while its ticket is out.
    pub enrolled_at: Option<Timestamp>,
    /// The key that signs its attestations and receipts.
    pub identity: Option<PublicKey>,
    /// sudo's dialect and version as it said at enrolment.
    pub sudo: Option<String>,
}

/// `POST /v1/bastions`; the answer is a [`BastionTicket`].
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AddBastion {
    /// The bastion.
    pub bastion: BastionName,
    /// Its address as agents reach it: a name or address, a colon, and a port.
    pub address: String,
    /// The addresses from which it reaches hosts; its certificates work from nowhere else.
    pub egress: Vec<std::net::IpAddr>,
    /// Also when it is enrolled: it goes on under its keys until it enrols with the new token.
    #[serde(default)]
    pub again: bool,
}

/// The one-time token for a bastion's enrolment.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct BastionTicket {
    /// The bastion.
    pub bastion: BastionName,
    /// The token.
    pub token: SecretText,
    /// When it is void.
    pub expires_at: Timestamp,
}

/// `PUT /v1/policy`: a text to publish.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Publish {
    /// The file's content.
    pub text: String,
}

/// The policy in force.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct PolicyRecord {
    /// Its version.
    pub version: Digest,
    /// When it was published.
    pub published_at: Timestamp,
    /// Its text.
    pub text: String,
}

/// A listing.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Listing<T> {
    /// The items.
    pub items: Vec<T>,
}
