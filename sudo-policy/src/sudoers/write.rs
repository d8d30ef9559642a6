//! The text of a file of rules.
//!
//! It is complete: it stands in a file of its own and says nothing about any other account.

use std::fmt::Write as _;

use portreeve_protocol::digest::Digest;

use super::{Permission, Rules, exact};
use crate::bundle::Arguments;
use crate::dialect::Dialect;
use crate::render::{SECURE_PATH, Until};

/// What the first line begins with.
pub(super) const HEAD: &str = "# portreeve: ";
/// What stands between the bundle and the sudo that the rules are for.
pub(super) const FOR: &str = " for ";
/// What stands between that sudo and the end of the rules.
pub(super) const UNTIL: &str = " until ";
/// What the last line begins with.
pub(super) const SEAL: &str = "# end ";
/// How a rule says until when it counts.
pub(super) const NOT_AFTER: &str = "NOTAFTER=";
/// How a rule says where it runs.
pub(super) const CWD: &str = "CWD=";
/// How a rule says that there are no arguments: nothing at all would mean any.
pub(super) const NO_ARGUMENTS: &str = "\"\"";

pub(super) fn write(rules: &Rules) -> String {
    let mut out = format!(
        "{HEAD}{} {}{FOR}{}",
        rules.bundle, rules.digest, rules.dialect
    );
    if let Some(until) = rules.until {
        let _ = write!(out, "{UNTIL}{until}");
    }
    out.push('\n');
    settings(rules, &mut out);
    for permission in &rules.permissions {
        let _ = write!(out, "{} ", rules.account);
        one(permission, rules.dialect, rules.until, &mut out);
        out.push('\n');
    }
    let seal = Digest::of(out.as_bytes());
    let _ = writeln!(out, "{SEAL}{seal}");
    out
}

/// The `Defaults` of the account.
fn settings(rules: &Rules, out: &mut String) {
    let account = &rules.account;
    let path = SECURE_PATH.join(":");
    let _ = match rules.dialect {
        // - `!authenticate`: a refused command is refused at once; nobody is asked for a password.
        // - `!pam_session`: a PAM session could move the command out of the session's cgroup.
        // - `!fqdn`: no name server is asked before a command runs.
        // - `!env_keep`, `!runchroot`, `!runcwd`, `runas_default`: what the host's own settings say
        //   for everybody does not apply here.
        Dialect::Sudo(_) => writeln!(
            out,
            "Defaults:{account} !authenticate, !lecture, !requiretty, !fqdn, !pam_session, \
             env_reset, !env_keep, !setenv, !runchroot, !runcwd, use_pty, noexec, \
             runas_default=root, timestamp_timeout=0, secure_path=\"{path}\""
        ),
        // sudo-rs refuses a forbidden command before it authenticates, always resets the
        // environment, and knows none of the other settings.
        Dialect::SudoRs(_) => {
            let runcwd = if rules.dialect.has_runcwd() {
                "!runcwd, "
            } else {
                ""
            };
            writeln!(
                out,
                "Defaults:{account} use_pty, noexec, !env_keep, !setenv, {runcwd}timestamp_timeout=0, secure_path=\"{path}\""
            )
        }
    };
    if let Some(file) = &rules.log {
        // - `!ignore_logfile_errors`: sudo would otherwise run what it cannot log.
        let _ = writeln!(
            out,
            "Defaults:{account} log_format=json, logfile=\"{file}\", log_allowed, log_denied, \
             !ignore_logfile_errors"
        );
    }
}

/// One permission as it stands behind the account.
pub(super) fn one(
    permission: &Permission,
    dialect: Dialect,
    until: Option<Until>,
    out: &mut String,
) {
    let exec = if permission.noexec { "NOEXEC" } else { "EXEC" };
    let _ = write!(out, "ALL=({}) ", permission.run_as);
    if let Some(until) = until {
        let _ = write!(out, "{NOT_AFTER}{until} ");
    }
    // Always: original sudo joins arguments, so a program may read `-t` and `/var` as `-t` with
    // ` /var`, a path below the caller's directory, where any name may be a link.
    let _ = write!(out, "{CWD}{} NOPASSWD: {exec}: NOSETENV: ", permission.cwd);
    for (index, digest) in permission.digests.iter().enumerate() {
        let comma = if index == 0 { "" } else { ", " };
        let _ = write!(out, "{comma}{digest}");
    }
    if !permission.digests.is_empty() {
        out.push(' ');
    }
    command(permission, dialect, out);
}

/// The program and its arguments, which some sudo reads as one bounded text.
pub(super) fn command(permission: &Permission, dialect: Dialect, out: &mut String) {
    out.push_str(permission.path.as_str());
    match &permission.arguments {
        Arguments::Any => {}
        Arguments::Pattern(pattern) => {
            out.push(' ');
            out.push_str(pattern.posix());
        }
        Arguments::Exactly(lists) => {
            let arguments: Vec<_> = lists.iter().flatten().collect();
            if arguments.is_empty() {
                out.push(' ');
                out.push_str(NO_ARGUMENTS);
            }
            for argument in arguments {
                out.push(' ');
                exact::write(argument, dialect, out);
            }
        }
    }
}
