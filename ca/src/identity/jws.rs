//! A token before and after its signature was checked.
//!
//! Size, header and algorithm are looked at before any cryptography; the library checks the
//! signature; claims are read after that. Which key and which algorithms are right is the
//! caller's knowledge, never the token's.

use base64ct::{Base64UrlUnpadded, Encoding as _};
use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use portreeve_protocol::key::PublicKey;
use portreeve_protocol::token::{Jwk, MAX_TOKEN};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::fault::TokenFault;

/// How much of an unproved claim is kept for the trail.
const MAX_CLAIMED: usize = 160;

/// A token of acceptable size whose header could be read. Nothing of it is proved.
#[derive(Debug)]
pub(super) struct Unverified<'a> {
    text: &'a str,
    claims: &'a str,
    header: Header,
}

#[derive(Debug, Deserialize)]
struct Header {
    alg: String,
    typ: Option<String>,
    kid: Option<String>,
    jwk: Option<PublishedKey>,
    crit: Option<serde_json::Value>,
}

/// A key in a header. The private half has no business there.
#[derive(Debug, Deserialize)]
struct PublishedKey {
    #[serde(flatten)]
    key: Jwk,
    d: Option<serde::de::IgnoredAny>,
}

impl<'a> Unverified<'a> {
    /// Reads the header.
    pub(super) fn read(text: &'a str) -> Result<Self, TokenFault> {
        if text.len() > MAX_TOKEN {
            return Err(TokenFault::TooLong);
        }
        let mut parts = text.split('.');
        let (Some(header), Some(claims), Some(_), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(TokenFault::Malformed);
        };
        let header: Header = decode_part(header).ok_or(TokenFault::Malformed)?;
        if header.crit.is_some() {
            return Err(TokenFault::Critical);
        }
        Ok(Self {
            text,
            claims,
            header,
        })
    }

    /// The key id that the header names.
    pub(super) fn kid(&self) -> Option<&str> {
        self.header.kid.as_deref()
    }

    /// The Ed25519 key that the header carries, without its private half.
    pub(super) fn key(&self) -> Option<&Jwk> {
        match &self.header.jwk {
            Some(PublishedKey { key, d: None }) if key.kty == "OKP" && key.crv == "Ed25519" => {
                Some(key)
            }
            _ => None,
        }
    }

    /// The media type must be exactly this.
    pub(super) fn demand_type(&self, typ: &str) -> Result<(), TokenFault> {
        match self.header.typ.as_deref() {
            Some(found) if found == typ => Ok(()),
            found => Err(TokenFault::Type(shorten(found.unwrap_or("none")))),
        }
    }

    /// The media type must be absent or `JWT`, as in ID tokens, which were there before `typ`
    /// was used to tell tokens apart.
    pub(super) fn demand_plain_type(&self) -> Result<(), TokenFault> {
        match self.header.typ.as_deref() {
            None => Ok(()),
            Some(found) if found.eq_ignore_ascii_case("jwt") => Ok(()),
            Some(found) => Err(TokenFault::Type(shorten(found))),
        }
    }

    /// The algorithm, if it is one of `accepted`.
    pub(super) fn algorithm(&self, accepted: &[Algorithm]) -> Result<Algorithm, TokenFault> {
        // `none` and everything unknown to the library fail to parse and are named all the same.
        match self.header.alg.parse::<Algorithm>() {
            Ok(algorithm) if accepted.contains(&algorithm) => Ok(algorithm),
            _ => Err(TokenFault::Algorithm(shorten(&self.header.alg))),
        }
    }

    /// Claims that nobody has proved: to find the key that must prove them, and for the trail.
    pub(super) fn unproved<C: DeserializeOwned>(&self) -> Option<C> {
        decode_part(self.claims)
    }

    /// Checks the signature and, only then, reads the claims.
    pub(super) fn verify<C: DeserializeOwned>(
        &self,
        key: &DecodingKey,
        algorithm: Algorithm,
    ) -> Result<C, TokenFault> {
        // All that concerns time and names is checked by us: the library would read its own clock.
        let mut validation = Validation::new(algorithm);
        validation.required_spec_claims.clear();
        validation.validate_exp = false;
        validation.validate_aud = false;
        jsonwebtoken::decode(self.text, key, &validation)
            .map(|token| token.claims)
            .map_err(|error| {
                let kind = error.kind();
                if let ErrorKind::Json(fault) = kind {
                    TokenFault::Claims(shorten(&fault.to_string()))
                } else if matches!(kind, ErrorKind::InvalidAlgorithm) {
                    TokenFault::UnfitKey
                } else if matches!(kind, ErrorKind::Base64(_) | ErrorKind::Utf8(_)) {
                    TokenFault::Malformed
                } else {
                    TokenFault::Signature
                }
            })
    }

    /// The same for the only algorithm of our own tokens.
    pub(super) fn verify_eddsa<C: DeserializeOwned>(
        &self,
        key: &DecodingKey,
    ) -> Result<C, TokenFault> {
        let algorithm = self.algorithm(&[Algorithm::EdDSA])?;
        self.verify(key, algorithm)
    }
}

/// The key for checking signatures of a registered Ed25519 key; others cannot sign tokens.
pub(super) fn eddsa_key(key: &PublicKey) -> Result<DecodingKey, TokenFault> {
    let bytes = key.ed25519().ok_or(TokenFault::UnfitKey)?;
    Ok(DecodingKey::from_ed_der(&bytes))
}

/// Who a token says that it is from and about, for the trail, before anything of it is believed.
pub(crate) fn claimed(text: &str) -> String {
    #[derive(Deserialize)]
    struct Names {
        #[serde(default)]
        iss: serde_json::Value,
        #[serde(default)]
        sub: serde_json::Value,
    }
    let names = Unverified::read(text)
        .ok()
        .and_then(|token| token.unproved::<Names>());
    match names {
        Some(Names { iss, sub }) => shorten(&format!(
            "{} at {}",
            sub.as_str().unwrap_or("nobody"),
            iss.as_str().unwrap_or("nowhere")
        )),
        None => "nobody".into(),
    }
}

/// At most [`MAX_CLAIMED`] printable characters of a text that somebody sent.
pub(super) fn shorten(text: &str) -> String {
    text.chars()
        .take(MAX_CLAIMED)
        .map(|c| {
            if c.is_control() {
                char::REPLACEMENT_CHARACTER
            } else {
                c
            }
        })
        .collect()
}

fn decode_part<T: DeserializeOwned>(part: &str) -> Option<T> {
    serde_json::from_slice(&Base64UrlUnpadded::decode_vec(part).ok()?).ok()
}
