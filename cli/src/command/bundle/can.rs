//! `bundle can`: whether a command line would be allowed, and why or why not.

use portreeve_sudo_policy::explain::explain;
use portreeve_sudo_policy::simulate::{CommandLine, can, can_on};
use portreeve_sudo_policy::word::{NotAWord, RunAs};
use serde::Serialize;

use super::origin;
use crate::args::bundle::Can;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::Printer;
use crate::safe;
use crate::settings::Settings;

/// Answers yes or no; the exit code says the same.
pub(super) async fn run(
    args: &Can,
    settings: &Settings,
    printer: &mut Printer,
) -> Result<Exit, Failure> {
    #[derive(Serialize)]
    struct Answer {
        allowed: bool,
        explanation: String,
    }
    let run_as = run_as(args)?;
    // 1 is an answer, so a question that cannot be asked ends with another code.
    let trouble = |failure: Failure| {
        if matches!(failure.exit(), Exit::Failed) {
            failure.with_exit(Exit::Usage)
        } else {
            failure
        }
    };
    let bundle = origin::fetched(&args.bundle, settings)
        .await
        .map_err(trouble)?;
    let line = CommandLine {
        argv: &args.argv,
        run_as: &run_as,
    };
    let verdict = match args.sudo {
        Some(dialect) => can_on(&bundle, &line, dialect),
        None => can(&bundle, &line),
    };
    let answer = Answer {
        allowed: verdict.is_allowed(),
        explanation: explain(&bundle, &line, &verdict),
    };
    printer.data(&answer, || safe::lines(&answer.explanation))?;
    Ok(if answer.allowed {
        Exit::Done
    } else {
        Exit::Failed
    })
}

fn run_as(args: &Can) -> Result<RunAs, Failure> {
    let wrong = |what: &str, text: &str, error: NotAWord| {
        Failure::usage(format!("`{text}` is no {what}"))
            .because(&error)
            .next(error.help())
    };
    let user = args.user.as_deref().map(|text| {
        let user = text.parse();
        user.map_err(|error| wrong("user", text, error))
    });
    let group = args.group.as_deref().map(|text| {
        let group = text.parse();
        group.map_err(|error| wrong("group", text, error))
    });
    Ok(RunAs::of(user.transpose()?, group.transpose()?))
}
