//! Says in words why a command line is allowed or refused.

mod why;

use crate::bundle::{Bundle, Command};
use crate::simulate::{CommandLine, Verdict};

/// One or two sentences for people: the rule and its line, or the nearest rule and precisely why it
/// does not match.
#[must_use]
pub fn explain(bundle: &Bundle, line: &CommandLine<'_>, verdict: &Verdict<'_>) -> String {
    let asked = shown(&line.argv.join(" "));
    match verdict {
        Verdict::Allowed(rule) => format!(
            "`{asked}` is allowed as `{}` by {}{}",
            rule.run_as(),
            bundle.place(rule),
            conditions(rule)
        ),
        Verdict::Refused(None) => format!(
            "`{asked}` is refused: no rule of `{}` names this program",
            bundle.name()
        ),
        Verdict::Refused(Some((rule, mismatch))) => format!(
            "`{asked}` is refused: the nearest rule, {}, {}",
            bundle.place(rule),
            why::why(rule, line, *mismatch)
        ),
    }
}

/// What else holds for a command line that is allowed.
fn conditions(rule: &Command) -> String {
    let mut text = String::new();
    if let Some(cwd) = rule.cwd() {
        text.push_str(&format!(", in `{cwd}`"));
    }
    if rule.noexec() {
        text.push_str(", and may start no other program");
    }
    match rule.digests() {
        [] => {}
        [digest] => text.push_str(&format!(", as long as the program has the digest {digest}")),
        many => text.push_str(&format!(
            ", as long as the program has one of {} digests",
            many.len()
        )),
    }
    text
}

/// Text of the asker without anything that could drive a terminal.
fn shown(text: &str) -> String {
    text.escape_debug().to_string()
}
