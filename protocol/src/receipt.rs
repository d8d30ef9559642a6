//! What a host signs when a session's account is gone.
//!
//! The fields that are optional are missing from a host client that is older.

use serde::{Deserialize, Serialize};

use crate::attest::EndCause;
use crate::digest::Digest;
use crate::id::{OrderId, SessionId};
use crate::name::{AccountName, HostName};
use crate::signed::Statement;
use crate::time::Timestamp;

/// The account is gone, and so is everything that was its.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Receipt {
    /// The host that speaks.
    pub host: HostName,
    /// The order that made the account.
    pub order: OrderId,
    /// The digest of that order's text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub order_digest: Option<Digest>,
    /// The session.
    pub session: SessionId,
    /// The account that was.
    pub account: AccountName,
    /// Its user id, which will not be used again.
    pub uid: u32,
    /// Why it ended.
    pub cause: EndCause,
    /// When the end began.
    pub ending_at: Timestamp,
    /// When everything was gone.
    pub gone_at: Timestamp,
    /// The processes that had to be killed.
    pub killed: Vec<KilledProcess>,
    /// How many more were killed than are listed.
    pub killed_more: u32,
    /// The steps that were done, in order.
    pub steps: Vec<String>,
    /// What could not be removed, and why; empty when the host is as it was.
    pub left: Vec<String>,
    /// The sudo commands that ran: they are not undone.
    pub sudo_commands: u64,
    /// How many events the session had on this host.
    pub events: u64,
    /// The digest of the last one; of the attestation if there was none.
    pub last_event: Digest,
    /// The digest of the sudo rules that it had.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rules_digest: Option<Digest>,
    /// How long the removal took.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub took: Option<Took>,
    /// The files that were found outside its home.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub found: Option<FoundFiles>,
    /// Which sudo commands ran.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commands: Option<SudoCommands>,
}

impl Statement for Receipt {
    const NAMESPACE: &'static str = "receipt@portreeve";
}

/// A process that was alive when its session ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KilledProcess {
    /// Its id.
    pub pid: i32,
    /// Its real user id.
    pub uid: u32,
    /// Its command line, shortened; not UTF-8 is shown as U+FFFD.
    pub argv: Vec<String>,
}

/// How long a removal took, by the host's monotonic clock.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Took {
    /// From the end to the receipt, in microseconds.
    pub micros: u64,
    /// Each of the receipt's steps, in their order.
    pub steps: Vec<u64>,
}

/// Files of the session's user id that were found where others may write.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FoundFiles {
    /// The first ones.
    pub files: Vec<FoundFile>,
    /// How many more were found than are listed.
    pub more: u64,
}

/// A file, or a directory with everything in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FoundFile {
    /// Its path as text: what is not printable ASCII is escaped as in Rust.
    pub path: String,
    /// Whether it is gone; the host's settings may say that it is only reported.
    pub removed: bool,
}

/// The sudo commands that ran in a session. What they did is not undone.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SudoCommands {
    /// The first ones.
    pub commands: Vec<SudoCommand>,
    /// How many more ran than are listed.
    pub more: u64,
}

/// A command that ran through sudo.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SudoCommand {
    /// As which user, or `user:group` where a group was asked for.
    pub run_as: String,
    /// The command and its arguments, shortened.
    pub argv: Vec<String>,
}
