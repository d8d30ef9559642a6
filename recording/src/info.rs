//! `session.json`: whose session a recording is of. The only part besides the manifest that is
//! readable without a key.

use portreeve_protocol::age::Recipient;
use portreeve_protocol::canonical::{self, NotCanonical};
use portreeve_protocol::grant::{ContentLimit, RecordingMode};
use portreeve_protocol::id::SessionId;
use portreeve_protocol::name::{AccountName, BastionName, HostName};
use portreeve_protocol::pair::Pair;
use portreeve_protocol::session::BundleRef;
use portreeve_protocol::task::Task;
use portreeve_protocol::time::Timestamp;
use serde::{Deserialize, Serialize};

/// The longest `session.json` that is read.
pub const MAX_INFO: usize = 64 * 1024;

/// Everything about a session that is known when its recording begins.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SessionInfo {
    /// The version of the whole recording's format.
    pub format: Format,
    /// The session.
    pub session: SessionId,
    /// Whose it is.
    pub pair: Pair,
    /// Why.
    pub task: Task,
    /// Where.
    pub host: HostName,
    /// As which account.
    pub account: AccountName,
    /// With which bundle, when it began.
    pub bundle: BundleRef,
    /// Which bastion recorded it.
    pub bastion: BastionName,
    /// When it began; the events count from here.
    pub started_at: Timestamp,
    /// How strictly the recording binds the session.
    pub recording: RecordingMode,
    /// How much of each file's content is kept; all of it where nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content_limit: Option<ContentLimit>,
    /// Who can open the segments.
    pub recipients: Vec<Recipient>,
}

/// The version of the format: 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(try_from = "u32", into = "u32")]
pub struct Format;

/// A version of the format that this program does not know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("recording format {0} is unknown; use the version of portreeve that wrote it")]
pub struct UnknownFormat(pub u64);

impl Format {
    /// The number that stands for it.
    pub const NUMBER: u32 = 1;
}

impl TryFrom<u32> for Format {
    type Error = UnknownFormat;

    fn try_from(number: u32) -> Result<Self, UnknownFormat> {
        if number == Self::NUMBER {
            Ok(Self)
        } else {
            Err(UnknownFormat(number.into()))
        }
    }
}

impl From<Format> for u32 {
    fn from(_: Format) -> Self {
        Format::NUMBER
    }
}

impl SessionInfo {
    /// The bytes of `session.json`.
    ///
    /// # Errors
    /// When the value does not serialise; none that parsed does that.
    pub fn to_json(&self) -> Result<String, NotCanonical> {
        canonical::to_string(self)
    }

    /// Reads the bytes of a `session.json`.
    ///
    /// # Errors
    /// When they are not one.
    pub fn from_json(bytes: &[u8]) -> Result<Self, serde_json::Error> {
        serde_json::from_slice(bytes)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// Of the recording in `tests/vectors`.
    const EXAMPLE: &[u8] = include_bytes!("../../tests/vectors/recording/session.json");

    pub(crate) fn example(recipients: Vec<Recipient>) -> SessionInfo {
        SessionInfo {
            recipients,
            ..SessionInfo::from_json(EXAMPLE).unwrap()
        }
    }

    #[test]
    fn session_json_reads_back() {
        let info = example(vec![]);
        assert_eq!(
            SessionInfo::from_json(info.to_json().unwrap().as_bytes()).unwrap(),
            info
        );
    }

    #[test]
    fn another_format_is_refused_by_name() {
        let json = example(vec![])
            .to_json()
            .unwrap()
            .replace("\"format\":1", "\"format\":2");
        let error = SessionInfo::from_json(json.as_bytes())
            .unwrap_err()
            .to_string();
        assert!(error.contains("recording format 2 is unknown"), "{error}");
    }
}
