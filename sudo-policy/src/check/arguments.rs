//! What arguments make possible, whatever the program.

use portreeve_protocol::facts::Intent;

use super::Subject;
use super::places::{Kind, of_kind};
use super::reach::Reach;
use crate::code::Code;
use crate::diagnostic::Diagnostic;
use crate::pattern::{Pattern, Sought};

/// Reports what arguments make possible.
pub(super) fn check(subject: &Subject<'_>, found: &mut Vec<Diagnostic>) {
    found.extend(exec(subject));
    found.extend(unknown(subject));
    found.extend(variable(subject));
    match &subject.reach {
        Reach::Exact(_) => {}
        Reach::Any => found.push(any(subject)),
        Reach::Pattern { pattern, .. } => found.extend(width(subject, pattern)),
    }
}

/// No command is without a fence for which nobody wrote why, so this is for who reads the reason.
fn exec(subject: &Subject<'_>) -> Option<Diagnostic> {
    let message = "the command may start other programs as root";
    let help =
        "see that the reason says which ones; leave `noexec` at its default if it works with it";
    (!subject.command.noexec())
        .then(|| Diagnostic::note(Code::Exec, subject.command.span(), message, help))
}

/// Nobody vouches for a program that nobody knows.
fn unknown(subject: &Subject<'_>) -> Option<Diagnostic> {
    let is_vouched_for = subject.is_known || subject.command.reason().is_some();
    let (what, help) = match subject.intent {
        Intent::ReadOnly => (
            "that it only reads",
            "say in `reason` how you know that it only reads with these arguments",
        ),
        Intent::Write => (
            "that it does no more than is meant",
            "say in `reason` what it does with these arguments, and how you know",
        ),
    };
    let message = format!(
        "nothing is known of `{}`, so nothing here says {what}",
        subject.command.path()
    );
    (!is_vouched_for).then(|| {
        Diagnostic::warning(
            Code::UnknownProgram,
            subject.command.path_span(),
            message,
            help,
        )
    })
}

/// A variable of the loader or of an interpreter, for `env` or an option like `--setenv`.
fn variable(subject: &Subject<'_>) -> Option<Diagnostic> {
    if subject.reach.is_any() {
        return None;
    }
    let sets = |place: &&super::places::Place| match &subject.reach {
        Reach::Exact(lists) => lists
            .iter()
            .any(|list| list.words.iter().any(|word| assigns(word, place.text))),
        Reach::Any | Reach::Pattern { .. } => subject.reach.may_hold(&Sought::Prefix(place.text)),
    };
    // A caller who may choose the name of a variable chooses the worst.
    let chosen = || {
        let is_pattern = matches!(subject.reach, Reach::Pattern { .. });
        (is_pattern && subject.reach.may_hold(&Sought::PathBegin("LD_PRELOAD=")))
            .then(|| of_kind(Kind::Variable).next())
            .flatten()
    };
    let place = subject
        .reach
        .places(Kind::Variable)
        .find(sets)
        .or_else(chosen)?;
    let message = format!(
        "an argument sets `{}`, which {}",
        place.text.trim_end_matches(['_', '=']),
        place.what
    );
    Some(Diagnostic::error(
        Code::LoaderVariable,
        subject.command.arguments_span(),
        message,
        "leave it out; set what a program needs where root starts it",
    ))
}

/// Whether a word gives a value to a variable, by itself or behind an option.
fn assigns(word: &str, variable: &str) -> bool {
    if !word.contains(['=', '_']) {
        return false;
    }
    let is_named = |name: &str| match variable.strip_suffix('_') {
        Some(_) => name.starts_with(variable),
        None => name == variable.trim_end_matches('='),
    };
    let mut parts: Vec<&str> = word.split('=').collect();
    // Only the loader's variables are worth a word when they are merely passed on.
    let value = parts.pop().unwrap_or("");
    let passes = variable == "LD_" && value.starts_with(variable);
    passes || parts.into_iter().any(is_named)
}

fn any(subject: &Subject<'_>) -> Diagnostic {
    let message = format!("`{}` may be given any arguments", subject.command.path());
    let help =
        "list the arguments that are needed in `args_any_of`, or describe them in `args_pattern`";
    let span = subject.command.arguments_span();
    Diagnostic::warning(Code::AnyArguments, span, message, help)
}

/// Patterns that take more than their author thinks.
fn width(subject: &Subject<'_>, pattern: &Pattern) -> impl Iterator<Item = Diagnostic> {
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
            "keep `.` and `/` out of one class, or write `<path:/var/log>`; `..` leads out of the directory",
        ),
    ];
    let opened = traps
        .into_iter()
        .filter(|(ways, ..)| ways.iter().any(|way| pattern.may_hold(way)));
    opened.map(|(_, message, help)| {
        let span = subject.command.arguments_span();
        Diagnostic::error(Code::WidePattern, span, message, help)
    })
}
