//! Moments as reviewers write them: `90`, `1h30m`, `12:30`, `50%`, a time, `+30`.

use std::str::FromStr;
use std::time::Duration;

use portreeve_protocol::time::Timestamp;
use thiserror::Error;

/// A moment of a recording.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum When {
    /// So many microseconds after the session began.
    Since(u64),
    /// So many hundredths of the recording's length.
    Percent(f64),
    /// At this time.
    At(Timestamp),
    /// So many microseconds after where the player stands.
    Forward(u64),
    /// So many microseconds before where the player stands.
    Back(u64),
}

/// What is no moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("a moment is wanted, such as 90, 5m, 12:30, 50% or 2026-01-05T10:00:00Z")]
pub struct NotAMoment;

/// From when to when a recording goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Extent {
    /// When the session began.
    pub started_at: Timestamp,
    /// The last event, in microseconds since then.
    pub last_us: u64,
}

impl Extent {
    /// The time of a moment.
    #[must_use]
    pub fn time_of(&self, at_us: u64) -> Timestamp {
        self.started_at.plus(Duration::from_micros(at_us))
    }
}

impl When {
    /// The moment in microseconds since the session began, brought into the recording, for somebody
    /// who stands at `here`.
    #[must_use]
    pub fn within(self, extent: &Extent, here: u64) -> u64 {
        let at_us = match self {
            Self::Since(at_us) => at_us,
            Self::Percent(percent) => {
                let length = Duration::from_micros(extent.last_us);
                micros(length.mul_f64((percent / 100.0).clamp(0.0, 1.0)))
            }
            Self::At(time) => micros(time.since(extent.started_at)),
            Self::Forward(micros) => here.saturating_add(micros),
            Self::Back(micros) => here.saturating_sub(micros),
        };
        at_us.min(extent.last_us)
    }
}

impl FromStr for When {
    type Err = NotAMoment;

    fn from_str(text: &str) -> Result<Self, NotAMoment> {
        let text = text.trim();
        if let Some(percent) = text.strip_suffix('%') {
            let percent: f64 = percent.trim().parse().map_err(|_| NotAMoment)?;
            let is_share = (0.0..=100.0).contains(&percent);
            return is_share.then_some(Self::Percent(percent)).ok_or(NotAMoment);
        }
        if let Some(rest) = text.strip_prefix('+') {
            return length(rest).map(Self::Forward);
        }
        if let Some(rest) = text.strip_prefix('-') {
            return length(rest).map(Self::Back);
        }
        match text.parse() {
            Ok(time) => Ok(Self::At(time)),
            Err(_) => length(text).map(Self::Since),
        }
    }
}

/// A moment for the command line, where nobody stands anywhere yet.
///
/// # Errors
/// When the text is no moment, or a relative one.
pub fn absolute(text: &str) -> Result<When, NotAMoment> {
    match text.parse()? {
        When::Forward(_) | When::Back(_) => Err(NotAMoment),
        when @ (When::Since(_) | When::Percent(_) | When::At(_)) => Ok(when),
    }
}

/// How long after the session began, as people read it: `1:02:03`, `12:30`.
#[must_use]
pub fn clock(at_us: u64) -> String {
    let seconds = at_us / 1_000_000;
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    if hours > 0 {
        format!("{hours}:{minutes:02}:{seconds:02}")
    } else {
        format!("{minutes:02}:{seconds:02}")
    }
}

fn length(text: &str) -> Result<u64, NotAMoment> {
    if text.contains(':') {
        of_clock(text)
    } else {
        of_units(text)
    }
}

/// `12:30`, `1:02:03`, `0:00:01.5`.
fn of_clock(text: &str) -> Result<u64, NotAMoment> {
    let mut parts = text.rsplit(':');
    let seconds = seconds(parts.next().unwrap_or_default())?;
    let mut total = Some(seconds);
    for (part, unit) in parts.zip([60, 3600, 0]) {
        let count: u64 = whole(part)?;
        let micros = count
            .checked_mul(unit)
            .and_then(|s| s.checked_mul(1_000_000));
        total = match (unit, micros) {
            (0, _) | (_, None) => None,
            (_, Some(micros)) => total.and_then(|total| total.checked_add(micros)),
        };
    }
    total.ok_or(NotAMoment)
}

/// `90`, `90s`, `1.5`, `1h30m`.
fn of_units(text: &str) -> Result<u64, NotAMoment> {
    let mut rest = text;
    let mut total: u64 = 0;
    for (unit, length) in [('h', 3600), ('m', 60)] {
        if let Some((count, after)) = rest.split_once(unit) {
            let micros = whole(count)?.checked_mul(length * 1_000_000);
            total = micros
                .and_then(|micros| total.checked_add(micros))
                .ok_or(NotAMoment)?;
            rest = after;
        }
    }
    let last = rest.strip_suffix('s').unwrap_or(rest);
    match (last, rest.len() < text.len()) {
        ("", true) if rest.is_empty() => Ok(total),
        _ => total.checked_add(seconds(last)?).ok_or(NotAMoment),
    }
}

fn whole(text: &str) -> Result<u64, NotAMoment> {
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(NotAMoment);
    }
    text.parse().map_err(|_| NotAMoment)
}

/// Seconds with decimals, in microseconds.
fn seconds(text: &str) -> Result<u64, NotAMoment> {
    let (seconds, decimals) = text.split_once('.').unwrap_or((text, "0"));
    if decimals.len() > 6 {
        return Err(NotAMoment);
    }
    let decimals: u64 = whole(&format!("{decimals:0<6}"))?;
    whole(seconds)?
        .checked_mul(1_000_000)
        .and_then(|micros| micros.checked_add(decimals))
        .ok_or(NotAMoment)
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000;

    fn extent() -> Extent {
        Extent {
            started_at: "2026-01-05T10:00:00Z".parse().unwrap(),
            last_us: 2 * 3600 * SECOND,
        }
    }

    #[test]
    fn every_form_names_its_moment() {
        for (text, seconds) in [
            ("90", 90),
            ("90s", 90),
            ("5m", 300),
            ("1h30m", 5400),
            ("1h", 3600),
            ("1m30", 90),
            ("12:30", 750),
            ("1:02:03", 3723),
            ("50%", 3600),
            ("100%", 7200),
            ("2026-01-05T10:00:10Z", 10),
            ("+30", 1030),
            ("-5m", 700),
            ("-1h", 0),
            ("9h", 7200),
            ("2025-01-05T10:00:10Z", 0),
            ("2027-01-05T10:00:10Z", 7200),
        ] {
            let when: When = text.parse().unwrap();
            assert_eq!(
                when.within(&extent(), 1000 * SECOND),
                seconds * SECOND,
                "{text}"
            );
        }
        assert_eq!("1.25".parse(), Ok(When::Since(1_250_000)));
    }

    #[test]
    fn what_is_no_moment_is_refused() {
        for text in [
            "",
            "s",
            "x",
            "1x",
            "101%",
            "-1%",
            "1:2:3:4",
            ":",
            "1:",
            "+",
            "--1",
            "1h1h",
            "m",
            "99999999999999999999",
            "5124095576030h",
            "1.0000001",
            "NaN%",
        ] {
            assert_eq!(text.parse::<When>(), Err(NotAMoment), "{text}");
        }
        assert_eq!(absolute("+30"), Err(NotAMoment));
        assert!(absolute("30").is_ok());
    }

    #[test]
    fn a_clock_is_as_short_as_it_can_be() {
        assert_eq!(clock(75 * SECOND), "01:15");
        assert_eq!(clock(3675 * SECOND), "1:01:15");
    }
}
