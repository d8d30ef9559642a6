//! What went wrong, as the person or the program that called reads it: what failed, why, and what
//! to do next.
//!
//! Every operation has errors of its own that its caller can react to. A command that cannot go
//! on turns one of them into a [`Failure`], which is printed once, by `main`.

use std::error::Error;
use std::fmt::{self, Write as _};

use portreeve_protocol::id::EventId;
use portreeve_protocol::problem::Code;
use portreeve_recording::printable;
use serde::Serialize;

use crate::exit::Exit;
use crate::safe;

/// What to do about events of a newer version.
pub const UPDATE: &str = "update the command line to the version of the CA, and ask again";

/// Why a command could not go on.
#[derive(Debug)]
pub struct Failure(Box<Parts>);

#[derive(Debug)]
struct Parts {
    exit: Exit,
    /// What kind of failure it is, which another exit code does not change.
    kind: &'static str,
    message: String,
    because: Vec<String>,
    next: Option<String>,
    code: Option<Code>,
    event: Option<EventId>,
    quiet: bool,
}

impl Failure {
    /// Something failed, with the exit code that goes with it.
    #[must_use]
    pub fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self(Box::new(Parts {
            exit,
            kind: exit.name(),
            message: message.into(),
            because: Vec::new(),
            next: None,
            code: None,
            event: None,
            quiet: false,
        }))
    }

    /// Something failed for which there is no code of its own.
    #[must_use]
    pub fn failed(message: impl Into<String>) -> Self {
        Self::new(Exit::Failed, message)
    }

    /// The command line or a setting is wrong.
    #[must_use]
    pub fn usage(message: impl Into<String>) -> Self {
        Self::new(Exit::Usage, message)
    }

    /// A log has events of a newer version, and everything else that was looked at is as it must be.
    #[must_use]
    pub fn outdated(message: impl Into<String>) -> Self {
        Self::new(Exit::Outdated, message).next(UPDATE)
    }

    /// The command line could not be parsed; `said` is what the parser says to people: its first
    /// paragraph is the fault, the rest is advice.
    #[must_use]
    pub fn of_command_line(said: &str) -> Self {
        let fault = said.split("\n\n").next().unwrap_or(said);
        let words: Vec<&str> = fault.split_whitespace().collect();
        let fault = words.join(" ");
        Self::usage(fault.strip_prefix("error: ").unwrap_or(&fault))
            .next("`--help` says what is expected")
    }

    /// Nobody reads our output any more: there is nobody to tell.
    #[must_use]
    pub fn nobody_reads() -> Self {
        let mut failure = Self::failed("standard output is closed");
        failure.0.quiet = true;
        failure
    }

    /// Everything was said already; only the exit code is left to give.
    #[must_use]
    pub fn said(exit: Exit) -> Self {
        let mut failure = Self::new(exit, "");
        failure.0.quiet = true;
        failure
    }

    /// The same, with the errors that led to it.
    #[must_use]
    pub fn because(mut self, error: &(dyn Error + 'static)) -> Self {
        let mut next = Some(error);
        while let Some(error) = next {
            let text = error.to_string();
            // Some libraries repeat the inner error in the outer one's text.
            if !self
                .0
                .because
                .last()
                .is_some_and(|last| last.ends_with(&text))
            {
                self.0.because.push(text);
            }
            next = error.source();
        }
        self
    }

    /// The same, with a reason that somebody gave in words.
    #[must_use]
    pub fn reason(mut self, text: impl Into<String>) -> Self {
        self.0.because.push(text.into());
        self
    }

    /// The same, with what to do next.
    #[must_use]
    pub fn next(mut self, hint: impl Into<String>) -> Self {
        self.0.next = Some(hint.into());
        self
    }

    /// The same, with the CA's own name for the refusal and the event that has the diagnosis.
    #[must_use]
    pub fn code(mut self, code: Code, event: Option<EventId>) -> Self {
        self.0.code = Some(code);
        self.0.event = event;
        self
    }

    /// The same under another exit code: `exec` and `ssh` give the numbers below 125 to the
    /// remote command. Of what kind the failure is stays in the JSON form.
    #[must_use]
    pub fn with_exit(mut self, exit: Exit) -> Self {
        self.0.exit = exit;
        self
    }

    /// The same as a failure of another kind: what a file holds says more than that it cannot be read.
    #[must_use]
    pub fn of_kind(mut self, exit: Exit) -> Self {
        self.0.exit = exit;
        self.0.kind = exit.name();
        self
    }

    /// The same, with what to do next unless that was said already.
    #[must_use]
    pub fn or_next(self, hint: impl Into<String>) -> Self {
        if self.0.next.is_some() {
            self
        } else {
            self.next(hint)
        }
    }

    /// The same as the reason why something greater failed.
    #[must_use]
    pub fn within(mut self, message: impl Into<String>) -> Self {
        let inner = std::mem::replace(&mut self.0.message, message.into());
        self.0.because.insert(0, inner);
        self
    }

    /// The exit code.
    #[must_use]
    pub fn exit(&self) -> Exit {
        self.0.exit
    }

    /// Whether there is nothing to print.
    #[must_use]
    pub fn is_quiet(&self) -> bool {
        self.0.quiet
    }

    /// The failure for programs, on one line.
    #[must_use]
    pub fn to_json(&self) -> String {
        #[derive(Serialize)]
        struct Outer<'a> {
            error: Inner<'a>,
        }
        #[derive(Serialize)]
        struct Inner<'a> {
            exit: u8,
            kind: &'a str,
            message: &'a str,
            because: &'a [String],
            #[serde(skip_serializing_if = "Option::is_none")]
            next: Option<&'a str>,
            #[serde(skip_serializing_if = "Option::is_none")]
            code: Option<Code>,
            #[serde(skip_serializing_if = "Option::is_none")]
            event: Option<EventId>,
        }
        let Parts {
            exit,
            kind,
            message,
            because,
            next,
            code,
            event,
            quiet: _,
        } = &*self.0;
        let text = serde_json::to_string(&Outer {
            error: Inner {
                exit: exit.code(),
                kind,
                message,
                because,
                next: next.as_deref(),
                code: *code,
                event: *event,
            },
        });
        printable::json(&text.unwrap_or_default())
    }
}

