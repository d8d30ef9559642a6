//! `keys.json` and `allowed_signers`: the public keys beside the evidence, and where each was had
//! from. They are hints; see [`crate::review::known`].

use portreeve_protocol::canonical::{self, NotCanonical};
use portreeve_protocol::id::SessionId;
use portreeve_protocol::key::PublicKey;
use portreeve_recording::info::Format;
use serde::{Deserialize, Serialize};

/// What a key is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Signs the log's checkpoints.
    Log,
    /// Signs manifests of recordings.
    Bastion,
    /// Signs attestations, events and receipts.
    Host,
    /// Signs orders.
    Order,
    /// Signs session and control certificates.
    SessionCa,
    /// Signs access certificates.
    AccessCa,
    /// Signs bastions' host certificates.
    BastionHostCa,
}

impl Role {
    /// The CA's own roles, with the files in its folder of keys.
    pub const OF_CA: [(Self, &'static str); 5] = [
        (Self::Log, "log.pub"),
        (Self::Order, "order.pub"),
        (Self::SessionCa, "session_ca.pub"),
        (Self::AccessCa, "access_ca.pub"),
        (Self::BastionHostCa, "bastion_host_ca.pub"),
    ];

    /// In words.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Log => "the log's key",
            Self::Bastion => "the bastion's key",
            Self::Host => "the host's key",
            Self::Order => "the key of orders",
            Self::SessionCa => "the CA of session certificates",
            Self::AccessCa => "the CA of access certificates",
            Self::BastionHostCa => "the CA of bastions",
        }
    }

    /// The namespaces in which it signs something that is in a file of evidence.
    const fn namespaces(self) -> Option<&'static str> {
        match self {
            Self::Bastion => Some("manifest@portreeve"),
            Self::Host => Some("attestation@portreeve,host-event@portreeve,receipt@portreeve"),
            Self::Order => Some("order@portreeve"),
            Self::Log | Self::SessionCa | Self::AccessCa | Self::BastionHostCa => None,
        }
    }
}

/// Where a key was had from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// Whoever made the file brought it.
    Given,
    /// The trail that the CA answered has it.
    Trail,
    /// The signature that it verifies has it.
    Signature,
}

impl Source {
    /// In words.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Given => "brought along by whoever made this file",
            Self::Trail => "in the trail, as the CA answered it",
            Self::Signature => "in the signature itself",
        }
    }
}

/// One key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeyEntry {
    /// What for.
    pub role: Role,
    /// Whose.
    pub name: String,
    /// The key.
    pub key: PublicKey,
    /// Its SHA-256 fingerprint, for people who compare.
    pub fingerprint: String,
    /// Where it was had from.
    pub from: Source,
}

impl KeyEntry {
    /// A key with its fingerprint.
    #[must_use]
    pub fn new(role: Role, name: String, key: PublicKey, from: Source) -> Self {
        Self {
            role,
            name,
            fingerprint: key.fingerprint().to_string(),
            key,
            from,
        }
    }
}

/// `keys.json`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeyFile {
    /// The version of the format of the whole file of evidence.
    pub format: Format,
    /// The session that it is about.
    pub session: SessionId,
    /// The keys, in the order of roles, each once at most.
    pub keys: Vec<KeyEntry>,
}

impl KeyFile {
    /// Its bytes.
    ///
    /// # Errors
    /// When the value does not serialise; none of this type does that.
    pub fn to_json(&self) -> Result<String, NotCanonical> {
        canonical::to_string(self)
    }

    /// Reads bytes, which must be exactly those that [`Self::to_json`] makes.
    #[must_use]
    pub fn from_json(bytes: &[u8]) -> Option<Self> {
        let file: Self = serde_json::from_slice(bytes).ok()?;
        let is_exact = file.to_json().is_ok_and(|text| text.as_bytes() == bytes);
        let is_sorted = file
            .keys
            .iter()
            .zip(file.keys.iter().skip(1))
            .all(|(a, b)| a.role < b.role);
        let is_right = file
            .keys
            .iter()
            .all(|entry| entry.fingerprint == entry.key.fingerprint().to_string());
        (is_exact && is_sorted && is_right).then_some(file)
    }

    /// The key of a role.
    #[must_use]
    pub fn of(&self, role: Role) -> Option<&KeyEntry> {
        self.keys.iter().find(|entry| entry.role == role)
    }

    /// `allowed_signers`, as ssh-keygen(1) has it.
    #[must_use]
    pub fn allowed_signers(&self) -> String {
        self.keys
            .iter()
            .filter_map(|entry| {
                let namespaces = entry.role.namespaces()?;
                Some(format!(
                    "{} namespaces=\"{namespaces}\" {}\n",
                    entry.name, entry.key
                ))
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::request::tests::public;

    fn example() -> KeyFile {
        KeyFile {
            format: Format,
            session: "0190b8a2-7c1e-7000-8000-00000000002a".parse().unwrap(),
            keys: vec![
                KeyEntry::new(
                    Role::Log,
                    "log.example.com".into(),
                    public(1),
                    Source::Trail,
                ),
                KeyEntry::new(Role::Host, "prod-1".into(), public(2), Source::Signature),
            ],
        }
    }

    #[test]
    fn one_value_has_one_text() {
        let text = example().to_json().unwrap();
        assert_eq!(KeyFile::from_json(text.as_bytes()), Some(example()));
        for at in 0..text.len() {
            let mut altered = text.clone().into_bytes();
            altered[at] ^= 1;
            assert_ne!(KeyFile::from_json(&altered), Some(example()), "byte {at}");
        }
        assert_eq!(KeyFile::from_json(format!("{text} ").as_bytes()), None);
        let mut turned = example();
        turned.keys.reverse();
        assert_eq!(
            KeyFile::from_json(turned.to_json().unwrap().as_bytes()),
            None
        );
    }

    #[test]
    fn an_altered_key_does_not_have_its_fingerprint() {
        let mut altered = example();
        altered.keys[1].key = public(3);
        assert_eq!(
            KeyFile::from_json(altered.to_json().unwrap().as_bytes()),
            None
        );
    }

    #[test]
    fn ssh_keygen_is_told_what_each_key_may_sign() {
        let signers = example().allowed_signers();
        assert_eq!(
            signers,
            format!(
                "prod-1 namespaces=\"attestation@portreeve,host-event@portreeve,receipt@portreeve\" {}\n",
                public(2)
            )
        );
    }
}
