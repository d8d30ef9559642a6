//! What a reviewer jumps to: commands, refusals and what sudo did, each with what is notable
//! about it.
//!
//! Made of events one by one, while they are read in the background. Holds no content but lines,
//! shortened.

use std::collections::{BTreeMap, BTreeSet};

use portreeve_protocol::attest::{HostEvent, HostFact};
use portreeve_recording::event::{Channel, Event, Kind, Program};
use portreeve_recording::printable::one_line;

use crate::review::replay::secrets::Secrets;
use crate::review::words;
use crate::safe;

/// The longest line that is kept, in characters.
const MAX_LINE: usize = 4096;
/// How many are kept: of a longer recording, the first.
const MAX_MARKS: usize = 200_000;
/// How many programs are remembered as seen.
const MAX_PROGRAMS: usize = 50_000;

/// Programs that run others with more rights.
const PRIVILEGED: [&str; 5] = ["sudo", "su", "doas", "pkexec", "run0"];

/// Something to jump to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mark {
    /// When, in microseconds since the session started.
    pub at_us: u64,
    /// On which channel.
    pub channel: Channel,
    /// What, on one line; safe, and without secrets unless they are shown.
    pub line: String,
    /// What it is.
    pub what: What,
    /// It ran with more rights, or asked to.
    pub privileged: bool,
    /// No earlier command ran this program.
    pub first_seen: bool,
}

/// What a mark is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    /// A program that was started, and how it ended.
    Command(Option<End>),
    /// Something that was refused, by the bastion or by sudo.
    Denied,
    /// What the host says sudo ran.
    Sudo,
}

/// How a program ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum End {
    /// With this status.
    Status(u32),
    /// By this signal.
    Signal(String),
    /// Its channel was closed, and nobody said how.
    Unknown,
}

/// What to jump to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sought {
    /// Any command.
    Command,
    /// One with more rights.
    Privileged,
    /// What was refused.
    Denied,
    /// A command that failed.
    Failed,
    /// A command whose program had not run before.
    FirstSeen,
}

impl Sought {
    /// In words.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Command => "command",
            Self::Privileged => "privileged command",
            Self::Denied => "denial",
            Self::Failed => "failed command",
            Self::FirstSeen => "first-seen command",
        }
    }
}

impl Mark {
    /// Whether it is what is sought.
    #[must_use]
    pub fn is(&self, sought: Sought) -> bool {
        match sought {
            Sought::Command => matches!(self.what, What::Command(_)),
            Sought::Privileged => self.privileged,
            Sought::Denied => self.what == What::Denied,
            Sought::Failed => self.failed(),
            Sought::FirstSeen => self.first_seen,
        }
    }

    fn failed(&self) -> bool {
        match &self.what {
            What::Command(Some(End::Status(status))) => *status != 0,
            What::Command(Some(End::Signal(_))) => true,
            What::Command(Some(End::Unknown) | None) | What::Denied | What::Sudo => false,
        }
    }
}

/// All marks of a recording, as far as it was read.
#[derive(Debug)]
pub struct Marks {
    marks: Vec<Mark>,
    /// Where the command that runs on a channel is in `marks`.
    running: BTreeMap<Channel, usize>,
    programs: BTreeSet<String>,
    secrets: Secrets,
}

impl Marks {
    /// None yet.
    #[must_use]
    pub const fn new(secrets: Secrets) -> Self {
        Self {
            marks: Vec::new(),
            running: BTreeMap::new(),
            programs: BTreeSet::new(),
            secrets,
        }
    }

    /// All of them, in order.
    #[must_use]
    pub fn all(&self) -> &[Mark] {
        &self.marks
    }

    /// The first one after a moment that is what is sought.
    #[must_use]
    pub fn next(&self, after_us: u64, sought: Sought) -> Option<&Mark> {
        let from = self.marks.partition_point(|mark| mark.at_us <= after_us);
        let later = self.marks.get(from..).unwrap_or_default();
        later.iter().find(|mark| mark.is(sought))
    }

    /// The last one before a moment that is what is sought.
    #[must_use]
    pub fn last(&self, before_us: u64, sought: Sought) -> Option<&Mark> {
        let until = self.marks.partition_point(|mark| mark.at_us < before_us);
        let earlier = self.marks.get(..until).unwrap_or_default();
        earlier.iter().rev().find(|mark| mark.is(sought))
    }

