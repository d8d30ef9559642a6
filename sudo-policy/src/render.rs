//! Writes the sudo rules of one account.
//!
//! What a sudo cannot express is an error that names the alternative; nothing is ever weakened to
//! fit. How a file looks is in [`sudoers`](crate::sudoers); here it is decided what goes into one.
//! Whoever writes the file to a disk runs `visudo -c` on it first.

mod choice;
mod until;

use std::fmt;

use portreeve_protocol::name::AccountName;
use portreeve_protocol::time::Timestamp;

pub use self::until::{NotAnUntil, Until};
use crate::bundle::{Bundle, Command};
use crate::check::check;
use crate::code::Code;
use crate::diagnostic::{Diagnostic, Report};
use crate::dialect::Dialect;
use crate::source::Span;
use crate::sudoers::{MAX_BYTES, Permission, Rules};

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
    /// When the rules end, should nobody take them away; original sudo only.
    pub until: Option<Until>,
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

impl fmt::Display for LogFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
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
    if target.log.is_some() && !dialect.has_log_file() {
        return Err(RenderError::NoLogFile { dialect });
    }
    if target.until.is_some() && !dialect.has_end() {
        return Err(RenderError::NoEnd { dialect });
    }
    let rules = Rules {
        bundle: bundle.name().clone(),
        digest: bundle.digest(),
        account: target.account.clone(),
        dialect,
        log: target.log.cloned(),
        until: target.until,
        permissions: permissions(bundle, dialect)?,
    };
    let text = rules.write();
    if text.len() > MAX_BYTES {
        return Err(RenderError::TooLarge {
            dialect,
            length: text.len(),
        });
    }
    Ok(Sudoers(text))
}

/// Everything that `dialect` cannot express of a bundle, or why there are no rules for it at all.
///
/// # Errors
///
/// As [`render`] for an account, without a log file and without an end.
pub fn check_for(bundle: &Bundle, dialect: Dialect) -> Result<(), RenderError> {
    let permissions = permissions(bundle, dialect)?;
    let length = MAX_FRAME + longest(&permissions, dialect);
    if length > MAX_BYTES {
        return Err(RenderError::TooLarge { dialect, length });
    }
    Ok(())
}

/// The most bytes that these rules take, whatever the account and the end.
fn longest(permissions: &[Permission], dialect: Dialect) -> usize {
    // Every account has a name of at most this length, and every end is as long as this one.
    let until = dialect
        .has_end()
        .then(|| Until::of(Timestamp::from_seconds(0)));
    permissions
        .iter()
        .map(|permission| permission.written_length(dialect, until) + MAX_ACCOUNT)
        .sum()
}

/// Everything that is wrong or unwise with a bundle, and what these sudos cannot express of it.
///
/// # Errors
///
/// When one of them is too old for any rules, whatever the bundle.
pub fn check_with(bundle: &Bundle, dialects: &[Dialect]) -> Result<Report, RenderError> {
    let mut found = check(bundle).into_diagnostics();
    for &dialect in dialects {
        match check_for(bundle, dialect) {
            Ok(()) => {}
            Err(RenderError::Inexpressible { report, .. }) => {
                found.extend(report.into_diagnostics());
            }
            Err(RenderError::TooLarge { dialect, length }) => {
                found.push(too_large(bundle, dialect, length));
            }
            Err(
                other @ (RenderError::TooOld { .. }
                | RenderError::NoLogFile { .. }
                | RenderError::NoEnd { .. }),
            ) => return Err(other),
        }
    }
    Ok(Report::new(bundle.source().clone(), found))
}

/// More rules than sudo reads quickly, at the first command that no longer fits.
fn too_large(bundle: &Bundle, dialect: Dialect, length: usize) -> Diagnostic {
    let mut total = MAX_FRAME;
    let mut commands = bundle.commands().iter();
    let first_too_many = commands.find(|command| {
        total += choice::of_command(command, dialect).map_or(0, |rules| longest(&rules, dialect));
        total > MAX_BYTES
    });
    let message =
        format!("the rules for {dialect} take {length} bytes, and from here on they do not fit");
    let help = format!(
        "{MAX_BYTES} bytes is the most: write patterns instead of many lists, take narrower placeholders, or split the bundle"
    );
    let span = first_too_many.map_or(Span::default(), Command::span);
    Diagnostic::error(Code::RulesTooLarge, span, message, help)
}

/// Longest name of an account with the space and the line end that stand around a rule.
const MAX_ACCOUNT: usize = 34;
/// More than the lines around the rules take.
const MAX_FRAME: usize = 2048;

fn permissions(bundle: &Bundle, dialect: Dialect) -> Result<Vec<Permission>, RenderError> {
    if dialect.is_too_old() {
        return Err(RenderError::TooOld { dialect });
    }
    let mut permissions = Vec::new();
    let mut problems = Vec::new();
    for command in bundle.commands() {
        match choice::of_command(command, dialect) {
            Ok(of_command) => permissions.extend(of_command),
            Err(problem) => problems.push(*problem),
        }
    }
    if problems.is_empty() {
        return Ok(permissions);
    }
    let report = Report::new(bundle.source().clone(), problems);
    Err(RenderError::Inexpressible { dialect, report })
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
    /// The host's sudo writes no log file.
    #[error(
        "{dialect} writes to syslog only; ask for no log file and read its events from the journal"
    )]
    NoLogFile {
        /// What the host has.
        dialect: Dialect,
    },
    /// The host's sudo has no rules that end.
    #[error("{dialect} has no rules that end by themselves; ask for no end and take the file away")]
    NoEnd {
        /// What the host has.
        dialect: Dialect,
    },
    /// There would be so many rules that sudo is slow for every command.
    #[error(
        "the rules for {dialect} take {length} bytes and {MAX_BYTES} is the most; \
         write patterns instead of many lists, or split the bundle"
    )]
    TooLarge {
        /// What the host has.
        dialect: Dialect,
        /// How many bytes there would be.
        length: usize,
    },
    /// The host's sudo cannot hold some of the rules.
    #[error("{dialect} cannot express this bundle: {}", listed(report))]
    Inexpressible {
        /// What the host has.
        dialect: Dialect,
        /// What it cannot do, each with its place in the bundle.
        report: Report,
    },
}

impl RenderError {
    /// The problems with their places in the bundle, when it is about the bundle.
    #[must_use]
    pub fn report(&self) -> Option<&Report> {
        match self {
            Self::Inexpressible { report, .. } => Some(report),
            Self::TooOld { .. }
            | Self::NoLogFile { .. }
            | Self::NoEnd { .. }
            | Self::TooLarge { .. } => None,
        }
    }
}

fn listed(report: &Report) -> String {
    let text: Vec<_> = report
        .findings()
        .map(|finding| {
            format!(
                "line {}: {}; {}",
                finding.line, finding.message, finding.help
            )
        })
        .collect();
    text.join("; ")
}
