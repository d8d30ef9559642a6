//! Answers what sudo would answer, without sudo.
//!
//! As original sudo does, arguments are joined by single spaces before they are compared, a program
//! given by name is searched in [`SECURE_PATH`], and of several matching rules the last one counts.
//! Two things depend on the host and are fixed here: `/bin` and `/sbin` are taken for `/usr/bin`
//! and `/usr/sbin`, as on every current distribution, and a relative path with a slash in it
//! matches nothing.

use crate::bundle::{Arguments, Bundle, Command};
use crate::render::SECURE_PATH;
use crate::word::{Argument, UserName};

/// A command line that somebody would give to sudo.
#[derive(Debug, Clone, Copy)]
pub struct CommandLine<'a> {
    /// Program and arguments.
    pub argv: &'a [String],
    /// The user that it would run as.
    pub run_as: &'a UserName,
}

/// What sudo would answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Verdict<'b> {
    /// A rule allows it.
    Allowed(Rule<'b>),
    /// No rule allows it; the nearest one, if any comes near, and why it does not match.
    Refused(Option<(Rule<'b>, Mismatch)>),
}

impl Verdict<'_> {
    /// Whether the command line is allowed.
    #[must_use]
    pub fn is_allowed(&self) -> bool {
        matches!(self, Self::Allowed(_))
    }
}

/// A rule of a bundle and the line on which it begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rule<'b> {
    /// The rule.
    pub command: &'b Command,
    /// Its line, from 1.
    pub line: usize,
}

/// Why a rule does not match although it names the same program.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Mismatch {
    /// The rule is for another user.
    RunAs,
    /// The arguments differ; how many of the first ones agree.
    Arguments {
        /// Arguments that agree before the first that does not.
        agreeing: usize,
    },
}

/// Whether `bundle` allows a command line, by which rule, or what came nearest.
pub fn can<'b>(bundle: &'b Bundle, line: &CommandLine<'_>) -> Verdict<'b> {
    let Some((program, arguments)) = line.argv.split_first() else {
        return Verdict::Refused(None);
    };
    let rule = |command: &'b Command| Rule {
        command,
        line: bundle.line(command.span()),
    };
    let named = || {
        bundle
            .commands()
            .iter()
            .filter(|command| names(command, program))
    };
    let mismatch = |command: &Command| {
        if command.run_as() != line.run_as {
            return Some(Mismatch::RunAs);
        }
        let differs = !takes(command.arguments(), arguments);
        differs.then(|| Mismatch::Arguments {
            agreeing: agreeing(command.arguments(), arguments),
        })
    };
    if let Some(command) = named().rfind(|command| mismatch(command).is_none()) {
        return Verdict::Allowed(rule(command));
    }
    let nearest = named()
        .filter_map(|command| Some((mismatch(command)?, command)))
        .max_by_key(|(why, _)| *why);
    Verdict::Refused(nearest.map(|(why, command)| (rule(command), why)))
}

/// Whether the program as it was typed is the one of this rule.
fn names(command: &Command, program: &str) -> bool {
    let path = command.path();
    if program.contains('/') {
        return merged(program) == merged(path.as_str());
    }
    program == path.file_name() && is_searched(path.directory())
}

/// Whether sudo finds programs of this directory by name.
pub(crate) fn is_searched(directory: &str) -> bool {
    SECURE_PATH.contains(&directory)
}

/// A path on a system where `/bin` and `/sbin` are links into `/usr`.
fn merged(path: &str) -> String {
    let is_linked = path.starts_with("/bin/") || path.starts_with("/sbin/");
    if is_linked {
        format!("/usr{path}")
    } else {
        path.to_owned()
    }
}

/// Whether these arguments may be given.
pub(crate) fn takes(allowed: &Arguments, given: &[String]) -> bool {
    match allowed {
        Arguments::Any => true,
        Arguments::Pattern(pattern) => pattern.matches(&given.join(" ")),
        Arguments::Exactly(lists) => lists.iter().any(|list| match list.as_slice() {
            // Not even an empty argument may stand behind a program that takes none.
            [] => given.is_empty(),
            list => !given.is_empty() && joined(list) == given.join(" "),
        }),
    }
}

pub(crate) fn joined(arguments: &[Argument]) -> String {
    arguments
        .iter()
        .map(Argument::as_str)
        .collect::<Vec<_>>()
        .join(" ")
}

fn agreeing(allowed: &Arguments, given: &[String]) -> usize {
    match allowed {
        Arguments::Any | Arguments::Pattern(_) => 0,
        Arguments::Exactly(lists) => lists
            .iter()
            .map(|list| {
                list.iter()
                    .zip(given)
                    .take_while(|(wanted, given)| wanted.as_str() == *given)
                    .count()
            })
            .max()
            .unwrap_or(0),
    }
}
