//! What the arguments of a command let through.

use super::options::{DANGERS, PAGERS, SYSTEMCTL_CHANGES, SYSTEMCTL_LOOKS};
use super::programs::{Kind, When, is_called, kind_of};
use super::reach::{may_hold, must_hold};
use crate::bundle::{Arguments, Bundle, Command};
use crate::code::Code;
use crate::diagnostic::{Diagnostic, Severity};
use crate::pattern::Sought;
use portreeve_protocol::facts::Intent;

/// Reports what program and arguments make possible.
pub(super) fn check(bundle: &Bundle, command: &Command, found: &mut Vec<Diagnostic>) {
    let program = command.path().file_name();
    for kind in kind_of(program) {
        found.extend(of_kind(bundle, command, kind));
    }
    for danger in DANGERS
        .iter()
        .filter(|danger| is_called(program, danger.program))
    {
        if may_hold(command.arguments(), &danger.argument) {
            let help = "allow exactly the arguments that are needed, without this one";
            found.extend(weighed(
                bundle,
                command,
                danger.code,
                danger.when,
                danger.why,
                help,
            ));
        }
    }
    if program == "systemctl" {
        found.extend(systemctl(bundle, command));
    }
    if let Some((_, option)) = PAGERS
        .iter()
        .find(|(name, option)| *name == program && !must_hold(command.arguments(), option))
    {
        let message = format!("`{program}` starts a pager by itself");
        let help = format!(
            "make `{option}` part of the arguments; with `noexec` the pager would fail, without it the pager is a shell"
        );
        found.push(Diagnostic {
            severity: exec_severity(command),
            ..Diagnostic::error(Code::Pager, command.span(), message, help)
        });
    }
    if !command.noexec() {
        let message = "the command may start other programs as root";
        found.push(Diagnostic::warning(
            Code::Exec,
            command.span(),
            message,
            "leave `noexec` at its default if it works with it",
        ));
    }
    width(command, found);
    if may_hold(command.arguments(), &Sought::Prefix("LD_"))
        && *command.arguments() != Arguments::Any
    {
        let message = "an argument sets a variable of the dynamic loader";
        found.push(Diagnostic::error(
            Code::LoaderVariable,
            command.span(),
            message,
            "leave it out",
        ));
    }
}

/// A pager that cannot be started is a nuisance; one that can is a shell.
fn exec_severity(command: &Command) -> Severity {
    if command.noexec() {
        Severity::Warning
    } else {
        Severity::Error
    }
}

fn of_kind(bundle: &Bundle, command: &Command, kind: &Kind) -> Option<Diagnostic> {
    let what = format!("`{}` {}", command.path(), kind.why);
    weighed(bundle, command, kind.code, kind.when, &what, kind.help)
}

/// A danger as an error, a warning or nothing, by the bundle's intent and the command's reason.
fn weighed(
    bundle: &Bundle,
    command: &Command,
    code: Code,
    when: When,
    message: &str,
    help: &str,
) -> Option<Diagnostic> {
    let error = Diagnostic::error(code, command.span(), message, help);
    match (when, bundle.intent()) {
        (When::Always, _) => Some(error),
        (When::ReadOnly, Intent::ReadOnly) if command.reason().is_some() => Some(Diagnostic {
            severity: Severity::Warning,
            ..error
        }),
        (When::ReadOnly, Intent::ReadOnly) => Some(error),
        (When::ReadOnly, Intent::Write) => None,
    }
}

/// What `systemctl` may be told to do.
fn systemctl(bundle: &Bundle, command: &Command) -> Option<Diagnostic> {
    // An option's value may stand before the verb, so a verb that is spelled anywhere counts too.
    let asked = |verb: &&&str| {
        [Sought::Verb(verb), Sought::Word(verb)]
            .iter()
            .any(|sought| may_hold(command.arguments(), sought))
    };
    let verb = SYSTEMCTL_CHANGES.iter().find(asked)?;
    let message = format!("`systemctl {verb}` changes the system");
    let help = format!(
        "allow one of {}",
        SYSTEMCTL_LOOKS
            .iter()
            .take(6)
            .map(|verb| format!("`{verb}`"))
            .collect::<Vec<_>>()
            .join(", ")
    );
    weighed(
        bundle,
        command,
        Code::ChangesState,
        When::ReadOnly,
        &message,
        &help,
    )
}

/// Arguments that say less than their author thinks.
fn width(command: &Command, found: &mut Vec<Diagnostic>) {
    let span = command.span();
    let Arguments::Pattern(pattern) = command.arguments() else {
        if *command.arguments() == Arguments::Any {
            let message = format!("`{}` may be given any arguments", command.path());
            let help = "list the arguments that are needed in `args_any_of`, or describe them in `args_pattern`";
            found.push(Diagnostic::warning(Code::AnyArguments, span, message, help));
        }
        return;
    };
    if pattern.may_hold(&Sought::FreeOption) {
        let help =
            "begin the class with a letter or digit, as in `[a-z][a-z-]*`, or spell the option out";
        found.push(Diagnostic::error(
            Code::WidePattern,
            span,
            "the caller can write an option where a value is meant",
            help,
        ));
    }
    if pattern.may_hold(&Sought::FreeSpace) {
        let help = "take the space out of the class and write it where it belongs";
        found.push(Diagnostic::error(
            Code::WidePattern,
            span,
            "the caller can add arguments",
            help,
        ));
    }
    if pattern.may_hold(&Sought::Part("/..")) || pattern.may_hold(&Sought::Part("../")) {
        let help = "keep `.` and `/` out of one class; `..` leads out of the directory";
        found.push(Diagnostic::error(
            Code::WidePattern,
            span,
            "the caller can climb to another directory",
            help,
        ));
    }
}
