//! Reads claims of a token without checking its signature.
//!
//! Only to show them, and to see early that a token is void. Nothing is permitted by what is read
//! here: the CA verifies every token.

use base64ct::{Base64UrlUnpadded, Encoding as _};
use portreeve_protocol::secret::SecretText;
use portreeve_protocol::time::Timestamp;
use portreeve_protocol::token::MAX_TOKEN;
use serde::Deserialize;
use serde::de::DeserializeOwned;

/// The text is not a token in the compact form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this is no JSON web token with the claims that are needed")]
pub struct NotAToken;

/// The claims of `token`, unverified.
///
/// # Errors
/// When the text is no token with such claims.
pub fn unverified<C: DeserializeOwned>(token: &SecretText) -> Result<C, NotAToken> {
    if token.expose().len() > MAX_TOKEN {
        return Err(NotAToken);
    }
    let mut parts = token.expose().split('.');
    let (Some(_), Some(claims), Some(_), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err(NotAToken);
    };
    let claims = Base64UrlUnpadded::decode_vec(claims).map_err(|_| NotAToken)?;
    serde_json::from_slice(&claims).map_err(|_| NotAToken)
}

/// The claims of an ID token that we look at (OpenID Connect Core, section 2).
#[derive(Debug, Clone, Deserialize)]
pub struct IdClaims {
    /// Who issued it.
    pub iss: String,
    /// The subject.
    pub sub: String,
    /// For whom.
    pub aud: Audience,
    /// The authorised party.
    pub azp: Option<String>,
    /// When it is void, in seconds since 1970.
    pub exp: i64,
    /// The nonce of the sign-in.
    pub nonce: Option<String>,
    /// When the person signed in, in seconds since 1970.
    pub auth_time: Option<i64>,
    /// How.
    #[serde(default)]
    pub amr: Vec<String>,
    /// The e-mail address.
    pub email: Option<String>,
    /// The user name.
    pub preferred_username: Option<String>,
    /// The full name.
    pub name: Option<String>,
}

impl IdClaims {
    /// What to call the person.
    #[must_use]
    pub fn who(&self) -> &str {
        [&self.email, &self.preferred_username, &self.name]
            .into_iter()
            .flatten()
            .next()
            .unwrap_or(&self.sub)
    }

    /// When the token is void.
    #[must_use]
    pub fn expires_at(&self) -> Timestamp {
        Timestamp::from_seconds(self.exp)
    }
}

/// One audience, or several.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub enum Audience {
    /// One.
    One(String),
    /// Several.
    Several(Vec<String>),
}

impl Audience {
    /// Whether it contains `client`.
    #[must_use]
    pub fn contains(&self, client: &str) -> bool {
        match self {
            Self::One(one) => one == client,
            Self::Several(all) => all.iter().any(|one| one == client),
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A token with these claims and a signature of nobody.
    pub(crate) fn unsigned(claims: &serde_json::Value) -> SecretText {
        let part = |value: &serde_json::Value| {
            Base64UrlUnpadded::encode_string(value.to_string().as_bytes())
        };
        SecretText::new(format!(
            "{}.{}.c2ln",
            part(&serde_json::json!({"alg": "ES256"})),
            part(claims)
        ))
    }

    #[test]
    fn claims_are_read_and_other_texts_refused() {
        let claims = serde_json::json!({
            "iss": "https://idp.example.com", "sub": "248289761001", "aud": ["portreeve", "other"],
            "exp": 1_800_000_000, "preferred_username": "alice",
        });
        let read: IdClaims = unverified(&unsigned(&claims)).unwrap();
        assert_eq!(read.who(), "alice");
        assert!(read.aud.contains("portreeve"));
        for bad in ["", "a.b", "a.b.c", "a.b.c.d", "a.!!.c"] {
            assert!(
                unverified::<IdClaims>(&SecretText::new(bad.into())).is_err(),
                "{bad}"
            );
        }
        let long = SecretText::new("a".repeat(MAX_TOKEN + 1));
        assert!(unverified::<IdClaims>(&long).is_err());
    }
}
