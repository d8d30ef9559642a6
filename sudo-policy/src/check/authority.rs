//! Writing what decides who is root.

use super::Subject;
use super::abilities::way;
use super::capability::Capability;
use super::facts::Clause;
use super::places::{Kind, Place, below, of_kind};
use super::reach::Reach;
use super::values::values;
use crate::code::Code;
use crate::diagnostic::Diagnostic;
use crate::pattern::{Sought, holds};

/// Reports a command that may write, replace or delete what decides who is root.
pub(super) fn check(subject: &Subject<'_>, found: &mut Vec<Diagnostic>) {
    // With any arguments the program itself is reported.
    if subject.reach.is_any() {
        return;
    }
    let writes = subject.clauses.iter().filter(|clause| {
        matches!(
            clause.capability,
            Capability::Write | Capability::Remove | Capability::Unpack
        )
    });
    let reached = writes
        .filter(|clause| way(subject, clause).is_some())
        .find_map(|clause| {
            let mut named = subject.reach.places(Kind::Authority);
            let named = named.find(|place| {
                let sought = if clause.last {
                    Sought::LastPathBegin(place.text)
                } else {
                    Sought::PathBegin(place.text)
                };
                subject.reach.may_hold(&sought)
            });
            named.or_else(|| wide(subject, clause))
        });
    if let Some(place) = reached {
        let message = format!(
            "`{}` may change {} (`{}`)",
            subject.command.path(),
            place.what,
            place.text
        );
        let help = "leave this to configuration management; name files that only the service at hand reads";
        found.push(Diagnostic::error(
            Code::DecidesRoot,
            subject.command.arguments_span(),
            message,
            help,
        ));
    }
}

/// A directory of which every file decides, but for a few.
///
/// Of a program that also reads it is not told here which of its words is written, so in `/etc` only
/// those count that write whatever they are given, the last word, or the values of exact options.
fn wide(subject: &Subject<'_>, clause: &Clause) -> Option<&'static Place> {
    let devices = of_kind(Kind::Device);
    let also_reads = subject.can(Capability::Read) || subject.can(Capability::Recurse);
    let writes_all = clause.features.is_empty() && !clause.last && !also_reads;
    let settings = of_kind(Kind::Settings).filter(|_| writes_all);
    let is_last =
        |place: &&Place| clause.last && subject.reach.may_hold(&Sought::LastPathBegin(place.text));
    devices
        .chain(settings)
        .filter(|_| !clause.last)
        .find(|place| subject.reach.may_hold(&below(place)))
        .or_else(|| of_kind(Kind::Settings).find(is_last))
        .or_else(|| named(subject, clause))
        .or_else(|| of_kind(Kind::Device).find(is_last))
}

/// What is written because an option names it. Of exact arguments the value is looked at; of a
/// pattern, what may stand behind the option.
fn named(subject: &Subject<'_>, clause: &Clause) -> Option<&'static Place> {
    let values = values(subject, clause);
    let options = || clause.features.iter().filter(|feature| feature.opens_value);
    let is_pattern = matches!(subject.reach, Reach::Pattern { .. });
    of_kind(Kind::Settings).find(|place| {
        values.iter().any(|value| holds(value, &below(place)))
            || is_pattern && options().any(|option| may_name(subject, option.shown, place.text))
    })
}

/// Whether the value of an option may begin like this.
fn may_name(subject: &Subject<'_>, option: &str, begin: &str) -> bool {
    let joint = if option.starts_with("--") { "=" } else { "" };
    let mut texts = [
        format!("{option} {begin}"),
        format!("{option}{joint}{begin}"),
    ]
    .into_iter();
    texts.any(|text| subject.reach.may_hold(&Sought::Part(&text)))
}
