//! A release of sudo as its authors number it.

use std::fmt;

/// Which of the two programs called sudo.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Program {
    /// The original.
    Sudo,
    /// The one in Rust.
    SudoRs,
}

/// A release: major, minor, patch and, for the original, the `p` level.
///
/// Unlike [`Version`](crate::dialect::Version) it keeps the `p3` of `1.9.13p3`, because that is
/// where repairs are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Release(pub u16, pub u16, pub u16, pub u16);

impl Release {
    /// Reads `1.9.13p3` or `0.2.8`; nothing for a beta, which is none of the numbered ones.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (numbers, level) = match text.split_once('p') {
            Some((numbers, level)) => (numbers, number(level)?),
            None => (text, 0),
        };
        let mut parts = numbers.split('.');
        let major = number(parts.next()?)?;
        let minor = number(parts.next()?)?;
        let patch = parts.next().map_or(Some(0), number)?;
        parts
            .next()
            .is_none()
            .then_some(Self(major, minor, patch, level))
    }

    /// Reads the first line that `sudo --version` prints.
    #[must_use]
    pub fn from_version_output(text: &str) -> Option<(Program, Self)> {
        let line = text.lines().next()?.trim();
        if let Some(release) = line.strip_prefix("Sudo version ") {
            return Self::parse(release).map(|release| (Program::Sudo, release));
        }
        let release = line.strip_prefix("sudo-rs ")?;
        Self::parse(release).map(|release| (Program::SudoRs, release))
    }
}

fn number(text: &str) -> Option<u16> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().ok()).flatten()
}

impl fmt::Display for Release {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.0, self.1, self.2)?;
        if self.3 > 0 {
            write!(f, "p{}", self.3)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn releases_are_read_and_ordered() {
        let release = |text| Release::parse(text).unwrap();
        for (earlier, later) in [
            ("1.8.31p2", "1.9.0"),
            ("1.9.5p1", "1.9.5p2"),
            ("1.9.5", "1.9.5p1"),
            ("1.9.9", "1.9.13"),
            ("0.2.8", "0.2.10"),
        ] {
            assert!(release(earlier) < release(later), "{earlier} < {later}");
        }
        for text in ["1.9.13p3", "1.9.17", "0.2.8"] {
            assert_eq!(release(text).to_string(), text);
        }
    }

    #[test]
    fn what_is_no_numbered_release_is_not_guessed() {
        for text in [
            "",
            "1",
            "1.9.14b2",
            "1.9.0rc1",
            "1.9.5p",
            "1.9.+5",
            "0.2.0-dev.20230711",
            "1.2.3.4",
            "99999.1.1",
        ] {
            assert_eq!(Release::parse(text), None, "{text}");
        }
    }

    #[test]
    fn version_output_tells_program_and_release() {
        for (said, expected) in [
            (
                "Sudo version 1.9.13p3\nSudoers policy plugin version 1.9.13p3",
                Some((Program::Sudo, Release(1, 9, 13, 3))),
            ),
            (
                "sudo-rs 0.2.8\n",
                Some((Program::SudoRs, Release(0, 2, 8, 0))),
            ),
            ("doas", None),
            ("", None),
        ] {
            assert_eq!(Release::from_version_output(said), expected, "{said}");
        }
    }
}
