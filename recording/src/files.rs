//! What passes on a channel that carries files, read while it passes: SFTP and scp.
//!
//! Pure state machines, fed with the bytes of both directions in the order in which they pass. They
//! say what may be passed on, what the recording gets of it, and which operations are finished. What
//! they cannot read they refuse: nothing passes unread. The bastion's channels are the only callers;
//! the format of what is recorded, and every bound, is in `docs/spec/recording.md`.

mod breach;
mod content;
mod outgoing;
mod recorded;
pub mod scp;
pub mod sftp;

use bytes::Bytes;

use crate::event::{FileOperation, Program};
pub use breach::Breach;
pub use recorded::Piece;

/// What policy permits on a channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rights {
    /// Files may be read and directories listed.
    pub read: bool,
    /// Files and directories may be made, written, changed and removed.
    pub write: bool,
}

impl Rights {
    /// Everything.
    pub const ALL: Self = Self {
        read: true,
        write: true,
    };
}

/// What came of some bytes.
#[derive(Debug, Default)]
#[must_use]
pub struct Passed {
    /// What is to be passed on.
    pub bytes: Bytes,
    /// What the recording gets of what the agent sent or will see.
    pub recorded: Vec<Piece>,
    /// Operations that are finished now.
    pub operations: Vec<FileOperation>,
    /// Operations that are refused here and never reach the host.
    pub refused: Vec<RefusedOperation>,
}

/// An operation that is not passed on. The agent has its answer from the tracker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefusedOperation {
    /// What was asked for; the path may hold anything.
    pub what: String,
    /// Why not.
    pub reason: &'static str,
}

/// Reads one channel.
#[derive(Debug)]
pub enum Tracker {
    /// The `sftp` subsystem.
    Sftp(Box<sftp::Sftp>),
    /// A command that is scp's other end.
    Scp(Box<scp::Scp>),
}

impl Tracker {
    /// A tracker for a program that carries files in a way that is known; nothing for any other.
    /// `content_limit` is how many bytes of each file are recorded, where not all are.
    #[must_use]
    pub fn of(program: &Program, rights: Rights, content_limit: Option<u64>) -> Option<Self> {
        match program {
            Program::Shell => None,
            Program::Sftp => Some(Self::Sftp(Box::new(sftp::Sftp::new(rights, content_limit)))),
            Program::Exec(command) => {
                let command = scp::ScpCommand::of(command)?;
                Some(Self::Scp(Box::new(scp::Scp::new(command, content_limit))))
            }
        }
    }

    /// Takes what the agent sent, from the front of `sent`. What stays in there must wait until the
    /// host has said more.
    ///
    /// # Errors
    /// [`Breach`]: nothing may pass any more.
    pub fn agent_sent(&mut self, sent: &mut Bytes) -> Result<Passed, Breach> {
        match self {
            Self::Sftp(sftp) => sftp.agent_sent(std::mem::take(sent)),
            Self::Scp(scp) => scp.agent_sent(sent),
        }
    }

    /// Takes what the host sent.
    ///
    /// # Errors
    /// [`Breach`]: nothing may pass any more.
    pub fn host_sent(&mut self, sent: Bytes) -> Result<Passed, Breach> {
        match self {
            Self::Sftp(sftp) => sftp.host_sent(sent),
            Self::Scp(scp) => scp.host_sent(sent),
        }
    }

    /// Answers that the agent gets from here and not from the host, if they can be said now: never
    /// inside an answer of the host.
    #[must_use]
    pub fn answers(&mut self) -> Option<Bytes> {
        match self {
            Self::Sftp(sftp) => sftp.answers(),
            Self::Scp(_) => None,
        }
    }

    /// What was still going on when the channel ended.
    #[must_use]
    pub fn finish(&mut self) -> Vec<FileOperation> {
        match self {
            Self::Sftp(sftp) => sftp.finish(),
            Self::Scp(scp) => scp.finish(),
        }
    }
}
