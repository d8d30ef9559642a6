//! What program and arguments make possible.

use portreeve_protocol::facts::Intent;

use super::options::{DANGERS, PAGERS, SYSTEMCTL_CHANGES, SYSTEMCTL_LOOKS};
use super::programs::{When, is_called, kind_of};
use super::reach::{may_hold, must_hold};
use crate::bundle::{Arguments, Bundle, Command};
use crate::code::Code;
use crate::diagnostic::{Diagnostic, Severity};
use crate::pattern::{Pattern, Sought};

/// Reports what program and arguments make possible.
pub(super) fn check(bundle: &Bundle, command: &Command, found: &mut Vec<Diagnostic>) {
    let dangers = program(command)
        .chain(options(command))
        .chain(systemctl(command));
    found.extend(dangers.filter_map(|(when, problem)| weighed(bundle, command, when, problem)));
    found.extend(pager(command));
    found.extend(exec(command));
    found.extend(loader(command));
    match command.arguments() {
        Arguments::Exactly(_) => {}
        Arguments::Any => found.push(any(command)),
        Arguments::Pattern(pattern) => found.extend(width(command, pattern)),
    }
}

/// A danger as an error, a warning or nothing, by the bundle's intent and the command's reason.
fn weighed(
    bundle: &Bundle,
    command: &Command,
    when: When,
    problem: Diagnostic,
) -> Option<Diagnostic> {
    match (when, bundle.intent()) {
        (When::Always, _) => Some(problem),
        // Who may write any file as root may write the rules.
        (When::ReadOnly, Intent::Write) => {
            let writes_anything =
                problem.code == Code::Writes && *command.arguments() == Arguments::Any;
            writes_anything.then_some(problem)
        }
        (When::ReadOnly, Intent::ReadOnly) if command.reason().is_some() => Some(Diagnostic {
            severity: Severity::Warning,
            ..problem
        }),
        (When::ReadOnly, Intent::ReadOnly) => Some(problem),
    }
}

/// What the program is, whatever its arguments.
fn program(command: &Command) -> impl Iterator<Item = (When, Diagnostic)> {
    kind_of(command.path().file_name()).map(|kind| {
        let message = format!("`{}` {}", command.path(), kind.why);
        (
            kind.when,
            Diagnostic::error(kind.code, command.path_span(), message, kind.help),
        )
    })
}

/// Arguments that make a harmless program dangerous.
fn options(command: &Command) -> impl Iterator<Item = (When, Diagnostic)> {
    let program = command.path().file_name();
    let given = DANGERS
        .iter()
        .filter(move |(name, ..)| is_called(program, name));
    given
        .filter(|(_, argument, ..)| may_hold(command.arguments(), argument))
        .map(|(name, argument, code, when, effect)| {
            let message = format!("`{name} {argument}` {effect}");
            let help = "allow exactly the arguments that are needed, without this one";
            (
                *when,
                Diagnostic::error(*code, command.arguments_span(), message, help),
            )
        })
}

/// The verb of `systemctl`, wherever it stands.
fn systemctl(command: &Command) -> Option<(When, Diagnostic)> {
    // An option's value may stand before the verb, so a verb that is spelled anywhere counts too.
    let may_be = |verb: &&str| {
        let sought = [Sought::Verb(verb), Sought::Word(verb)];
        sought
            .iter()
            .any(|sought| may_hold(command.arguments(), sought))
    };
    let is_systemctl = command.path().file_name() == "systemctl";
    let verb = SYSTEMCTL_CHANGES
        .split_whitespace()
        .filter(|_| is_systemctl)
        .find(may_be)?;
    let message = format!("`systemctl {verb}` changes the system");
    let help = format!("allow one of the verbs that only look: {SYSTEMCTL_LOOKS}");
    Some((
        When::ReadOnly,
        Diagnostic::error(Code::ChangesState, command.arguments_span(), message, help),
    ))
}

/// A pager that the program starts by itself: a nuisance where it cannot be started, else a shell.
fn pager(command: &Command) -> Option<Diagnostic> {
    let program = command.path().file_name();
    let (_, option) = PAGERS.iter().find(|(name, _)| *name == program)?;
    if must_hold(command.arguments(), option) {
        return None;
    }
    let severity = if command.noexec() {
        Severity::Warning
    } else {
        Severity::Error
    };
    let message = format!("`{program}` starts a pager by itself");
    let help = format!("make `{option}` part of the arguments");
    Some(Diagnostic {
        severity,
        ..Diagnostic::error(Code::Pager, command.arguments_span(), message, help)
    })
}

fn exec(command: &Command) -> Option<Diagnostic> {
    let message = "the command may start other programs as root";
    let help = "leave `noexec` at its default if it works with it";
    (!command.noexec()).then(|| Diagnostic::warning(Code::Exec, command.span(), message, help))
}

fn loader(command: &Command) -> Option<Diagnostic> {
    let sets = *command.arguments() != Arguments::Any
        && may_hold(command.arguments(), &Sought::Prefix("LD_"));
    let message = "an argument sets a variable of the dynamic loader";
    sets.then(|| {
        Diagnostic::error(
            Code::LoaderVariable,
            command.arguments_span(),
            message,
            "leave it out",
        )
    })
}

fn any(command: &Command) -> Diagnostic {
    let message = format!("`{}` may be given any arguments", command.path());
    let help =
        "list the arguments that are needed in `args_any_of`, or describe them in `args_pattern`";
    Diagnostic::warning(Code::AnyArguments, command.arguments_span(), message, help)
}

/// Patterns that take more than their author thinks.
fn width(command: &Command, pattern: &Pattern) -> impl Iterator<Item = Diagnostic> {
    let traps = [
        (
            &[Sought::FreeOption][..],
            "the caller can write an option where a value is meant",
            "begin the class with a letter or digit, as in `[a-z][a-z-]*`, or spell the option out",
        ),
        (
            &[Sought::FreeSpace][..],
            "the caller can add arguments",
            "take the space out of the class and write it where it belongs",
        ),
        (
            &[Sought::Part("/.."), Sought::Part("../")][..],
            "the caller can climb to another directory",
            "keep `.` and `/` out of one class; `..` leads out of the directory",
        ),
    ];
    let opened = traps
        .into_iter()
        .filter(|(ways, ..)| ways.iter().any(|way| pattern.may_hold(way)));
    opened.map(|(_, message, help)| {
        Diagnostic::error(Code::WidePattern, command.arguments_span(), message, help)
    })
}