/// The failure for people: one thing a line, foreign text made safe.
impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Parts {
            message,
            because,
            next,
            code,
            event,
            ..
        } = &*self.0;
        let mut text = format!("portreeve: {}", safe::lines(message));
        for reason in because {
            write!(text, "\n  because: {}", indented(&safe::lines(reason)))?;
        }
        if let Some(code) = code {
            write!(text, "\n  code: {}", code.as_str())?;
        }
        if let Some(event) = event {
            write!(
                text,
                "\n  event: {event} (`portreeve log --event` has the reason)"
            )?;
        }
        if let Some(next) = next {
            write!(text, "\n  next: {}", indented(&safe::lines(next)))?;
        }
        f.write_str(&text)
    }
}

fn indented(text: &str) -> String {
    text.trim_end().replace('\n', "\n    ")
}

/// A problem with reading or writing the program's own streams.
impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        if error.kind() == std::io::ErrorKind::BrokenPipe {
            Self::nobody_reads()
        } else {
            Self::failed("cannot write the output").because(&error)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("outer")]
    struct Outer(#[source] std::io::Error);

    #[test]
    fn a_failure_is_a_chain_with_the_next_step() {
        let failure = Failure::new(Exit::NotPermitted, "cannot start a session on `prod-1`")
            .because(&Outer(std::io::Error::other("inner\x1b[2J")))
            .code(Code::NotPermitted, None)
            .next("ask for the bundle `look`");
        assert_eq!(
            failure.to_string(),
            "portreeve: cannot start a session on `prod-1`\n  because: outer\n  \
             because: inner\\x1b[2J\n  code: not_permitted\n  next: ask for the bundle `look`"
        );
        assert_eq!(failure.exit().code(), 3);
    }

    #[test]
    fn programs_get_the_same_on_one_line() {
        let failure = Failure::usage("no host").next("name one\u{9b}");
        let text = failure.to_json();
        assert_eq!(text.lines().count(), 1);
        let value: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(value["error"]["exit"], 2);
        assert_eq!(value["error"]["kind"], "usage");
        assert_eq!(value["error"]["next"], "name one\u{9b}");
        assert!(text.is_ascii());
    }

    #[test]
    fn what_a_file_holds_makes_another_kind_of_failure_of_it() {
        let failure = Failure::failed("cannot read `key`").of_kind(Exit::Usage);
        let failure = failure.or_next("check the path").or_next("never said");
        let value: serde_json::Value = serde_json::from_str(&failure.to_json()).unwrap();
        assert_eq!(value["error"]["kind"], "usage");
        assert_eq!(value["error"]["exit"], 2);
        assert_eq!(value["error"]["next"], "check the path");
    }

    #[test]
    fn a_closed_pipe_is_nobody_to_tell() {
        let closed = std::io::Error::from(std::io::ErrorKind::BrokenPipe);
        assert!(Failure::from(closed).is_quiet());
    }
}
