//! A bundle: what a session may do with sudo, as a value that cannot be wrong.
//!
//! [`Bundle::parse`] is the only way to get one. It reads the text and nothing else; whether the
//! bundle is wise is for [`check`](crate::check) to say. A file that includes others becomes a
//! bundle by [`link`](crate::link).

pub(crate) mod arguments;
pub(crate) mod fields;
mod item;
mod meet;
mod origin;
mod read;

use std::sync::Arc;

use portreeve_protocol::digest::Digest;
use portreeve_protocol::facts::Intent;
use portreeve_protocol::name::BundleName;

pub use self::origin::{Ingredient, NotAnOrigin, Origin};
pub(crate) use self::read::{Include, Parsed, read, well_formed};
use crate::code::Code;
use crate::diagnostic::{Diagnostic, Report};
use crate::pattern::Pattern;
use crate::source::{Source, Span};
use crate::word::{Argument, CommandPath, DirectoryPath, RunAs};

/// Most commands, and most expectations, of one bundle.
pub const MAX_ITEMS: usize = 1000;
/// Most digests of one command.
pub const MAX_DIGESTS: usize = 16;
/// Most bundles that one bundle includes by itself.
pub const MAX_INCLUDES: usize = 16;
/// Most bundles that a linked bundle is made of, itself counted.
pub const MAX_INGREDIENTS: usize = 32;

/// A bundle that was read from a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bundle {
    source: Arc<Source>,
    digest: Digest,
    name: BundleName,
    description: String,
    intent: Intent,
    ingredients: Vec<Ingredient>,
    commands: Vec<Command>,
    expectations: Vec<Expectation>,
}

impl Bundle {
    /// Reads a bundle from the bytes of a file; `file_name` is only for messages.
    ///
    /// # Errors
    ///
    /// All problems of the file at once. A file that includes others is no bundle yet.
    pub fn parse(file_name: &str, bytes: &[u8]) -> Result<Self, Report> {
        let Parsed {
            bundle, includes, ..
        } = read(file_name, bytes)?;
        let Some(first) = includes.first() else {
            return Ok(bundle);
        };
        let message = format!("the bundle includes `{}` and is not linked", first.name);
        let problem = Diagnostic::error(
            Code::NotLinked,
            first.span,
            message,
            "join them with `portreeve bundle link`, and use what it writes",
        );
        Err(Report::new(bundle.source, vec![problem]))
    }

    /// The text that the bundle was read from.
    #[must_use]
    pub fn source(&self) -> &Source {
        &self.source
    }

    pub(crate) fn shared_source(&self) -> &Arc<Source> {
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

    /// The bundles that this one was linked from; empty when it was not linked.
    #[must_use]
    pub fn ingredients(&self) -> &[Ingredient] {
        &self.ingredients
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

    /// The line of this text on which a command or an expectation begins.
    #[must_use]
    pub fn line(&self, span: Span) -> usize {
        self.source.position(span.start).line
    }

    /// Where people find a command: the bundle and line that it was written in, as `web-triage:12`,
    /// or file and line when it was not linked.
    #[must_use]
    pub fn place(&self, command: &Command) -> String {
        match command.origin() {
            Some(origin) => origin.to_string(),
            None => format!("{}:{}", self.source.name(), self.line(command.span())),
        }
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
    run_as: RunAs,
    noexec: bool,
    cwd: Option<DirectoryPath>,
    digests: Vec<Digest>,
    comment: Option<String>,
    reason: Option<String>,
    origin: Option<Origin>,
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

    /// As whom it runs.
    #[must_use]
    pub fn run_as(&self) -> &RunAs {
        &self.run_as
    }

    /// Whether it is kept from starting other programs.
    #[must_use]
    pub fn noexec(&self) -> bool {
        self.noexec
    }

    /// The directory that the bundle names for it.
    #[must_use]
    pub fn cwd(&self) -> Option<&DirectoryPath> {
        self.cwd.as_ref()
    }

    /// The directory in which it runs: the one that the bundle names, else `/`. Never the caller's.
    #[must_use]
    pub fn runs_in(&self) -> DirectoryPath {
        self.cwd.clone().unwrap_or_else(DirectoryPath::root)
    }

    /// The digests of which the program must have one; any program will do when there are none.
    #[must_use]
    pub fn digests(&self) -> &[Digest] {
        &self.digests
    }

    /// What it is for; the trail shows it beside the command.
    #[must_use]
    pub fn comment(&self) -> Option<&str> {
        self.comment.as_deref()
    }

    /// Why something unusual is allowed here.
    #[must_use]
    pub fn reason(&self) -> Option<&str> {
        self.reason.as_deref()
    }

    /// Where it was written; `None` when its bundle was not linked.
    #[must_use]
    pub fn origin(&self) -> Option<&Origin> {
        self.origin.as_ref()
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
    run_as: RunAs,
    comment: Option<String>,
    origin: Option<Origin>,
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

    /// As whom it would run.
    #[must_use]
    pub fn run_as(&self) -> &RunAs {
        &self.run_as
    }

    /// Why this is expected.
    #[must_use]
    pub fn comment(&self) -> Option<&str> {
        self.comment.as_deref()
    }

    /// Where it was written; `None` when its bundle was not linked.
    #[must_use]
    pub fn origin(&self) -> Option<&Origin> {
        self.origin.as_ref()
    }
}
