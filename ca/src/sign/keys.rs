//! The signing keys, behind one trait: key files today; an SSH agent or a PKCS#11 token are other
//! implementations of it.

mod file;

use portreeve_protocol::key::PublicKey;

pub use file::{KeyFileError, KeyFiles};

/// What a key is for. Each kind of signature has a key of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Role {
    /// Access certificates.
    AccessCa,
    /// Session and control certificates.
    SessionCa,
    /// Bastions' host certificates.
    BastionHostCa,
    /// Orders.
    Order,
    /// Delegated tokens.
    Token,
    /// Checkpoints.
    Log,
}

impl Role {
    /// Every role, in the order of the table of keys in `docs/architecture.md`.
    pub const ALL: [Self; 6] = [
        Self::AccessCa,
        Self::SessionCa,
        Self::BastionHostCa,
        Self::Order,
        Self::Token,
        Self::Log,
    ];

    /// The name of the role's key file.
    #[must_use]
    pub const fn file_name(self) -> &'static str {
        match self {
            Self::AccessCa => "access_ca",
            Self::SessionCa => "session_ca",
            Self::BastionHostCa => "bastion_host_ca",
            Self::Order => "order",
            Self::Token => "token",
            Self::Log => "log",
        }
    }
}

/// Ed25519 keys (RFC 8032), one for each role.
pub trait KeyStore: Send + Sync {
    /// A role's public key.
    fn public_key(&self, role: Role) -> &PublicKey;

    /// A role's signature over a message.
    ///
    /// # Errors
    /// When the store cannot be used.
    fn sign(&self, role: Role, message: &[u8]) -> Result<[u8; 64], KeyFailed>;
}

/// The key store cannot sign now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the signing key cannot be used")]
pub struct KeyFailed;