    /// Takes the next event. Content is of no interest and need not be given.
    pub fn add(&mut self, event: &Event) {
        match &event.kind {
            Kind::Started(started) => {
                let line = self.line(&started.program.line());
                let (privileged, program) = what_runs(&started.program);
                let mark = Mark {
                    at_us: event.at_us,
                    channel: event.channel,
                    line,
                    what: What::Command(None),
                    privileged,
                    first_seen: program.is_some_and(|program| self.is_first(program)),
                };
                if let Some(place) = self.push(mark) {
                    self.running.insert(event.channel, place);
                }
            }
            Kind::ExitStatus(status) => self.end(event.channel, End::Status(*status)),
            Kind::ExitSignal(signal) => {
                let name = safe::shortened(&one_line(signal.name.as_bytes()), 40);
                self.end(event.channel, End::Signal(name));
            }
            Kind::Closed => {
                self.end(event.channel, End::Unknown);
                self.running.remove(&event.channel);
            }
            Kind::Refused { what, reason } => {
                let line = one_line(format!("{what}: {reason}").as_bytes());
                self.remark(event, &line, What::Denied, false);
            }
            Kind::HostEvent(json) => self.host(event, json),
            Kind::Input(_)
            | Kind::Output(_)
            | Kind::ErrorOutput(_)
            | Kind::Window(_)
            | Kind::Signal(_)
            | Kind::EndOfInput
            | Kind::EndOfOutput
            | Kind::Note(_)
            | Kind::File(_)
            | Kind::Omitted(_) => {}
        }
    }

    fn host(&mut self, event: &Event, json: &str) {
        let Ok(told) = serde_json::from_str::<HostEvent>(json) else {
            return;
        };
        let HostFact::Sudo { allowed, .. } = told.fact else {
            return;
        };
        let what = if allowed { What::Sudo } else { What::Denied };
        for line in words::reported(json) {
            self.remark(event, &safe::line(&line), what.clone(), true);
        }
    }

    fn remark(&mut self, event: &Event, line: &str, what: What, privileged: bool) {
        let line = self.line(line);
        self.push(Mark {
            at_us: event.at_us,
            channel: event.channel,
            line,
            what,
            privileged,
            first_seen: false,
        });
    }

    fn push(&mut self, mark: Mark) -> Option<usize> {
        let place = self.marks.len();
        (place < MAX_MARKS).then(|| {
            self.marks.push(mark);
            place
        })
    }

    fn end(&mut self, channel: Channel, end: End) {
        let place = self.running.get(&channel).copied();
        let mark = place.and_then(|place| self.marks.get_mut(place));
        if let Some(Mark {
            what: What::Command(known @ None),
            ..
        }) = mark
        {
            *known = Some(end);
        }
    }

    /// The whole line is looked at for secrets before it is cut.
    fn line(&self, line: &str) -> String {
        safe::shortened(&self.secrets.one_line(line), MAX_LINE)
    }

    fn is_first(&mut self, program: String) -> bool {
        self.programs.len() < MAX_PROGRAMS && self.programs.insert(program)
    }
}

/// Whether a command asks for more rights, and the name of the program that it runs.
fn what_runs(program: &Program) -> (bool, Option<String>) {
    let command = match program {
        Program::Shell => return (false, Some("(login shell)".into())),
        Program::Sftp => return (false, Some("(sftp)".into())),
        Program::Exec(command) => String::from_utf8_lossy(command),
    };
    let mut words = command.split_whitespace().filter(|word| !is_setting(word));
    let first = words.next().map(base);
    let is_privileged = first.is_some_and(|first| PRIVILEGED.contains(&first));
    let runs = if first == Some("sudo") {
        behind_sudo(words)
    } else {
        first
    };
    let name = runs.or(first).map(|name| safe::shortened(name, 255));
    (is_privileged, name)
}

/// The program that sudo is asked for, behind its options.
fn behind_sudo<'a>(mut words: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    while let Some(word) = words.next() {
        match word.strip_prefix('-') {
            None if is_setting(word) => {}
            None => return Some(base(word)),
            Some("-") => return words.next().map(base),
            // Options whose value is a word of its own.
            Some("u" | "g" | "h" | "p" | "C" | "D" | "R" | "T" | "U") => {
                words.next();
            }
            Some(_) => {}
        }
    }
    None
}

/// `NAME=value` before a command.
fn is_setting(word: &str) -> bool {
    word.split_once('=').is_some_and(|(name, _)| {
        !name.is_empty()
            && name
                .bytes()
                .all(|byte| byte == b'_' || byte.is_ascii_alphanumeric())
    })
}

fn base(word: &str) -> &str {
    let word = word.trim_matches(|c| matches!(c, '"' | '\'' | '(' | '{'));
    word.rsplit('/').next().unwrap_or(word)
}

#[cfg(test)]
mod tests;
