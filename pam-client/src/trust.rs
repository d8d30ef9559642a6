//! Whom this host obeys, and the key under which it speaks.

use portreeve_protocol::enrol::HostTicket;
use portreeve_protocol::key::{NotAKey, PublicKey};
use portreeve_protocol::name::HostName;
use serde::{Deserialize, Serialize};
use ssh_key::private::{Ed25519Keypair, KeypairData};
use ssh_key::{LineEnding, PrivateKey};

use crate::file::{self, ReadError};
use crate::paths::Paths;

/// The largest trust or key file.
const MAX_BYTES: u64 = 16 * 1024;

/// Whom this host obeys. Made at enrolment, read at every start.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Trust {
    /// What this host is called.
    pub(crate) host: HostName,
    /// The CA of session and control certificates.
    pub(crate) session_ca: PublicKey,
    /// The key of orders.
    pub(crate) order_key: PublicKey,
}

impl From<&HostTicket> for Trust {
    fn from(ticket: &HostTicket) -> Self {
        Self {
            host: ticket.host.clone(),
            session_ca: ticket.session_ca.clone(),
            order_key: ticket.order_key.clone(),
        }
    }
}

/// Why this host cannot speak or does not know whom to obey.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TrustError {
    /// It was never enrolled.
    #[error("this host is not enrolled: run `portreeve-host enroll` with a ticket from the CA")]
    NotEnrolled,
    /// A file cannot be read.
    #[error(transparent)]
    Read(ReadError),
    /// The trust file is damaged.
    #[error("the trust file is damaged: enrol this host again: {0}")]
    Format(#[from] serde_json::Error),
    /// The key file is damaged.
    #[error("the identity key is damaged: enrol this host again: {0}")]
    Key(#[from] ssh_key::Error),
    /// The key is of a kind that is not used.
    #[error("the identity key is no Ed25519 key: enrol this host again: {0}")]
    Kind(#[from] NotAKey),
}

impl From<ReadError> for TrustError {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Missing(_) => Self::NotEnrolled,
            other @ (ReadError::NotTrusted(_)
            | ReadError::Exposed(_)
            | ReadError::TooLong(..)
            | ReadError::Io(..)) => Self::Read(other),
        }
    }
}

impl Trust {
    /// Reads what enrolment wrote.
    pub(crate) fn load(paths: &Paths) -> Result<Self, TrustError> {
        Ok(serde_json::from_str(&file::read_trusted(
            &paths.trust(),
            MAX_BYTES,
        )?)?)
    }
}

/// The key that signs what this host says, with its public half.
#[derive(Debug, Clone)]
pub(crate) struct Identity {
    key: PrivateKey,
    public: PublicKey,
}

impl Identity {
    /// Makes a key from 32 random bytes.
    pub(crate) fn from_seed(seed: &[u8; 32]) -> Result<Self, TrustError> {
        let pair = KeypairData::Ed25519(Ed25519Keypair::from_seed(seed));
        Self::of(PrivateKey::new(pair, "portreeve host identity")?)
    }

    /// Reads the key that enrolment made.
    pub(crate) fn load(paths: &Paths) -> Result<Self, TrustError> {
        let text = file::read_secret(&paths.identity(), MAX_BYTES)?;
        Self::of(PrivateKey::from_openssh(text)?)
    }

    fn of(key: PrivateKey) -> Result<Self, TrustError> {
        let public = PublicKey::new(key.public_key().key_data().clone())?;
        if public.ed25519().is_none() {
            return Err(NotAKey::Algorithm.into());
        }
        Ok(Self { key, public })
    }

    /// The key in OpenSSH's format, for its file.
    pub(crate) fn to_openssh(&self) -> Result<impl AsRef<[u8]>, TrustError> {
        Ok(self.key.to_openssh(LineEnding::LF)?)
    }

    /// The private half, for signing.
    pub(crate) fn key(&self) -> &PrivateKey {
        &self.key
    }

    /// The public half.
    pub(crate) fn public(&self) -> &PublicKey {
        &self.public
    }
}
