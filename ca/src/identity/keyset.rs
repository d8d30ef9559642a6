//! An issuer's public keys (RFC 7517), and the choice of the one that a token must be signed with.

use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, KeyAlgorithm, PublicKeyUse};
use jsonwebtoken::{Algorithm, AlgorithmFamily, DecodingKey};
use serde::Deserialize;

use super::fault::TokenFault;

/// The longest key set that is read.
pub(super) const MAX_KEY_SET: usize = 512 * 1024;
/// The most keys that are kept.
const MAX_KEYS: usize = 100;

/// An issuer's keys for signatures. Symmetric keys are never among them, so no algorithm that a
/// token names can turn a public key into a shared secret.
#[derive(Debug)]
pub(super) struct KeySet(Vec<Key>);

struct Key {
    kid: Option<String>,
    alg: Option<KeyAlgorithm>,
    curve: Option<EllipticCurve>,
    key: DecodingKey,
}

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Key({:?}, {:?})", self.kid, self.key.family())
    }
}

/// The text is not a key set.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum NotAKeySet {
    #[error("a key set has {MAX_KEY_SET} bytes at most")]
    TooLong,
    #[error("it is not a JSON object with `keys`")]
    Malformed,
    #[error("it has no key for signatures of a kind that is known here")]
    Empty,
}

impl KeySet {
    /// Reads a key set and skips the keys in it that are not ours to use (RFC 7517, section 5).
    pub(super) fn parse(text: &[u8]) -> Result<Self, NotAKeySet> {
        #[derive(Deserialize)]
        struct Document {
            keys: Vec<serde_json::Value>,
        }
        if text.len() > MAX_KEY_SET {
            return Err(NotAKeySet::TooLong);
        }
        let document: Document = serde_json::from_slice(text).map_err(|_| NotAKeySet::Malformed)?;
        let keys: Vec<_> = document
            .keys
            .into_iter()
            .take(MAX_KEYS)
            .filter_map(|value| serde_json::from_value::<Jwk>(value).ok())
            .filter_map(usable)
            .collect();
        if keys.is_empty() {
            Err(NotAKeySet::Empty)
        } else {
            Ok(Self(keys))
        }
    }

    /// The key that a token with this `kid` and algorithm must be signed with.
    pub(super) fn find(
        &self,
        kid: Option<&str>,
        algorithm: Algorithm,
    ) -> Result<&DecodingKey, TokenFault> {
        let mut named = self
            .0
            .iter()
            .filter(|key| kid.is_none() || key.kid.as_deref() == kid)
            .peekable();
        if named.peek().is_none() {
            return Err(TokenFault::UnknownKey);
        }
        let mut fitting = named.filter(|key| key.fits(algorithm));
        match (fitting.next(), fitting.next()) {
            (None, _) => Err(TokenFault::UnfitKey),
            (Some(_), Some(_)) if kid.is_none() => Err(TokenFault::AmbiguousKey),
            (Some(key), _) => Ok(&key.key),
        }
    }
}

impl Key {
    fn fits(&self, algorithm: Algorithm) -> bool {
        self.key.family() == algorithm.family()
            && self
                .alg
                .is_none_or(|alg| Algorithm::try_from(alg).is_ok_and(|alg| alg == algorithm))
            && self.curve == curve_of(algorithm)
    }
}

/// The curve that an algorithm's keys are on; those of RSA are on none.
fn curve_of(algorithm: Algorithm) -> Option<EllipticCurve> {
    [
        (Algorithm::ES256, EllipticCurve::P256),
        (Algorithm::ES384, EllipticCurve::P384),
        (Algorithm::EdDSA, EllipticCurve::Ed25519),
    ]
    .into_iter()
    .find_map(|(on_curve, curve)| (on_curve == algorithm).then_some(curve))
}

fn usable(jwk: Jwk) -> Option<Key> {
    let for_signatures = matches!(
        jwk.common.public_key_use,
        None | Some(PublicKeyUse::Signature)
    );
    let curve = if let AlgorithmParameters::EllipticCurve(key) = &jwk.algorithm {
        Some(key.curve.clone())
    } else if let AlgorithmParameters::OctetKeyPair(key) = &jwk.algorithm {
        Some(key.curve.clone())
    } else {
        None
    };
    let key = DecodingKey::from_jwk(&jwk).ok()?;
    (for_signatures && key.family() != AlgorithmFamily::Hmac).then_some(Key {
        kid: jwk.common.key_id,
        alg: jwk.common.key_algorithm,
        curve,
        key,
    })
}
