//! What passed: one event, as the bastion sees it and as a reviewer reads it back.

mod decode;
mod encode;
mod file;
pub mod standing;

use bytes::Bytes;
use portreeve_protocol::id::DecisionId;

pub use crate::cbor::CborError;
pub use decode::DecodeError;
pub(crate) use decode::{Item, decode_next, read_header};
pub(crate) use encode::{encode, encode_standing, encoded_bound, write_header};
pub use file::{FileAct, FileOperation, Moved, Omitted, meaning};

/// The most content that one event may carry, in bytes. SSH packets stay far below.
pub const MAX_CONTENT: usize = 1024 * 1024;

/// One event of a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// Microseconds since the session started.
    pub at_us: u64,
    /// Where it happened.
    pub channel: Channel,
    /// What happened.
    pub kind: Kind,
}

/// A channel of a session, counted from 1; 0 is the session as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Channel(pub u32);

impl Channel {
    /// The session as a whole.
    pub const SESSION: Self = Self(0);
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// A program was started on the channel.
    Started(Started),
    /// Bytes from the agent to the host.
    Input(Bytes),
    /// Bytes that the host's program wrote to its standard output.
    Output(Bytes),
    /// Bytes that the host's program wrote to its standard error.
    ErrorOutput(Bytes),
    /// The agent's window has another size.
    Window(WindowSize),
    /// The agent sent a signal; the name is without `SIG`.
    Signal(String),
    /// The agent will send no more input.
    EndOfInput,
    /// The host's program will send no more output.
    EndOfOutput,
    /// The program ended with this status.
    ExitStatus(u32),
    /// The program was ended by a signal.
    ExitSignal(ExitSignal),
    /// The channel is closed.
    Closed,
    /// Something that the agent asked for was refused.
    Refused {
        /// What was asked for.
        what: String,
        /// What the trail says about why.
        reason: String,
    },
    /// A remark of the bastion, for the reader.
    Note(String),
    /// An event that the host reported, in JSON.
    HostEvent(String),
    /// An operation on a file is finished.
    File(FileOperation),
    /// Content of a file passed here that policy does not have recorded.
    Omitted(Omitted),
}

/// A program at its start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Started {
    /// Which program.
    pub program: Program,
    /// The variables that the agent asked for and the bastion passed on.
    pub environment: Vec<(Bytes, Bytes)>,
    /// The terminal, if the agent asked for one.
    pub terminal: Option<Terminal>,
    /// The decision that permitted it.
    pub decision: Option<DecisionId>,
}

impl Started {
    /// The same, sharing memory with nothing: an event that was read holds on to its whole segment.
    #[must_use]
    pub fn detached(&self) -> Self {
        let copy = |bytes: &Bytes| Bytes::copy_from_slice(bytes);
        Self {
            program: self.program.detached(),
            environment: self
                .environment
                .iter()
                .map(|(name, value)| (copy(name), copy(value)))
                .collect(),
            terminal: self.terminal.as_ref().map(|terminal| Terminal {
                term: copy(&terminal.term),
                ..terminal.clone()
            }),
            decision: self.decision,
        }
    }
}

/// What was started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Program {
    /// The account's login shell.
    Shell,
    /// A command, as the agent wrote it.
    Exec(Bytes),
    /// The sftp subsystem.
    Sftp,
}

impl Program {
    /// The same, sharing memory with nothing.
    #[must_use]
    pub fn detached(&self) -> Self {
        match self {
            Self::Exec(command) => Self::Exec(Bytes::copy_from_slice(command)),
            Self::Shell => Self::Shell,
            Self::Sftp => Self::Sftp,
        }
    }
}

/// A terminal as it was asked for (RFC 4254, section 6.2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Terminal {
    /// The value of `TERM`.
    pub term: Bytes,
    /// Its size.
    pub size: WindowSize,
    /// Opcodes and values (RFC 4254, section 8).
    pub modes: Vec<(u8, u32)>,
}

/// The size of a terminal's window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WindowSize {
    /// In characters.
    pub columns: u32,
    /// In characters.
    pub rows: u32,
    /// In pixels; 0 when unknown.
    pub pixel_width: u32,
    /// In pixels; 0 when unknown.
    pub pixel_height: u32,
}

/// How a signal ended a program (RFC 4254, section 6.10).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExitSignal {
    /// The name without `SIG`.
    pub name: String,
    /// Whether it dumped core.
    pub core_dumped: bool,
    /// What sshd said about it.
    pub message: String,
}

/// The tags of the format, in one place for both directions.
mod tag {
    pub(super) const STARTED: u8 = 0;
    pub(super) const INPUT: u8 = 1;
    pub(super) const OUTPUT: u8 = 2;
    pub(super) const ERROR_OUTPUT: u8 = 3;
    pub(super) const WINDOW: u8 = 4;
    pub(super) const SIGNAL: u8 = 5;
    pub(super) const END_OF_INPUT: u8 = 6;
    pub(super) const END_OF_OUTPUT: u8 = 7;
    pub(super) const EXIT_STATUS: u8 = 8;
    pub(super) const EXIT_SIGNAL: u8 = 9;
    pub(super) const CLOSED: u8 = 10;
    pub(super) const REFUSED: u8 = 11;
    pub(super) const NOTE: u8 = 12;
    pub(super) const HOST_EVENT: u8 = 13;
    pub(super) const FILE: u8 = 14;
    pub(super) const OMITTED: u8 = 15;
    pub(super) const STANDING: u8 = 16;
    pub(super) const LAST: u8 = STANDING;

    pub(super) const SHELL: u8 = 0;
    pub(super) const EXEC: u8 = 1;
    pub(super) const SFTP: u8 = 2;
}

#[cfg(test)]
pub(crate) mod tests;
