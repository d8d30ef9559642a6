//! `bundle test`: the tests that bundles carry.

use std::path::PathBuf;

use portreeve_sudo_policy::bundle::{Expectation, Outcome};
use portreeve_sudo_policy::expect::run_expectations;
use portreeve_sudo_policy::explain::explain;
use portreeve_sudo_policy::simulate::CommandLine;
use serde::Serialize;

use super::origin;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::Printer;
use crate::safe;
use crate::ssh::quote;

/// One expectation and what came out.
#[derive(Serialize)]
struct Row {
    file: String,
    line: usize,
    expected: &'static str,
    command: String,
    holds: bool,
    explanation: String,
}

/// Runs the expectations of all files: a line for each that fails, then how many there were.
pub(super) fn run(paths: &[PathBuf], printer: &mut Printer) -> Result<Exit, Failure> {
    let mut rows = Vec::new();
    for path in paths {
        let linked = origin::linked(path)?;
        let bundle = linked.bundle();
        let place = |expectation: &Expectation| match expectation.origin() {
            // What is included was found beside the file under its own name.
            Some(origin) if origin.bundle() != bundle.name() => {
                let beside = path.with_file_name(format!("{}.toml", origin.bundle()));
                (beside, origin.line() as usize)
            }
            Some(origin) => (path.clone(), origin.line() as usize),
            None => (path.clone(), bundle.line(expectation.span())),
        };
        rows.extend(run_expectations(bundle).map(|tried| {
            let line = CommandLine {
                argv: tried.expectation.argv(),
                run_as: tried.expectation.run_as(),
            };
            let (file, line_number) = place(tried.expectation);
            Row {
                file: file.display().to_string(),
                line: line_number,
                expected: match tried.expectation.outcome() {
                    Outcome::Allow => "allow",
                    Outcome::Refuse => "refuse",
                },
                command: quote::command_line(tried.expectation.argv()),
                holds: tried.holds(),
                explanation: explain(bundle, &line, &tried.verdict),
            }
        }));
    }
    let failed = rows.iter().filter(|row| !row.holds).count();
    printer.data(&rows, || {
        let why: String = rows
            .iter()
            .filter(|row| !row.holds)
            .map(|row| {
                format!(
                    "{}:{}: expected to {}: {}\n",
                    safe::line(&row.file),
                    row.line,
                    row.expected,
                    safe::line(&row.explanation)
                )
            })
            .collect();
        format!("{why}{} expectations, {failed} failed\n", rows.len())
    })?;
    Ok(if failed == 0 {
        Exit::Done
    } else {
        Exit::VerificationFailed
    })
}
