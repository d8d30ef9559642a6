//! What a host signs: that an account is ready, what happened in it, and that it is gone.

use serde::{Deserialize, Serialize};

pub use crate::host_check::{HostCheck, HostFinding, Reach, SudoVulnerability};
pub use crate::host_watch::{HostWatch, LossCause, OutsideWatch, Sighting, Watcher};
pub use crate::receipt::{
    FoundFile, FoundFiles, KilledProcess, Receipt, SudoCommand, SudoCommands, Took,
};

use crate::digest::Digest;
use crate::id::{OrderId, SessionId};
use crate::name::{AccountName, HostName};
use crate::session::BundleRef;
use crate::signed::Statement;
use crate::time::Timestamp;

/// The account is ready for the session's first login.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Attestation {
    /// The host that speaks.
    pub host: HostName,
    /// The order it obeyed.
    pub order: OrderId,
    /// The digest of that order's text.
    pub order_digest: Digest,
    /// The session.
    pub session: SessionId,
    /// The account it made.
    pub account: AccountName,
    /// Its user id, never used before on this host.
    pub uid: u32,
    /// Its group id.
    pub gid: u32,
    /// Its home directory.
    pub home: String,
    /// The bundle in force.
    pub bundle: BundleRef,
    /// The digest of the sudo rules as installed.
    pub rules_digest: Digest,
    /// sudo's dialect and version, for example `sudo 1.9.13`.
    pub sudo: String,
    /// How processes are held together: the cgroup's path.
    pub cgroup: String,
    /// When the account was ready.
    pub ready_at: Timestamp,
    /// When it goes at the latest.
    pub expires_at: Timestamp,
    /// What the host found when it looked at its sudo and at the bundle's programs; none from a
    /// host client that does not look.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub check: Option<HostCheck>,
    /// By what it watches the session; none from a host client that does not watch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub watch: Option<HostWatch>,
}

impl Attestation {
    /// Whether the UID is one that an account of a session can have: not root's, and not the highest number, which is
    /// what chown(2) takes for no change, and has none above it for the session after this one.
    #[must_use]
    pub const fn has_account_uid(&self) -> bool {
        self.uid != 0 && self.uid != u32::MAX
    }
}

impl Statement for Attestation {
    const NAMESPACE: &'static str = "attestation@portreeve";
}

/// Something that happened in a session on the host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HostEvent {
    /// The host that speaks.
    pub host: HostName,
    /// The session.
    pub session: SessionId,
    /// The account.
    pub account: AccountName,
    /// Counts the session's events from 0.
    pub seq: u64,
    /// The digest of the session's event before this one; of its attestation for the first.
    pub previous: Digest,
    /// When it happened.
    pub at: Timestamp,
    /// What happened.
    pub fact: HostFact,
}

impl Statement for HostEvent {
    const NAMESPACE: &'static str = "host-event@portreeve";
}

/// What can happen in a session on the host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "fact", rename_all = "snake_case", deny_unknown_fields)]
pub enum HostFact {
    /// sudo was asked for a command.
    Sudo {
        /// Whether it ran.
        allowed: bool,
        /// The command's path as sudo resolved it, or as it was asked for.
        command: String,
        /// The command and its arguments.
        argv: Vec<String>,
        /// As which user, or `user:group` where a group was asked for.
        run_as: String,
        /// In which directory it ran, or would have run.
        cwd: String,
        /// Why it was refused, in sudo's words.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
        /// The rule that allowed it: its bundle and line.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        rule: Option<String>,
        /// What that rule is for, in the words of the bundle.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        comment: Option<String>,
    },
    /// A login to the account was let in.
    Login {
        /// The process that stands for it, now in the session's cgroup.
        pid: i32,
    },
    /// What the session's processes did, in the order in which they did it. One event tells of
    /// many such things, because a session can do thousands in a second.
    Watched {
        /// What the host saw.
        seen: Vec<Sighting>,
    },
}

/// Why a session ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EndCause {
    /// The agent or its human said that it is done.
    Asked,
    /// Nobody was connected for the linger time.
    Left,
    /// Its time was over.
    Expired,
    /// Nothing passed for the idle time.
    Idle,
    /// Somebody entitled to killed it.
    Killed,
    /// The connection between bastion and host broke.
    LinkLost,
    /// The bastion lost the CA's feed for too long.
    FeedStale,
    /// What passed could not be recorded or reported.
    RecordingFailed,
    /// It asked sudo for more than a host tells of one session.
    Flooded,
    /// The host did not do, or prove, what was ordered.
    HostFailed,
    /// The host's daemon started and found it.
    Restarted,
    /// The bastion, or the host's daemon, was stopped.
    Shutdown,
}
