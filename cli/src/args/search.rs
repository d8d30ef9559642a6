//! Looking for what happened, over all recordings.

use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use clap::{Args, ValueEnum};
use portreeve_protocol::id::SessionId;
use portreeve_protocol::time::Timestamp;

use crate::review::index::find::Exit;
use crate::variables;

/// `index`.
#[derive(Debug, Args)]
#[command(after_help = "\
Without a review key only who, where, when and why of each recording is taken up, and the exit code is 0. \
With one, exit code 8 means that it opens nothing of some recordings, of which the same is taken up; 1, which \
comes first, that a file is no recording or breaks off.")]
pub struct Index {
    /// Recordings to read; by default all of the folder, and what is gone from it is removed
    #[arg(value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// The folder of recordings
    #[arg(
        long,
        value_name = "DIR",
        env = variables::RECORDINGS,
        hide_env_values = true,
        default_value = "/var/lib/portreeve-bastion/recordings"
    )]
    pub recordings: PathBuf,
    /// The age identity file that opens recordings; without it only who, where, when and why is kept
    #[arg(long, value_name = "FILE", env = variables::REVIEW_KEY, hide_env_values = true)]
    pub identity: Option<PathBuf>,
    /// The folder of the index [default: `$XDG_STATE_HOME/portreeve/index`]
    #[arg(long, value_name = "DIR")]
    pub index: Option<PathBuf>,
    /// Take this session out of the index instead
    #[arg(long, value_name = "SESSION", conflicts_with = "files")]
    pub remove: Option<SessionId>,
}

/// `search`.
#[derive(Debug, Args)]
#[command(after_help = "\
A term is text that must be found as it is, upper and lower case alike, anywhere: `tcp` finds \
`192.0.2.7/tcp`. It has no special characters. Each argument is a term, so quotes of your shell make \
one with blanks: search \"permission denied\". A term that begins with a dash stands behind two: \
search -- --no-verify. All terms must stand on one line; one of them needs three characters.

The index holds what `portreeve index` read, with secrets redacted. Nothing found is exit code 0.")]
pub struct Search {
    /// Text that must be there
    #[arg(value_name = "TERM")]
    pub terms: Vec<String>,
    /// Terms count only where no letter or digit stands on either side
    #[arg(long)]
    pub word: bool,
    /// Programs with this word in their command line, the whole word; repeat for several
    #[arg(long, value_name = "WORD")]
    pub argv: Vec<String>,
    /// File operations on this path or below it, and programs with such a word
    #[arg(long, value_name = "PATH")]
    pub path: Option<String>,
    /// Programs that ended so: a status, `signal`, `failed` (all but 0) or `none`
    #[arg(long, value_name = "CODE")]
    pub exit: Option<Exit>,
    /// This human, by name or subject
    #[arg(long, value_name = "NAME")]
    pub human: Option<String>,
    /// This agent: its name, or team/name
    // Not the global option, which says as whom to act.
    #[arg(long = "by-agent", value_name = "NAME")]
    pub by_agent: Option<String>,
    /// This host, by its name or the part before the first dot
    #[arg(long, value_name = "NAME")]
    pub host: Option<String>,
    /// This ticket
    #[arg(long, value_name = "TICKET")]
    pub ticket: Option<String>,
    /// This task's id
    #[arg(long, value_name = "ID")]
    pub task: Option<String>,
    /// This session
    #[arg(long, value_name = "ID")]
    pub session: Option<SessionId>,
    /// From this time on: 2026-01-31, 2026-01-31T12:00:00Z, or back from now: 90m, 36h, 7d
    #[arg(long, value_name = "TIME")]
    pub since: Option<When>,
    /// Before this time
    #[arg(long, value_name = "TIME")]
    pub until: Option<When>,
    /// Only moments of this kind; repeat for several
    #[arg(long)]
    pub kind: Vec<Kind>,
    /// How many at most
    #[arg(long, value_name = "NUMBER", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub limit: u32,
    /// The folder of the index [default: `$XDG_STATE_HOME/portreeve/index`]
    #[arg(long, value_name = "DIR")]
    pub index: Option<PathBuf>,
}

/// What a moment is a piece of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Kind {
    /// A session: who, where and why
    Session,
    /// A command line
    Command,
    /// What was seen
    Output,
    /// Standard input of a program without a terminal
    Input,
    /// An operation on a file, by sftp or scp
    File,
    /// What was refused
    Refused,
    /// A remark of the bastion
    Note,
    /// What the host told
    Host,
}

/// A time as it is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// This one.
    At(Timestamp),
    /// So long ago.
    Ago(Duration),
}

/// Why a text is no time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a date, a time in UTC, or a span such as 90m, 36h or 7d is wanted")]
pub struct NotATime;

impl When {
    /// The moment, as seen from `now`.
    #[must_use]
    pub fn from_now(self, now: Timestamp) -> Timestamp {
        match self {
            Self::At(at) => at,
            Self::Ago(span) => now.minus(span),
        }
    }
}

impl FromStr for When {
    type Err = NotATime;

    fn from_str(text: &str) -> Result<Self, NotATime> {
        let unit = match text.chars().last() {
            Some('s') => 1,
            Some('m') => 60,
            Some('h') => 3600,
            Some('d') => 24 * 3600,
            Some('w') => 7 * 24 * 3600,
            _ => 0,
        };
        if unit > 0 {
            let number = text.get(..text.len() - 1).unwrap_or_default();
            let is_number = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
            let span = number.parse().ok().filter(|_| is_number);
            let seconds = span.and_then(|span: u64| span.checked_mul(unit));
            return seconds
                .map(Duration::from_secs)
                .map(Self::Ago)
                .ok_or(NotATime);
        }
        let time = if text.contains('T') {
            text.to_owned()
        } else {
            format!("{text}T00:00:00Z")
        };
        time.parse().map(Self::At).map_err(|_| NotATime)
    }
}

impl FromStr for Exit {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "signal" => Ok(Self::Signal),
            "failed" => Ok(Self::Failed),
            "none" => Ok(Self::None),
            number => number
                .parse()
                .map(Self::Status)
                .map_err(|_| "a status, `signal`, `failed` or `none` is wanted"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_absolute_or_back_from_now() {
        let now: Timestamp = "2026-02-01T12:00:00Z".parse().unwrap();
        for (text, time) in [
            ("2026-01-31", "2026-01-31T00:00:00Z"),
            ("2026-01-31T12:00:01Z", "2026-01-31T12:00:01Z"),
            ("90m", "2026-02-01T10:30:00Z"),
            ("36h", "2026-01-31T00:00:00Z"),
            ("7d", "2026-01-25T12:00:00Z"),
        ] {
            let when: When = text.parse().unwrap();
            assert_eq!(when.from_now(now), time.parse().unwrap(), "{text}");
        }
        for text in [
            "",
            "d",
            "7",
            "yesterday",
            "-7d",
            "+7d",
            "99999999999999999999w",
            "2026-13-01",
        ] {
            assert_eq!(text.parse::<When>(), Err(NotATime), "{text}");
        }
    }
}
