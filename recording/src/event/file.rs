//! What was done to a file, as one event says it.

use bytes::Bytes;
use portreeve_protocol::digest::Digest;

/// One finished operation on a channel that carries files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileOperation {
    /// What was done.
    pub act: FileAct,
    /// To what, as it was named; empty when the operation is about no path.
    pub path: Bytes,
    /// The other path of an operation that has two.
    pub other: Option<Bytes>,
    /// What else there is to say, such as the mode that was set.
    pub detail: Option<String>,
    /// The code of the answer (`SSH_FX_…`); nothing when none came.
    pub result: Option<u32>,
    /// What passed, for files that were read or written.
    pub content: Option<Moved>,
}

/// What passed of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Moved {
    /// Bytes that were read.
    pub read: u64,
    /// Bytes that were written.
    pub written: u64,
    /// The digest of the content from its first byte on, where it passed so.
    pub digest: Option<Digest>,
    /// Why there is no digest, or what it does not say; nothing for a whole file.
    pub remark: Option<String>,
}

/// Content that is not in the recording.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Omitted {
    /// Whether it went to the agent; else it came from it.
    pub is_output: bool,
    /// How many bytes.
    pub bytes: u64,
    /// Their digest.
    pub digest: Digest,
}

/// What can be done to files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FileAct {
    /// A file did not open, or was opened for nothing.
    Open,
    /// A file was read.
    Get,
    /// A file was written.
    Put,
    /// A file was read and written.
    Update,
    /// A directory was listed.
    List,
    /// Attributes were asked for.
    Stat,
    /// Attributes of a link itself were asked for.
    LinkStat,
    /// Attributes were set.
    SetStat,
    /// Attributes of a link itself were set.
    LinkSetStat,
    /// A file was removed.
    Remove,
    /// A directory was made.
    MakeDirectory,
    /// A directory was removed.
    RemoveDirectory,
    /// A path was resolved.
    RealPath,
    /// Something was renamed.
    Rename,
    /// A link was read.
    ReadLink,
    /// A symbolic link was made.
    SymbolicLink,
    /// A hard link was made.
    HardLink,
    /// Content was copied between two open files.
    Copy,
    /// A file was brought to the disk.
    Sync,
    /// A file system was asked about.
    FileSystem,
    /// The server's limits were asked for.
    Limits,
    /// A home directory was asked for.
    Home,
    /// Names of users and groups were asked for.
    Names,
    /// An extension that is not known was asked for.
    Extended,
}

impl FileAct {
    /// Every act, for tables and tests.
    pub const ALL: [Self; 24] = [
        Self::Open,
        Self::Get,
        Self::Put,
        Self::Update,
        Self::List,
        Self::Stat,
        Self::LinkStat,
        Self::SetStat,
        Self::LinkSetStat,
        Self::Remove,
        Self::MakeDirectory,
        Self::RemoveDirectory,
        Self::RealPath,
        Self::Rename,
        Self::ReadLink,
        Self::SymbolicLink,
        Self::HardLink,
        Self::Copy,
        Self::Sync,
        Self::FileSystem,
        Self::Limits,
        Self::Home,
        Self::Names,
        Self::Extended,
    ];

    /// The word for it in recordings and listings.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Get => "get",
            Self::Put => "put",
            Self::Update => "update",
            Self::List => "list",
            Self::Stat => "stat",
            Self::LinkStat => "lstat",
            Self::SetStat => "setstat",
            Self::LinkSetStat => "lsetstat",
            Self::Remove => "remove",
            Self::MakeDirectory => "mkdir",
            Self::RemoveDirectory => "rmdir",
            Self::RealPath => "realpath",
            Self::Rename => "rename",
            Self::ReadLink => "readlink",
            Self::SymbolicLink => "symlink",
            Self::HardLink => "link",
            Self::Copy => "copy",
            Self::Sync => "sync",
            Self::FileSystem => "statvfs",
            Self::Limits => "limits",
            Self::Home => "home",
            Self::Names => "names",
            Self::Extended => "extended",
        }
    }

    /// The act that a word stands for.
    #[must_use]
    pub fn of_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|act| act.word() == word)
    }

    /// Whether it only asks and neither moves content nor changes anything: what clients do by
    /// themselves between the operations that somebody wanted.
    #[must_use]
    pub const fn is_question(self) -> bool {
        match self {
            Self::Stat
            | Self::LinkStat
            | Self::RealPath
            | Self::ReadLink
            | Self::FileSystem
            | Self::Limits
            | Self::Home
            | Self::Names => true,
            Self::Open
            | Self::Get
            | Self::Put
            | Self::Update
            | Self::List
            | Self::SetStat
            | Self::LinkSetStat
            | Self::Remove
            | Self::MakeDirectory
            | Self::RemoveDirectory
            | Self::Rename
            | Self::SymbolicLink
            | Self::HardLink
            | Self::Copy
            | Self::Sync
            | Self::Extended => false,
        }
    }
}

/// What a code of an SFTP answer means (draft-ietf-secsh-filexfer-02, section 7).
#[must_use]
pub const fn meaning(code: u32) -> &'static str {
    match code {
        0 => "ok",
        1 => "end of file",
        2 => "no such file",
        3 => "permission denied",
        4 => "failure",
        5 => "bad message",
        6 => "no connection",
        7 => "connection lost",
        8 => "not supported",
        _ => "unknown code",
    }
}
