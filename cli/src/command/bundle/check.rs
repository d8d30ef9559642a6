//! `bundle check`: what is wrong or unwise with bundles, in three forms.

use std::path::{Path, PathBuf};

use portreeve_sudo_policy::diagnostic::{Finding, Look, Report};
use portreeve_sudo_policy::dialect::Dialect;
use portreeve_sudo_policy::render::check_with;
use portreeve_sudo_policy::sarif;

use super::origin;
use crate::args::bundle::Form;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::Printer;
use crate::safe;

/// Checks all of the files, whatever is wrong with one of them, and says it in their order.
pub(super) fn run(
    paths: &[PathBuf],
    dialects: &[Dialect],
    strict: bool,
    form: Option<Form>,
    printer: &mut Printer,
) -> Result<Exit, Failure> {
    let mut reports = Vec::new();
    let mut unread = Vec::new();
    for path in paths {
        match origin::read(path) {
            Ok(bytes) => reports.push(report(path, form, bytes, dialects)?),
            Err(error) => unread.push(Failure::from(error)),
        }
    }
    match form.unwrap_or(Form::Text) {
        Form::Text => {
            let look = Look {
                colour: printer.colour(),
                ..Look::default()
            };
            printer.data(&findings(&reports), || text(&reports, look))?;
        }
        Form::Json => printer.json_data(&findings(&reports))?,
        Form::Sarif => printer.json_data(&sarif::log(&reports))?,
    }
    for failure in &unread {
        printer.say(&if printer.json() {
            failure.to_json()
        } else {
            failure.to_string()
        });
    }
    let is_bad = |report: &Report| report.has_errors() || (strict && report.wants_mending());
    if !unread.is_empty() {
        return Err(Failure::said(Exit::Failed));
    }
    Ok(if reports.iter().any(is_bad) {
        Exit::VerificationFailed
    } else {
        Exit::Done
    })
}

/// What is found in a file together with those that it includes.
fn report(
    path: &Path,
    form: Option<Form>,
    bytes: Vec<u8>,
    dialects: &[Dialect],
) -> Result<Report, Failure> {
    let linked = match origin::joined(path, seen_from_here(path, form), bytes) {
        Ok(linked) => linked,
        Err(report) => return Ok(report),
    };
    let report = check_with(linked.bundle(), dialects)
        .map_err(|error| Failure::usage("there are no rules for this sudo").because(&error))?;
    Ok(linked.retraced(report))
}

/// The file as it was typed; for annotations, which know the checkout only, as seen from here.
fn seen_from_here(path: &Path, form: Option<Form>) -> &Path {
    let here = std::env::current_dir()
        .ok()
        .filter(|_| form == Some(Form::Sarif));
    let inside = here.and_then(|here| path.strip_prefix(here).ok());
    inside.unwrap_or(path)
}

fn findings(reports: &[Report]) -> Vec<Finding<'_>> {
    reports.iter().flat_map(Report::findings).collect()
}

/// The problems of each file and, in one line, how many they are.
fn text(reports: &[Report], look: Look) -> String {
    reports
        .iter()
        .map(|report| {
            let summary = safe::line(&report.to_string());
            format!("{}{summary}\n", report.render_as(look))
        })
        .collect()
}
