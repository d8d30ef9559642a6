//! Versions of Debian packages, and their order as deb-version(7) defines it.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

/// The longest version that is read; real ones are a quarter of it.
const MAX: usize = 200;

/// The version of a Debian package: `[epoch:]upstream[-revision]`.
///
/// Two that are written differently may be equal, as `1.0` and `0:1.0`.
#[derive(Debug, Clone)]
pub struct DebVersion {
    epoch: u32,
    upstream: String,
    revision: String,
}

/// The text is no version of a Debian package.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a package's version is `[epoch:]upstream[-revision]` of letters, digits and `. + - ~`")]
pub struct NotADebVersion;

impl DebVersion {
    /// The part that the program's authors gave, without epoch and revision.
    #[must_use]
    pub fn upstream(&self) -> &str {
        &self.upstream
    }
}

impl FromStr for DebVersion {
    type Err = NotADebVersion;

    fn from_str(text: &str) -> Result<Self, NotADebVersion> {
        let (epoch, rest) = match text.split_once(':') {
            Some((epoch, rest)) => (number(epoch)?, rest),
            None => (0, text),
        };
        let (upstream, revision) = rest.rsplit_once('-').unwrap_or((rest, ""));
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b".+~".contains(&byte);
        let is_plain = upstream.bytes().all(|byte| plain(byte) || byte == b'-')
            && revision.bytes().all(plain)
            && upstream.starts_with(|c: char| c.is_ascii_digit());
        // A hyphen promises a revision.
        let has_revision = !revision.is_empty() || !rest.contains('-');
        if text.len() <= MAX && is_plain && has_revision {
            Ok(Self {
                epoch,
                upstream: upstream.to_owned(),
                revision: revision.to_owned(),
            })
        } else {
            Err(NotADebVersion)
        }
    }
}

fn number(text: &str) -> Result<u32, NotADebVersion> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    digits
        .then(|| text.parse().ok())
        .flatten()
        .ok_or(NotADebVersion)
}

impl fmt::Display for DebVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.epoch > 0 {
            write!(f, "{}:", self.epoch)?;
        }
        f.write_str(&self.upstream)?;
        if !self.revision.is_empty() {
            write!(f, "-{}", self.revision)?;
        }
        Ok(())
    }
}

impl Ord for DebVersion {
    fn cmp(&self, other: &Self) -> Ordering {
        self.epoch
            .cmp(&other.epoch)
            .then_with(|| compare(&self.upstream, &other.upstream))
            .then_with(|| compare(&self.revision, &other.revision))
    }
}

impl PartialOrd for DebVersion {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for DebVersion {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for DebVersion {}

/// Words and numbers by turns, from the left, until something differs.
fn compare(left: &str, right: &str) -> Ordering {
    let (mut left, mut right) = (left.as_bytes(), right.as_bytes());
    while !left.is_empty() || !right.is_empty() {
        let (left_word, left_rest) = split(left, |byte| !byte.is_ascii_digit());
        let (right_word, right_rest) = split(right, |byte| !byte.is_ascii_digit());
        let (left_number, left_rest) = split(left_rest, |byte| byte.is_ascii_digit());
        let (right_number, right_rest) = split(right_rest, |byte| byte.is_ascii_digit());
        let order = words(left_word, right_word).then_with(|| numbers(left_number, right_number));
        if order != Ordering::Equal {
            return order;
        }
        (left, right) = (left_rest, right_rest);
    }
    Ordering::Equal
}

fn split(text: &[u8], belongs: impl Fn(u8) -> bool) -> (&[u8], &[u8]) {
    let end = text
        .iter()
        .position(|byte| !belongs(*byte))
        .unwrap_or(text.len());
    text.split_at(end)
}

/// A tilde comes before the end, letters before everything else.
fn words(left: &[u8], right: &[u8]) -> Ordering {
    let weight = |byte: Option<&u8>| match byte {
        Some(b'~') => -1,
        None => 0,
        Some(letter) if letter.is_ascii_alphabetic() => i32::from(*letter),
        Some(other) => i32::from(*other) + 256,
    };
    (0..left.len().max(right.len()))
        .map(|at| weight(left.get(at)).cmp(&weight(right.get(at))))
        .find(|order| *order != Ordering::Equal)
        .unwrap_or(Ordering::Equal)
}

/// Numbers of any length; none is zero.
fn numbers(left: &[u8], right: &[u8]) -> Ordering {
    let significant = |digits: &[u8]| {
        let zeros = digits.iter().take_while(|digit| **digit == b'0').count();
        digits.iter().skip(zeros).copied().collect::<Vec<u8>>()
    };
    let (left, right) = (significant(left), significant(right));
    left.len().cmp(&right.len()).then_with(|| left.cmp(&right))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn version(text: &str) -> DebVersion {
        text.parse().unwrap()
    }

    /// Each list is in order, every element before the next.
    #[test]
    fn the_order_is_that_of_deb_version() {
        let lists: [&[&str]; 7] = [
            // The manual's own example.
            &["1~~", "1~~a", "1~", "1", "1a"],
            &["1.0~beta1~svn1245", "1.0~beta1", "1.0"],
            &["1.9.5p1-1.1", "1.9.5p2-1", "1.9.5p2-3", "1.9.5p2-3+deb11u1"],
            &[
                "1.9.13p3-1",
                "1.9.13p3-1+deb12u1",
                "1.9.13p3-1+deb12u2",
                "1.9.13p3-1+deb12u10",
                "1.9.13p3-2",
            ],
            &[
                "1.9.15p5-3ubuntu5",
                "1.9.15p5-3ubuntu5.24.04.1",
                "1.9.15p5-3ubuntu5.24.04.2",
            ],
            &["1.9.9-1ubuntu2.2", "1.9.9-1ubuntu2.10", "1.9.13p3-1"],
            &["9.9", "1:0.1", "2:0.1"],
        ];
        for list in lists {
            for pair in list.windows(2) {
                assert!(version(pair[0]) < version(pair[1]), "{pair:?}");
                assert!(version(pair[1]) > version(pair[0]), "{pair:?}");
            }
        }
    }

    #[test]
    fn what_is_written_differently_may_be_equal() {
        for (one, other) in [
            ("1.0", "0:1.0"),
            ("1.0", "1.00"),
            ("1.09-1", "1.9-1"),
            ("1.0", "1.0-0"),
        ] {
            assert_eq!(version(one), version(other));
        }
    }

    #[test]
    fn what_is_no_version_is_refused() {
        let long = "1".repeat(201);
        for text in [
            "", "p1", "1 2", "1.0-", "a:1.0", ":1.0", "1:", "1_0", "1.0\n", &long,
        ] {
            assert!(text.parse::<DebVersion>().is_err(), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn the_order_is_one(
            one in "[0-9][a-z0-9.+~]{0,6}(-[a-z0-9.+~]{1,4})?",
            two in "[0-9][a-z0-9.+~]{0,6}(-[a-z0-9.+~]{1,4})?",
            three in "[0-9][a-z0-9.+~]{0,6}(-[a-z0-9.+~]{1,4})?",
        ) {
            let mut all = [version(&one), version(&two), version(&three)];
            prop_assert_eq!(all[0].cmp(&all[1]), all[1].cmp(&all[0]).reverse());
            prop_assert_eq!(all[0].cmp(&all[0]), Ordering::Equal);
            all.sort();
            prop_assert!(all[0] <= all[2]);
            prop_assert_eq!(version(&all[0].to_string()), all[0].clone());
        }
    }
}
