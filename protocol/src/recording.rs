//! What the CA knows of recordings, and what is asked about them: where they are, how long they stay, who holds them.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::digest::Digest;
use crate::id::SessionId;
use crate::name::{BastionName, HostName};
use crate::pair::{Human, Pair};
use crate::quantity::{self, Unit};
use crate::task::{Purpose, Task};
use crate::time::Timestamp;

/// How long a recording is kept: whole seconds, at least one.
///
/// Written as a number of seconds on the wire; people also write `365d`, `12h`, `90m` or `30s`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "u32", into = "u32")]
pub struct Retention(u32);

impl Retention {
    /// A year: what is kept where nobody says otherwise.
    pub const YEAR: Self = Self(365 * 24 * 3600);

    /// As a duration.
    #[must_use]
    pub const fn as_duration(self) -> std::time::Duration {
        std::time::Duration::from_secs(self.0 as u64)
    }
}

/// The text is not a retention.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a retention is a whole number above zero and a unit: `365d`, `12h`, `90m` or `30s`")]
pub struct NotARetention;

impl TryFrom<u32> for Retention {
    type Error = NotARetention;

    fn try_from(seconds: u32) -> Result<Self, NotARetention> {
        if seconds == 0 {
            Err(NotARetention)
        } else {
            Ok(Self(seconds))
        }
    }
}

impl From<Retention> for u32 {
    fn from(retention: Retention) -> Self {
        retention.0
    }
}

/// What people write retentions in.
const UNITS: [Unit; 4] = [("d", 24 * 3600), ("h", 3600), ("m", 60), ("s", 1)];

impl FromStr for Retention {
    type Err = NotARetention;

    fn from_str(text: &str) -> Result<Self, NotARetention> {
        let seconds = quantity::read(text, &UNITS).ok_or(NotARetention)?;
        Self::try_from(u32::try_from(seconds).map_err(|_| NotARetention)?)
    }
}

impl fmt::Display for Retention {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        quantity::write(self.0.into(), &UNITS, f)
    }
}

/// The name of a recording store: `file:` and its folder, or `s3://`, host, bucket and prefix.
///
/// All who share a store write it in the same way. It holds no credential.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct StoreName(String);

/// The text is not the name of a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a store's name begins with `file:` or `s3://` and has {MAX_STORE_NAME} bytes at most")]
pub struct NotAStoreName;

/// The longest name of a store in bytes.
const MAX_STORE_NAME: usize = 1024;

impl StoreName {
    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for StoreName {
    type Err = NotAStoreName;

    fn from_str(text: &str) -> Result<Self, NotAStoreName> {
        let rest = text.strip_prefix("file:").or(text.strip_prefix("s3://"));
        let is_name = rest.is_some_and(|rest| !rest.is_empty())
            && text.len() <= MAX_STORE_NAME
            && !text.chars().any(char::is_control);
        if is_name {
            Ok(Self(text.to_owned()))
        } else {
            Err(NotAStoreName)
        }
    }
}

impl fmt::Display for StoreName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for StoreName {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for StoreName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(serde::de::Error::custom)
    }
}

/// What decided how long a recording is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RetentionRule {
    /// `@retention` on a policy that permitted the session.
    Policy,
    /// The CA's configuration.
    Configuration,
}

impl fmt::Display for RetentionRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Policy => "the policy that permitted the session",
            Self::Configuration => "the CA's configuration",
        })
    }
}

/// Where a recording is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RecordingState {
    /// The session runs.
    Running,
    /// It is whole, on the bastion.
    Sealed,
    /// Its end is missing; what there is, is on the bastion.
    Cut,
    /// It is in the store.
    Stored,
    /// A bastion may delete it at this moment.
    Expiring,
    /// It was deleted.
    Deleted,
    /// The session is over, and no bastion reported a recording.
    Missing,
}

