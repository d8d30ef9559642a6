//! A bundle: what a session may do with sudo, as a value that cannot be wrong.
//!
//! [`Bundle::parse`] is the only way to get one. It reads the text and nothing else; whether the
//! bundle is wise is for [`check`](crate::check) to say.

mod item;
mod read;

use portreeve_protocol::digest::Digest;
use portreeve_protocol::facts::Intent;
use portreeve_protocol::name::BundleName;

use crate::diagnostic::Report;
use crate::pattern::Pattern;
use crate::source::{Source, Span};
use crate::word::{Argument, CommandPath, UserName};

/// Most commands, and most expectations, of one bundle.
pub const MAX_ITEMS: usize = 1000;

/// A bundle that was read from a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bundle {
    source: Source,
    digest: Digest,
    name: BundleName,
    description: String,
    intent: Intent,
    commands: Vec<Command>,
    expectations: Vec<Expectation>,
}

impl Bundle {
    /// Reads a bundle from the bytes of a file; `file_name` is only for messages.
    ///
    /// # Errors
    ///
    /// All problems of the file at once.
    pub fn parse(file_name: &str, bytes: &[u8]) -> Result<Self, Report> {
        read::read(file_name, bytes)
    }

    /// The text that the bundle was read from.
    #[must_use]
    pub fn source(&self) -> &Source {
        &self.source
    }

    /// The digest of the file's exact bytes, which names this version of the bundle.
    #[must_use]
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// The bundle's name.
    #[must_use]
    pub fn name(&self) -> &BundleName {
        &self.name
    }

    /// What the bundle is for.
    #[must_use]
    pub fn description(&self) -> &str {
        &self.description
    }

    /// What its author says that it does.
    #[must_use]
    pub fn intent(&self) -> Intent {
        self.intent
    }

    /// The commands, in the order of the file.
    #[must_use]
    pub fn commands(&self) -> &[Command] {
        &self.commands
    }

    /// The bundle's own tests, in the order of the file.
    #[must_use]
    pub fn expectations(&self) -> &[Expectation] {
        &self.expectations
    }

    /// The line on which a command or an expectation begins.
    #[must_use]
    pub fn line(&self, span: Span) -> usize {
        self.source.position(span.start).line
    }
}

/// One program with the arguments that it may be given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Command {
    span: Span,
    path: CommandPath,
    path_span: Span,
    arguments: Arguments,
    arguments_span: Span,
    run_as: UserName,
    noexec: bool,
    digest: Option<Digest>,
    comment: Option<String>,
    reason: Option<String>,
}

impl Command {
    /// Where the command stands in the file.
    #[must_use]
    pub fn span(&self) -> Span {
        self.span
    }

    /// Where its path stands.
    #[must_use]
    pub fn path_span(&self) -> Span {
        self.path_span
    }

    /// Where its arguments stand; its path when it has none.
    #[must_use]
    pub fn arguments_span(&self) -> Span {
        self.arguments_span
    }

    /// The program.
    #[must_use]
    pub fn path(&self) -> &CommandPath {
        &self.path
    }

    /// The arguments that it may be given.
    #[must_use]
    pub fn arguments(&self) -> &Arguments {
        &self.arguments
    }

    /// The user that it runs as.
    #[must_use]
    pub fn run_as(&self) -> &UserName {
        &self.run_as
    }

    /// Whether it is kept from starting other programs.
    #[must_use]
    pub fn noexec(&self) -> bool {
        self.noexec
    }

    /// The digest that the program must have.
    #[must_use]
    pub fn digest(&self) -> Option<Digest> {
        self.digest
    }

    /// What it is for.
    #[must_use]
    pub fn comment(&self) -> Option<&str> {
        self.comment.as_deref()
    }

    /// Why something unusual is allowed here.
    #[must_use]
    pub fn reason(&self) -> Option<&str> {
        self.reason.as_deref()
    }
}

/// The arguments that a command may be given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Arguments {
    /// Exactly one of these lists; an empty list means no arguments.
    Exactly(Vec<Vec<Argument>>),
    /// All arguments, joined by single spaces, as the pattern says.
    Pattern(Pattern),
    /// Whatever the caller likes.
    Any,
}

/// One of a bundle's own tests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expectation {
    span: Span,
    outcome: Outcome,
    argv: Vec<String>,
    run_as: UserName,
    comment: Option<String>,
}

/// What an [`Expectation`] expects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The command line is allowed.
    Allow,
    /// The command line is refused.
    Refuse,
}

impl Expectation {
    /// Where the expectation stands in the file.
    #[must_use]
    pub fn span(&self) -> Span {
        self.span
    }

    /// What is expected.
    #[must_use]
    pub fn outcome(&self) -> Outcome {
        self.outcome
    }

    /// The command line, program first.
    #[must_use]
    pub fn argv(&self) -> &[String] {
        &self.argv
    }

    /// The user that it would run as.
    #[must_use]
    pub fn run_as(&self) -> &UserName {
        &self.run_as
    }

    /// Why this is expected.
    #[must_use]
    pub fn comment(&self) -> Option<&str> {
        self.comment.as_deref()
    }
}
