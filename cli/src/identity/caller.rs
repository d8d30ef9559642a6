//! As whom a request is sent, and the headers that prove it.

use portreeve_protocol::secret::SecretText;
use portreeve_protocol::time::Timestamp;

use crate::identity::agent_key::AgentKey;
use crate::identity::delegated::DelegatedToken;
use crate::identity::person::IdToken;
use crate::identity::statement::{self, Unique};

/// As whom a request is sent.
#[derive(Debug)]
pub enum Caller {
    /// As nobody: the request proves itself, or is public.
    Nobody,
    /// As a person.
    Person(Box<IdToken>),
    /// As an agent together with its human.
    Pair {
        /// The delegated token.
        token: Box<DelegatedToken>,
        /// The agent's key.
        key: Box<AgentKey>,
    },
}

/// The headers that prove who calls, as name and value.
pub type Proof = Vec<(&'static str, SecretText)>;

impl Caller {
    /// The headers for one request. A proof of possession serves one request only, so a request
    /// that is sent again needs new ones.
    ///
    /// # Errors
    /// When the proof cannot be made.
    pub fn proof(
        &self,
        method: &str,
        url: &str,
        now: Timestamp,
        unique: Unique,
    ) -> Result<Proof, serde_json::Error> {
        Ok(match self {
            Self::Nobody => Vec::new(),
            Self::Person(token) => vec![("authorization", scheme("Bearer", token.text()))],
            Self::Pair { token, key } => vec![
                ("authorization", scheme("DPoP", token.text())),
                (
                    "dpop",
                    statement::proof(method, url, token.text(), key, now, unique)?,
                ),
            ],
        })
    }
}

fn scheme(name: &str, token: &SecretText) -> SecretText {
    SecretText::new(format!("{name} {}", token.expose()))
}
