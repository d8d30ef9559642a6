//! What a session is told.

use portreeve_protocol::digest::Digest;
use portreeve_protocol::problem::Code;
use portreeve_protocol::time::Timestamp;

use crate::clock::Steady;
use crate::decide::Verdict;
use crate::host::{GoneProven, HostProven};
use crate::request::Asked;

/// A connection of the agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnectionId(pub u64);

/// A channel of the session, counted from 1 over all its connections and never used again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ChannelNumber(pub u32);

/// Something that happened.
#[derive(Debug)]
pub enum Input {
    /// The agent opened a connection and proved its access.
    ConnectionOpened(ConnectionId),
    /// A connection of the agent is gone.
    ConnectionClosed(ConnectionId),
    /// The CA gave the session to this bastion.
    Claimed {
        /// The bundle's file.
        bundle: String,
        /// When the session ends at the latest.
        expires_at: Timestamp,
    },
    /// The CA did not give it.
    ClaimRefused {
        /// What it said.
        code: Code,
        /// The same for the trail.
        detail: String,
    },
    /// The control connection is open and the host said who it is.
    ControlUp,
    /// The host proved that the account is ready.
    Attested(Box<HostProven>),
    /// The host cannot be reached, refused the order, or proved something else.
    HostFailed {
        /// For the trail.
        detail: String,
    },
    /// The control connection broke.
    ControlLost,
    /// The agent asks for something on a channel.
    ChannelAsked {
        /// Its number; new.
        channel: ChannelNumber,
        /// What it asks for.
        asked: Asked,
    },
    /// The answer to [`super::Effect::Decide`].
    Decided {
        /// About which channel.
        channel: ChannelNumber,
        /// The answer.
        verdict: Verdict,
    },
    /// Something in a file transfer was refused.
    FileRefused {
        /// On which channel.
        channel: ChannelNumber,
        /// What, and why.
        detail: String,
    },
    /// A channel is over, however it ended.
    ChannelEnded {
        /// Which.
        channel: ChannelNumber,
        /// What there is to say of it.
        end: ChannelEnd,
    },
    /// Time passed.
    Tick,
    /// Somebody entitled to killed the session.
    Killed {
        /// Their words.
        reason: String,
    },
    /// The agent said that it is done.
    EndAsked,
    /// The recording cannot be written.
    RecordingFailed {
        /// For the trail.
        detail: String,
    },
    /// The session must end while its recording can still be closed in order.
    MustEnd {
        /// For the trail.
        detail: String,
        /// For the agent.
        reason: &'static str,
    },
    /// Events can no longer be kept until the CA takes them.
    SpoolFull,
    /// This bastion is being stopped.
    Shutdown,
    /// The host proved that the account is gone, because it was told to end it or because it let go by itself.
    Receipt(Box<GoneProven>),
    /// The recording is whole, or could not be made so.
    Sealed(Option<Sealed>),
}

/// What there is to say of a channel at its end.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ChannelEnd {
    /// Whether it was open on the host.
    pub was_open: bool,
    /// The exit status, if there was one.
    pub exit_status: Option<u32>,
    /// The signal that ended the program, if one did.
    pub exit_signal: Option<String>,
    /// Bytes from the agent.
    pub bytes_in: u64,
    /// Bytes to the agent.
    pub bytes_out: u64,
}

/// What is measured all the time and not worth an input of its own; it comes along with every input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Observed {
    /// When something last passed in either direction.
    pub moved: Steady,
    /// When the CA's feed was last heard.
    pub feed_heard: Steady,
}

/// A recording that is whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sealed {
    /// The digest of its manifest.
    pub manifest: Digest,
    /// The file's name in the recording store.
    pub file: String,
    /// Its size in bytes.
    pub bytes: u64,
}

/// What a session is begun with.
#[derive(Debug, Clone, Copy)]
pub struct Opening {
    /// By when the host must have been ordered.
    pub connect_by: Timestamp,
    /// When the session ends at the latest.
    pub expires_at: Timestamp,
    /// After how long without traffic it ends.
    pub idle: std::time::Duration,
    /// How long it stays without any connection.
    pub linger: std::time::Duration,
    /// After how long without the feed it ends.
    pub stale_after: std::time::Duration,
    /// When the feed was last heard.
    pub feed_heard: Steady,
}
