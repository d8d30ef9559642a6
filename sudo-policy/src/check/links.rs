//! Paths of files in directories where others than root may make links.
//!
//! Exact paths are judged as patterns are: who owns a directory decides what lies under each name in
//! it, whether the caller may choose the name or not.

use super::Subject;
use super::abilities::way;
use super::capability::Capability;
use super::places::{Kind, lies_in, of_kind};
use super::reach::Reach;
use crate::bundle::Arguments;
use crate::code::Code;
use crate::diagnostic::{Diagnostic, Severity};
use crate::pattern::Sought;

/// Directories in which only root and its package manager make files.
const OF_ROOT: &[&str] = &[
    "/usr", "/etc", "/boot", "/bin", "/sbin", "/lib", "/lib64", "/sys", "/root",
];
/// Directories of root in which each service has one of its own.
const OF_SERVICES: &[&str] = &["/srv/", "/opt/"];

/// Reports a path that a link may lead elsewhere, read or written as root.
pub(super) fn check(subject: &Subject<'_>, found: &mut Vec<Diagnostic>) {
    let command = subject.command;
    let is_root = command
        .run_as()
        .user()
        .is_some_and(|user| user.as_str() == "root");
    if !is_root {
        return;
    }
    let Some((directory, severity)) = feared(subject) else {
        return;
    };
    let program = command.path().file_name();
    let message =
        format!("`{program}` follows links, and one below `{directory}` may lead to any file");
    let help = "run it as the user who owns the files, list files that only root can replace, or say in `reason` why no link there is a danger";
    // A reason may be there for something else, so who reads it is told what it has to say.
    let (severity, help) = if command.reason().is_some() {
        let help = "see that the reason says why no link there is a danger";
        (Severity::Note, help)
    } else {
        (severity, help)
    };
    found.push(Diagnostic {
        severity,
        ..Diagnostic::error(Code::FollowsLinks, command.arguments_span(), message, help)
    });
}

/// The directory in which a link is feared most, and how much.
fn feared<'b>(subject: &Subject<'b>) -> Option<(&'b str, Severity)> {
    match subject.command.arguments() {
        Arguments::Any => None,
        Arguments::Exactly(_) if opens(subject) => Some((others(subject)?, Severity::Error)),
        Arguments::Exactly(_) => None,
        // Of names and sizes a link shows only its own.
        Arguments::Pattern(_) if subject.can(Capability::Names) && !opens(subject) => None,
        Arguments::Pattern(pattern) => {
            let directories = || pattern.directories().iter().map(|one| one.as_str());
            let below = directories().filter_map(|one| Some((one, severity(one)?)));
            // A directory of which this is a part was judged as a whole.
            let is_apart = |one: &&str| !directories().any(|above| lies_in(one, above));
            let named = others(subject).filter(|_| opens(subject)).filter(is_apart);
            below
                .chain(named.map(|one| (one, Severity::Error)))
                .min_by_key(|(_, severity)| *severity)
        }
    }
}

/// Whether the program opens a file that it is told, to show something of it or to write it; what
/// nobody knows may.
fn opens(subject: &Subject<'_>) -> bool {
    let opens = subject.clauses.iter().any(|clause| {
        matches!(
            clause.capability,
            Capability::Read | Capability::Opens | Capability::Recurse | Capability::Write
        ) && way(subject, clause).is_some()
    });
    !subject.is_known || opens
}

/// A directory in which one of the paths lies and others make links.
fn others(subject: &Subject<'_>) -> Option<&'static str> {
    let owned = subject
        .reach
        .places(Kind::Owned)
        // Links below `/proc` are the kernel's, and those that lead to files are secrets.
        .filter(|place| place.text != "/proc/")
        .find(|place| subject.reach.may_hold(&Sought::PathBegin(place.text)));
    match owned {
        Some(place) => Some(place.text),
        None => of_a_service(&subject.reach),
    }
}

/// A directory of root in which one of the paths lies, two steps down: the first is a service's.
fn of_a_service(reach: &Reach<'_>) -> Option<&'static str> {
    let mut above = OF_SERVICES.iter().copied();
    above.find(|above| reach.may_hold(&Sought::PartsInOrder(above, "/")))
}

/// How likely it is that others than root make links in a directory; `None` when they cannot.
fn severity(directory: &str) -> Option<Severity> {
    let lies_in =
        |above: &str| directory == above.trim_end_matches('/') || lies_in(directory, above);
    let others = [Kind::Open, Kind::Owned].into_iter().flat_map(of_kind);
    let mut others = others
        .map(|place| place.text)
        .chain(OF_SERVICES.iter().copied());
    if others.any(lies_in) {
        return Some(Severity::Error);
    }
    let is_of_root = OF_ROOT.iter().any(|above| lies_in(above)) && !lies_in("/usr/local");
    (!is_of_root).then_some(Severity::Warning)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_are_feared_where_others_make_them() {
        for (directory, wanted) in [
            ("/usr/share/doc", None),
            ("/etc", None),
            ("/usr/local/share", Some(Severity::Warning)),
            ("/var/log", Some(Severity::Warning)),
            ("/var/www", Some(Severity::Error)),
            ("/srv/www", Some(Severity::Error)),
            ("/home", Some(Severity::Error)),
            ("/tmp", Some(Severity::Error)),
            ("/homestead", Some(Severity::Warning)),
            ("/var/log/postgresql", Some(Severity::Error)),
            ("/var/log/postgresql/15", Some(Severity::Error)),
            ("/etc/postgresql", Some(Severity::Error)),
            ("/proc", Some(Severity::Error)),
        ] {
            assert_eq!(severity(directory), wanted, "{directory}");
        }
    }
}
