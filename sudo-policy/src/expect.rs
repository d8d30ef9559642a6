//! Runs a bundle's own tests.

use crate::bundle::{Bundle, Expectation, Outcome};
use crate::code::Code;
use crate::diagnostic::Diagnostic;
use crate::explain::explain;
use crate::simulate::{CommandLine, Verdict, can};

/// One expectation and what the simulator answered.
#[derive(Debug, Clone, Copy)]
pub struct Tried<'b> {
    /// What was expected.
    pub expectation: &'b Expectation,
    /// What came out.
    pub verdict: Verdict<'b>,
}

impl Tried<'_> {
    /// Whether it came out as expected.
    #[must_use]
    pub fn holds(&self) -> bool {
        self.verdict.is_allowed() == (self.expectation.outcome() == Outcome::Allow)
    }
}

/// Tries every expectation of a bundle, in order.
pub fn run_expectations(bundle: &Bundle) -> impl Iterator<Item = Tried<'_>> {
    bundle.expectations().iter().map(|expectation| Tried {
        expectation,
        verdict: can(bundle, &line_of(expectation)),
    })
}

/// The expectations that do not hold, as problems of the file.
pub(crate) fn failures(bundle: &Bundle) -> impl Iterator<Item = Diagnostic> {
    run_expectations(bundle)
        .filter(|tried| !tried.holds())
        .map(|tried| {
            let expectation = tried.expectation;
            let message = explain(bundle, &line_of(expectation), &tried.verdict);
            let (code, help) = match expectation.outcome() {
                Outcome::Allow => (
                    Code::UnexpectedlyRefused,
                    "add a command that allows it, or correct the expectation",
                ),
                Outcome::Refuse => (
                    Code::UnexpectedlyAllowed,
                    "narrow the rule that allows it, or correct the expectation",
                ),
            };
            Diagnostic::error(code, expectation.span(), message, help)
        })
}

fn line_of(expectation: &Expectation) -> CommandLine<'_> {
    CommandLine {
        argv: expectation.argv(),
        run_as: expectation.run_as(),
    }
}
