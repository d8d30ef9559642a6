//! Signed statements: canonical JSON and an SSH signature over exactly that text.
//!
//! `ssh-keygen -Y verify` checks them without us (PROTOCOL.sshsig in OpenSSH). The signature is
//! checked over the text as it came; only then is the text parsed. What comes out is a
//! [`Verified`] value, which nothing but [`Signed::verify`] can make.

use std::marker::PhantomData;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use ssh_key::{HashAlg, LineEnding, PrivateKey, SshSig};

use crate::canonical::{self, NotCanonical};
use crate::digest::Digest;
use crate::key::PublicKey;

/// The longest text that may be signed or verified.
pub const MAX_PAYLOAD: usize = 256 * 1024;
/// The longest armoured signature that is parsed; an Ed25519 one has about 300 bytes.
const MAX_SIGNATURE: usize = 4 * 1024;

/// Something that is said under a signature.
pub trait Statement: Serialize + DeserializeOwned {
    /// The SSHSIG namespace, so that a signature on one kind of statement is none on another.
    const NAMESPACE: &'static str;
}

/// A statement's text with its signature, not yet checked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, bound = "")]
pub struct Signed<T> {
    payload: String,
    signature: String,
    #[serde(skip)]
    statement: PhantomData<fn() -> T>,
}

/// A statement whose signature was checked against a key that the checker named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified<T> {
    statement: T,
    digest: Digest,
}

/// Why a statement cannot be signed.
#[derive(Debug, thiserror::Error)]
pub enum SignError {
    /// It has no canonical form.
    #[error(transparent)]
    NotCanonical(#[from] NotCanonical),
    /// It is longer than [`MAX_PAYLOAD`].
    #[error("a statement has {MAX_PAYLOAD} bytes at most")]
    TooLong,
    /// The key could not sign.
    #[error("the key cannot sign: {0}")]
    Key(#[from] ssh_key::Error),
}

/// Why a signed statement is not believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum VerifyError {
    /// The text or the signature is longer than allowed.
    #[error("the statement is too long")]
    TooLong,
    /// The signature is not an SSH signature.
    #[error("the signature is not in the SSH signature format")]
    SignatureFormat,
    /// The signature does not hold for this key, namespace and text.
    #[error("the signature does not hold")]
    Signature,
    /// The text is genuine and says something that this version does not understand.
    #[error("the signed text is not a statement of this kind")]
    Content,
}

impl<T: Statement> Signed<T> {
    /// The text of `statement` that is to be signed under [`Statement::NAMESPACE`].
    ///
    /// # Errors
    /// When it has no canonical form or is too long.
    pub fn payload_of(statement: &T) -> Result<String, SignError> {
        let payload = canonical::to_string(statement)?;
        if payload.len() > MAX_PAYLOAD {
            Err(SignError::TooLong)
        } else {
            Ok(payload)
        }
    }

    /// Puts a text and the armoured signature that somebody made over it together.
    #[must_use]
    pub const fn assemble(payload: String, signature: String) -> Self {
        Self {
            payload,
            signature,
            statement: PhantomData,
        }
    }

    /// Signs with a key at hand.
    ///
    /// # Errors
    /// When the statement has no canonical form, is too long, or the key cannot sign.
    pub fn sign(statement: &T, key: &PrivateKey) -> Result<Self, SignError> {
        let payload = Self::payload_of(statement)?;
        let signature = key
            .sign(T::NAMESPACE, HashAlg::Sha512, payload.as_bytes())?
            .to_pem(LineEnding::LF)?;
        Ok(Self::assemble(payload, signature))
    }

