//! Says in words why a command line is allowed or refused.

use crate::bundle::{Arguments, Bundle};
use crate::simulate::{CommandLine, Mismatch, Rule, Verdict, joined};

/// One or two sentences for people: the rule and its line, or the nearest rule and why it does not
/// match.
#[must_use]
pub fn explain(bundle: &Bundle, line: &CommandLine<'_>, verdict: &Verdict<'_>) -> String {
    let file = bundle.source().name();
    let asked = line.argv.join(" ").escape_debug().to_string();
    match verdict {
        Verdict::Allowed(rule) => {
            let exec = if rule.command.noexec() {
                ", and may start no other program"
            } else {
                ""
            };
            let user = rule.command.run_as();
            format!(
                "`{asked}` is allowed as `{user}` by {file}:{}{exec}",
                rule.line
            )
        }
        Verdict::Refused(None) => format!(
            "`{asked}` is refused: no rule of `{}` names this program",
            bundle.name()
        ),
        Verdict::Refused(Some((rule, why))) => {
            format!(
                "`{asked}` is refused: the nearest rule, {file}:{}, {}",
                rule.line,
                mismatch(rule, line, *why)
            )
        }
    }
}

fn mismatch(rule: &Rule<'_>, line: &CommandLine<'_>, why: Mismatch) -> String {
    match why {
        Mismatch::RunAs => format!(
            "runs it as `{}` and not as `{}`",
            rule.command.run_as(),
            line.run_as
        ),
        Mismatch::Arguments { .. } => match rule.command.arguments() {
            Arguments::Any => "takes any arguments".to_owned(),
            Arguments::Pattern(pattern) => format!("takes arguments like `{}`", pattern.as_str()),
            Arguments::Exactly(lists) => {
                let texts: Vec<String> = lists
                    .iter()
                    .take(4)
                    .map(|list| quoted(&joined(list)))
                    .collect();
                let more = if lists.len() > 4 {
                    format!(" or {} others", lists.len() - 4)
                } else {
                    String::new()
                };
                format!("takes {}{more}", texts.join(" or "))
            }
        },
    }
}

fn quoted(arguments: &str) -> String {
    if arguments.is_empty() {
        "no arguments".to_owned()
    } else {
        format!("`{arguments}`")
    }
}
