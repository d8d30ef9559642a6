//! Writing what decides who is root.

use super::Subject;
use super::abilities::way;
use super::capability::Capability;
use super::places::Kind;
use crate::code::Code;
use crate::diagnostic::Diagnostic;
use crate::pattern::Sought;

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
            subject.reach.places(Kind::Authority).find(|place| {
                let sought = if clause.last {
                    Sought::LastPathBegin(place.text)
                } else {
                    Sought::PathBegin(place.text)
                };
                subject.reach.may_hold(&sought)
            })
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