    /// Checks the signature against `key` and, only then, reads the text.
    ///
    /// # Errors
    /// When the statement is too long, the signature does not hold, or the text is no such statement.
    pub fn verify(&self, key: &PublicKey) -> Result<Verified<T>, VerifyError> {
        if self.payload.len() > MAX_PAYLOAD || self.signature.len() > MAX_SIGNATURE {
            return Err(VerifyError::TooLong);
        }
        let signature =
            SshSig::from_pem(&self.signature).map_err(|_| VerifyError::SignatureFormat)?;
        ssh_key::PublicKey::from(key)
            .verify(T::NAMESPACE, self.payload.as_bytes(), &signature)
            .map_err(|_| VerifyError::Signature)?;
        let statement = serde_json::from_str(&self.payload).map_err(|_| VerifyError::Content)?;
        Ok(Verified {
            statement,
            digest: self.digest(),
        })
    }

    /// The text, unchecked: for storing, showing and hashing, never for acting upon.
    #[must_use]
    pub fn unverified_payload(&self) -> &str {
        &self.payload
    }

    /// The armoured signature, as `ssh-keygen -Y verify -s` reads it.
    #[must_use]
    pub fn signature(&self) -> &str {
        &self.signature
    }

    /// The digest of the text.
    #[must_use]
    pub fn digest(&self) -> Digest {
        Digest::of(self.payload.as_bytes())
    }

    /// The key that the signature names as its own, unchecked: a hint for people, never for
    /// believing the statement.
    #[must_use]
    pub fn unverified_signer(&self) -> Option<PublicKey> {
        signer_of(&self.signature)
    }
}

/// The key that an armoured SSH signature names as its own. It proves nothing: whoever made the
/// signature put it there.
#[must_use]
pub fn signer_of(signature: &str) -> Option<PublicKey> {
    let signature = (signature.len() <= MAX_SIGNATURE)
        .then(|| SshSig::from_pem(signature).ok())
        .flatten()?;
    PublicKey::new(signature.public_key().clone()).ok()
}

impl<T> Verified<T> {
    /// The statement.
    pub const fn get(&self) -> &T {
        &self.statement
    }

    /// The statement, by value.
    pub fn into_inner(self) -> T {
        self.statement
    }

    /// The digest of the text that was signed.
    pub const fn digest(&self) -> Digest {
        self.digest
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ssh_key::private::{Ed25519Keypair, KeypairData};

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Greeting {
        to: String,
    }
    impl Statement for Greeting {
        const NAMESPACE: &'static str = "greeting@portreeve";
    }

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Farewell {
        to: String,
    }
    impl Statement for Farewell {
        const NAMESPACE: &'static str = "farewell@portreeve";
    }

    fn key(seed: u8) -> (PrivateKey, PublicKey) {
        let pair = Ed25519Keypair::from_seed(&[seed; 32]);
        let private = PrivateKey::new(KeypairData::Ed25519(pair), "").unwrap();
        let public = PublicKey::new(private.public_key().key_data().clone()).unwrap();
        (private, public)
    }

    #[test]
    fn a_signed_statement_verifies_with_its_key_only() {
        let (private, public) = key(1);
        let signed = Signed::sign(&Greeting { to: "reeve".into() }, &private).unwrap();
        assert_eq!(signed.verify(&public).unwrap().get().to, "reeve");
        assert_eq!(
            signed.verify(&key(2).1).unwrap_err(),
            VerifyError::Signature
        );
    }

    #[test]
    fn one_kind_of_statement_is_not_another() {
        let (private, public) = key(1);
        let signed = Signed::sign(&Greeting { to: "reeve".into() }, &private).unwrap();
        let other = Signed::<Farewell>::assemble(signed.payload.clone(), signed.signature.clone());
        assert_eq!(other.verify(&public).unwrap_err(), VerifyError::Signature);
    }

    #[test]
    fn one_flipped_bit_never_verifies() {
        let (private, public) = key(1);
        let signed = Signed::sign(&Greeting { to: "reeve".into() }, &private).unwrap();
        for at in 0..signed.payload.len() {
            let mut bytes = signed.payload.clone().into_bytes();
            bytes[at] ^= 1;
            let Ok(payload) = String::from_utf8(bytes) else {
                continue;
            };
            let altered = Signed::<Greeting>::assemble(payload, signed.signature.clone());
            assert!(altered.verify(&public).is_err(), "byte {at}");
        }
    }
}
