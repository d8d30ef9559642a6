//! Assertions: tokens that the bastion signs to say who it is (RFC 7523).

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use base64ct::{Base64UrlUnpadded, Encoding as _};
use ed25519_dalek::SigningKey;
use portreeve_protocol::name::BastionName;
use portreeve_protocol::secret::SecretText;
use portreeve_protocol::time::Timestamp;
use portreeve_protocol::token::{self, CLIENT_ASSERTION, Header, SelfIssuedClaims};

use crate::clock::Clock;
use crate::entropy;

/// How long an assertion lives.
const LIFETIME: Duration = Duration::from_secs(60);
/// How much of its life must be left for a request to carry it.
const RESERVE: Duration = Duration::from_secs(15);

/// Makes assertions and uses each for most of its life, so that requests do not pay for a signature each.
#[derive(Debug)]
pub struct Assertions {
    key: SigningKey,
    name: BastionName,
    audience: String,
    clock: Clock,
    current: Mutex<Option<(SecretText, Timestamp)>>,
}

impl Assertions {
    /// For the bastion `name`, to the CA whose issuer URL is `audience`.
    #[must_use]
    pub const fn new(key: SigningKey, name: BastionName, audience: String, clock: Clock) -> Self {
        Self {
            key,
            name,
            audience,
            clock,
            current: Mutex::new(None),
        }
    }

    /// An assertion that is good for a while.
    ///
    /// # Errors
    /// When its claims do not serialise, which they do.
    pub fn current(&self) -> Result<SecretText, serde_json::Error> {
        let now = self.clock.now().wall;
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((assertion, until)) = &*current
            && now < *until
            // After the clock was set back, the old one may be from the future.
            && until.since(now) <= LIFETIME
        {
            return Ok(assertion.clone());
        }
        let assertion = self.make(now)?;
        *current = Some((assertion.clone(), now.plus(LIFETIME).minus(RESERVE)));
        Ok(assertion)
    }

    fn make(&self, now: Timestamp) -> Result<SecretText, serde_json::Error> {
        let subject = format!("bastion:{}", self.name);
        let claims = SelfIssuedClaims {
            iss: subject.clone(),
            sub: subject,
            aud: self.audience.clone(),
            iat: now.as_seconds(),
            exp: now.plus(LIFETIME).as_seconds(),
            jti: Base64UrlUnpadded::encode_string(&entropy::random::<16>()),
        };
        token::sign(&Header::new(CLIENT_ASSERTION, None), &claims, &self.key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_assertion_is_used_again() {
        let key = SigningKey::from_bytes(&[1; 32]);
        let name = "bastion-1".parse().unwrap();
        let assertions =
            Assertions::new(key, name, "https://ca.example.com".into(), Clock::start());
        let first = assertions.current().unwrap();
        assert_eq!(first.expose(), assertions.current().unwrap().expose());
        assert_eq!(first.expose().split('.').count(), 3);
    }
}
