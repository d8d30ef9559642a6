//! The person's ID token: kept in a file that only they can read, shown to the CA as it is.

use std::path::Path;

use portreeve_protocol::secret::SecretText;
use portreeve_protocol::time::Timestamp;
use portreeve_protocol::token::MAX_TOKEN;

use crate::exit::Exit;
use crate::failure::Failure;
use crate::files::{self, FileError};
use crate::identity::peek::{self, IdClaims};
use crate::variables;

/// An ID token that was not void when it was read.
#[derive(Debug, Clone)]
pub struct IdToken {
    text: SecretText,
    claims: IdClaims,
}

impl IdToken {
    /// Takes a token's text.
    ///
    /// # Errors
    /// When it is no token, or void.
    pub fn parse(text: &str, now: Timestamp) -> Result<Self, Failure> {
        let text = SecretText::new(text.trim().to_owned());
        let claims: IdClaims = peek::unverified(&text).map_err(|error| {
            Failure::new(Exit::NotAuthenticated, "the ID token cannot be used")
                .because(&error)
                .next("sign in with `portreeve login`, or hand over a fresh ID token")
        })?;
        if claims.expires_at() <= now {
            return Err(Failure::new(
                Exit::NotAuthenticated,
                format!(
                    "the ID token of `{}` was void at {}",
                    claims.who(),
                    claims.expires_at()
                ),
            )
            .next("sign in again with `portreeve login`, or hand over a fresh ID token"));
        }
        Ok(Self { text, claims })
    }

    /// Reads the token that `login` stored, or that was put there.
    ///
    /// # Errors
    /// When nobody signed in, or the token is void.
    pub fn read(path: &Path, now: Timestamp) -> Result<Self, Failure> {
        match files::read_text(path, MAX_TOKEN) {
            Ok(text) => Self::parse(&text, now),
            Err(error) if error.is_absent() => Err(Failure::new(
                Exit::NotAuthenticated,
                "nobody is signed in here",
            )
            .because(&error)
            .next(format!(
                "sign in with `portreeve login`, or point {} to an ID token",
                variables::ID_TOKEN_FILE
            ))),
            Err(error) => Err(Failure::from(error)
                .of_kind(Exit::NotAuthenticated)
                .or_next(format!(
                    "sign in with `portreeve login`, or point {} to an ID token",
                    variables::ID_TOKEN_FILE
                ))),
        }
    }

    /// Stores it for the next commands.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn store(&self, path: &Path) -> Result<(), FileError> {
        files::write_private(path, self.text.expose().as_bytes())
    }

    /// The token itself.
    #[must_use]
    pub fn text(&self) -> &SecretText {
        &self.text
    }

    /// What it says, unverified.
    #[must_use]
    pub fn claims(&self) -> &IdClaims {
        &self.claims
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::peek::tests::unsigned;

    #[test]
    fn a_void_token_is_known_before_it_is_sent() {
        let token = unsigned(&serde_json::json!({
            "iss": "https://idp.example.com", "sub": "a", "aud": "portreeve", "exp": 1_800_000_000,
        }));
        let at = Timestamp::from_seconds;
        assert!(IdToken::parse(token.expose(), at(1_799_999_999)).is_ok());
        let failure = IdToken::parse(token.expose(), at(1_800_000_000)).unwrap_err();
        assert_eq!(failure.exit(), Exit::NotAuthenticated);
        assert!(failure.to_string().contains("portreeve login"));
    }

    #[test]
    fn nobody_signed_in_is_told_how_to() {
        let failure = IdToken::read(
            Path::new("/nonexistent/id_token"),
            Timestamp::from_seconds(0),
        )
        .unwrap_err();
        assert_eq!(failure.exit(), Exit::NotAuthenticated);
        assert!(
            failure.to_string().contains("nobody is signed in here"),
            "{failure}"
        );
    }
}
