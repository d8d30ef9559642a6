//! Where a program lies, and what that says about who can replace it.

use crate::bundle::Command;
use crate::code::Code;
use crate::diagnostic::Diagnostic;
use crate::simulate::is_searched;

/// Directories that others than root write to.
const WRITABLE: &[&str] = &[
    "/tmp",
    "/var/tmp",
    "/dev/shm",
    "/home",
    "/run/user",
    "/run/lock",
    "/var/lock",
    "/var/www",
    "/mnt",
    "/media",
    "/proc",
    "/var/spool/cron",
];
/// Directories that the package manager does not fill, and whose rights nobody promises.
const UNPACKAGED: &[&str] = &[
    "/usr/local",
    "/opt",
    "/srv",
    "/var",
    "/etc",
    "/root",
    "/run",
];

/// Reports what is doubtful about the place of a program.
pub(super) fn check(command: &Command, found: &mut Vec<Diagnostic>) {
    let path = command.path();
    let span = command.path_span();
    if let Some(directory) = WRITABLE
        .iter()
        .find(|directory| lies_in(path.as_str(), directory))
    {
        let message = format!("`{path}` lies in `{directory}`, where others than root may write");
        found.push(Diagnostic::error(
            Code::WritablePath,
            span,
            message,
            "install the program where only root writes",
        ));
    } else if UNPACKAGED
        .iter()
        .any(|directory| lies_in(path.as_str(), directory))
        && command.digest().is_none()
    {
        let message = format!("no package manager answers for `{path}`");
        found.push(Diagnostic::warning(
            Code::WritablePath,
            span,
            message,
            "add its `digest`, so that another program there is refused",
        ));
    }
    let name = path.file_name();
    if name.starts_with("ld-linux") || name.starts_with("ld.so") || name.starts_with("ld-musl") {
        let message = format!("`{path}` is the dynamic loader, which runs any file");
        found.push(Diagnostic::error(
            Code::LoaderVariable,
            span,
            message,
            "allow the program itself",
        ));
    }
    if !is_searched(path.directory()) {
        let message = format!("sudo does not find `{name}` by name");
        found.push(Diagnostic::warning(
            Code::OutsideSecurePath,
            span,
            message,
            "tell the agent to give the whole path",
        ));
    }
}

fn lies_in(path: &str, directory: &str) -> bool {
    path.strip_prefix(directory)
        .is_some_and(|rest| rest.starts_with('/'))
}
