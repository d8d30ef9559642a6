//! Rules that match the same command line, of which only the last counts.

use std::collections::HashMap;

use crate::bundle::{Arguments, Bundle, Command};
use crate::code::Code;
use crate::diagnostic::Diagnostic;
use crate::simulate::{joined, takes};
use crate::word::RunAs;

/// Most comparisons of an exact rule with a pattern; what lies beyond goes unreported.
const MAX_COMPARISONS: usize = 2000;

/// Reports rules that an earlier or a later one makes pointless.
pub(super) fn check(bundle: &Bundle, found: &mut Vec<Diagnostic>) {
    let mut exact: HashMap<(&str, &RunAs, String), &Command> = HashMap::new();
    for command in bundle.commands() {
        let Arguments::Exactly(lists) = command.arguments() else {
            continue;
        };
        for list in lists {
            let key = (command.path().as_str(), command.run_as(), joined(list));
            if let Some(earlier) = exact.insert(key, command) {
                found.push(overlap(bundle, command, earlier));
            }
        }
    }
    let wide = || {
        bundle
            .commands()
            .iter()
            .filter(|command| !matches!(command.arguments(), Arguments::Exactly(_)))
    };
    let pairs = wide().flat_map(|wide| bundle.commands().iter().map(move |other| (wide, other)));
    for (wide, other) in pairs
        .filter(|(wide, other)| may_meet(wide, other))
        .take(MAX_COMPARISONS)
    {
        if includes(wide.arguments(), other.arguments()) {
            let (earlier, later) = if wide.span() < other.span() {
                (wide, other)
            } else {
                (other, wide)
            };
            found.push(overlap(bundle, later, earlier));
        }
    }
}

fn may_meet(one: &Command, other: &Command) -> bool {
    one.span() != other.span() && one.path() == other.path() && one.run_as() == other.run_as()
}

/// Whether the first takes something that the second takes too, as far as that is told by trying.
fn includes(wide: &Arguments, other: &Arguments) -> bool {
    match other {
        Arguments::Any => true,
        Arguments::Pattern(_) => wide == other || *wide == Arguments::Any,
        Arguments::Exactly(lists) => lists.iter().any(|list| {
            let words: Vec<String> = list.iter().map(ToString::to_string).collect();
            takes(wide, &words)
        }),
    }
}

fn overlap(bundle: &Bundle, later: &Command, earlier: &Command) -> Diagnostic {
    let place = bundle.place(earlier);
    let differs = later.noexec() != earlier.noexec()
        || later.digests() != earlier.digests()
        || later.cwd() != earlier.cwd();
    let effect = if differs {
        "and says otherwise; the later one counts"
    } else {
        "and says the same"
    };
    let message = format!("the rule at {place} matches some of the same command lines {effect}");
    let help = "keep one rule for each command line";
    if differs {
        Diagnostic::error(Code::Overlap, later.span(), message, help)
    } else {
        Diagnostic::warning(Code::Overlap, later.span(), message, help)
    }
}
