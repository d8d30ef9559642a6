//! The linter: what a correct bundle may still do that its author did not mean.
//!
//! It knows programs and arguments as data, and asks of each rule what the arguments that it takes
//! may hold. What it does not know it does not report: a clean report means that nothing known is
//! wrong, and review by a person stays what it is.

mod arguments;
mod options;
mod overlap;
mod paths;
mod programs;
mod reach;
mod secrets;

use crate::bundle::{Bundle, Outcome};
use crate::code::Code;
use crate::diagnostic::{Diagnostic, Report};
use crate::expect;

/// Everything that is wrong or unwise with a bundle, its failing expectations included.
#[must_use]
pub fn check(bundle: &Bundle) -> Report {
    let mut found = Vec::new();
    for command in bundle.commands() {
        paths::check(command, &mut found);
        arguments::check(bundle, command, &mut found);
        secrets::check(command, &mut found);
    }
    overlap::check(bundle, &mut found);
    found.extend(proof(bundle));
    found.extend(expect::failures(bundle));
    Report::new(bundle.source().clone(), found)
}

/// A bundle that allows something should also say what it must not allow.
fn proof(bundle: &Bundle) -> Option<Diagnostic> {
    let has_refusal = bundle
        .expectations()
        .iter()
        .any(|expectation| expectation.outcome() == Outcome::Refuse);
    let last = bundle.commands().last().filter(|_| !has_refusal)?;
    let help = "add `[[expect]]` with `refuse = [\"cat\", \"/etc/shadow\"]` and the like";
    Some(Diagnostic::warning(
        Code::NoExpectations,
        last.span(),
        "the bundle says nowhere what it must refuse",
        help,
    ))
}
