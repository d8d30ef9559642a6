//! Rules that match the same command line, of which only the last counts.

use std::collections::HashMap;

use crate::bundle::{Arguments, Bundle, Command};
use crate::code::Code;
use crate::diagnostic::{Diagnostic, Related};
use crate::pattern::{Budget, Exhausted};
use crate::simulate::{joined, takes, unmerged};

/// Most comparisons of rules that do not differ; what lies beyond goes unreported.
const MAX_COMPARISONS: usize = 2000;
/// How much is tried to find a command line that two rules share which differ. Far more than for
/// bundles that people write; beyond it they are taken to share one.
const MAX_STEPS: usize = 500_000;

/// Reports rules that an earlier or a later one makes pointless.
pub(super) fn check(bundle: &Bundle, found: &mut Vec<Diagnostic>) {
    let mut exact: HashMap<(&str, String), Vec<&Command>> = HashMap::new();
    for command in bundle.commands() {
        let Arguments::Exactly(lists) = command.arguments() else {
            continue;
        };
        for list in lists {
            let program = unmerged(command.path().as_str());
            let same = exact.entry((program, joined(list))).or_default();
            let earlier = same
                .iter()
                .rfind(|earlier| earlier.run_as().meets(command.run_as()));
            if let Some(earlier) = earlier {
                found.push(overlap(bundle, command, earlier, Some(&joined(list))));
            }
            same.push(command);
        }
    }
    let mut budget = Budget::new(MAX_STEPS);
    let mut comparisons = 0;
    for (earlier, later) in pairs(bundle) {
        if differ(earlier, later) {
            match earlier.arguments().meet(later.arguments(), &mut budget) {
                Ok(None) => {}
                Ok(Some(shared)) => found.push(overlap(bundle, later, earlier, Some(&shared))),
                Err(Exhausted) => {
                    found.push(overlap(bundle, later, earlier, None));
                    return;
                }
            }
        } else if comparisons < MAX_COMPARISONS {
            comparisons += 1;
            let (one, other) = (earlier.arguments(), later.arguments());
            if includes(one, other) || includes(other, one) {
                found.push(overlap(bundle, later, earlier, None));
            }
        }
    }
}

/// Rules for one program and somebody whom both serve, of which one at least is more than a list;
/// the earlier one first.
fn pairs(bundle: &Bundle) -> impl Iterator<Item = (&Command, &Command)> {
    let is_wide = |command: &Command| !matches!(command.arguments(), Arguments::Exactly(_));
    let commands = bundle.commands().iter().enumerate();
    commands.flat_map(move |(index, later)| {
        let earlier = bundle.commands().iter().take(index);
        earlier
            .filter(move |earlier| {
                (is_wide(earlier) || is_wide(later))
                    && unmerged(earlier.path().as_str()) == unmerged(later.path().as_str())
                    && earlier.run_as().meets(later.run_as())
            })
            .map(move |earlier| (earlier, later))
    })
}

/// Whether the first takes something that the second takes too, as far as that is told by trying.
fn includes(wide: &Arguments, other: &Arguments) -> bool {
    match (wide, other) {
        (Arguments::Exactly(_), _) => false,
        (_, Arguments::Any) => true,
        (_, Arguments::Pattern(_)) => wide == other || *wide == Arguments::Any,
        (_, Arguments::Exactly(lists)) => lists.iter().any(|list| {
            let words: Vec<String> = list.iter().map(ToString::to_string).collect();
            takes(wide, &words)
        }),
    }
}

/// Whether it matters which of the two rules counts.
fn differ(one: &Command, other: &Command) -> bool {
    one.noexec() != other.noexec()
        || one.digests() != other.digests()
        || one.runs_in() != other.runs_in()
}

