//! The grant: everything a bastion needs for one session, sealed to the bastions (age) and
//! carried inside the access certificate.

use std::fmt;
use std::str::FromStr;

use base64ct::{Base64, Encoding as _};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use zeroize::Zeroizing;

use crate::digest::Digest;
use crate::facts::Facts;
use crate::id::SessionId;
use crate::key::{Fingerprint, PublicKey};
use crate::name::{AccountName, HostName};
use crate::order::Order;
use crate::pair::Pair;
use crate::quantity;
use crate::session::BundleRef;
use crate::signed::Signed;
use crate::task::Task;
use crate::time::{Timestamp, Ttl};

/// The longest plain grant that is parsed; sealed and encoded it stays below a certificate's cap.
pub const MAX_GRANT: usize = 11 * 1024;

/// Everything a bastion needs for one session.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Grant {
    /// The session. It must be the one that the certificate around it names.
    pub session: SessionId,
    /// The key that the certificate around it certifies, so that a grant moved into another
    /// certificate is refused.
    pub access_key: Fingerprint,
    /// Whose session.
    pub pair: Pair,
    /// Why.
    pub task: Task,
    /// Where.
    pub host: HostTarget,
    /// As which account.
    pub account: AccountName,
    /// With which bundle.
    pub bundle: BundleRef,
    /// What policy knows of pair, host and bundle, for the decisions inside the session.
    pub facts: Facts,
    /// By when the host must have been ordered.
    pub connect_by: Timestamp,
    /// When the session ends at the latest.
    pub expires_at: Timestamp,
    /// After how long without traffic the session ends.
    pub idle: Ttl,
    /// How long the session stays without any connection.
    pub linger: Ttl,
    /// How strictly the recording binds.
    pub recording: RecordingMode,
    /// How much of each file's content the recording keeps; all of it where nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recording_content: Option<ContentLimit>,
    /// The policy version that permitted the session.
    pub policy: Digest,
    /// The private half of the key that both certificates below certify.
    pub session_key: SessionKey,
    /// The certificate for the session's account, one line in OpenSSH's format.
    pub session_certificate: String,
    /// The certificate for the control user, one line in OpenSSH's format.
    pub control_certificate: String,
    /// What the host is told.
    pub order: Signed<Order>,
}

/// A host as the registry knows it: no trust on first use.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HostTarget {
    /// Its name.
    pub name: HostName,
    /// Its address as bastions reach it: a name or address, a colon, and a port.
    pub address: String,
    /// The host keys of its sshd.
    pub host_keys: Vec<PublicKey>,
    /// The key that signs its attestations and receipts.
    pub identity: PublicKey,
}

/// How strictly the recording binds the session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RecordingMode {
    /// Durable within a second; a failed write closes the session.
    Standard,
    /// Nothing reaches the agent that is not yet durable.
    Strict,
}

/// How many bytes of one file's content a recording keeps. In text a whole number and a unit, as
/// `64KiB`, `1MiB` or `2GiB`, or `0`; in JSON the number of bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ContentLimit(u64);

/// A PiB: every limit is a number that readers of JSON keep exactly.
const MAX_CONTENT_LIMIT: u64 = 1 << 50;

/// The text is no limit of content.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a limit of content is written as `0`, `64KiB`, `1MiB` or `2GiB`")]
pub struct NotAContentLimit;

impl ContentLimit {
    /// So many bytes.
    #[must_use]
    pub const fn of_bytes(bytes: u64) -> Self {
        Self(bytes)
    }

    /// The number of bytes.
    #[must_use]
    pub const fn bytes(self) -> u64 {
        self.0
    }
}

impl FromStr for ContentLimit {
    type Err = NotAContentLimit;

    fn from_str(text: &str) -> Result<Self, NotAContentLimit> {
        let bytes = match text {
            "0" => Some(0),
            _ => quantity::read(text, &quantity::SIZES),
        };
        bytes
            .filter(|bytes| *bytes <= MAX_CONTENT_LIMIT)
            .map(Self)
            .ok_or(NotAContentLimit)
    }
}

/// The seed of a session's Ed25519 key. Only a bastion ever holds it, in memory.
#[derive(Clone, PartialEq, Eq)]
pub struct SessionKey(Zeroizing<[u8; 32]>);

impl SessionKey {
    /// Takes 32 random bytes.
    #[must_use]
    pub fn from_seed(seed: [u8; 32]) -> Self {
        Self(Zeroizing::new(seed))
    }

    /// The seed, for the one place that makes a key pair of it.
    #[must_use]
    pub fn expose_seed(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for SessionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SessionKey(…)")
    }
}

/// Reveals the seed: a grant is only ever serialised in order to be sealed.
impl Serialize for SessionKey {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&Base64::encode_string(&*self.0))
    }
}

impl<'de> Deserialize<'de> for SessionKey {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Zeroizing::new(String::deserialize(deserializer)?);
        let mut seed = Zeroizing::new([0; 32]);
        match Base64::decode(text.as_bytes(), &mut *seed) {
            Ok(bytes) if bytes.len() == 32 => Ok(Self(seed)),
            _ => Err(serde::de::Error::custom(
                "a session key has 32 bytes in base64",
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_of_content_is_a_number_and_a_unit() {
        for (text, bytes) in [
            ("0", Some(0)),
            ("64KiB", Some(65_536)),
            ("1MiB", Some(1 << 20)),
            ("1048576GiB", Some(1 << 50)),
            ("1048577GiB", None),
            ("1MB", None),
            ("1", None),
            ("", None),
        ] {
            let limit = text.parse::<ContentLimit>().ok();
            assert_eq!(limit.map(ContentLimit::bytes), bytes, "{text}");
        }
    }
}
