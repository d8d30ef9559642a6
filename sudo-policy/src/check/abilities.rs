//! What program and arguments make possible, by the table of programs.

use portreeve_protocol::facts::Intent;

use super::Subject;
use super::capability::{Capability, Danger, When};
use super::facts::Clause;
use super::feature::Feature;
use super::reach::Reach;
use crate::code::Code;
use crate::diagnostic::{Diagnostic, Severity};
use crate::pattern::Sought;

/// So many arguments that keep a program from something are named in a help.
const MOST_NAMED: usize = 6;

/// Reports what program and arguments make possible, each kind of danger once.
pub(super) fn check(subject: &Subject<'_>, found: &mut Vec<Diagnostic>) {
    let mut told: Vec<Code> = Vec::new();
    for clause in subject.clauses {
        let Some(way) = way(subject, clause) else {
            continue;
        };
        let capability = clause.capability;
        let problem = if capability == Capability::Page {
            Some(pager(subject, clause))
        } else if capability == Capability::Read {
            reads_anything(subject)
        } else {
            by_itself(subject, clause, way)
        };
        if let Some(problem) = problem.filter(|problem| !told.contains(&problem.code)) {
            told.push(problem.code);
            found.push(problem);
        }
        // Of a shell nobody needs to hear that it also writes.
        if matches!(way, Way::Always)
            && clause.unless.is_empty()
            && !clause.only_any
            && clause
                .capability
                .danger()
                .is_some_and(|danger| danger.when == When::Always)
            && clause.capability != Capability::Page
        {
            break;
        }
    }
}

/// How a command comes to do what a clause says.
#[derive(Clone, Copy)]
pub(super) enum Way {
    /// Whatever its arguments.
    Always,
    /// By this argument.
    By(&'static str),
}

/// Whether a command may do what a clause says, and how.
pub(super) fn way(subject: &Subject<'_>, clause: &Clause) -> Option<Way> {
    if clause.only_any && !subject.reach.is_any() {
        return None;
    }
    if clause.elsewhere && !subject.reach.may_hold(&Sought::Elsewhere) {
        return None;
    }
    if !clause.unless.is_empty() {
        // Where no pager can be started, one that is asked for is a nuisance and no danger.
        let is_nuisance = clause.capability == Capability::Page && subject.command.noexec();
        let proof = if is_nuisance {
            Feature::habit
        } else {
            Feature::guard
        };
        let unless: Vec<Sought<'_>> = clause.unless.iter().filter_map(proof).collect();
        if subject.reach.must_hold(&unless) {
            return None;
        }
    }
    if clause.features.is_empty() {
        return Some(Way::Always);
    }
    let mut features = clause.features.iter();
    let feature = features.find(|feature| {
        feature
            .sought
            .iter()
            .any(|sought| subject.reach.may_hold(sought))
    })?;
    Some(Way::By(feature.shown))
}

/// A danger as an error, a warning or nothing, by the bundle's intent and the command's reason.
fn by_itself(subject: &Subject<'_>, clause: &Clause, way: Way) -> Option<Diagnostic> {
    let danger = clause.capability.danger()?;
    let severity = match (danger.when, subject.intent) {
        (When::ReadOnly, Intent::Write) => return None,
        (When::Always, _) => Severity::Error,
        // Who may write any file as root may write the rules, whatever the bundle calls itself.
        (When::ReadOnlyOrAny, _) if reaches_everything(subject) => Severity::Error,
        (When::ReadOnlyOrAny, Intent::Write) => return None,
        (When::Unexplained, _) | (When::ReadOnly | When::ReadOnlyOrAny, Intent::ReadOnly) => {
            if subject.command.reason().is_some() {
                Severity::Warning
            } else {
                Severity::Error
            }
        }
    };
    let program = subject.command.path();
    let (span, message) = match way {
        // With any arguments it does not matter which ones do it.
        Way::Always => (
            subject.command.path_span(),
            format!("`{program}` {}", danger.effect),
        ),
        Way::By(argument) => (
            subject.command.arguments_span(),
            format!("`{} {argument}` {}", program.file_name(), danger.effect),
        ),
    };
    Some(Diagnostic {
        severity,
        ..Diagnostic::error(danger.code, span, message, help(&danger, clause))
    })
}

/// What to do instead; first of all, what keeps the program from it.
fn help(danger: &Danger, clause: &Clause) -> String {
    let keep: Vec<String> = clause
        .unless
        .iter()
        .take(MOST_NAMED)
        .map(|feature| format!("`{}`", feature.shown))
        .collect();
    if keep.is_empty() {
        return danger.help.to_owned();
    }
    let more = if clause.unless.len() > MOST_NAMED {
        " or another that only looks"
    } else {
        ""
    };
    let keep = keep.join(" or ");
    format!(
        "with {keep}{more} as the first argument it does not; otherwise: {}",
        danger.help
    )
}

/// Whether the caller chooses the file, wherever it lies.
fn reaches_everything(subject: &Subject<'_>) -> bool {
    let mut far = ["/etc/", "/root/", "/usr/"].into_iter();
    far.all(|directory| subject.reach.may_hold(&Sought::PathBegin(directory)))
        && !matches!(subject.reach, Reach::Exact(_))
}

/// With any arguments everything is in reach of a program that shows files.
fn reads_anything(subject: &Subject<'_>) -> Option<Diagnostic> {
    subject.reach.is_any().then(|| {
        let message = format!(
            "`{}` shows any file, with all secrets of this host",
            subject.command.path()
        );
        let help = "name the files that are needed, as exact arguments";
        Diagnostic::error(
            Code::Secret,
            subject.command.arguments_span(),
            message,
            help,
        )
    })
}

/// A pager that the program starts by itself: a nuisance where it cannot be started, else a shell.
fn pager(subject: &Subject<'_>, clause: &Clause) -> Diagnostic {
    let severity = if subject.command.noexec() {
        Severity::Warning
    } else {
        Severity::Error
    };
    let message = format!(
        "`{}` starts a pager by itself",
        subject.command.path().file_name()
    );
    let help = match clause.unless.first() {
        Some(option) if subject.command.noexec() => {
            format!("make `{}` part of the arguments", option.shown)
        }
        Some(option) => format!("make `{}` the first of the arguments", option.shown),
        None => "allow the arguments that print and end".to_owned(),
    };
    Diagnostic {
        severity,
        ..Diagnostic::error(Code::Pager, subject.command.arguments_span(), message, help)
    }
}
