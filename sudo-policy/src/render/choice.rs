//! One permission for each way in which a command may be called, or why a sudo cannot hold it.

use crate::bundle::{Arguments, Command};
use crate::code::Code;
use crate::diagnostic::Diagnostic;
use crate::dialect::Dialect;
use crate::source::Span;
use crate::sudoers::Permission;
use crate::sudoers::feature::{Lack, lack};

/// The permissions of one command.
pub(super) fn of_command(
    command: &Command,
    dialect: Dialect,
) -> Result<Vec<Permission>, Box<Diagnostic>> {
    let ways = match command.arguments() {
        Arguments::Exactly(lists) => lists
            .iter()
            .map(|list| Arguments::Exactly(vec![list.clone()]))
            .collect(),
        one @ (Arguments::Pattern(_) | Arguments::Any) => vec![one.clone()],
    };
    ways.into_iter()
        .map(|arguments| {
            let permission = Permission {
                path: command.path().clone(),
                arguments,
                run_as: command.run_as().clone(),
                cwd: command.runs_in(),
                noexec: command.noexec(),
                digests: command.digests().to_vec(),
            };
            match lack(&permission, dialect) {
                None => Ok(permission),
                Some(lack) => Err(Box::new(problem(&lack, command, dialect))),
            }
        })
        .collect()
}

fn problem(lack: &Lack, command: &Command, dialect: Dialect) -> Diagnostic {
    let (code, span, message, help): (Code, Span, String, String) = match lack {
        Lack::Pattern => (
            Code::NoPatterns,
            command.arguments_span(),
            format!("{dialect} has no patterns"),
            format!(
                "list exact arguments in `args_any_of`, or use sudo {} or later on this host",
                Dialect::FIRST_WITH_PATTERNS
            ),
        ),
        Lack::Digest => (
            Code::NoDigests,
            command.span(),
            format!("{dialect} has no digests"),
            "leave the digest out for this host, or use the original sudo on it".into(),
        ),
        Lack::Character(character, argument) => (
            Code::NoEscapes,
            command.arguments_span(),
            format!("{dialect} reads `{character}` in `{argument}` as more than itself"),
            "use the original sudo for this command, or leave the argument out".into(),
        ),
        Lack::Length(length) => (
            Code::RuleTooLong,
            command.arguments_span(),
            format!("the rule has {length} characters and {dialect} reads fewer"),
            format!(
                "shorten the arguments to {} characters in all, or use the original sudo on this host",
                dialect.longest_command().unwrap_or_default()
            ),
        ),
    };
    Diagnostic::error(code, span, message, help)
}
