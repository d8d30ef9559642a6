//! Writes the sudo rules of one account.
//!
//! The text is complete: it stands in a file of its own and says nothing about any other account.
//! What a dialect cannot express is an error that names the alternative; nothing is ever weakened
//! to fit. Whoever writes the file runs `visudo -c` on it first.

mod rules;

use std::fmt;

use portreeve_protocol::name::AccountName;

use crate::bundle::Bundle;
use crate::dialect::Dialect;

/// The directories that sudo searches for a command given by name, in order.
///
/// Only what the distribution's package manager fills, so nothing in `/usr/local` is found by
/// accident.
pub const SECURE_PATH: &[&str] = &["/usr/sbin", "/usr/bin", "/sbin", "/bin"];

/// For whom the rules are written.
#[derive(Debug, Clone, Copy)]
pub struct Target<'a> {
    /// The account that may use them.
    pub account: &'a AccountName,
    /// The sudo that will read them.
    pub dialect: Dialect,
    /// Where sudo writes what the account asked for, as JSON; original sudo only.
    pub log: Option<&'a LogFile>,
}

/// The absolute path of a file that sudo appends its events to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogFile(String);

/// The text is not a plain absolute path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a log file is an absolute path of letters, digits and `/ _ . -` without `..`")]
pub struct NotALogFile;

impl std::str::FromStr for LogFile {
    type Err = NotALogFile;

    fn from_str(text: &str) -> Result<Self, NotALogFile> {
        let plain = text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"/_.-".contains(&b));
        let tidy =
            text.starts_with('/') && text.len() <= 255 && !text.split('/').any(|part| part == "..");
        if plain && tidy && !text.ends_with('/') {
            Ok(Self(text.to_owned()))
        } else {
            Err(NotALogFile)
        }
    }
}

/// The text of a sudoers file.
#[derive(Clone, PartialEq, Eq)]
pub struct Sudoers(String);

impl Sudoers {
    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Sudoers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sudoers({} bytes)", self.0.len())
    }
}

/// Writes the rules of `bundle` for one account.
///
/// # Errors
///
/// Everything that the dialect cannot express.
pub fn render(bundle: &Bundle, target: &Target<'_>) -> Result<Sudoers, RenderError> {
    let dialect = target.dialect;
    if dialect.is_too_old() {
        return Err(RenderError::TooOld { dialect });
    }
    let mut problems = Vec::new();
    if target.log.is_some() && matches!(dialect, Dialect::SudoRs(_)) {
        problems.push(Inexpressible {
            line: None,
            problem: Problem::LogFile,
        });
    }
    let mut text = format!("# {} {}\n", bundle.name(), bundle.digest());
    text.push_str(&settings(target));
    for command in bundle.commands() {
        match rules::of_command(command, target) {
            Ok(lines) => text.push_str(&lines),
            Err(problem) => problems.push(Inexpressible {
                line: Some(bundle.line(command.span())),
                problem,
            }),
        }
    }
    if problems.is_empty() {
        Ok(Sudoers(text))
    } else {
        Err(RenderError::Inexpressible { dialect, problems })
    }
}

/// The `Defaults` of this account.
fn settings(target: &Target<'_>) -> String {
    let account = target.account;
    let path = SECURE_PATH.join(":");
    match target.dialect {
        // - `!authenticate`: a refused command is refused at once; nobody is asked for a password.
        // - `!pam_session`: a PAM session could move the command out of the session's cgroup.
        // - `!fqdn`: no name server is asked before a command runs.
        // - `!env_keep`, `runas_default`: what the host's own settings say does not apply here.
        Dialect::Sudo(_) => {
            let mut lines = format!(
                "Defaults:{account} !authenticate, !lecture, !requiretty, !fqdn, !pam_session, \
                 env_reset, !env_keep, !setenv, use_pty, noexec, runas_default=root, \
                 timestamp_timeout=0, secure_path=\"{path}\"\n"
            );
            if let Some(LogFile(file)) = target.log {
                // - `!ignore_logfile_errors`: sudo would otherwise run what it cannot log.
                lines.push_str(&format!(
                    "Defaults:{account} log_format=json, logfile=\"{file}\", log_allowed, log_denied, \
                     !ignore_logfile_errors\n"
                ));
            }
            lines
        }
        // sudo-rs refuses a forbidden command before it authenticates, always resets the
        // environment, and knows neither of the other settings.
        Dialect::SudoRs(_) => {
            format!(
                "Defaults:{account} use_pty, noexec, !env_keep, !setenv, timestamp_timeout=0, secure_path=\"{path}\"\n"
            )
        }
    }
}

/// Why a bundle was not written for a host's sudo.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RenderError {
    /// The host's sudo is older than anything that rules are written for.
    #[error(
        "{dialect} is too old; rules are written for sudo {} and sudo-rs {} or later",
        Dialect::OLDEST_SUDO,
        Dialect::OLDEST_SUDO_RS
    )]
    TooOld {
        /// What the host has.
        dialect: Dialect,
    },
    /// The host's sudo cannot hold some of the rules.
    #[error("{dialect} cannot express this bundle: {}", listed(problems))]
    Inexpressible {
        /// What the host has.
        dialect: Dialect,
        /// What it cannot do.
        problems: Vec<Inexpressible>,
    },
}

/// One thing that a dialect cannot express.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inexpressible {
    /// The line of the bundle on which the command begins; `None` when it is not about a command.
    pub line: Option<usize>,
    /// What is missing, and the alternative.
    pub problem: Problem,
}

/// What a dialect lacks, and the alternative.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// Regular expressions.
    #[error(
        "it has no patterns; list exact arguments in `args_any_of`, or use sudo 1.9.10 or later"
    )]
    Pattern,
    /// Digests.
    #[error("it has no digests; leave `digest` out for this host, or use the original sudo")]
    Digest,
    /// Characters that it reads as wildcards or expressions and that cannot be escaped.
    #[error("it reads `{0}` in `{1}` as more than itself; use the original sudo for this command")]
    Character(char, String),
    /// Logging to a file.
    #[error("it writes to syslog only; ask for no log file and read its events from the journal")]
    LogFile,
}

fn listed(problems: &[Inexpressible]) -> String {
    let text = |one: &Inexpressible| match one.line {
        Some(line) => format!("line {line}: {}", one.problem),
        None => one.problem.to_string(),
    };
    problems.iter().map(text).collect::<Vec<_>>().join("; ")
}
