//! Checkpoints (C2SP `tlog-checkpoint`) as signed notes (C2SP `signed-note`).

use std::fmt;
use std::str::FromStr;

use base64ct::{Base64, Encoding as _};
use ed25519_dalek::{Signature, VerifyingKey};
use sha2::{Digest as _, Sha256};

use super::{decode_hash, encode_hash};
use crate::digest::Digest;

/// The longest note that is read.
const MAX_NOTE: usize = 16 * 1024;
/// The most signature lines that are looked at; other people's witnesses may add theirs.
const MAX_SIGNATURES: usize = 16;
/// How a signature line begins: an em dash and a space.
const SIGNATURE_MARK: &str = "\u{2014} ";
/// The signature type of Ed25519 in C2SP `signed-note`.
const TYPE_ED25519: u8 = 1;

/// What the log says of itself: its name, how many events it has, and the root over them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// The log's name.
    pub origin: String,
    /// How many events it has.
    pub size: u64,
    /// The root hash over them.
    pub root: Digest,
}

/// Why a text is not a checkpoint that can be believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotACheckpoint {
    /// The text is no signed note.
    #[error("the text is not a signed note")]
    Form,
    /// No signature line is by the trusted key.
    #[error("it is not signed by the trusted key")]
    OtherKey,
    /// The signature line of the trusted key does not hold.
    #[error("the signature does not hold")]
    Signature,
    /// The signed text is no checkpoint of the log that the key belongs to.
    #[error("the signed text is not a checkpoint of this log")]
    Content,
}

impl Checkpoint {
    /// The text that is signed.
    #[must_use]
    pub fn text(&self) -> String {
        format!(
            "{}\n{}\n{}\n",
            self.origin,
            self.size,
            encode_hash(&self.root)
        )
    }

    /// The signed note: this text, an empty line, and the signature line of `key`.
    #[must_use]
    pub fn signed(&self, key: &VerifierKey, signature: &[u8; 64]) -> String {
        let mut line = key.hash().to_vec();
        line.extend_from_slice(signature);
        format!(
            "{}\n{SIGNATURE_MARK}{} {}\n",
            self.text(),
            key.name,
            Base64::encode_string(&line)
        )
    }

    /// Checks a signed note against `key` and, only then, reads it. The log's name must be the
    /// key's, so that a key of one log vouches for no other.
    ///
    /// # Errors
    /// When it is not such a note.
    pub fn open(note: &str, key: &VerifierKey) -> Result<Self, NotACheckpoint> {
        let text = key.open(note)?;
        let mut lines = text.lines();
        let (Some(origin), Some(size), Some(root)) = (lines.next(), lines.next(), lines.next())
        else {
            return Err(NotACheckpoint::Content);
        };
        if origin != key.name {
            return Err(NotACheckpoint::Content);
        }
        Ok(Self {
            origin: origin.to_owned(),
            size: decimal(size).ok_or(NotACheckpoint::Content)?,
            root: decode_hash(root).ok_or(NotACheckpoint::Content)?,
        })
    }
}

/// A number without leading zeroes or signs: one size, one text.
fn decimal(text: &str) -> Option<u64> {
    let number: u64 = text.parse().ok()?;
    (number.to_string() == text).then_some(number)
}

/// The key that a log's checkpoints are checked with: `<name>+<hash>+<base64 of type and key>`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifierKey {
    name: String,
    key: VerifyingKey,
}

/// Why a text is not a log's verifier key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotAVerifierKey {
    /// The name is empty, or holds white space or a plus sign.
    #[error("a log's name has no white space and no `+`")]
    Name,
    /// The text has not three parts, or the key is not an Ed25519 key.
    #[error("a log key is written `<name>+<hash>+<base64 of an Ed25519 key>`")]
    Form,
    /// The hash is not that of name and key.
    #[error("the hash in the log key is not that of its name and key: copy it again")]
    Hash,
}

impl VerifierKey {
    /// A name and the 32 bytes of an Ed25519 key.
    ///
    /// # Errors
    /// When the name cannot stand in a note or the bytes are no key.
    pub fn new(name: &str, key: &[u8; 32]) -> Result<Self, NotAVerifierKey> {
        if name.is_empty()
            || name.len() > 512
            || name
                .chars()
                .any(|c| c.is_whitespace() || c.is_control() || c == '+')
        {
            return Err(NotAVerifierKey::Name);
        }
        let key = VerifyingKey::from_bytes(key).map_err(|_| NotAVerifierKey::Form)?;
        if key.is_weak() {
            return Err(NotAVerifierKey::Form);
        }
        Ok(Self {
            name: name.to_owned(),
            key,
        })
    }

    /// The log's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The raw 32 bytes of the Ed25519 key (RFC 8032).
    #[must_use]
    pub fn ed25519(&self) -> &[u8; 32] {
        self.key.as_bytes()
    }

    /// The first four bytes of the hash over name, type and key, by which a signature line says
    /// whose it is.
    #[must_use]
    pub fn hash(&self) -> [u8; 4] {
        let digest: [u8; 32] = Sha256::new()
            .chain_update(self.name.as_bytes())
            .chain_update([b'\n', TYPE_ED25519])
            .chain_update(self.key.as_bytes())
            .finalize()
            .into();
        let [a, b, c, d, ..] = digest;
        [a, b, c, d]
    }

