//! What an agent asks of a channel, and what of it this bastion offers at all.

use bytes::Bytes;
use portreeve_protocol::event::ChannelRequest;

/// The longest command. It stands in the trail twice, escaped, and an event there has 128 KiB.
pub const MAX_COMMAND: usize = 24 * 1024;
/// The longest name of a subsystem or forwarding that is kept for the trail.
const MAX_NAME: usize = 128;
/// The subsystem by which an agent says that it is done with its session.
pub const END_SUBSYSTEM: &str = "end@portreeve";

/// What is to be started on a channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// Which program.
    pub program: Wanted,
    /// Whether with a terminal.
    pub pty: bool,
}

/// What an agent wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wanted {
    /// A login shell.
    Shell,
    /// A command, byte for byte as it came.
    Exec(Bytes),
    /// File transfer.
    Sftp,
    /// A subsystem that is not offered.
    Subsystem(String),
    /// A forwarding, which is never offered: it would pass a host's traffic unrecorded.
    Forward(Forwarding),
}

/// A forwarding that was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Forwarding {
    /// Which kind: `direct-tcpip`, `tcpip-forward`, `x11`, `agent`, `streamlocal`.
    pub kind: &'static str,
    /// Where to, when it says so.
    pub to: Option<(String, u16)>,
}

impl Wanted {
    /// The program behind the name of a subsystem.
    #[must_use]
    pub fn subsystem(name: &str) -> Self {
        match name {
            "sftp" => Self::Sftp,
            other => Self::Subsystem(other.chars().take(MAX_NAME).collect()),
        }
    }
}

impl Forwarding {
    /// A forwarding as it was asked for; what is too long or no port is left out.
    #[must_use]
    pub fn new(kind: &'static str, to: Option<(&str, u32)>) -> Self {
        Self {
            kind,
            to: to.and_then(|(address, port)| {
                let port = u16::try_from(port).ok()?;
                Some((address.chars().take(MAX_NAME).collect(), port))
            }),
        }
    }
}

impl Asked {
    /// The request as it stands in the trail.
    #[must_use]
    pub fn in_trail(&self) -> ChannelRequest {
        match &self.program {
            Wanted::Shell => ChannelRequest::Shell { pty: self.pty },
            Wanted::Exec(command) => ChannelRequest::Exec {
                command: String::from_utf8_lossy(command).into_owned(),
                pty: self.pty,
            },
            Wanted::Sftp => ChannelRequest::Sftp,
            Wanted::Subsystem(name) => ChannelRequest::Subsystem { name: name.clone() },
            Wanted::Forward(forwarding) => ChannelRequest::Forward {
                what: forwarding.kind.into(),
            },
        }
    }
}
