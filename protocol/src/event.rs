//! Audit events.
//!
//! An event of an access holds the pair by construction: there is no way to write one without
//! both identities. What happened before anybody was proved, and what administrators and
//! machines do, are other kinds of event.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::attest::{Attestation, EndCause, HostEvent, Receipt};
use crate::digest::Digest;
use crate::id::{DecisionId, EventId, OrderId, SessionId};
use crate::name::{AccountName, BastionName, HostName};
use crate::pair::{Human, Pair};
use crate::problem::Code;
use crate::recording::{Retention, RetentionRule, StoreName};
use crate::session::BundleRef;
use crate::signed::Signed;
use crate::task::{Purpose, Task};
use crate::time::Timestamp;

/// The most events that one message may carry.
pub const MAX_BATCH: usize = 500;
/// The most bytes that one event may have as JSON.
pub const MAX_EVENT: usize = 128 * 1024;

/// One thing that happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Event {
    /// Unique: an event that is delivered twice is stored once.
    pub id: EventId,
    /// When, by the clock of the one that reports it.
    pub at: Timestamp,
    /// Who reports it.
    pub source: Machine,
    /// What.
    pub body: Body,
}

/// A program of ours that reports events.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Machine {
    /// The CA.
    Ca,
    /// A bastion.
    Bastion(BastionName),
    /// A host.
    Host(HostName),
}

/// The four kinds of event, by whose act it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Body {
    /// A pair's act, or something done to its session.
    Access {
        /// Both identities.
        pair: Pair,
        /// Why, once it was said.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        task: Option<Task>,
        /// In which session, once there is one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        session: Option<SessionId>,
        /// What.
        fact: AccessFact,
    },
    /// An administrator's act.
    Administration {
        /// Who.
        by: Human,
        /// What.
        fact: AdminFact,
    },
    /// A caller was refused before it had proved to be anybody.
    Refused {
        /// What the caller claimed to be, shortened and unproved.
        claimed: String,
        /// From which address.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        address: Option<std::net::IpAddr>,
        /// What the caller was told.
        code: Code,
        /// What was wrong, for the trail only.
        detail: String,
    },
    /// A machine's own state.
    Machine {
        /// What.
        fact: MachineFact,
    },
}

