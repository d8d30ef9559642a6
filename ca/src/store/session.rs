//! Sessions: what is known of one, and how it goes from one state to the next.

mod query;
mod step;

use portreeve_protocol::attest::HostWatch;
use portreeve_protocol::digest::Digest;
use portreeve_protocol::id::SessionId;
use portreeve_protocol::name::{AccountName, BastionName, HostName};
use portreeve_protocol::pair::{Agent, Pair};
use portreeve_protocol::recording::{Retention, RetentionRule};
use portreeve_protocol::session::{BundleRef, SessionState, SessionSummary, TrailLimit};
use portreeve_protocol::task::Task;
use portreeve_protocol::time::Timestamp;

pub(super) use query::{live, live_with_bundle, one, retention, some};
pub(super) use step::{Claim, add, claim, end, fill_host, fill_trail, kill, open};

/// A session whose certificates are signed.
#[derive(Debug, Clone)]
pub struct NewSession {
    /// Its id.
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
    /// The policy version that permitted it.
    pub policy: Digest,
    /// The access certificate's serial number.
    pub access_serial: u64,
    /// The session certificate's serial number.
    pub session_serial: u64,
    /// The control certificate's serial number.
    pub control_serial: u64,
    /// The digest of the order's text.
    pub order: Digest,
    /// The lowest UID that the order allows, if it names one.
    pub uid_floor: Option<u32>,
    /// The bastions that can open its grant.
    pub bastions: Vec<BastionName>,
    /// When it was granted.
    pub created_at: Timestamp,
    /// By when a bastion must have claimed it.
    pub connect_by: Timestamp,
    /// When it ends at the latest.
    pub expires_at: Timestamp,
    /// How long its recording is kept.
    pub retention: Retention,
    /// What says so.
    pub retention_rule: RetentionRule,
}

/// What a host attested of a session.
#[derive(Debug, Clone, Copy)]
pub struct Attested {
    /// The digest of the attestation.
    pub digest: Digest,
    /// The account's UID, if the host is to be told not to use it again.
    pub used: Option<u32>,
    /// By what the host watches the session, if it says so.
    pub watch: Option<HostWatch>,
    /// When the session's account was ready.
    pub ready_at: Timestamp,
}

/// A session as it is now.
#[derive(Debug, Clone)]
pub struct Session {
    /// What callers see.
    pub summary: SessionSummary,
    /// The policy version that permitted it.
    pub policy: Digest,
    /// The access certificate's serial number.
    pub access_serial: u64,
    /// The session certificate's serial number.
    pub session_serial: u64,
    /// The digest of the order's text.
    pub order: Digest,
    /// The lowest UID that the order allows, if it names one.
    pub uid_floor: Option<u32>,
    /// The digest of the first attestation of its host, once there is one.
    pub attestation: Option<Digest>,
    /// The bastions that can open its grant.
    pub bastions: Vec<BastionName>,
    /// How much it may put into the trail, if its bastion was told.
    pub trail_limit: Option<TrailLimit>,
    /// By when a bastion must have claimed it.
    pub connect_by: Timestamp,
    /// How long its recording is kept.
    pub retention: Retention,
    /// What says so.
    pub retention_rule: RetentionRule,
}

/// Which sessions; nothing said means all.
#[derive(Debug, Clone, Default)]
pub struct SessionFilter {
    /// Those of this human, by [`portreeve_protocol::pair::Human::id`].
    pub human: Option<String>,
    /// Those of this agent.
    pub agent: Option<Agent>,
    /// Those on this host.
    pub host: Option<HostName>,
    /// Those in one of these states; empty means any.
    pub states: Vec<SessionState>,
    /// At most so many; 1,000 when nothing is said.
    pub limit: Option<u32>,
}
