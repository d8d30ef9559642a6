//! Public keys and what they identify, in OpenSSH's forms.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use ssh_key::HashAlg;
use ssh_key::public::{Ed25519PublicKey, KeyData};

/// The most bytes that a key or certificate from outside may have before it is parsed.
///
/// Parsing a nested certificate of 128 KB overflows a thread's stack; OpenSSH's own certificates
/// stay below 2 KiB and ours, with a grant inside, below 12 KiB.
pub const MAX_BLOB: usize = 16 * 1024;

/// A public key (RFC 4253, section 6.6, and RFC 8709), without a comment.
#[derive(Clone, PartialEq, Eq)]
pub struct PublicKey(KeyData);

/// Why a text is not a public key that we accept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotAKey {
    /// Longer than [`MAX_BLOB`].
    #[error("a public key has {MAX_BLOB} bytes at most")]
    TooLong,
    /// Not one line of OpenSSH's public key format.
    #[error("a public key is one line as in an OpenSSH `.pub` file")]
    Malformed,
    /// Neither Ed25519 nor ECDSA on P-256 or P-384.
    #[error("only ssh-ed25519, ecdsa-sha2-nistp256 and ecdsa-sha2-nistp384 keys are accepted")]
    Algorithm,
}

impl PublicKey {
    /// Takes a parsed key of an accepted algorithm.
    ///
    /// # Errors
    /// When the algorithm is not accepted.
    pub fn new(data: KeyData) -> Result<Self, NotAKey> {
        #[expect(
            clippy::wildcard_enum_match_arm,
            reason = "an algorithm that is not named here is not accepted"
        )]
        let accepted = match &data {
            KeyData::Ed25519(_) => true,
            KeyData::Ecdsa(key) => matches!(
                key,
                ssh_key::public::EcdsaPublicKey::NistP256(_)
                    | ssh_key::public::EcdsaPublicKey::NistP384(_)
            ),
            _ => false,
        };
        if accepted {
            Ok(Self(data))
        } else {
            Err(NotAKey::Algorithm)
        }
    }

    /// An Ed25519 key from its raw 32 bytes (RFC 8032).
    #[must_use]
    pub const fn of_ed25519(bytes: [u8; 32]) -> Self {
        Self(KeyData::Ed25519(Ed25519PublicKey(bytes)))
    }

    /// The key as `ssh-key` knows it.
    #[must_use]
    pub const fn data(&self) -> &KeyData {
        &self.0
    }

    /// The key's SHA-256 fingerprint.
    #[must_use]
    pub fn fingerprint(&self) -> Fingerprint {
        Fingerprint(self.0.fingerprint(HashAlg::Sha256))
    }

    /// The raw 32 bytes of an Ed25519 key (RFC 8032); other keys have none.
    #[must_use]
    pub fn ed25519(&self) -> Option<[u8; 32]> {
        self.0.ed25519().map(|key| key.0)
    }
}

impl FromStr for PublicKey {
    type Err = NotAKey;

    fn from_str(text: &str) -> Result<Self, NotAKey> {
        if text.len() > MAX_BLOB {
            return Err(NotAKey::TooLong);
        }
        let key = ssh_key::PublicKey::from_openssh(text.trim()).map_err(|_| NotAKey::Malformed)?;
        Self::new(key.key_data().clone())
    }
}

impl From<&PublicKey> for ssh_key::PublicKey {
    fn from(key: &PublicKey) -> Self {
        Self::new(key.0.clone(), "")
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = ssh_key::PublicKey::from(self)
            .to_openssh()
            .map_err(|_| fmt::Error)?;
        f.write_str(text.trim_end())
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({})", self.fingerprint())
    }
}

impl Serialize for PublicKey {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for PublicKey {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(serde::de::Error::custom)
    }
}

/// A key's SHA-256 fingerprint in OpenSSH's form, `SHA256:` and unpadded base64.
///
/// For a certificate this is the fingerprint of the key that it certifies, which is also what
/// sshd hands to a principals command as `%f`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Fingerprint(ssh_key::Fingerprint);

/// The text is not a SHA-256 fingerprint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a fingerprint is written `SHA256:` and 43 characters of base64")]
pub struct NotAFingerprint;

impl FromStr for Fingerprint {
    type Err = NotAFingerprint;

    fn from_str(text: &str) -> Result<Self, NotAFingerprint> {
        match text.parse::<ssh_key::Fingerprint>() {
            Ok(fingerprint) if fingerprint.is_sha256() => Ok(Self(fingerprint)),
            _ => Err(NotAFingerprint),
        }
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl Serialize for Fingerprint {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Fingerprint {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(serde::de::Error::custom)
    }
}
