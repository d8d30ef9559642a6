//! `manifest.json`: what a recording holds, signed by the bastion that made it.

use std::error::Error;

use portreeve_protocol::attest::EndCause;
use portreeve_protocol::canonical::{self, NotCanonical};
use portreeve_protocol::digest::Digest;
use portreeve_protocol::id::SessionId;
use portreeve_protocol::key::PublicKey;
use portreeve_protocol::time::Timestamp;
use serde::{Deserialize, Serialize};
use ssh_key::{HashAlg, LineEnding, PrivateKey, SshSig};

use crate::info::Format;

/// The SSHSIG namespace of manifests.
pub const NAMESPACE: &str = "manifest@portreeve";
/// The longest `manifest.json` that is read.
pub const MAX_MANIFEST: usize = 64 * 1024 * 1024;
/// The longest armoured signature that is read; an Ed25519 one has about 300 bytes.
pub const MAX_SIGNATURE: usize = 4 * 1024;

/// What a recording holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// The version of the format.
    pub format: Format,
    /// The session.
    pub session: SessionId,
    /// The digest of `session.json`.
    pub session_file: Digest,
    /// When the session began.
    pub started_at: Timestamp,
    /// When it ended; nothing when the recording is cut.
    pub ended_at: Option<Timestamp>,
    /// Why it ended; nothing when the recording is cut.
    pub cause: Option<EndCause>,
    /// Whether something that passed may be missing at the end.
    pub cut: bool,
    /// The segments, in order.
    pub segments: Vec<SegmentEntry>,
    /// What they add up to.
    pub totals: Totals,
}

/// One segment as it stands in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SegmentEntry {
    /// The digest of the sealed segment.
    pub digest: Digest,
    /// Its size in bytes.
    pub size: u64,
    /// How many events it holds; unknown after a recovery, which cannot open it.
    pub events: Option<u64>,
    /// When its first event was, in microseconds since the start.
    pub first_us: Option<u64>,
    /// When its last event was, in microseconds since the start.
    pub last_us: Option<u64>,
}

impl SegmentEntry {
    /// As it stands in `manifest.json`.
    pub(crate) fn to_json(self) -> Result<String, NotCanonical> {
        canonical::to_string(&self)
    }
}

/// Sums over all segments.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Totals {
    /// How many segments.
    pub segments: u64,
    /// How many bytes, sealed.
    pub bytes: u64,
    /// How many events, where every segment says.
    pub events: Option<u64>,
}

/// How a session ended in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct End {
    /// Why.
    pub cause: EndCause,
    /// When.
    pub at: Timestamp,
}

impl Totals {
    /// Adds segments up.
    #[must_use]
    pub fn of(segments: &[SegmentEntry]) -> Self {
        Self {
            segments: segments.len() as u64,
            bytes: segments
                .iter()
                .fold(0, |sum, segment| sum.saturating_add(segment.size)),
            events: segments
                .iter()
                .try_fold(0u64, |sum, segment| sum.checked_add(segment.events?)),
        }
    }
}

impl Manifest {
    /// The bytes of `manifest.json`.
    ///
    /// # Errors
    /// When the value does not serialise; none that this crate makes does that.
    pub fn to_json(&self) -> Result<String, NotCanonical> {
        canonical::to_string(self)
    }

    /// Reads the bytes of a `manifest.json`.
    ///
    /// # Errors
    /// When they are not one.
    pub fn from_json(bytes: &[u8]) -> Result<Self, serde_json::Error> {
        serde_json::from_slice(bytes)
    }
}

/// Signs manifests. The bastion's identity key is one; so may be a signer in another process.
pub trait ManifestSigner: Send + Sync {
    /// The armoured SSHSIG signature over `manifest` in the namespace [`NAMESPACE`].
    ///
    /// # Errors
    /// Whatever keeps the signer from signing; the recording then stays cut.
    fn sign(&self, manifest: &[u8]) -> Result<String, Box<dyn Error + Send + Sync>>;
}

impl ManifestSigner for PrivateKey {
    fn sign(&self, manifest: &[u8]) -> Result<String, Box<dyn Error + Send + Sync>> {
        Ok(Self::sign(self, NAMESPACE, HashAlg::Sha512, manifest)?.to_pem(LineEnding::LF)?)
    }
}

/// Whether `signature` is `key`'s over exactly these bytes of a manifest.
#[must_use]
pub fn is_signed_by(manifest: &[u8], signature: &str, key: &PublicKey) -> bool {
    signature.len() <= MAX_SIGNATURE
        && SshSig::from_pem(signature).is_ok_and(|signature| {
            ssh_key::PublicKey::from(key)
                .verify(NAMESPACE, manifest, &signature)
                .is_ok()
        })
}