    /// The text of a signed note whose signature by this key holds.
    fn open<'a>(&self, note: &'a str) -> Result<&'a str, NotACheckpoint> {
        if note.len() > MAX_NOTE || note.chars().any(|c| c.is_control() && c != '\n') {
            return Err(NotACheckpoint::Form);
        }
        let blank = note.rfind("\n\n").ok_or(NotACheckpoint::Form)?;
        let (text, signatures) = note
            .split_at_checked(blank + 1)
            .ok_or(NotACheckpoint::Form)?;
        let signatures = signatures
            .strip_prefix('\n')
            .and_then(|lines| lines.strip_suffix('\n'))
            .ok_or(NotACheckpoint::Form)?;
        for line in signatures.split('\n').take(MAX_SIGNATURES) {
            if let Some(signature) = self.signature_in(line)? {
                return self
                    .key
                    .verify_strict(text.as_bytes(), &signature)
                    .map(|()| text)
                    .map_err(|_| NotACheckpoint::Signature);
            }
        }
        Err(NotACheckpoint::OtherKey)
    }

    /// The signature in a line, if the line is by this key.
    fn signature_in(&self, line: &str) -> Result<Option<Signature>, NotACheckpoint> {
        let (name, encoded) = line
            .strip_prefix(SIGNATURE_MARK)
            .and_then(|rest| rest.split_once(' '))
            .ok_or(NotACheckpoint::Form)?;
        let bytes = Base64::decode_vec(encoded).map_err(|_| NotACheckpoint::Form)?;
        let Some((hash, signature)) = bytes.split_first_chunk::<4>() else {
            return Err(NotACheckpoint::Form);
        };
        if name != self.name || *hash != self.hash() {
            return Ok(None);
        }
        Signature::from_slice(signature)
            .map(Some)
            .map_err(|_| NotACheckpoint::Signature)
    }
}

impl fmt::Display for VerifierKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut typed = vec![TYPE_ED25519];
        typed.extend_from_slice(self.key.as_bytes());
        let hash = u32::from_be_bytes(self.hash());
        write!(
            f,
            "{}+{hash:08x}+{}",
            self.name,
            Base64::encode_string(&typed)
        )
    }
}

impl FromStr for VerifierKey {
    type Err = NotAVerifierKey;

    fn from_str(text: &str) -> Result<Self, NotAVerifierKey> {
        let mut parts = text.trim().splitn(3, '+');
        let (Some(name), Some(hash), Some(encoded)) = (parts.next(), parts.next(), parts.next())
        else {
            return Err(NotAVerifierKey::Form);
        };
        if encoded.len() > 64 {
            return Err(NotAVerifierKey::Form);
        }
        let typed = Base64::decode_vec(encoded).map_err(|_| NotAVerifierKey::Form)?;
        let key: &[u8; 32] = match typed.split_first() {
            Some((&TYPE_ED25519, key)) => key.try_into().map_err(|_| NotAVerifierKey::Form)?,
            _ => return Err(NotAVerifierKey::Form),
        };
        let verifier = Self::new(name, key)?;
        if format!("{:08x}", u32::from_be_bytes(verifier.hash())) == hash {
            Ok(verifier)
        } else {
            Err(NotAVerifierKey::Hash)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The key and the note of the example in the documentation of Go's `sumdb/note`.
    const KEY: &str = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
    const NOTE: &str = "If you think cryptography is the answer to your problem,\n\
        then you don't know what your problem is.\n\
        \n\
        \u{2014} PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";

    #[test]
    fn the_known_note_opens_with_its_known_key() {
        let key: VerifierKey = KEY.parse().unwrap();
        assert_eq!(key.to_string(), KEY);
        assert!(key.open(NOTE).unwrap().ends_with("what your problem is.\n"));
        // Genuine, and no checkpoint.
        assert_eq!(Checkpoint::open(NOTE, &key), Err(NotACheckpoint::Content));
    }

    #[test]
    fn the_key_of_a_public_log_is_read() {
        let text = "sum.golang.org+033de0ae+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8";
        assert_eq!(text.parse::<VerifierKey>().unwrap().to_string(), text);
    }

    #[test]
    fn altered_notes_and_keys_are_refused() {
        let key: VerifierKey = KEY.parse().unwrap();
        for (bad, why) in [
            (NOTE.replace("If", "lf"), NotACheckpoint::Signature),
            (NOTE.replace("\u{2014}", "-"), NotACheckpoint::Form),
            (
                NOTE.replace(" PeterNeumann x", " Other x"),
                NotACheckpoint::OtherKey,
            ),
            (NOTE.replace("x08go/", "x08gp/"), NotACheckpoint::OtherKey),
            (NOTE.replace("JnAM=", "JnAM"), NotACheckpoint::Form),
            (NOTE.trim_end().to_owned(), NotACheckpoint::Form),
            (NOTE.replace("problem,", "problem,\r"), NotACheckpoint::Form),
            (String::new(), NotACheckpoint::Form),
            ("\n\n".repeat(MAX_NOTE), NotACheckpoint::Form),
        ] {
            assert_eq!(key.open(&bad), Err(why), "{bad:.80}");
        }
        for (bad, why) in [
            (KEY.replace("c74f20a3", "c74f20a4"), NotAVerifierKey::Hash),
            (KEY.replace("PeterNeumann", "Peter"), NotAVerifierKey::Hash),
            (
                KEY.replace("PeterNeumann", "Peter Neumann"),
                NotAVerifierKey::Name,
            ),
            (KEY.replace("+ARpc", "+AhpC"), NotAVerifierKey::Form),
            (KEY.replace("PeterNeumann+", ""), NotAVerifierKey::Form),
        ] {
            assert_eq!(bad.parse::<VerifierKey>(), Err(why), "{bad}");
        }
    }
}
