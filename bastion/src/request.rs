//! What an agent asks of a channel, and what of it this bastion offers at all.

use bytes::Bytes;
use portreeve_protocol::event::ChannelRequest;

/// The longest command. It stands in the trail twice, escaped, and an event there has 128 KiB.
pub const MAX_COMMAND: usize = 24 * 1024;
/// The most that a command may have once it is escaped: control characters and bytes that are no text grow.
const MAX_ESCAPED: usize = 2 * MAX_COMMAND;
/// How much is shown of a command that is too long.
const SHOWN: usize = 1024;
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

/// Whether a command does not fit the trail.
#[must_use]
pub fn is_too_long(command: &[u8]) -> bool {
    let escaped = |command| serde_json::to_string(&String::from_utf8_lossy(command));
    command.len() > MAX_COMMAND || !escaped(command).is_ok_and(|text| text.len() <= MAX_ESCAPED)
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
    /// The request in words, for the recording.
    #[must_use]
    pub fn words(&self) -> String {
        match &self.program {
            Wanted::Forward(Forwarding {
                kind,
                to: Some((address, port)),
            }) => format!("forwarding {kind} to {address}:{port}"),
            Wanted::Shell
            | Wanted::Exec(_)
            | Wanted::Sftp
            | Wanted::Subsystem(_)
            | Wanted::Forward(_) => self.in_trail().to_string(),
        }
    }

    /// The request as it stands in the trail.
    #[must_use]
    pub fn in_trail(&self) -> ChannelRequest {
        self.program.in_trail(self.pty)
    }
}

impl Wanted {
    /// The request as it stands in the trail.
    #[must_use]
    pub fn in_trail(&self, pty: bool) -> ChannelRequest {
        match self {
            Self::Shell => ChannelRequest::Shell { pty },
            Self::Exec(command) if is_too_long(command) => {
                let beginning = command.get(..SHOWN).unwrap_or(command);
                let beginning = String::from_utf8_lossy(beginning);
                ChannelRequest::Exec {
                    command: format!("{beginning}… ({} bytes)", command.len()),
                    pty,
                }
            }
            Self::Exec(command) => ChannelRequest::Exec {
                command: String::from_utf8_lossy(command).into_owned(),
                pty,
            },
            Self::Sftp => ChannelRequest::Sftp,
            Self::Subsystem(name) => ChannelRequest::Subsystem { name: name.clone() },
            Self::Forward(forwarding) => ChannelRequest::Forward {
                what: forwarding.kind.into(),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_fit_the_trail_is_too_long_and_shown_in_part() {
        for (command, too_long) in [
            (vec![b'x'; MAX_COMMAND], false),
            (vec![b'x'; MAX_COMMAND + 1], true),
            // Six characters each in JSON, and three bytes each as U+FFFD.
            (vec![1; MAX_COMMAND], true),
            (vec![0xff; MAX_COMMAND], true),
            (vec![b'"'; MAX_COMMAND - 1], false),
        ] {
            assert_eq!(is_too_long(&command), too_long, "{}", command.len());
            let asked = Asked {
                program: Wanted::Exec(command.into()),
                pty: false,
            };
            let shown = serde_json::to_string(&asked.in_trail()).unwrap();
            assert!(shown.len() <= MAX_ESCAPED + 100, "{}", shown.len());
            assert_eq!(shown.contains(" bytes)"), too_long);
        }
    }
}