/// What can happen in an access.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "fact", rename_all = "snake_case", deny_unknown_fields)]
pub enum AccessFact {
    /// A delegated token was issued.
    TokenIssued {
        /// The token's id.
        jti: String,
        /// When the human signed in.
        signed_in_at: Timestamp,
        /// How.
        amr: Vec<String>,
        /// When the token is void.
        expires_at: Timestamp,
    },
    /// A request for a session was decided.
    SessionDecided {
        /// Where to.
        host: HostName,
        /// The decision.
        decision: DecisionNote,
    },
    /// A permitted session is about to get its certificates.
    SessionIntended {
        /// Where to.
        host: HostName,
        /// As which account.
        account: AccountName,
        /// With which bundle.
        bundle: BundleRef,
        /// Until when.
        expires_at: Timestamp,
    },
    /// Certificates and order were signed.
    SessionIssued {
        /// The access certificate's serial number.
        access_serial: u64,
        /// The session certificate's serial number.
        session_serial: u64,
        /// The control certificate's serial number.
        control_serial: u64,
        /// The digest of the order's text.
        order: Digest,
    },
    /// A session was refused, or failed after it was intended.
    SessionRefused {
        /// What the caller was told.
        code: Code,
        /// What was wrong, for the trail only.
        detail: String,
    },
    /// A bastion took the session.
    SessionClaimed {
        /// Which.
        bastion: BastionName,
        /// Where the agent connected from.
        agent_address: std::net::IpAddr,
    },
    /// A connection was refused.
    ConnectionRefused {
        /// What the caller was told.
        code: Code,
        /// What was wrong, for the trail only.
        detail: String,
    },
    /// The host proved that the account is ready.
    HostReady {
        /// The proof.
        attestation: Signed<Attestation>,
    },
    /// The host refused the order, or did not prove what it was to prove.
    HostRefused {
        /// What was wrong.
        detail: String,
    },
    /// A channel or a command inside the session was decided.
    ChannelDecided {
        /// The channel, counted from 1 within the session, as in its recording.
        channel: u32,
        /// The decision.
        decision: DecisionNote,
        /// What was asked for.
        request: ChannelRequest,
    },
    /// A channel was closed.
    ChannelClosed {
        /// The channel.
        channel: u32,
        /// The exit status, if there was one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        exit_status: Option<u32>,
        /// The signal that ended it, if one did.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        exit_signal: Option<String>,
        /// Bytes from the agent.
        bytes_in: u64,
        /// Bytes to the agent.
        bytes_out: u64,
    },
    /// Something happened on the host, under its signature.
    Host {
        /// What.
        event: Signed<HostEvent>,
    },
    /// The session's bundle was withdrawn.
    BundleWithdrawn {
        /// By whom.
        by: Human,
        /// The version that the session has.
        bundle: BundleRef,
        /// Why.
        reason: String,
        /// Whether the session goes on with it; else it is killed.
        spared: bool,
    },
    /// Somebody killed the session.
    SessionKilled {
        /// Who; the pair itself when there is nobody.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        by: Option<Human>,
        /// Why.
        reason: String,
    },
    /// The session is being ended.
    SessionEnding {
        /// Why.
        cause: EndCause,
    },
    /// The host proved that the account is gone.
    HostGone {
        /// The proof.
        receipt: Signed<Receipt>,
    },
    /// So much of the recording is on the bastion's disk. Reported while it grows.
    RecordingHead {
        /// How many segments.
        segments: u32,
        /// What stands for them and for whose session it is, as `docs/spec/recording.md` has it.
        head: Digest,
        /// The size of the file up to and with the last of them, in bytes.
        bytes: u64,
    },
    /// The recording was sealed.
    RecordingSealed {
        /// The digest of its manifest.
        manifest: Digest,
        /// The file's name in the recording store.
        file: String,
        /// Its size in bytes.
        bytes: u64,
        /// Whether its end is missing.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        cut: bool,
    },
    /// The recording is in the store, every byte read back.
    RecordingStored {
        /// Which store.
        store: StoreName,
        /// In how many parts.
        parts: u32,
        /// How many bytes.
        bytes: u64,
        /// The digest of the whole file.
        digest: Digest,
        /// The digest of its manifest.
        manifest: Digest,
    },
    /// Somebody read the recording through the CA.
    RecordingReviewed {
        /// Who.
        by: Human,
        /// What they did with it.
        what: String,
    },
    /// The recording is kept whatever its retention says.
    RecordingHeld {
        /// Who wants it.
        by: Human,
        /// Why.
        reason: Purpose,
    },
    /// A hold ended.
    RecordingReleased {
        /// Who ended it.
        by: Human,
        /// Why.
        reason: Purpose,
    },
    /// The recording's time is over; bastions are told to delete it.
    RecordingExpired {
        /// What decided.
        rule: RetentionRule,
        /// How long it was to be kept.
        retention: Retention,
        /// When that was over.
        due_at: Timestamp,
        /// The digest of its manifest.
        manifest: Digest,
    },
    /// A bastion may delete the recording, for a minute. A hold that the log has before this would have refused it.
    RecordingDeletionPermitted {
        /// Which bastion.
        bastion: BastionName,
        /// Until when it may begin.
        until: Timestamp,
    },
    /// The recording is deleted. This is what is left of it.
    RecordingDeleted {
        /// The digest of its manifest.
        manifest: Digest,
        /// What decided.
        rule: RetentionRule,
        /// How many bytes were deleted now.
        bytes: u64,
        /// From where: the store's name, or the bastion's.
        place: String,
    },
    /// The session could no longer be recorded, which ended it.
    RecordingFailed {
        /// What was wrong.
        detail: String,
    },
    /// The bastion has nothing more to say of this session.
    SessionClosed {
        /// Why it ended.
        cause: EndCause,
        /// Whether no account is left: the host confirmed that it is gone, or was never told to make it.
        confirmed: bool,
    },
}

