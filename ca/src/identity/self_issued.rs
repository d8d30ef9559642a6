//! Tokens in which a signer speaks of itself (RFC 7523): what client assertions, actor tokens
//! and bastions' assertions have in common.

use std::time::Duration;

use portreeve_protocol::key::PublicKey;
use portreeve_protocol::time::Timestamp;
use serde::Deserialize;

use super::SKEW;
use super::claims::{NumericDate, Times, check_token_id};
use super::fault::TokenFault;
use super::jws::{Unverified, eddsa_key};
use super::once::TokenUse;

/// What such a token must be.
#[derive(Debug)]
pub(super) struct Expected<'a> {
    pub(super) typ: &'a str,
    /// `iss` and `sub`.
    pub(super) signer: &'a str,
    pub(super) key: &'a PublicKey,
    /// Our issuer URL.
    pub(super) audience: &'a str,
    pub(super) longest_life: Duration,
}

#[derive(Deserialize)]
struct Claims {
    iss: String,
    sub: String,
    // One string, never a list: a token for several audiences could be carried to another one.
    aud: String,
    iat: NumericDate,
    exp: NumericDate,
    nbf: Option<NumericDate>,
    jti: String,
}

/// Who a token says it is by, to look up the key that must have signed it.
pub(super) fn claimed_signer(text: &str) -> Result<String, TokenFault> {
    #[derive(Deserialize)]
    struct Subject {
        sub: String,
    }
    Unverified::read(text)?
        .unproved::<Subject>()
        .map(|subject| subject.sub)
        .ok_or(TokenFault::Malformed)
}

/// Checks everything that can be checked without knowing whether it was used before.
pub(super) fn verify(
    text: &str,
    expected: &Expected<'_>,
    now: Timestamp,
) -> Result<TokenUse, TokenFault> {
    let token = Unverified::read(text)?;
    token.demand_type(expected.typ)?;
    let claims: Claims = token.verify_eddsa(&eddsa_key(expected.key)?)?;
    if claims.iss != expected.signer {
        return Err(TokenFault::Issuer);
    }
    if claims.sub != expected.signer {
        return Err(TokenFault::Subject);
    }
    if claims.aud != expected.audience {
        return Err(TokenFault::Audience);
    }
    let times = Times::new(claims.iat, claims.exp);
    times.check(now)?;
    times.check_life(expected.longest_life)?;
    if claims.nbf.is_some_and(|nbf| nbf.moment() > now.plus(SKEW)) {
        return Err(TokenFault::NotYetValid);
    }
    check_token_id(&claims.jti)?;
    Ok(TokenUse {
        signer: claims.iss,
        jti: claims.jti,
        expires_at: times.expires_at.plus(SKEW),
    })
}
