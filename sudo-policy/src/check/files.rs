//! Files in the arguments that the caller can exchange for others.

use super::Subject;
use super::abilities::{Way, way};
use super::capability::Capability;
use super::places::{Kind, above};
use super::reach::Reach;
use super::values::values;
use crate::code::Code;
use crate::diagnostic::Diagnostic;
use crate::pattern::Sought;

/// Reports files that are read or written where the caller decides what lies there.
pub(super) fn check(subject: &Subject<'_>, found: &mut Vec<Diagnostic>) {
    if subject.reach.is_any() {
        return;
    }
    let opens = |clause: &&super::facts::Clause| {
        matches!(clause.capability, Capability::Read | Capability::Write)
    };
    let mut relative = false;
    let mut open = None;
    for clause in subject.clauses.iter().filter(opens) {
        match way(subject, clause) {
            None => {}
            Some(Way::Always) => {
                relative |= subject.reach.may_hold(&Sought::RelativeLast);
                open = open.or_else(|| world_writable(subject, |_| true));
            }
            Some(Way::By(_)) => {
                let values = values(subject, clause);
                relative |= values.iter().any(|value| is_relative(value));
                open = open.or_else(|| {
                    world_writable(subject, |word| {
                        values.iter().any(|value| word.ends_with(value))
                    })
                });
            }
        }
    }
    if relative && subject.command.cwd().is_none() {
        let message = "a relative file is opened in `/`, where the command runs, and not where the caller stands";
        let help = "write the whole path, or set `cwd`";
        found.push(Diagnostic::error(
            Code::RelativeFile,
            subject.command.arguments_span(),
            message,
            help,
        ));
    }
    if let Some((directory, what)) = open {
        let message = format!(
            "a file below `{directory}` is opened, where {what}: a link there leads to any file"
        );
        let help = "keep the file where only root writes";
        found.push(Diagnostic::error(
            Code::WritablePath,
            subject.command.arguments_span(),
            message,
            help,
        ));
    }
}

/// The directory that everybody writes to in which one of these files lies.
fn world_writable(
    subject: &Subject<'_>,
    counts: impl Fn(&str) -> bool,
) -> Option<(&'static str, &'static str)> {
    match &subject.reach {
        Reach::Any => None,
        Reach::Exact(lists) => {
            let mut words = lists.iter().flat_map(|list| list.words.iter());
            words.find_map(|word| {
                let path = word.find('/').and_then(|at| word.get(at..))?;
                let place = above(path, Kind::Open).filter(|_| counts(word))?;
                Some((place.text, place.what))
            })
        }
        Reach::Pattern { .. } => super::places::of_kind(Kind::Open)
            .find(|place| subject.reach.may_hold(&Sought::PathBegin(place.text)))
            .map(|place| (place.text, place.what)),
    }
}

fn is_relative(value: &str) -> bool {
    !value.starts_with(['/', '-']) && value.contains(|c: char| c.is_ascii_alphabetic())
}
