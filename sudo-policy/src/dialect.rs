//! Which sudo a host has, and since which version it can do what.

use std::fmt;
use std::str::FromStr;

/// A version of sudo: major, minor, patch. The `p3` of `1.9.13p3` plays no part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version(pub u16, pub u16, pub u16);

impl Version {
    /// Reads `1.9.13p3`, `0.2.8` or `1.9`.
    fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split('.').map(|part| {
            let digits = part.split(|c: char| !c.is_ascii_digit()).next()?;
            digits.parse().ok()
        });
        let major = parts.next()??;
        let minor = parts.next()??;
        let patch = parts.next().unwrap_or(Some(0))?;
        Some(Self(major, minor, patch))
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.0, self.1, self.2)
    }
}

/// One of the two programs called sudo, with its version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Dialect {
    /// The original sudo.
    Sudo(Version),
    /// sudo-rs.
    SudoRs(Version),
}

impl Dialect {
    /// Oldest original sudo that rules are written for.
    pub const OLDEST_SUDO: Version = Version(1, 9, 5);
    /// Oldest sudo-rs that rules are written for: the first whose `NOEXEC` has no known gap.
    pub const OLDEST_SUDO_RS: Version = Version(0, 2, 8);
    /// First original sudo with regular expressions.
    pub const FIRST_WITH_PATTERNS: Version = Version(1, 9, 10);
    /// First sudo-rs with a setting for the directory of commands.
    const FIRST_RS_WITH_RUNCWD: Version = Version(0, 2, 14);

    /// Reads the first line that `sudo --version` prints.
    ///
    /// `None` when it is neither program; whoever asked must not guess.
    #[must_use]
    pub fn from_version_output(text: &str) -> Option<Self> {
        let line = text.lines().next()?.trim();
        if let Some(version) = line.strip_prefix("Sudo version ") {
            return Version::parse(version).map(Self::Sudo);
        }
        let version = line.strip_prefix("sudo-rs ")?;
        Version::parse(version).map(Self::SudoRs)
    }

    pub(crate) fn is_too_old(self) -> bool {
        match self {
            Self::Sudo(version) => version < Self::OLDEST_SUDO,
            Self::SudoRs(version) => version < Self::OLDEST_SUDO_RS,
        }
    }

    /// Whether arguments may be given as a regular expression.
    pub(crate) fn has_patterns(self) -> bool {
        matches!(self, Self::Sudo(version) if version >= Self::FIRST_WITH_PATTERNS)
    }

    /// Whether a rule can name digests of the program.
    pub(crate) fn has_digests(self) -> bool {
        matches!(self, Self::Sudo(_))
    }

    /// Whether a wildcard in an argument can be escaped.
    pub(crate) fn has_escapes(self) -> bool {
        matches!(self, Self::Sudo(_))
    }

    /// Whether the host can let a caller choose the directory, so that an account must be excepted.
    pub(crate) fn has_runcwd(self) -> bool {
        match self {
            Self::Sudo(_) => true,
            Self::SudoRs(version) => version >= Self::FIRST_RS_WITH_RUNCWD,
        }
    }

    /// Whether it writes a log file for one account.
    pub(crate) fn has_log_file(self) -> bool {
        matches!(self, Self::Sudo(_))
    }

    /// Whether a rule can say until when it counts.
    pub(crate) fn has_end(self) -> bool {
        matches!(self, Self::Sudo(_))
    }

    /// How many bytes a command with its arguments may have in a rule, escapes not counted; `None`
    /// when it may have any number.
    pub(crate) fn longest_command(self) -> Option<usize> {
        match self {
            Self::Sudo(_) => None,
            Self::SudoRs(_) => Some(1024),
        }
    }
}

/// The text names neither sudo, or gives it no version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a sudo is written `sudo:1.9.13` or `sudo-rs:0.2.8`")]
pub struct NotADialect;

impl FromStr for Dialect {
    type Err = NotADialect;

    /// Reads `sudo:1.9.13`, `sudo-rs:0.2.8`, the same with a space, as they are displayed, and what
    /// either program prints with `--version`.
    fn from_str(text: &str) -> Result<Self, NotADialect> {
        if let Some(dialect) = Self::from_version_output(text) {
            return Ok(dialect);
        }
        let (program, version) = text.split_once([':', ' ']).ok_or(NotADialect)?;
        let version = Version::parse(version).ok_or(NotADialect)?;
        match program {
            "sudo" => Ok(Self::Sudo(version)),
            "sudo-rs" => Ok(Self::SudoRs(version)),
            _ => Err(NotADialect),
        }
    }
}

impl fmt::Display for Dialect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sudo(version) => write!(f, "sudo {version}"),
            Self::SudoRs(version) => write!(f, "sudo-rs {version}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn version_output_tells_the_two_apart() {
        for (text, dialect) in [
            (
                "Sudo version 1.9.13p3\nConfigure options: …",
                Some(Dialect::Sudo(Version(1, 9, 13))),
            ),
            (
                "Sudo version 1.9.17",
                Some(Dialect::Sudo(Version(1, 9, 17))),
            ),
            ("sudo-rs 0.2.8", Some(Dialect::SudoRs(Version(0, 2, 8)))),
            ("doas 6.8", None),
            ("Sudo version x", None),
            ("", None),
        ] {
            assert_eq!(Dialect::from_version_output(text), dialect, "{text}");
        }
    }

    #[test]
    fn a_dialect_is_written_with_a_colon_or_a_space_or_as_sudo_says_it() {
        for (text, dialect) in [
            ("sudo:1.9.13", Ok(Dialect::Sudo(Version(1, 9, 13)))),
            ("sudo 1.9.13p3", Ok(Dialect::Sudo(Version(1, 9, 13)))),
            ("sudo-rs:0.2.8", Ok(Dialect::SudoRs(Version(0, 2, 8)))),
            ("sudo-rs 0.2.8", Ok(Dialect::SudoRs(Version(0, 2, 8)))),
            (
                "Sudo version 1.9.13p3\nSudoers I/O plugin version 1.9.13p3",
                Ok(Dialect::Sudo(Version(1, 9, 13))),
            ),
            ("doas:6.8", Err(NotADialect)),
            ("sudo", Err(NotADialect)),
            ("sudo:", Err(NotADialect)),
            ("sudo:x.y", Err(NotADialect)),
        ] {
            assert_eq!(text.parse(), dialect, "{text}");
            if let Ok(dialect) = dialect {
                assert_eq!(dialect.to_string().parse(), Ok(dialect));
            }
        }
    }
}
