//! The settings of this host: a file that need not be there.

use std::path::{Path, PathBuf};
use std::time::Duration;

use portreeve_protocol::time::Ttl;
use serde::{Deserialize, Deserializer};

use crate::file::{self, ReadError};
use crate::range::Range;
use crate::search::{Entry, Leftovers, SearchRoot};

/// The largest settings file.
const MAX_BYTES: u64 = 64 * 1024;
/// The most sessions that any setting may allow; each costs a thread.
const MOST_SESSIONS: usize = 4096;
/// Below this, UIDs belong to people, services, containers or directory services.
const LOWEST_UID: u32 = 2_000_200_001;
/// From here on UIDs belong to systemd's foreign range, or are negative to somebody.
const HIGHEST_UID: u32 = 2_147_352_575;

/// A session's buffer takes this much of the kernel's memory at the most.
const MOST_BUFFER_KIB: u32 = 65_536;

/// The settings.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Config {
    /// How many sessions at a time.
    pub(crate) max_sessions: usize,
    /// How far an order's expiry may lie ahead.
    #[serde(deserialize_with = "span")]
    pub(crate) max_lifetime: Duration,
    /// How far the CA's clock may be ahead of ours.
    #[serde(deserialize_with = "span")]
    pub(crate) clock_skew: Duration,
    /// The first UID of the reserved range.
    pub(crate) first_uid: u32,
    /// The last UID of the reserved range.
    pub(crate) last_uid: u32,
    /// Where homes are made.
    pub(crate) home_base: PathBuf,
    /// A directory of a cgroup2 file system; found when not set.
    pub(crate) cgroup_root: Option<PathBuf>,
    /// How many processes a session may have, where the kernel can say so.
    pub(crate) max_processes: u32,
    /// How large all journals together may be.
    pub(crate) spool_limit_mib: u64,
    /// How much of what a session does the kernel keeps for us until we look.
    pub(crate) watch_buffer_kib: u32,
    /// What becomes of files of a session's UID that are found at its end.
    leftovers: Leftovers,
    /// Where they are looked for.
    search: Vec<Entry>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            max_sessions: 256,
            max_lifetime: Duration::from_secs(8 * 3600),
            clock_skew: Duration::from_secs(30),
            first_uid: 2_010_000_000,
            last_uid: 2_109_999_999,
            home_base: "/home".into(),
            cgroup_root: None,
            max_processes: 4096,
            spool_limit_mib: 256,
            watch_buffer_kib: 2048,
            leftovers: Leftovers::default(),
            search: [
                "/tmp",
                "/var/tmp",
                "/dev/shm",
                "/dev/mqueue",
                "/run/lock",
                "/run/screen",
                "/var/crash",
                "/var/spool/cron/atjobs",
                "/var/spool/cron/atspool",
                "/var/spool/at",
            ]
            .map(|path| Entry::Path(path.into()))
            .into(),
        }
    }
}

/// Why the settings are not usable.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConfigError {
    /// The file cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The file is not what it should be.
    #[error("{path}:{line}: {rule}", path = path.display())]
    Format {
        /// Which file.
        path: PathBuf,
        /// In which line.
        line: usize,
        /// What it breaks; unknown fields are named in it.
        rule: String,
    },
    /// A value makes no sense.
    #[error("{path}: {1}", path = .0.display())]
    Value(PathBuf, &'static str),
}

impl Config {
    /// Reads the settings; the defaults when there is no file.
    pub(crate) fn load(path: &Path) -> Result<Self, ConfigError> {
        match file::read_trusted(path, MAX_BYTES) {
            Ok(text) => Self::parse(path, &text),
            Err(ReadError::Missing(_)) => Ok(Self::default()),
            Err(error) => Err(error.into()),
        }
    }

    /// Where files of a session's UID are looked for at its end, and what becomes of them.
    pub(crate) fn search(&self) -> Vec<SearchRoot> {
        let entries = self.search.iter().cloned();
        entries.map(|entry| entry.settled(self.leftovers)).collect()
    }

    fn parse(path: &Path, text: &str) -> Result<Self, ConfigError> {
        let config: Self = toml::from_str(text).map_err(|error| {
            let at = error.span().map_or(0, |span| span.start);
            ConfigError::Format {
                path: path.to_owned(),
                line: line_of(text, at),
                rule: rule(text, at, error.message()),
            }
        })?;
        match config.complaint() {
            Some(complaint) => Err(ConfigError::Value(path.to_owned(), complaint)),
            None => Ok(config),
        }
    }

