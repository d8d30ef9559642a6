//! The list of what was done in a session: every program, every file, every refusal, and what the
//! bastion and the host remarked.
//!
//! Made from events one by one; holds no content but command lines and paths.

mod words;

use std::collections::BTreeMap;

use portreeve_protocol::id::DecisionId;

use crate::event::{Channel, Event, FileOperation, Kind, Program, Started};
use crate::printable::one_line;

/// Everything that happened, in the order in which it began.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Transcript {
    entries: Vec<Entry>,
    /// Where the program that runs on a channel is in `entries`.
    running: BTreeMap<Channel, usize>,
}

/// One line of the list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Entry {
    /// A program was started.
    Command(Command),
    /// Something was refused.
    Refused {
        /// Microseconds since the session started.
        at_us: u64,
        /// On which channel.
        channel: Channel,
        /// What was asked for, printable.
        what: String,
        /// Why not, printable.
        reason: String,
    },
    /// A remark of the bastion.
    Note {
        /// Microseconds since the session started.
        at_us: u64,
        /// On which channel.
        channel: Channel,
        /// The remark, printable.
        text: String,
    },
    /// An operation on a file.
    File {
        /// Microseconds since the session started.
        at_us: u64,
        /// On which channel.
        channel: Channel,
        /// What was done.
        operation: FileOperation,
    },
    /// An event of the host.
    Host {
        /// Microseconds since the session started.
        at_us: u64,
        /// The event in JSON, as it was recorded.
        json: String,
    },
}

impl Entry {
    /// When it began, in microseconds since the session started.
    #[must_use]
    pub const fn at_us(&self) -> u64 {
        match self {
            Self::Command(command) => command.at_us,
            Self::Refused { at_us, .. }
            | Self::Note { at_us, .. }
            | Self::File { at_us, .. }
            | Self::Host { at_us, .. } => *at_us,
        }
    }
}

/// A program from start to end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Command {
    /// Microseconds since the session started.
    pub at_us: u64,
    /// On which channel.
    pub channel: Channel,
    /// What was started.
    pub program: Program,
    /// Whether with a terminal.
    pub has_terminal: bool,
    /// The decision that permitted it.
    pub decision: Option<DecisionId>,
    /// How it ended; nothing while it runs, or when the recording is cut.
    pub outcome: Option<Outcome>,
    /// When it ended, or its channel was closed.
    pub ended_us: Option<u64>,
    /// Bytes from the agent.
    pub input_bytes: u64,
    /// Bytes of standard output.
    pub output_bytes: u64,
    /// Bytes of standard error.
    pub error_bytes: u64,
}

/// How a program ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// With this status.
    Status(u32),
    /// By this signal, printable, without `SIG`.
    Signal(String),
}

impl Transcript {
    /// Makes the list of all `events`.
    ///
    /// # Errors
    /// The first error among them.
    pub fn of<E>(events: impl IntoIterator<Item = Result<Event, E>>) -> Result<Self, E> {
        events
            .into_iter()
            .try_fold(Self::default(), |mut transcript, event| {
                transcript.add(&event?);
                Ok(transcript)
            })
    }

    /// The list.
    #[must_use]
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// Only the programs.
    pub fn commands(&self) -> impl Iterator<Item = &Command> {
        self.entries.iter().filter_map(|entry| match entry {
            Entry::Command(command) => Some(command),
            Entry::Refused { .. }
            | Entry::Note { .. }
            | Entry::File { .. }
            | Entry::Host { .. } => None,
        })
    }

