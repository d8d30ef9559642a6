//! One line of sudoers for each way in which a command may be called.
//!
//! Original sudo joins the arguments with spaces and compares the result by fnmatch(3), so what an
//! exact argument has of wildcards is escaped once for that, and what its reader would take as
//! punctuation is escaped too. sudo-rs compares argument by argument and has no escape for a
//! wildcard, so an exact argument with one in it is refused there.

use super::{Problem, Target};
use crate::bundle::{Arguments, Command};
use crate::dialect::Dialect;
use crate::word::Argument;

/// The lines of one command.
pub(super) fn of_command(command: &Command, target: &Target<'_>) -> Result<String, Problem> {
    let prefix = prefix(command, target)?;
    let tails = match command.arguments() {
        Arguments::Exactly(lists) => lists
            .iter()
            .map(|list| exact(list, target.dialect))
            .collect::<Result<_, _>>()?,
        Arguments::Pattern(pattern) if target.dialect.has_patterns() => {
            vec![format!(" {}", pattern.posix())]
        }
        Arguments::Pattern(_) => return Err(Problem::Pattern),
        Arguments::Any => vec![String::new()],
    };
    Ok(tails
        .iter()
        .map(|tail| format!("{prefix}{tail}\n"))
        .collect())
}

/// Everything of a line but the arguments.
fn prefix(command: &Command, target: &Target<'_>) -> Result<String, Problem> {
    let digest = match (command.digest(), target.dialect) {
        (None, _) => String::new(),
        (Some(digest), Dialect::Sudo(_)) => format!("{digest} "),
        (Some(_), Dialect::SudoRs(_)) => return Err(Problem::Digest),
    };
    let exec = if command.noexec() { "NOEXEC" } else { "EXEC" };
    Ok(format!(
        "{} ALL=({}) NOPASSWD: {exec}: NOSETENV: {digest}{}",
        target.account,
        command.run_as(),
        command.path(),
    ))
}

/// Exact arguments as the dialect writes them, with the space before each.
fn exact(arguments: &[Argument], dialect: Dialect) -> Result<String, Problem> {
    if arguments.is_empty() {
        // Nothing at all would mean any arguments.
        return Ok(" \"\"".to_owned());
    }
    let escape = match dialect {
        Dialect::Sudo(_) => escape_for_sudo,
        Dialect::SudoRs(_) => escape_for_sudo_rs,
    };
    arguments
        .iter()
        .map(|argument| escape(argument).map(|text| format!(" {text}")))
        .collect()
}

fn escape_for_sudo(argument: &Argument) -> Result<String, Problem> {
    let mut out = String::new();
    for character in argument.as_str().chars() {
        match character {
            // Once for sudo's reader and once for fnmatch.
            '\\' => out.push_str("\\\\\\\\"),
            ',' | ':' | '=' | '#' | '*' | '?' | '[' | ']' | '^' => out.extend(['\\', character]),
            plain => out.push(plain),
        }
    }
    Ok(out)
}

fn escape_for_sudo_rs(argument: &Argument) -> Result<String, Problem> {
    let mut out = String::new();
    for character in argument.as_str().chars() {
        match character {
            '*' | '?' | '[' | ']' | '^' => {
                return Err(Problem::Character(character, argument.to_string()));
            }
            '\\' | ',' | ':' | '=' | '#' => out.extend(['\\', character]),
            plain => out.push(plain),
        }
    }
    Ok(out)
}
