//! Paths below a directory, and the links that may lie there.

use crate::bundle::{Arguments, Command};
use crate::code::Code;
use crate::diagnostic::Diagnostic;

/// Programs that look at names and never into files, so a link shows them nothing.
const LOOKS_AT_NAMES: &[&str] = &[
    "du", "find", "fuser", "getfacl", "ls", "lsattr", "lsof", "namei", "readlink", "realpath",
    "stat",
];

/// Reports a path that a link may lead elsewhere, read or written as root.
pub(super) fn check(command: &Command, found: &mut Vec<Diagnostic>) {
    let Arguments::Pattern(pattern) = command.arguments() else {
        return;
    };
    let Some(directory) = pattern.directories().first() else {
        return;
    };
    let is_root = command
        .run_as()
        .user()
        .is_some_and(|user| user.as_str() == "root");
    let program = command.path().file_name();
    if !is_root || command.reason().is_some() || LOOKS_AT_NAMES.contains(&program) {
        return;
    }
    let message =
        format!("`{program}` follows links, and one below `{directory}` may lead to any file");
    let help = "run it as the user who owns the files, list them, or say in `reason` why only root can make links there";
    found.push(Diagnostic::warning(
        Code::FollowsLinks,
        command.arguments_span(),
        message,
        help,
    ));
}
