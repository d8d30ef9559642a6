//! Proof of possession of the key that a token is bound to (RFC 9449).

use std::time::Duration;

use jsonwebtoken::DecodingKey;
use portreeve_protocol::secret::SecretText;
use portreeve_protocol::time::Timestamp;
use portreeve_protocol::token::{DPOP_PROOF, access_token_hash};
use serde::Deserialize;

use super::claims::{NumericDate, check_token_id};
use super::fault::TokenFault;
use super::jws::Unverified;
use super::once::TokenUse;

/// How far a proof's time may be from ours, in either direction.
const WINDOW: Duration = Duration::from_secs(60);

/// The request that a proof is for.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// Its method.
    pub method: &'a str,
    /// Its path, which follows our issuer URL.
    pub path: &'a str,
    /// When it came.
    pub at: Timestamp,
}

#[derive(Deserialize)]
struct Claims {
    jti: String,
    htm: String,
    htu: String,
    iat: NumericDate,
    ath: String,
}

/// Checks that `proof` is for this token and request and by the key with this thumbprint.
pub(super) fn verify(
    proof: &str,
    token: &SecretText,
    thumbprint: &str,
    issuer_url: &str,
    request: Request<'_>,
) -> Result<TokenUse, TokenFault> {
    let parsed = Unverified::read(proof)?;
    parsed.demand_type(DPOP_PROOF)?;
    let jwk = parsed.key().ok_or(TokenFault::UnfitKey)?;
    if jwk.thumbprint() != thumbprint {
        return Err(TokenFault::ProofKey);
    }
    let key = DecodingKey::from_ed_components(&jwk.x).map_err(|_| TokenFault::UnfitKey)?;
    let claims: Claims = parsed.verify_eddsa(&key)?;
    if claims.htm != request.method {
        return Err(TokenFault::ProofMethod);
    }
    if !is_url_of(&claims.htu, issuer_url, request.path) {
        return Err(TokenFault::ProofUrl);
    }
    if claims.ath != access_token_hash(token) {
        return Err(TokenFault::ProofToken);
    }
    let made_at = claims.iat.moment();
    if made_at > request.at.plus(WINDOW) {
        return Err(TokenFault::FromTheFuture);
    }
    if made_at < request.at.minus(WINDOW) {
        return Err(TokenFault::Expired);
    }
    check_token_id(&claims.jti)?;
    Ok(TokenUse {
        signer: format!("proof {thumbprint}"),
        jti: claims.jti,
        expires_at: made_at.plus(WINDOW),
    })
}

/// Whether `htu` is our issuer URL followed by `path`; a query and a fragment are to be ignored.
fn is_url_of(htu: &str, issuer_url: &str, path: &str) -> bool {
    let end = htu.find(['?', '#']).unwrap_or(htu.len());
    htu.get(..end)
        .and_then(|url| url.strip_prefix(issuer_url.trim_end_matches('/')))
        == Some(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_the_issuer_and_the_path() {
        let base = "https://ca.example.com:8443";
        for (htu, same) in [
            ("https://ca.example.com:8443/v1/sessions", true),
            ("https://ca.example.com:8443/v1/sessions?x=1", true),
            ("https://ca.example.com:8443/v1/sessions#x", true),
            ("https://ca.example.com:8443/v1/sessions/", false),
            ("https://ca.example.com:8443.example.org/v1/sessions", false),
            ("https://ca.example.com:8443", false),
            ("http://ca.example.com:8443/v1/sessions", false),
        ] {
            assert_eq!(is_url_of(htu, base, "/v1/sessions"), same, "{htu}");
        }
        assert!(is_url_of(
            "https://ca.example.com/x",
            "https://ca.example.com/",
            "/x"
        ));
    }
}