    /// Takes the next event.
    pub fn add(&mut self, event: &Event) {
        let &Event {
            at_us,
            channel,
            ref kind,
        } = event;
        match kind {
            Kind::Started(started) => {
                self.running.insert(channel, self.entries.len());
                self.entries
                    .push(Entry::Command(Command::new(at_us, channel, started)));
            }
            Kind::Input(bytes) => {
                self.update(channel, |command| command.input_bytes += bytes.len() as u64)
            }
            Kind::Output(bytes) => self.update(channel, |command| {
                command.output_bytes += bytes.len() as u64
            }),
            Kind::ErrorOutput(bytes) => {
                self.update(channel, |command| command.error_bytes += bytes.len() as u64)
            }
            Kind::ExitStatus(status) => self.update(channel, |command| {
                command.outcome = Some(Outcome::Status(*status));
                command.ended_us = Some(at_us);
            }),
            Kind::ExitSignal(signal) => self.update(channel, |command| {
                command.outcome = Some(Outcome::Signal(one_line(signal.name.as_bytes())));
                command.ended_us = Some(at_us);
            }),
            Kind::Closed => {
                self.update(channel, |command| {
                    command.ended_us.get_or_insert(at_us);
                });
                self.running.remove(&channel);
            }
            Kind::Refused { what, reason } => self.entries.push(Entry::Refused {
                at_us,
                channel,
                what: one_line(what.as_bytes()),
                reason: one_line(reason.as_bytes()),
            }),
            Kind::Note(text) => {
                self.entries.push(Entry::Note {
                    at_us,
                    channel,
                    text: one_line(text.as_bytes()),
                });
            }
            Kind::HostEvent(json) => self.entries.push(Entry::Host {
                at_us,
                json: json.clone(),
            }),
            Kind::File(operation) => self.entries.push(Entry::File {
                at_us,
                channel,
                operation: operation.clone(),
            }),
            Kind::Omitted(omitted) => self.update(channel, |command| {
                if omitted.is_output {
                    command.output_bytes += omitted.bytes;
                } else {
                    command.input_bytes += omitted.bytes;
                }
            }),
            Kind::Window(_) | Kind::Signal(_) | Kind::EndOfInput | Kind::EndOfOutput => {}
        }
    }

    fn update(&mut self, channel: Channel, change: impl FnOnce(&mut Command)) {
        let entry = self
            .running
            .get(&channel)
            .and_then(|index| self.entries.get_mut(*index));
        if let Some(Entry::Command(command)) = entry {
            change(command);
        }
    }
}

impl Command {
    fn new(at_us: u64, channel: Channel, started: &Started) -> Self {
        Self {
            at_us,
            channel,
            program: started.program.detached(),
            has_terminal: started.terminal.is_some(),
            decision: started.decision,
            outcome: None,
            ended_us: None,
            input_bytes: 0,
            output_bytes: 0,
            error_bytes: 0,
        }
    }

    /// What was started, on one line and safe for any terminal.
    #[must_use]
    pub fn line(&self) -> String {
        self.program.line()
    }

    /// How long it ran, in microseconds.
    #[must_use]
    pub fn duration_us(&self) -> Option<u64> {
        self.ended_us.map(|ended| ended.saturating_sub(self.at_us))
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::event::ExitSignal;

    fn at(at_us: u64, channel: u32, kind: Kind) -> Result<Event, ()> {
        Ok(Event {
            at_us,
            channel: Channel(channel),
            kind,
        })
    }

    fn exec(command: &'static str) -> Kind {
        Kind::Started(Started {
            program: Program::Exec(Bytes::from_static(command.as_bytes())),
            environment: vec![],
            terminal: None,
            decision: None,
        })
    }

    #[test]
    fn each_program_has_its_own_bytes_end_and_duration() {
        let transcript = Transcript::of([
            at(10, 1, exec("sudo ss -tnp")),
            at(20, 2, exec("printf '\x1b[2J'")),
            at(30, 1, Kind::Output(Bytes::from_static(b"12345"))),
            at(31, 2, Kind::ErrorOutput(Bytes::from_static(b"12"))),
            at(40, 1, Kind::ExitStatus(0)),
            at(50, 1, Kind::Closed),
            at(
                60,
                2,
                Kind::ExitSignal(ExitSignal {
                    name: "KILL".into(),
                    core_dumped: false,
                    message: String::new(),
                }),
            ),
            at(
                70,
                3,
                Kind::Refused {
                    what: "direct-tcpip".into(),
                    reason: "not offered\u{1b}".into(),
                },
            ),
        ])
        .unwrap();
        let commands: Vec<_> = transcript.commands().collect();
        assert_eq!(commands[0].line(), "sudo ss -tnp");
        assert_eq!(
            (commands[0].output_bytes, commands[0].duration_us()),
            (5, Some(30))
        );
        assert_eq!(commands[0].outcome, Some(Outcome::Status(0)));
        assert_eq!(commands[1].line(), "printf '\\x1b[2J'");
        assert_eq!(
            (commands[1].error_bytes, &commands[1].outcome),
            (2, &Some(Outcome::Signal("KILL".into())))
        );
        assert!(
            matches!(&transcript.entries()[2], Entry::Refused { reason, .. } if reason == "not offered\\x1b")
        );
    }

    #[test]
    fn a_program_without_an_end_has_none() {
        let transcript = Transcript::of([at(1, 1, exec("sleep 30"))]).unwrap();
        let command = transcript.commands().next().unwrap();
        assert_eq!((command.duration_us(), &command.outcome), (None, &None));
    }
}
