//! What the linter says of a single rule.

use portreeve_protocol::facts::Intent;

use super::Known;
use super::evidence::Line;
use super::write::{Rule, alone};
use crate::bundle::Bundle;
use crate::check::check;
use crate::diagnostic::Severity;

/// Whether an exact rule for this line is one that may be published, or what is wrong with it.
pub(super) fn of_line(line: &Line) -> Result<(), String> {
    faults(&alone(line, None))
}

/// The same for the pattern of some lines.
pub(super) fn of_pattern(lines: &[Known<'_>], pattern: &str) -> Result<(), String> {
    match lines.first() {
        Some((line, _)) => faults(&alone(line, Some(pattern))),
        None => Ok(()),
    }
}

fn faults(rule: &str) -> Result<(), String> {
    // What a rule that writes may do is for the intent of the whole bundle.
    let text = Rule::in_a_bundle(rule, Intent::Write);
    let report = match Bundle::parse("rule.toml", text.as_bytes()) {
        Ok(bundle) => check(&bundle),
        Err(report) => report,
    };
    let errors = report
        .diagnostics()
        .iter()
        .filter(|problem| problem.severity == Severity::Error);
    let errors: Vec<String> = errors
        .map(|problem| format!("{}: {}", problem.code, problem.message))
        .collect();
    if errors.is_empty() {
        Ok(())
    } else {
        Err(errors.join("; "))
    }
}
