//! How much of a disk is kept for ends: a size, or a part of the disk. Pure.

use std::fmt;
use std::str::FromStr;

use portreeve_protocol::quantity;
use serde::{Deserialize, Serialize};

/// What is kept where nothing is configured: this part of the disk, and this much at most.
const DEFAULT_PERCENT: u64 = 5;
const DEFAULT_MOST: u64 = 512 * 1024 * 1024;
/// The largest part: with more, a disk that is half full would let nobody in.
const MOST_PERCENT: u8 = 50;

/// How much of a disk is kept: `512MiB` or `5%`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Reserve {
    /// So many bytes.
    Bytes(u64),
    /// So many hundredths of the disk.
    Percent(u8),
}

/// A text is no reserve.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is no reserve; write a size as `512MiB` or `2GiB`, or a part of the disk up to {MOST_PERCENT}% as `5%`"
)]
pub struct ParseReserveError(String);

impl Reserve {
    /// The reserve on a disk of this size, in bytes.
    #[must_use]
    pub fn or_default(configured: Option<Self>, size: u64) -> u64 {
        match configured {
            None => percent(size, DEFAULT_PERCENT).min(DEFAULT_MOST),
            Some(Self::Bytes(bytes)) => bytes,
            Some(Self::Percent(part)) => percent(size, part.into()),
        }
    }
}

fn percent(size: u64, part: u64) -> u64 {
    // A disk's size fits a hundred times over.
    size.saturating_mul(part) / 100
}

impl FromStr for Reserve {
    type Err = ParseReserveError;

    fn from_str(text: &str) -> Result<Self, ParseReserveError> {
        let bad = || ParseReserveError(text.to_owned());
        if let Some(part) = text.strip_suffix('%') {
            let part: u8 = part.parse().map_err(|_| bad())?;
            return (1..=MOST_PERCENT)
                .contains(&part)
                .then_some(Self::Percent(part))
                .ok_or_else(bad);
        }
        quantity::read(text, &quantity::SIZES)
            .map(Self::Bytes)
            .ok_or_else(bad)
    }
}

impl TryFrom<String> for Reserve {
    type Error = ParseReserveError;

    fn try_from(text: String) -> Result<Self, ParseReserveError> {
        text.parse()
    }
}

impl From<Reserve> for String {
    fn from(reserve: Reserve) -> Self {
        reserve.to_string()
    }
}

impl fmt::Display for Reserve {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Percent(part) => write!(f, "{part}%"),
            Self::Bytes(bytes) => quantity::write(*bytes, &quantity::SIZES, f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_parts_are_read_and_written() {
        for (text, expected) in [
            ("512MiB", Some(Reserve::Bytes(512 << 20))),
            ("2GiB", Some(Reserve::Bytes(2 << 30))),
            ("3KiB", Some(Reserve::Bytes(3 << 10))),
            ("5%", Some(Reserve::Percent(5))),
            ("0MiB", None),
            ("0%", None),
            ("51%", None),
            ("", None),
        ] {
            let read = text.parse::<Reserve>();
            assert_eq!(read.clone().ok(), expected, "{text}");
            if let Ok(reserve) = read {
                assert_eq!(reserve.to_string(), text);
            }
        }
    }

    #[test]
    fn without_a_word_it_is_a_part_of_small_disks_and_half_a_gib_of_large_ones() {
        assert_eq!(Reserve::or_default(None, 1 << 30), (1 << 30) / 20);
        assert_eq!(Reserve::or_default(None, 1 << 40), 512 << 20);
        assert_eq!(Reserve::or_default(Some(Reserve::Percent(10)), 1000), 100);
        assert_eq!(Reserve::or_default(Some(Reserve::Bytes(7)), 1000), 7);
    }
}
