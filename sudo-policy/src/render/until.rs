//! The last second in which rules count.

use std::fmt;
use std::str::FromStr;

use portreeve_protocol::time::Timestamp;

/// The last second in which rules count, by the clock of the host, in UTC.
///
/// Written as sudo writes it: `20260131120000Z`. Only moments that have this form exist, from 1970
/// to the end of 9999.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Until(Timestamp);

/// Noon of the last day that a reader of RFC 3339 takes in every zone.
const LAST: i64 = 253_402_171_200;

impl Until {
    /// The second in which `moment` lies; the nearest that can be written where it lies outside.
    #[must_use]
    pub fn of(moment: Timestamp) -> Self {
        Self(Timestamp::from_seconds(moment.as_seconds().clamp(0, LAST)))
    }
}

impl fmt::Display for Until {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // RFC 3339 up to the fraction, without what stands between the digits.
        let written = self.0.to_string();
        let (seconds, _) = written.split_once('.').unwrap_or((&written, ""));
        for digit in seconds.chars().filter(char::is_ascii_digit) {
            write!(f, "{digit}")?;
        }
        f.write_str("Z")
    }
}

/// The text is not a second as sudo writes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the end of rules is written `20260131120000Z`")]
pub struct NotAnUntil;

impl FromStr for Until {
    type Err = NotAnUntil;

    fn from_str(text: &str) -> Result<Self, NotAnUntil> {
        let part = |range: std::ops::Range<usize>| text.get(range).ok_or(NotAnUntil);
        let rfc3339 = format!(
            "{}-{}-{}T{}:{}:{}Z",
            part(0..4)?,
            part(4..6)?,
            part(6..8)?,
            part(8..10)?,
            part(10..12)?,
            part(12..14)?
        );
        let read = rfc3339.parse().map(Self::of).map_err(|_| NotAnUntil)?;
        // What else a reader of RFC 3339 would take, such as a sign, is not written like that.
        if read.to_string() == text {
            Ok(read)
        } else {
            Err(NotAnUntil)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_end_is_the_second_in_which_the_moment_lies() {
        for (moment, written) in [
            ("2026-01-31T12:00:00.000000Z", "20260131120000Z"),
            ("2026-01-31T12:00:00.999999Z", "20260131120000Z"),
            ("2028-02-29T23:59:59.5Z", "20280229235959Z"),
            ("1969-12-31T23:59:59Z", "19700101000000Z"),
        ] {
            let until = Until::of(moment.parse().unwrap());
            assert_eq!(until.to_string(), written);
            assert_eq!(written.parse(), Ok(until));
        }
        let never = Until::of(Timestamp::from_micros(i64::MAX));
        assert_eq!(never.to_string(), "99991230120000Z");
        assert_eq!("99991230120000Z".parse(), Ok(never));
    }

    #[test]
    fn nothing_else_is_an_end() {
        for text in [
            "",
            "Z",
            "20260131120000",
            "20260131120000z",
            "20260131120000ZZ",
            "202601311200Z",
            "20260131120000+0100",
            "20260231120000Z",
            "20260131250000Z",
            "20260131120060Z",
            "-0260131120000Z",
            "19691231235959Z",
            "2026013112000éZ",
        ] {
            assert_eq!(text.parse::<Until>(), Err(NotAnUntil), "{text}");
        }
    }
}
