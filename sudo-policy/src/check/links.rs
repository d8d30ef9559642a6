//! Paths below a directory, and the links that may lie there.

use super::Subject;
use super::capability::Capability;
use super::places::{Kind, of_kind};
use crate::bundle::Arguments;
use crate::code::Code;
use crate::diagnostic::{Diagnostic, Severity};

/// Directories in which only root and its package manager make files.
const OF_ROOT: &[&str] = &[
    "/usr", "/etc", "/boot", "/bin", "/sbin", "/lib", "/lib64", "/sys", "/root",
];

/// Reports a path that a link may lead elsewhere, read or written as root.
pub(super) fn check(subject: &Subject<'_>, found: &mut Vec<Diagnostic>) {
    let command = subject.command;
    let Arguments::Pattern(pattern) = command.arguments() else {
        return;
    };
    let is_root = command
        .run_as()
        .user()
        .is_some_and(|user| user.as_str() == "root");
    // Of names and sizes a link shows only its own.
    let shows_no_contents = subject.can(Capability::Names) || subject.can(Capability::Opens);
    if !is_root || command.reason().is_some() || shows_no_contents {
        return;
    }
    let directories = pattern.directories().iter();
    let Some((directory, severity)) = directories
        .filter_map(|directory| Some((directory, severity(directory.as_str())?)))
        .min_by_key(|(_, severity)| *severity)
    else {
        return;
    };
    let program = command.path().file_name();
    let message =
        format!("`{program}` follows links, and one below `{directory}` may lead to any file");
    let help = "run it as the user who owns the files, list them, or say in `reason` why only root can make links there";
    found.push(Diagnostic {
        severity,
        ..Diagnostic::error(Code::FollowsLinks, command.arguments_span(), message, help)
    });
}

/// How likely it is that others than root make links in a directory; `None` when they cannot.
fn severity(directory: &str) -> Option<Severity> {
    let lies_in = |above: &str| {
        let above = above.trim_end_matches('/');
        directory
            .strip_prefix(above)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    if OF_ROOT.iter().any(|above| lies_in(above)) && !lies_in("/usr/local") {
        return None;
    }
    let others = [Kind::Open, Kind::Owned].into_iter().flat_map(of_kind);
    let mut others = others.map(|place| place.text).chain(["/srv", "/opt"]);
    if others.any(lies_in) {
        Some(Severity::Error)
    } else {
        Some(Severity::Warning)
    }
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
        ] {
            assert_eq!(severity(directory), wanted, "{directory}");
        }
    }
}
