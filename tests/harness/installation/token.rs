//! A token as text, and what it claims.

use anyhow::{Context, Result};
use base64ct::{Base64UrlUnpadded, Encoding as _};
use serde_json::Value;

/// A JSON web token, which nobody here checks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token(String);

impl Token {
    /// Takes a token's text.
    ///
    /// # Errors
    /// When it has not three parts.
    pub fn new(text: &str) -> Result<Self> {
        let text = text.trim();
        anyhow::ensure!(
            text.split('.').count() == 3 && !text.contains(char::is_whitespace),
            "`{text}` is no token"
        );
        Ok(Self(text.to_owned()))
    }

    /// Its text.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.0
    }

    /// One claim as text, unchecked, by its JSON pointer: `/act/sub`. What is no text is shown as JSON.
    ///
    /// # Errors
    /// When there is none.
    pub fn claim(&self, pointer: &str) -> Result<String> {
        let claims = self.claims()?;
        let claim = claims.pointer(pointer);
        let claim = claim.with_context(|| format!("there is no claim `{pointer}` in {claims}"))?;
        Ok(claim
            .as_str()
            .map_or_else(|| claim.to_string(), str::to_owned))
    }

    /// Its claims, unchecked.
    ///
    /// # Errors
    /// When they are no JSON in base64.
    pub fn claims(&self) -> Result<Value> {
        let part = self.0.split('.').nth(1).context("a token has claims")?;
        let bytes = Base64UrlUnpadded::decode_vec(part)
            .map_err(|error| anyhow::anyhow!("its claims are not base64: {error}"))?;
        serde_json::from_slice(&bytes).context("its claims are not JSON")
    }
}

#[cfg(test)]
mod tests {
    use super::Token;

    #[test]
    fn the_second_part_has_the_claims() {
        let token = Token::new("e30.eyJzdWIiOiJhIn0.AA\n").unwrap();
        assert_eq!(token.claim("/sub").unwrap(), "a");
        assert!(token.claim("/act/sub").is_err());
        assert!(Token::new("e30.e30").is_err());
        assert!(Token::new("e30.not json.AA").is_err());
    }
}
