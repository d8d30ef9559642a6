//! The delegated token: the human's authority in the agent's hands, bound to the agent's key.
//!
//! It is kept in a file between commands, so that one exchange serves many of them.

use std::path::Path;

use portreeve_protocol::pair::Agent;
use portreeve_protocol::secret::SecretText;
use portreeve_protocol::time::Timestamp;
use portreeve_protocol::token::{DelegatedClaims, MAX_TOKEN};

use crate::files::{self, FileError};
use crate::identity::agent_key::AgentKey;
use crate::identity::peek::{self, NotAToken};

/// A token this close to its end, in seconds, is renewed rather than used: the request that
/// carries it must still arrive in time.
const MARGIN: i64 = 20;

/// A delegated token.
#[derive(Debug, Clone)]
pub struct DelegatedToken {
    text: SecretText,
    claims: DelegatedClaims,
}

impl DelegatedToken {
    /// Takes a token's text.
    ///
    /// # Errors
    /// When it is no delegated token.
    pub fn parse(text: SecretText) -> Result<Self, NotAToken> {
        let text = SecretText::new(text.expose().trim().to_owned());
        let claims = peek::unverified(&text)?;
        Ok(Self { text, claims })
    }

    /// The token in `path`; none when there is nothing that this agent can use at `now`.
    #[must_use]
    pub fn read(
        path: &Path,
        issuer: &str,
        agent: &Agent,
        key: &AgentKey,
        now: Timestamp,
    ) -> Option<Self> {
        let text = files::read_text(path, MAX_TOKEN).ok()?;
        let token = Self::parse(SecretText::new(text)).ok()?;
        token.serves(issuer, agent, key, now).then_some(token)
    }

    /// Whether the CA of `issuer` can be expected to accept it from this agent with this key.
    #[must_use]
    pub fn serves(&self, issuer: &str, agent: &Agent, key: &AgentKey, now: Timestamp) -> bool {
        self.claims.iss == issuer
            && self.claims.act.sub == *agent
            && self.claims.cnf.jkt == key.jwk().thumbprint()
            && self.lasts(now)
    }

    /// Whether it is good for long enough to be used.
    #[must_use]
    pub fn lasts(&self, now: Timestamp) -> bool {
        self.claims.exp.saturating_sub(MARGIN) > now.as_seconds()
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
    pub fn claims(&self) -> &DelegatedClaims {
        &self.claims
    }

    /// When it is void.
    #[must_use]
    pub fn expires_at(&self) -> Timestamp {
        Timestamp::from_seconds(self.claims.exp)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::agent_key::AgentKey;
    use crate::identity::agent_key::tests::{example, example_text};
    use crate::identity::peek::tests::unsigned;

    #[test]
    fn a_token_serves_its_own_agent_key_and_ca_until_shortly_before_its_end() {
        let key = example();
        let token = DelegatedToken::parse(unsigned(&serde_json::json!({
            "iss": "https://ca.example.com", "sub": "https://idp.example.com#a",
            "act": {"sub": "soc/forensics"}, "client_id": "soc/forensics",
            "aud": "https://ca.example.com", "iat": 0, "exp": 1_000, "jti": "j",
            "cnf": {"jkt": key.jwk().thumbprint()}, "auth_time": 0, "name": "alice@example.com",
            "human_iss": "https://idp.example.com", "human_sub": "a",
        })))
        .unwrap();
        let agent: Agent = "soc/forensics".parse().unwrap();
        let other = AgentKey::parse(&example_text(8)).unwrap();
        let at = Timestamp::from_seconds;
        assert!(token.serves("https://ca.example.com", &agent, &key, at(979)));
        assert!(!token.serves("https://ca.example.com", &agent, &key, at(980)));
        assert!(!token.serves("https://ca.example.net", &agent, &key, at(0)));
        assert!(!token.serves(
            "https://ca.example.com",
            &"soc/x".parse().unwrap(),
            &key,
            at(0)
        ));
        assert!(!token.serves("https://ca.example.com", &agent, &other, at(0)));
    }
}
