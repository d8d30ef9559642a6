//! Asking for a session, and what is known of one.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::attest::EndCause;
use crate::digest::Digest;
use crate::id::{SessionId, TaskId};
use crate::key::PublicKey;
use crate::name::{AccountName, BastionName, BundleName, HostName, HumanName};
use crate::pair::Pair;
use crate::quantity;
use crate::task::{Purpose, Task, Ticket};
use crate::time::{Timestamp, Ttl};

/// A bundle by name and content.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BundleRef {
    /// The name it was published under.
    pub name: BundleName,
    /// The digest of the published file.
    pub digest: Digest,
}

impl fmt::Display for BundleRef {
    /// As people and certificates write a version: `name@sha256:…`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.name, self.digest)
    }
}

/// What an agent asks for: `POST /v1/sessions`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SessionRequest {
    /// On which host.
    pub host: HostName,
    /// Why: the ticket.
    pub ticket: Ticket,
    /// Why: the purpose.
    pub purpose: Purpose,
    /// An earlier task that this session continues.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task: Option<TaskId>,
    /// With which sudo bundle.
    pub bundle: BundleName,
    /// For how long at most; policy may shorten it. The default is the CA's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ttl: Option<Ttl>,
    /// The key that the access certificate is to certify; its private half never leaves the agent.
    pub key: PublicKey,
    /// The address from which the agent reaches the bastion, where it is another than the one
    /// from which it reaches the CA.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_address: Option<std::net::IpAddr>,
}

/// What the agent gets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionGranted {
    /// The session.
    pub session: SessionId,
    /// Its task.
    pub task: Task,
    /// Its host.
    pub host: HostName,
    /// Its account, which is also the user name to give to the bastion.
    pub account: AccountName,
    /// Its bundle.
    pub bundle: BundleRef,
    /// The access certificate, one line in OpenSSH's format.
    pub certificate: String,
    /// By when the first connection must have been made.
    pub connect_by: Timestamp,
    /// When the session ends at the latest.
    pub expires_at: Timestamp,
    /// Where to connect.
    pub bastions: Vec<BastionContact>,
}

/// Where a bastion is and how to know it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BastionContact {
    /// Its name.
    pub name: BastionName,
    /// Its address as agents reach it: a name or address, a colon, and a port.
    pub address: String,
    /// The CA that certifies bastions' host keys, for a `@cert-authority` line.
    pub host_ca: PublicKey,
}

/// How far a session has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SessionState {
    /// Certificates are out; no bastion has it yet.
    Issued,
    /// A bastion claimed it.
    Claimed,
    /// The host attested that the account is ready.
    Open,
    /// It was ended and its host has not confirmed that the account is gone.
    NotConfirmed,
    /// The host's receipt is there.
    Ended,
    /// It expired before any bastion claimed it.
    Unused,
}

/// One session in a listing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionSummary {
    /// The session.
    pub session: SessionId,
    /// Whose it is.
    pub pair: Pair,
    /// Why.
    pub task: Task,
    /// Where.
    pub host: HostName,
    /// As which account.
    pub account: AccountName,
    /// With which bundle.
    pub bundle: BundleRef,
    /// How far it has come.
    pub state: SessionState,
    /// Which bastion has it.
    pub bastion: Option<BastionName>,
    /// When it was granted.
    pub created_at: Timestamp,
    /// When it ends at the latest.
    pub expires_at: Timestamp,
    /// When it ended, by the host's receipt if there is one.
    pub ended_at: Option<Timestamp>,
    /// Why it ended.
    pub cause: Option<EndCause>,
    /// Who killed it.
    pub killed_by: Option<HumanName>,
    /// Why it was killed, in the words of whoever did.
    #[serde(default)]
    pub kill_reason: Option<String>,
}

/// `POST /v1/sessions/{id}/kill`, by a person or by the pair itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KillRequest {
    /// Why, for the trail and for the agent.
    pub reason: Purpose,
}

/// `POST /v1/sessions/{id}/claim`, by the bastion that the agent connected to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClaimRequest {
    /// The serial number of the access certificate that was shown.
    pub serial: u64,
    /// Where the agent connected from.
    pub agent_address: std::net::IpAddr,
}

/// A session that now belongs to the bastion that claimed it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claimed {
    /// The bundle's file as it was published; its digest stands in the order.
    pub bundle: String,
    /// When the session ends at the latest.
    pub expires_at: Timestamp,
    /// How much it may put into the trail.
    pub trail_limit: TrailLimit,
}

/// How many bytes of events one session may put into the trail. In text a whole number and a unit, as `64MiB`; in JSON
/// the number of bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "u64", into = "u64")]
pub struct TrailLimit(u64);

/// Less is not enough for a session that does anything.
const LEAST_TRAIL: u64 = 1 << 20;
/// A PiB: every limit is a number that readers of JSON keep exactly.
const MOST_TRAIL: u64 = 1 << 50;

/// The text or number is no limit of a trail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a limit of a trail is at least `1MiB` and written as `64MiB` or `1GiB`")]
pub struct NotATrailLimit;

impl TrailLimit {
    /// What sessions have where nobody says anything: the events of some ten thousand commands.
    pub const DEFAULT: Self = Self(64 << 20);

    /// The number of bytes.
    #[must_use]
    pub const fn bytes(self) -> u64 {
        self.0
    }
}

impl TryFrom<u64> for TrailLimit {
    type Error = NotATrailLimit;

    fn try_from(bytes: u64) -> Result<Self, NotATrailLimit> {
        (LEAST_TRAIL..=MOST_TRAIL)
            .contains(&bytes)
            .then_some(Self(bytes))
            .ok_or(NotATrailLimit)
    }
}

impl From<TrailLimit> for u64 {
    fn from(limit: TrailLimit) -> Self {
        limit.0
    }
}

impl FromStr for TrailLimit {
    type Err = NotATrailLimit;

    fn from_str(text: &str) -> Result<Self, NotATrailLimit> {
        quantity::read(text, &quantity::SIZES)
            .ok_or(NotATrailLimit)?
            .try_into()
    }
}

impl fmt::Display for TrailLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        quantity::write(self.0, &quantity::SIZES, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_of_a_trail_lets_a_session_do_something() {
        for (text, bytes) in [
            ("1MiB", Some(1 << 20)),
            ("64MiB", Some(64 << 20)),
            ("1048576GiB", Some(1 << 50)),
            ("1023KiB", None),
            ("1048577GiB", None),
            ("0", None),
            ("67108864", None),
        ] {
            let limit = text.parse::<TrailLimit>().ok();
            assert_eq!(limit.map(TrailLimit::bytes), bytes, "{text}");
        }
        assert_eq!(TrailLimit::DEFAULT.to_string(), "64MiB");
        assert!(serde_json::from_str::<TrailLimit>("7").is_err());
    }
}
