//! The keys that evidence is checked with, and whether the one who checks brought them.

use std::sync::Arc;

use portreeve_protocol::age::Identity;
use portreeve_protocol::key::PublicKey;

use super::evidence::Role;
use crate::keys::LogKey;

/// A key, and where it was had from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Known<K> {
    /// The key.
    pub key: K,
    /// Whether it came in the very file that it is to check: then it shows that the file agrees
    /// with itself, and not whose it is.
    pub is_hint: bool,
}

impl<K> Known<K> {
    /// A key that the one who checks brought along.
    pub const fn brought(key: K) -> Self {
        Self {
            key,
            is_hint: false,
        }
    }

    /// A key that stood in the file.
    pub const fn hint(key: K) -> Self {
        Self { key, is_hint: true }
    }

    /// What is to be said behind a claim that rests on this key.
    #[must_use]
    pub const fn caveat(&self) -> &'static str {
        if self.is_hint {
            ", by a key that came in this file"
        } else {
            ""
        }
    }
}

/// What the verifier has.
#[derive(Debug, Default)]
pub struct Keys {
    /// The audit log's key.
    pub log: Option<Known<LogKey>>,
    /// The bastion's key.
    pub bastion: Option<Known<PublicKey>>,
    /// The host's key.
    pub host: Option<Known<PublicKey>>,
    /// Review keys.
    pub identities: Arc<[Identity]>,
    /// The CA's other keys, which verify nothing that is in a trail or a recording.
    pub of_ca: Vec<(Role, PublicKey)>,
}

impl Keys {
    /// The audit log's key, if one was brought along.
    #[must_use]
    pub fn log_key(&self) -> Option<LogKey> {
        let brought = self.log.as_ref().filter(|known| !known.is_hint);
        brought.map(|known| known.key.clone())
    }

    /// The key that was brought along for a role.
    #[must_use]
    pub fn of_role(&self, role: Role) -> Option<PublicKey> {
        match role {
            Role::Log => self
                .log
                .as_ref()
                .map(|known| PublicKey::of_ed25519(*known.key.ed25519())),
            Role::Bastion => self.bastion.as_ref().map(|known| known.key.clone()),
            Role::Host => self.host.as_ref().map(|known| known.key.clone()),
            Role::Order | Role::SessionCa | Role::AccessCa | Role::BastionHostCa => self
                .of_ca
                .iter()
                .find(|(known, _)| *known == role)
                .map(|(_, key)| key.clone()),
        }
    }
}
