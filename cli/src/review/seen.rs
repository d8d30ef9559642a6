//! What a recording holds, as far as it is compared with a trail: sums, not contents. Pure.

use std::collections::{BTreeMap, BTreeSet};

use portreeve_protocol::digest::Digest;
use portreeve_protocol::id::DecisionId;
use portreeve_recording::event::{Event, Kind, Program};

/// The most channels and host events of one recording that are compared; a session has a few
/// thousand at most.
const MOST: usize = 200_000;
/// How the reason of a refusal begins that was decided; what is refused without asking the policy
/// has another.
const DECIDED_REFUSAL: &str = "portreeve: refused: ";

/// What was seen in a recording.
#[derive(Debug, Default)]
pub struct Seen {
    /// By channel; that of the session as a whole is not among them.
    pub channels: BTreeMap<u32, SeenChannel>,
    /// The digests of the texts of the host's events.
    pub host_events: BTreeSet<Digest>,
    /// Whether there was more than is compared.
    pub is_too_much: bool,
}

/// What was seen on a channel.
#[derive(Debug, Default)]
pub struct SeenChannel {
    /// The program that was started.
    pub started: Option<SeenStart>,
    /// Whether a second one was, which no bastion lets happen.
    pub is_started_twice: bool,
    /// Whether what was asked of the channel was decided and refused.
    pub is_refused: bool,
    /// Bytes from the agent.
    pub bytes_in: u64,
    /// Bytes to the agent.
    pub bytes_out: u64,
    /// The exit status.
    pub exit_status: Option<u32>,
    /// The signal that ended it.
    pub exit_signal: Option<String>,
    /// Whether it was closed.
    pub is_closed: bool,
}

/// The start of a program.
#[derive(Debug)]
pub struct SeenStart {
    /// The decision that it names.
    pub decision: Option<DecisionId>,
    /// What it was.
    pub program: SeenProgram,
    /// Whether with a terminal.
    pub pty: bool,
}

/// A program without its text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SeenProgram {
    /// A shell.
    Shell,
    /// A command: the digest of its text as a trail shows it.
    Exec(Digest),
    /// File transfer.
    Sftp,
}

impl SeenProgram {
    /// A command as a trail shows it.
    #[must_use]
    pub fn exec(shown: &str) -> Self {
        Self::Exec(Digest::of(shown.as_bytes()))
    }
}

impl Seen {
    /// Takes the next event.
    pub fn add(&mut self, event: &Event) {
        if let Kind::HostEvent(json) = &event.kind {
            if self.host_events.len() < MOST {
                self.host_events.insert(Digest::of(json.as_bytes()));
            } else {
                self.is_too_much = true;
            }
            return;
        }
        let number = event.channel.0;
        if number == 0 {
            return;
        }
        if self.channels.len() >= MOST && !self.channels.contains_key(&number) {
            self.is_too_much = true;
            return;
        }
        self.channels.entry(number).or_default().add(&event.kind);
    }
}

impl SeenChannel {
    fn add(&mut self, kind: &Kind) {
        match kind {
            Kind::Started(started) => {
                let program = match &started.program {
                    Program::Shell => SeenProgram::Shell,
                    Program::Exec(command) => SeenProgram::exec(&String::from_utf8_lossy(command)),
                    Program::Sftp => SeenProgram::Sftp,
                };
                self.is_started_twice |= self.started.is_some();
                self.started = Some(SeenStart {
                    decision: started.decision,
                    program,
                    pty: started.terminal.is_some(),
                });
            }
            Kind::Input(bytes) => {
                self.bytes_in = self.bytes_in.saturating_add(bytes.len() as u64);
            }
            Kind::Output(bytes) | Kind::ErrorOutput(bytes) => {
                self.bytes_out = self.bytes_out.saturating_add(bytes.len() as u64);
            }
            Kind::ExitStatus(status) => self.exit_status = Some(*status),
            Kind::ExitSignal(exit) => self.exit_signal = Some(exit.name.clone()),
            Kind::Refused { reason, .. } => {
                self.is_refused |= reason.starts_with(DECIDED_REFUSAL);
            }
            Kind::Omitted(omitted) if omitted.is_output => {
                self.bytes_out = self.bytes_out.saturating_add(omitted.bytes);
            }
            Kind::Omitted(omitted) => {
                self.bytes_in = self.bytes_in.saturating_add(omitted.bytes);
            }
            Kind::Closed => self.is_closed = true,
            Kind::Window(_)
            | Kind::Signal(_)
            | Kind::EndOfInput
            | Kind::EndOfOutput
            | Kind::Note(_)
            | Kind::File(_)
            | Kind::HostEvent(_) => {}
        }
    }
}