    /// The reserved range.
    pub(crate) fn uids(&self) -> Range {
        Range {
            first: self.first_uid,
            last: self.last_uid,
        }
    }

    fn complaint(&self) -> Option<&'static str> {
        let search = self.search();
        if !(1..=MOST_SESSIONS).contains(&self.max_sessions) {
            return Some("`max_sessions` must be 1 to 4096");
        }
        if !(LOWEST_UID..=HIGHEST_UID).contains(&self.first_uid)
            || !(self.first_uid..=HIGHEST_UID).contains(&self.last_uid)
        {
            return Some("`first_uid` and `last_uid` must lie between 2000200001 and 2147352575");
        }
        if !self.home_base.is_absolute() || search.iter().any(|root| !root.path.is_absolute()) {
            return Some("`home_base` and `search` must be absolute paths");
        }
        if search.iter().any(|root| root.path == Path::new("/")) {
            return Some("`search` must not name `/`: the whole host would be walked at each end");
        }
        if self
            .cgroup_root
            .as_ref()
            .is_some_and(|path| !path.is_absolute())
        {
            return Some("`cgroup_root` must be an absolute path");
        }
        if !self.watch_buffer_kib.is_power_of_two()
            || !(4..=MOST_BUFFER_KIB).contains(&self.watch_buffer_kib)
        {
            return Some("`watch_buffer_kib` must be a power of two from 4 to 65536");
        }
        if self.clock_skew > Duration::from_secs(300) {
            return Some("`clock_skew` must be five minutes at most");
        }
        None
    }
}

/// The line of a byte offset, counted from 1.
fn line_of(text: &str, at: usize) -> usize {
    let before = text.as_bytes().iter().take(at);
    before
        .filter(|byte| **byte == b'\n')
        .count()
        .saturating_add(1)
}

/// What is wrong, with the field whose value begins at this offset in front.
fn rule(text: &str, at: usize, message: &str) -> String {
    let message = message.trim_end().replace('\n', "; ");
    let line = text.get(..at).and_then(|before| before.lines().last());
    match line.and_then(|line| line.split_once('=')) {
        Some((field, _)) => format!("`{}`: {message}", field.trim()),
        None => message,
    }
}

fn span<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    let text = String::deserialize(deserializer)?;
    let ttl: Ttl = text.parse().map_err(serde::de::Error::custom)?;
    Ok(ttl.as_duration())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Config, ConfigError> {
        Config::parse(Path::new("host.toml"), text)
    }

    #[test]
    fn what_is_not_set_has_its_default() {
        let config = parse("max_lifetime = \"30m\"\n").unwrap();
        assert_eq!(config.max_lifetime, Duration::from_secs(1800));
        assert_eq!(config.max_sessions, 256);
        assert_eq!(Config::default().complaint(), None);
    }

    #[test]
    fn a_fault_is_told_with_file_line_and_field() {
        for (text, told) in [
            (
                "\nmax_sesions = 3\n",
                "host.toml:2: unknown field `max_sesions`",
            ),
            (
                "\nmax_sessions = \"x\"\n",
                "host.toml:2: `max_sessions`: invalid type",
            ),
            (
                "max_lifetime = \"9 weeks\"",
                "host.toml:1: `max_lifetime`: a lifetime is",
            ),
            ("max_sessions = ", "host.toml:1: `max_sessions`: "),
            (
                "first_uid = 1000",
                "host.toml: `first_uid` and `last_uid` must",
            ),
        ] {
            let error = parse(text).unwrap_err().to_string();
            assert!(error.starts_with(told), "{error}");
        }
    }

    #[test]
    fn settings_that_make_no_sense_are_refused() {
        for bad in [
            "max_sesions = 3",
            "max_sessions = 0",
            "max_lifetime = 30",
            "first_uid = 1000",
            "last_uid = 2000200002",
            "last_uid = 4294967295",
            "home_base = \"home\"",
            "search = [\"/\"]",
            "search = [{ path = \"srv\" }]",
            "search = [{ path = \"/srv\", leftovers = \"keep\" }]",
            "leftovers = \"keep\"",
            "cgroup_root = \"x\"",
            "clock_skew = \"1h\"",
            "watch_buffer_kib = 2",
            "watch_buffer_kib = 1000",
            "watch_buffer_kib = 131072",
        ] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }
}
