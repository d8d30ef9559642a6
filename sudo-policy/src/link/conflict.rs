//! Finds what two bundles say differently, or twice, of the same command line.
//!
//! Within one file the linter looks for this. Between files it is an error, since nobody who reviews
//! one of them sees the other.

use std::collections::{BTreeMap, BTreeSet};

use super::gather::Members;
use crate::bundle::{Arguments, Bundle, Command};
use crate::code::Code;
use crate::diagnostic::{Diagnostic, Related};
use crate::pattern::{Budget, Exhausted};
use crate::simulate::{joined, unmerged};

/// How much is tried to find a command line that two commands share. More than enough for bundles
/// that people write; beyond it the commands are taken to conflict.
const MAX_STEPS: usize = 1_000_000;
/// Most conflicts that are reported.
const MAX_REPORTED: usize = 100;

/// A command and the bundle that it was written in.
#[derive(Clone, Copy)]
struct Written<'m> {
    member: usize,
    bundle: &'m Bundle,
    command: &'m Command,
}

/// Every conflict between two bundles.
pub(super) fn conflicts(members: &Members) -> Vec<Diagnostic> {
    let mut by_program: BTreeMap<&str, Vec<Written<'_>>> = BTreeMap::new();
    for (member, parsed) in members.iter().enumerate() {
        let bundle = &parsed.bundle;
        for command in bundle.commands() {
            let program = unmerged(command.path().as_str());
            by_program.entry(program).or_default().push(Written {
                member,
                bundle,
                command,
            });
        }
    }
    let mut budget = Budget::new(MAX_STEPS);
    let mut found = Vec::new();
    for commands in by_program.values() {
        for (index, later) in commands.iter().enumerate() {
            let earlier = commands.iter().take(index);
            let others = earlier.filter(|earlier| earlier.member != later.member);
            for earlier in others {
                found.extend(conflict(earlier, later, &mut budget));
                if found.len() >= MAX_REPORTED {
                    return found;
                }
            }
        }
    }
    found
}

fn conflict(earlier: &Written<'_>, later: &Written<'_>, budget: &mut Budget) -> Option<Diagnostic> {
    let (one, other) = (earlier.command, later.command);
    let differences = differences(one, other);
    let path = other.path();
    let (message, help) = if differences.is_empty() {
        if !is_same(one.arguments(), other.arguments()) {
            return None;
        }
        (
            format!("`{path}` is allowed with the same arguments by two bundles"),
            "leave one of the two commands out",
        )
    } else {
        let differences = differences.join(" and ");
        match one.arguments().meet(other.arguments(), budget) {
            Ok(None) => return None,
            Ok(Some(arguments)) => {
                let line = format!("{path} {arguments}");
                (
                    format!(
                        "`{}` is allowed twice, with another {differences}",
                        line.trim_end()
                    ),
                    "say the same in both, or give the two commands different arguments",
                )
            }
            Err(Exhausted) => (
                format!(
                    "`{path}` is allowed with another {differences}, and its patterns are too many to compare"
                ),
                "say the same in both, or write the patterns more simply",
            ),
        }
    };
    let related = Related {
        source: earlier.bundle.shared_source().clone(),
        span: one.span(),
        note: "the other one".to_owned(),
    };
    let problem = Diagnostic::error(Code::Conflict, other.span(), message, help);
    Some(problem.of(later.bundle.shared_source()).with(related))
}

/// The fields in which two commands differ besides their arguments.
fn differences(one: &Command, other: &Command) -> Vec<&'static str> {
    let digests = |command: &Command| command.digests().iter().copied().collect::<BTreeSet<_>>();
    [
        ("`run_as`", one.run_as() != other.run_as()),
        ("`noexec`", one.noexec() != other.noexec()),
        ("`cwd`", one.runs_in() != other.runs_in()),
        ("digest", digests(one) != digests(other)),
    ]
    .into_iter()
    .filter_map(|(field, differs)| differs.then_some(field))
    .collect()
}

/// Whether two commands take the same arguments, as they are written.
fn is_same(one: &Arguments, other: &Arguments) -> bool {
    let set = |lists: &[Vec<_>]| {
        lists
            .iter()
            .map(|list| joined(list))
            .collect::<BTreeSet<_>>()
    };
    match (one, other) {
        (Arguments::Exactly(one), Arguments::Exactly(other)) => set(one) == set(other),
        (Arguments::Pattern(one), Arguments::Pattern(other)) => one.posix() == other.posix(),
        (Arguments::Any, Arguments::Any) => true,
        _ => false,
    }
}