fn overlap(
    bundle: &Bundle,
    later: &Command,
    earlier: &Command,
    shared: Option<&str>,
) -> Diagnostic {
    let place = bundle.place(earlier);
    let differs = differ(earlier, later);
    let effect = if differs {
        "and says otherwise; the later one counts"
    } else {
        "and says the same"
    };
    let what = match shared {
        Some(arguments) => format!("`{}`", format!("{} {arguments}", later.path()).trim_end()),
        None => "some of the same command lines".to_owned(),
    };
    let message = format!("the rule at {place} also matches {what} {effect}");
    let help = "keep one rule for each command line";
    let related = Related {
        source: bundle.shared_source().clone(),
        span: earlier.span(),
        note: "the earlier one".to_owned(),
    };
    if differs {
        Diagnostic::error(Code::Overlap, later.span(), message, help).with(related)
    } else {
        Diagnostic::warning(Code::Overlap, later.span(), message, help).with(related)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostic::Severity;

    /// What is said of two rules for one program, and whether it is an error.
    fn said(one: &str, other: &str) -> Option<(String, bool)> {
        let rule = |fields: &str| {
            let path = if fields.contains("path") {
                ""
            } else {
                "path = \"/usr/bin/x\"\n"
            };
            format!("[[command]]\n{path}{fields}\n")
        };
        let (one, other) = (rule(one), rule(other));
        let text = format!("name = \"x\"\ndescription = \"d\"\nintent = \"write\"\n{one}{other}");
        let bundle = Bundle::parse("x.toml", text.as_bytes()).unwrap();
        let mut found = Vec::new();
        check(&bundle, &mut found);
        assert!(found.len() <= 1, "{text}");
        let problem = found.pop()?;
        let message = problem
            .message
            .strip_prefix("the rule at x.toml:4 also matches ");
        Some((
            message.unwrap().to_owned(),
            problem.severity == Severity::Error,
        ))
    }

    #[test]
    fn rules_that_differ_are_errors_wherever_they_meet() {
        let exec = "noexec = false\nreason = \"r\"";
        for (one, other, wanted) in [
            (
                "args = [\"-a\"]",
                format!("args = [\"-a\"]\n{exec}"),
                Some("`/usr/bin/x -a`"),
            ),
            (
                "args_pattern = \"^-[a-c]$\"",
                format!("args_pattern = \"^-[c-e]$\"\n{exec}"),
                Some("`/usr/bin/x -c`"),
            ),
            (
                "args_pattern = \"^-[a-c]$\"",
                format!("args_pattern = \"^-[d-e]$\"\n{exec}"),
                None,
            ),
            (
                "args_pattern = \"^-[a-c]$\"",
                format!("args = [\"-b\"]\n{exec}"),
                Some("`/usr/bin/x -b`"),
            ),
            (
                "args = \"any\"\nreason = \"r\"",
                "args = [\"-b\"]\ncwd = \"/srv\"".to_owned(),
                Some("`/usr/bin/x -b`"),
            ),
            ("path = \"/bin/x\"", exec.to_owned(), Some("`/usr/bin/x`")),
            (
                "run_as_group = \"adm\"",
                "run_as = \"root\"\nrun_as_group = \"adm\"\ncwd = \"/srv\"".to_owned(),
                Some("`/usr/bin/x`"),
            ),
            (
                "run_as_group = \"adm\"",
                format!("run_as = \"root\"\n{exec}"),
                None,
            ),
        ] {
            let wanted = wanted.map(|line| {
                (
                    format!("{line} and says otherwise; the later one counts"),
                    true,
                )
            });
            assert_eq!(said(one, &other), wanted, "{one} / {other}");
        }
    }

    #[test]
    fn rules_that_say_the_same_are_warnings() {
        for (one, other, wanted) in [
            (
                "args = [\"-a\"]",
                "args_any_of = [[\"-b\"], [\"-a\"]]",
                Some("`/usr/bin/x -a`"),
            ),
            (
                "args_pattern = \"^-[a-c]$\"",
                "args = [\"-b\"]",
                Some("some of the same command lines"),
            ),
            (
                "",
                "run_as = \"root\"\nrun_as_group = \"adm\"",
                Some("`/usr/bin/x`"),
            ),
            ("", "run_as = \"nobody\"", None),
            ("args = [\"-a\"]", "args = [\"-b\"]", None),
        ] {
            let wanted = wanted.map(|line| (format!("{line} and says the same"), false));
            assert_eq!(said(one, other), wanted, "{one} / {other}");
        }
    }
}