impl fmt::Display for RecordingState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Running => "running",
            Self::Sealed => "sealed",
            Self::Cut => "cut",
            Self::Stored => "stored",
            Self::Expiring => "expiring",
            Self::Deleted => "deleted",
            Self::Missing => "missing",
        })
    }
}

/// Who holds a recording, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hold {
    /// Who.
    pub by: Human,
    /// Since when.
    pub at: Timestamp,
    /// Why.
    pub reason: Purpose,
}

/// `GET /v1/recordings`: what is known of one recording.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordingRow {
    /// The session that it is of.
    pub session: SessionId,
    /// Whose session it was.
    pub pair: Pair,
    /// Where it was.
    pub host: HostName,
    /// When the session was granted.
    pub created_at: Timestamp,
    /// The bastion that recorded it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bastion: Option<BastionName>,
    /// Where it is in its life.
    pub state: RecordingState,
    /// Whether its end is missing.
    pub cut: bool,
    /// The size of the file in bytes, once it is sealed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes: Option<u64>,
    /// The digest of its manifest, once it is sealed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub manifest: Option<Digest>,
    /// In which store it is, or was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub store: Option<StoreName>,
    /// Who holds it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hold: Option<Hold>,
    /// How long it is kept.
    pub retention: Retention,
    /// What said so.
    pub rule: RetentionRule,
    /// When that is over, unless it is held.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
    /// When it was deleted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deleted_at: Option<Timestamp>,
    /// What is known of one that is missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unsealed: Option<Unsealed>,
}

/// What is known of a recording that no bastion sealed although its session is over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unsealed {
    /// When its bastion was last heard; nothing where it never was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bastion_seen_at: Option<Timestamp>,
    /// What the store has of it; nothing where the CA reads none, or it does not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stored: Option<StoredParts>,
}

/// Parts of a recording in a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredParts {
    /// How many.
    pub parts: u64,
    /// How many bytes they have together.
    pub bytes: u64,
}

/// `POST /v1/sessions/{id}/recording/hold` and `/release`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HoldRequest {
    /// Why.
    pub reason: Purpose,
}

/// The answer to a bastion that is about to delete a recording: it may, now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deletion {
    /// For how many seconds. The CA counts from its answer and the bastion from before it asked, so that there it ends
    /// first: a hold that comes later is not too late.
    pub seconds: u32,
    /// The digest of the recording's manifest.
    pub manifest: Digest,
    /// What decided.
    pub rule: RetentionRule,
    /// Whose session it was, for the event that says that it is done.
    pub pair: Pair,
    /// What the session was for.
    pub task: Task,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retentions_are_read_as_people_write_them() {
        for (text, seconds, shown) in [
            ("365d", 31_536_000, "365d"),
            ("24h", 86_400, "1d"),
            ("90m", 5400, "90m"),
            ("30s", 30, "30s"),
        ] {
            let retention: Retention = text.parse().unwrap();
            assert_eq!(u32::from(retention), seconds);
            assert_eq!(retention.to_string(), shown);
            assert_eq!(shown.parse(), Ok(retention));
        }
        for bad in [
            "",
            "d",
            "0d",
            "-1d",
            "1w",
            "1.5d",
            "365",
            "99999999d",
            "4294967296s",
        ] {
            assert!(bad.parse::<Retention>().is_err(), "{bad}");
        }
    }

    #[test]
    fn names_of_stores_are_told_from_other_texts() {
        for name in [
            "file:/srv/recordings",
            "s3://s3.example.com/recordings/portreeve",
        ] {
            assert_eq!(name.parse::<StoreName>().unwrap().to_string(), name);
        }
        let long = format!("file:/{}", "a".repeat(MAX_STORE_NAME));
        for bad in [
            "",
            "file:",
            "s3://",
            "/srv",
            "https://s3.example.com/b",
            "file:/a\n",
            &long,
        ] {
            assert!(bad.parse::<StoreName>().is_err(), "{bad}");
        }
    }
}
