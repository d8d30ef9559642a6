//! Keys as they are given on the command line: the key itself, or a file with it.

use std::path::Path;

use portreeve_protocol::checkpoint::{NotAVerifierKey, VerifierKey};
use portreeve_protocol::key::{MAX_BLOB, PublicKey};

use crate::failure::Failure;
use crate::{files, safe};

/// The longest file with a log's key.
const MAX_KEY: usize = 4 * 1024;

/// The key of an audit log, as whoever verifies brought it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LogKey {
    /// With the log's name.
    Named(VerifierKey),
    /// The key alone, as the CA keeps it in `keys/log.pub`.
    Alone([u8; 32]),
}

impl LogKey {
    /// The raw 32 bytes of the Ed25519 key.
    #[must_use]
    pub fn ed25519(&self) -> &[u8; 32] {
        match self {
            Self::Named(key) => key.ed25519(),
            Self::Alone(key) => key,
        }
    }

    /// The key with a name: its own, or else the one that the checkpoint begins with.
    ///
    /// # Errors
    /// When the checkpoint begins with no name.
    pub fn verifier(&self, checkpoint: &str) -> Result<VerifierKey, NotAVerifierKey> {
        match self {
            Self::Named(key) => Ok(key.clone()),
            Self::Alone(key) => {
                VerifierKey::new(checkpoint.lines().next().unwrap_or_default(), key)
            }
        }
    }
}

/// A log's key, or a file with it: a verifier key, or a public key in OpenSSH's form.
///
/// # Errors
/// When it is neither.
pub fn log_key(text: &str) -> Result<LogKey, Failure> {
    let is_key = text.contains(['+', ' ']) && !Path::new(text).exists();
    let content = if is_key {
        text.to_owned()
    } else {
        files::read_text(text.as_ref(), MAX_KEY)?
    };
    let content = content.trim();
    if let Some(key) = content
        .parse::<PublicKey>()
        .ok()
        .and_then(|key| key.ed25519())
    {
        return Ok(LogKey::Alone(key));
    }
    content.parse().map(LogKey::Named).map_err(|error| {
        Failure::usage(format!(
            "`{}` is no key of an audit log",
            safe::shortened(text, 60)
        ))
        .because(&error)
    })
}

/// A public key in OpenSSH's form, or a file with it.
///
/// # Errors
/// When it is neither.
pub fn public_key(text: &str) -> Result<PublicKey, Failure> {
    let parsed = match text.parse() {
        Ok(key) => return Ok(key),
        Err(error) if text.contains(' ') => Err(error),
        Err(_) => files::read_text(Path::new(text), MAX_BLOB)?.parse(),
    };
    parsed.map_err(|error| {
        Failure::usage(format!("`{}` is no public key", safe::shortened(text, 60))).because(&error)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_given_as_text_or_as_a_file() {
        let text = crate::session::request::tests::public(1).to_string();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key.pub");
        std::fs::write(&path, format!("{text} comment\n")).unwrap();
        assert_eq!(
            public_key(&text).unwrap(),
            public_key(path.to_str().unwrap()).unwrap()
        );
        assert!(
            public_key("/nonexistent")
                .unwrap_err()
                .to_string()
                .contains("/nonexistent")
        );
        assert!(
            public_key("ssh-ed25519 AAAA")
                .unwrap_err()
                .to_string()
                .contains("is no public key")
        );
        assert!(log_key("a+b+c").is_err());
        let alone = log_key(path.to_str().unwrap()).unwrap();
        let named = alone.verifier("ca.example.com/log\n7\n").unwrap();
        assert_eq!(named.name(), "ca.example.com/log");
        assert_eq!(log_key(&named.to_string()).unwrap(), LogKey::Named(named));
    }
}
