//! Whether a single rule may be proposed.

use portreeve_protocol::facts::Intent;

use super::Known;
use super::evidence::Line;
use super::refusals::Refusals;
use super::write::{Rule, alone};
use crate::bundle::Bundle;
use crate::check::check;
use crate::code::Code;
use crate::diagnostic::Severity;

/// Whether an exact rule for this line is one that may be published, or what is wrong with it.
pub(super) fn of_line(line: &Line, refusals: &Refusals) -> Result<(), String> {
    // What a rule that writes may do is for the intent of the whole bundle.
    let bundle = sound(&alone(line, None), Intent::Write, None)?;
    refusals.kept_by(&bundle)
}

/// Whether a pattern may stand for some lines.
///
/// It allows what nobody asked for yet, so it is held to a read-only bundle: a program that is known
/// to look, with arguments by which it does nothing else. Who restarted three units is given these
/// three.
pub(super) fn of_pattern(
    lines: &[Known<'_>],
    pattern: &str,
    refusals: &Refusals,
) -> Result<(), String> {
    let Some((line, _)) = lines.first() else {
        return Ok(());
    };
    let rule = alone(line, Some(pattern));
    let bundle = sound(&rule, Intent::ReadOnly, Some(Code::UnknownProgram))?;
    refusals.kept_by(&bundle)
}

/// The bundle of one rule, in which there is no error and nothing with the code of `besides`.
fn sound(rule: &str, intent: Intent, besides: Option<Code>) -> Result<Bundle, String> {
    let text = Rule::in_a_bundle(rule, intent);
    let bundle = Bundle::parse("rule.toml", text.as_bytes());
    let report = match &bundle {
        Ok(bundle) => &check(bundle),
        Err(report) => report,
    };
    let faults: Vec<String> = report
        .diagnostics()
        .iter()
        .filter(|problem| problem.severity == Severity::Error || Some(problem.code) == besides)
        .map(|problem| format!("{}: {}", problem.code, problem.message))
        .collect();
    match bundle {
        Ok(bundle) if faults.is_empty() => Ok(bundle),
        Ok(_) | Err(_) => Err(faults.join("; ")),
    }
}
