//! Why a channel that carries files is closed.

use thiserror::Error;

/// What passed cannot be read, or is more than is kept track of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum Breach {
    /// A packet is longer than any that is needed.
    #[error("a packet of {0} bytes is longer than is taken")]
    PacketTooLong(u32),
    /// The fields of a packet do not fill it, or do not fit into it.
    #[error("a packet of type {0} is malformed")]
    Malformed(u8),
    /// A request of a type that the protocol does not have.
    #[error("request type {0} is not one of SFTP version 3")]
    UnknownRequest(u8),
    /// An answer of a type that the protocol does not have.
    #[error("answer type {0} is not one of SFTP version 3; does a login script on the host print?")]
    UnknownAnswer(u8),
    /// Something before the two sides agreed on a version, or agreeing twice.
    #[error("the versions must be exchanged once and first")]
    NotFirst,
    /// The host speaks another version.
    #[error("the host speaks SFTP version {0}; 3 is understood")]
    Version(u32),
    /// A path that no file system takes.
    #[error("a path of {0} bytes is longer than is taken")]
    PathTooLong(usize),
    /// A handle that the protocol does not allow.
    #[error("a handle of {0} bytes is longer than is taken")]
    HandleTooLong(usize),
    /// More requests without an answer than are kept track of.
    #[error("there are more unanswered requests than are kept track of")]
    TooManyRequests,
    /// More open files than are kept track of.
    #[error("there are more open files than are kept track of")]
    TooManyFiles,
    /// Two requests at once with one id.
    #[error("request id {0} is in use")]
    IdInUse(u32),
    /// The host opened two files under one handle.
    #[error("the host uses a handle twice")]
    HandleInUse,
    /// An answer that nobody waits for.
    #[error("there is an answer to no request")]
    NotAsked,
    /// An answer that does not belong to its request.
    #[error("an answer of type {0} does not belong to its request")]
    OtherAnswer(u8),
    /// A line of scp that is none.
    #[error("a line is not one of the scp protocol")]
    NotScp,
    /// A line of scp that has no end.
    #[error("a line of the scp protocol is longer than is taken")]
    LineTooLong,
    /// Directories without end.
    #[error("directories are nested deeper than is kept track of")]
    TooDeep,
    /// Something after the other side gave up.
    #[error("something came after the end of the transfer")]
    AfterTheEnd,
}