/// What was asked of a channel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum ChannelRequest {
    /// A shell.
    Shell {
        /// Whether with a terminal.
        pty: bool,
    },
    /// A command.
    Exec {
        /// The command; bytes that are not UTF-8 are shown as U+FFFD, the recording has them.
        command: String,
        /// Whether with a terminal.
        pty: bool,
    },
    /// File transfer.
    Sftp,
    /// A subsystem that is not offered.
    Subsystem {
        /// Its name.
        name: String,
    },
    /// A forwarding.
    Forward {
        /// Which kind: `direct-tcpip`, `tcpip-forward`, `x11`, `agent`, `streamlocal`.
        what: String,
    },
}

impl std::fmt::Display for ChannelRequest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let terminal = |pty: &bool| if *pty { " with a terminal" } else { "" };
        match self {
            Self::Shell { pty } => write!(f, "shell{}", terminal(pty)),
            Self::Exec { command, pty } => write!(f, "`{command}`{}", terminal(pty)),
            Self::Sftp => f.write_str("file transfer"),
            Self::Subsystem { name } => write!(f, "subsystem {name}"),
            Self::Forward { what } => write!(f, "forwarding {what}"),
        }
    }
}

/// A decision as it stands in the trail: enough to run it again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DecisionNote {
    /// The decision.
    pub id: DecisionId,
    /// Whether it permits.
    pub permitted: bool,
    /// The policy version that decided.
    pub policy: Digest,
    /// The policies that determined the answer.
    pub determining: Vec<String>,
    /// Everything it was made from, in the policy engine's own record.
    pub record: Value,
}

/// What administrators do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "fact", rename_all = "snake_case", deny_unknown_fields)]
pub enum AdminFact {
    /// An act was permitted and done, or refused.
    Act {
        /// What: the policy action's name.
        action: String,
        /// To what.
        target: String,
        /// The decision.
        decision: DecisionNote,
        /// What came of it, in words.
        outcome: String,
    },
    /// A step of a look that was permitted to them, for which the act stands before.
    Look {
        /// Which look.
        look: OrderId,
        /// At which host.
        host: HostName,
        /// What happened.
        step: LookStep,
    },
}

/// What happens to a look, in this order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "step", rename_all = "snake_case", deny_unknown_fields)]
pub enum LookStep {
    /// A bastion took it up; certificate and order are about to be signed.
    Claimed {
        /// Which.
        bastion: BastionName,
    },
    /// They were signed.
    Issued {
        /// The control certificate's serial number.
        control_serial: u64,
        /// The digest of the order's text.
        order: Digest,
    },
    /// The host's answer is kept.
    Kept {
        /// The inventory's number.
        number: u64,
        /// How many findings it has, in words.
        counts: String,
    },
    /// Nothing came of it.
    Failed {
        /// Why.
        detail: String,
    },
    /// No bastion took it up in time.
    NotTaken,
    /// The bastion that took it up brought nothing in time.
    NotAnswered {
        /// Which.
        bastion: BastionName,
    },
}

/// What machines say of themselves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "fact", rename_all = "snake_case", deny_unknown_fields)]
pub enum MachineFact {
    /// It started.
    Started {
        /// The program's version.
        version: String,
    },
    /// It stopped in order.
    Stopped,
    /// A host was enrolled.
    HostEnrolled {
        /// Which.
        host: HostName,
    },
    /// A bastion was enrolled.
    BastionEnrolled {
        /// Which.
        bastion: BastionName,
    },
    /// Something that somebody should look at.
    Alarm {
        /// What.
        detail: String,
    },
}

/// `POST /v1/events`: what a bastion delivers from its spool.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EventBatch {
    /// The events, in the order in which they happened.
    pub events: Vec<Event>,
}

/// The answer: which events are durable. The rest was refused and is not to be sent again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventsStored {
    /// How many are durable, those that were there before included.
    pub stored: u32,
    /// Those that were refused, with the reason.
    pub refused: Vec<(EventId, String)>,
}
