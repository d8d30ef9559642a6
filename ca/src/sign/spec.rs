//! What the server says about a certificate; the signer makes the certificate.
//!
//! Principals, critical options, extensions and key ids are not said: they follow from these
//! fields, in the signer.

use std::net::IpAddr;

use portreeve_protocol::id::{OrderId, SessionId};
use portreeve_protocol::key::PublicKey;
use portreeve_protocol::name::{BastionName, HostName, HumanName};
use portreeve_protocol::pair::Pair;
use portreeve_protocol::session::BundleRef;
use portreeve_protocol::task::Ticket;
use portreeve_protocol::time::Timestamp;
use serde::{Deserialize, Serialize};

/// From when until when.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Validity {
    /// Not before.
    pub from: Timestamp,
    /// Not at or after.
    pub until: Timestamp,
}

/// An access certificate: the agent shows it to a bastion. Its principal is the session's account.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AccessSpec {
    /// Its serial number.
    pub serial: u64,
    /// The agent's key.
    pub key: PublicKey,
    /// The session, from which the account follows.
    pub session: SessionId,
    /// Both identities.
    pub pair: Pair,
    /// Why.
    pub ticket: Ticket,
    /// With which version of which bundle.
    pub bundle: BundleRef,
    /// The bastions it is for.
    pub bastions: Vec<BastionName>,
    /// The one address it may be used from.
    pub source_address: Option<IpAddr>,
    /// The sealed grant in unpadded base64.
    pub grant: String,
    /// From when until when.
    pub validity: Validity,
}

/// A session certificate: a bastion shows it to one host for one account.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SessionSpec {
    /// Its serial number.
    pub serial: u64,
    /// The session's key.
    pub key: PublicKey,
    /// The session, from which the account follows.
    pub session: SessionId,
    /// Both identities.
    pub pair: Pair,
    /// Why.
    pub ticket: Ticket,
    /// The host it is for.
    pub host: HostName,
    /// The bastions' addresses as hosts see them.
    pub source_addresses: Vec<IpAddr>,
    /// From when until when.
    pub validity: Validity,
}

/// A control certificate: a bastion shows it to one host to deliver one order.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ControlSpec {
    /// Its serial number.
    pub serial: u64,
    /// The session's key.
    pub key: PublicKey,
    /// The session.
    pub session: SessionId,
    /// Both identities.
    pub pair: Pair,
    /// Why.
    pub ticket: Ticket,
    /// The host it is for.
    pub host: HostName,
    /// The bastions' addresses as hosts see them.
    pub source_addresses: Vec<IpAddr>,
    /// From when until when.
    pub validity: Validity,
}

/// A control certificate for a look: one bastion shows it to one host to deliver one look order.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LookSpec {
    /// Its serial number.
    pub serial: u64,
    /// The key of this look.
    pub key: PublicKey,
    /// The look order.
    pub look: OrderId,
    /// Who asked.
    pub human: HumanName,
    /// The host it is for.
    pub host: HostName,
    /// The bastion's addresses as hosts see them.
    pub source_addresses: Vec<IpAddr>,
    /// From when until when.
    pub validity: Validity,
}

/// A bastion's host certificate: agents know the bastion by it.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BastionHostSpec {
    /// Its serial number.
    pub serial: u64,
    /// The bastion's SSH host key.
    pub key: PublicKey,
    /// The bastion.
    pub bastion: BastionName,
    /// From when until when.
    pub validity: Validity,
}
