//! The agent's registered key, read from a file in OpenSSH's format.

use std::fmt;
use std::path::Path;

use ed25519_dalek::SigningKey;
use portreeve_protocol::key::PublicKey;
use portreeve_protocol::token::Jwk;

use crate::exit::Exit;
use crate::failure::Failure;
use crate::files::{self, FileError};
use crate::variables;

/// The longest private key file that is read.
const MAX_FILE: usize = 16 * 1024;

/// An Ed25519 key by which an agent proves who it is.
pub struct AgentKey {
    signing: SigningKey,
    jwk: Jwk,
    public: PublicKey,
}

/// Why a file holds no key that an agent can use.
#[derive(Debug, thiserror::Error)]
pub enum AgentKeyError {
    /// The file is not used.
    #[error(transparent)]
    File(#[from] FileError),
    /// It is no private key in OpenSSH's format.
    #[error("this is no private key in OpenSSH's format")]
    Malformed,
    /// It has a passphrase, and nobody is asked for one.
    #[error("this key has a passphrase, and an agent has nobody to ask for it")]
    Encrypted,
    /// It is of another kind.
    #[error("this is no Ed25519 key")]
    Algorithm,
}

impl AgentKey {
    /// Reads the key's file, which only its owner may read.
    ///
    /// # Errors
    /// When the file is not private or holds no usable key.
    pub fn read(path: &Path) -> Result<Self, AgentKeyError> {
        let text = files::read_secret(path, MAX_FILE)?;
        Self::parse(text.expose())
    }

    /// Understands the text of a key file.
    ///
    /// # Errors
    /// When it is no usable key.
    pub fn parse(text: &str) -> Result<Self, AgentKeyError> {
        let key = ssh_key::PrivateKey::from_openssh(text).map_err(|_| AgentKeyError::Malformed)?;
        if key.is_encrypted() {
            return Err(AgentKeyError::Encrypted);
        }
        let pair = key.key_data().ed25519().ok_or(AgentKeyError::Algorithm)?;
        let signing = SigningKey::try_from(pair).map_err(|_| AgentKeyError::Malformed)?;
        let public = PublicKey::new(key.public_key().key_data().clone())
            .map_err(|_| AgentKeyError::Algorithm)?;
        let jwk = Jwk::of(&public).ok_or(AgentKeyError::Algorithm)?;
        Ok(Self {
            signing,
            jwk,
            public,
        })
    }

    /// The key that signs.
    #[must_use]
    pub fn signing(&self) -> &SigningKey {
        &self.signing
    }

    /// Its public half as a JWK.
    #[must_use]
    pub fn jwk(&self) -> &Jwk {
        &self.jwk
    }

    /// Its public half in OpenSSH's form, as it is registered.
    #[must_use]
    pub fn public(&self) -> &PublicKey {
        &self.public
    }
}

impl fmt::Debug for AgentKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AgentKey({})", self.public.fingerprint())
    }
}

/// The failure of a command that needs the key in `path`.
#[must_use]
pub fn unusable(path: &Path, error: AgentKeyError) -> Failure {
    match error {
        AgentKeyError::File(error) => Failure::from(error)
            .within("the agent's key cannot be used")
            .of_kind(Exit::Usage)
            .or_next(format!(
                "point {} to the agent's private key file",
                variables::AGENT_KEY
            )),
        AgentKeyError::Malformed | AgentKeyError::Encrypted | AgentKeyError::Algorithm => {
            Failure::usage(format!(
                "the agent's key `{}` cannot be used",
                path.display()
            ))
            .because(&error)
            .next("make one with `ssh-keygen -t ed25519 -N ''` and have its public half registered")
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use ssh_key::LineEnding;
    use ssh_key::private::{Ed25519Keypair, KeypairData};

    pub(crate) fn example() -> AgentKey {
        AgentKey::parse(&example_text(7)).unwrap()
    }

    pub(crate) fn example_text(seed: u8) -> String {
        let pair = Ed25519Keypair::from_seed(&[seed; 32]);
        ssh_key::PrivateKey::new(KeypairData::Ed25519(pair), "agent")
            .unwrap()
            .to_openssh(LineEnding::LF)
            .unwrap()
            .to_string()
    }

    #[test]
    fn keys_of_ssh_keygen_are_read_and_others_refused_by_name() {
        let folder = tempfile::tempdir().unwrap();
        let make = |name: &str, options: &[&str]| {
            let path = folder.path().join(name);
            let made = std::process::Command::new("ssh-keygen")
                .args(["-q", "-f"])
                .arg(&path)
                .args(options)
                .status()
                .unwrap();
            assert!(made.success());
            path
        };
        let good = AgentKey::read(&make("good", &["-t", "ed25519", "-N", ""])).unwrap();
        let registered = std::fs::read_to_string(folder.path().join("good.pub")).unwrap();
        assert_eq!(good.public(), &registered.parse().unwrap());
        assert!(matches!(
            AgentKey::read(&make("ecdsa", &["-t", "ecdsa", "-N", ""])),
            Err(AgentKeyError::Algorithm)
        ));
        assert!(matches!(
            AgentKey::read(&make("locked", &["-t", "ed25519", "-N", "secret"])),
            Err(AgentKeyError::Encrypted)
        ));
        assert!(matches!(
            AgentKey::parse("x"),
            Err(AgentKeyError::Malformed)
        ));
    }

    #[test]
    fn debug_shows_no_secret() {
        let shown = format!("{:?}", example());
        assert!(shown.starts_with("AgentKey(SHA256:"), "{shown}");
    }
}
