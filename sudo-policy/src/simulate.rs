//! Answers what sudo would answer, without sudo.
//!
//! A program given by name is searched in [`SECURE_PATH`](crate::render::SECURE_PATH), and of
//! several matching rules the last one counts. Original sudo joins arguments by single spaces
//! before it compares them and sudo-rs compares them one by one; [`can`] answers for whichever allows
//! more, and [`can_on`] for one of them.
//!
//! Some things depend on the host and are fixed here: every program that a rule names exists, a
//! digest fits, `/bin`, `/sbin` and `/lib` are links into `/usr`, a relative path with a slash in it
//! matches nothing, and of the groups of a user only the one of the same name is known.

mod arguments;
mod program;

use self::arguments::{Given, is_taken, reached};
pub(crate) use self::arguments::{agreeing, joined, stop, takes};
use self::program::Program;
pub(crate) use self::program::{is_searched, unmerged};
use crate::bundle::{Bundle, Command};
use crate::dialect::Dialect;
use crate::sudoers::{Permission, Rules};
use crate::word::RunAs;

/// A command line that somebody would give to sudo.
#[derive(Debug, Clone, Copy)]
pub struct CommandLine<'a> {
    /// Program and arguments.
    pub argv: &'a [String],
    /// As whom it would run.
    pub run_as: &'a RunAs,
}

/// What sudo would answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Verdict<'b> {
    /// A rule allows it.
    Allowed(&'b Command),
    /// No rule allows it; the nearest one, if any comes near, and why it does not match.
    Refused(Option<(&'b Command, Mismatch)>),
}

impl Verdict<'_> {
    /// Whether the command line is allowed.
    #[must_use]
    pub fn is_allowed(&self) -> bool {
        matches!(self, Self::Allowed(_))
    }
}

/// Why a rule does not match although it names the same program.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Mismatch {
    /// The rule is for another user or group.
    RunAs,
    /// The arguments differ.
    Arguments {
        /// How many characters of the arguments, joined by spaces, the rule takes before it stops.
        reached: usize,
    },
}

/// Where the two programs differ: as which of them a command line is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reading {
    /// As whichever allows more.
    Either,
    /// As original sudo, which joins arguments by spaces before it compares them.
    Sudo,
    /// As sudo-rs, which compares arguments one by one, and takes a slash behind a program.
    SudoRs,
}

impl Reading {
    fn of(dialect: Dialect) -> Self {
        match dialect {
            Dialect::Sudo(_) => Self::Sudo,
            Dialect::SudoRs(_) => Self::SudoRs,
        }
    }
}

/// Whether `bundle` allows a command line, by which rule, or what came nearest.
///
/// On whatever sudo allows more.
pub fn can<'b>(bundle: &'b Bundle, line: &CommandLine<'_>) -> Verdict<'b> {
    judge(bundle, line, Reading::Either)
}

/// The same on a host with this sudo.
pub fn can_on<'b>(bundle: &'b Bundle, line: &CommandLine<'_>, dialect: Dialect) -> Verdict<'b> {
    judge(bundle, line, Reading::of(dialect))
}

fn judge<'b>(bundle: &'b Bundle, line: &CommandLine<'_>, reading: Reading) -> Verdict<'b> {
    let Some((program, arguments)) = line.argv.split_first() else {
        return Verdict::Refused(None);
    };
    let program = Program::of(program, reading);
    let given = Given::new(arguments, reading);
    let named = || {
        bundle
            .commands()
            .iter()
            .filter(|command| program.is(command.path()))
    };
    let allowing = named().rfind(|command| {
        serves(command.run_as(), line.run_as) && is_taken(command.arguments(), &given)
    });
    if let Some(command) = allowing {
        return Verdict::Allowed(command);
    }
    let mismatch = |command: &Command| {
        if !serves(command.run_as(), line.run_as) {
            return Mismatch::RunAs;
        }
        Mismatch::Arguments {
            reached: reached(command.arguments(), given.joined()),
        }
    };
    let nearest = named()
        .map(|command| (command, mismatch(command)))
        .max_by_key(|(_, why)| *why);
    Verdict::Refused(nearest)
}

/// The last permission of a file of rules that allows a command line.
pub(crate) fn permission_for<'r>(
    rules: &'r Rules,
    line: &CommandLine<'_>,
) -> Option<&'r Permission> {
    let (program, arguments) = line.argv.split_first()?;
    let reading = Reading::of(rules.dialect());
    let program = Program::of(program, reading);
    let given = Given::new(arguments, reading);
    rules.permissions().iter().rfind(|permission| {
        program.is(permission.path())
            && serves(permission.run_as(), line.run_as)
            && is_taken(permission.arguments(), &given)
    })
}

/// Whether a rule is for whom it was asked: also with a group that is the user's own.
pub(crate) fn serves(rule: &RunAs, asked: &RunAs) -> bool {
    let own_group = match asked {
        RunAs::Both(user, group) if user.as_str() == group.as_str() => rule.user() == Some(user),
        RunAs::Both(..) | RunAs::User(_) | RunAs::Group(_) => false,
    };
    own_group || rule.covers(asked)
}
