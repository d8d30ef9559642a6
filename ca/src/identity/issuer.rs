//! The identity providers that are trusted, and the way from an ID token to a [`Person`].

use jsonwebtoken::{Algorithm, AlgorithmFamily};
use portreeve_protocol::secret::SecretText;
use portreeve_protocol::time::Timestamp;
use serde::Deserialize;

use super::discovery::{Discovered, is_acceptable_url};
use super::fault::{Refused, TokenFault, TokenKind};
use super::id_token::{self, Expected, Person};
use super::jws::{Unverified, claimed};
use super::keyset::KeySet;

/// What the operator says of one issuer.
#[derive(Debug, Clone)]
pub struct IssuerSettings {
    /// Its issuer URL, as it stands in `iss`.
    pub url: String,
    /// Our client id there.
    pub client_id: String,
    /// Our client id there for tokens that people hand to agents.
    pub agent_client_id: Option<String>,
    /// The algorithms it may sign with, by their JOSE names.
    pub algorithms: Vec<String>,
    /// The claim that holds the human's readable name.
    pub name_claim: String,
    /// The claim that holds the human's groups.
    pub groups_claim: String,
    /// Where its keys come from.
    pub keys: KeyOrigin,
}

/// Where an issuer's keys come from.
#[derive(Debug, Clone)]
pub enum KeyOrigin {
    /// Its discovery document (OpenID Connect Discovery).
    Discovery,
    /// A key set (RFC 7517) that the operator has put into a file: its content.
    KeySet(Vec<u8>),
}

/// Why an issuer cannot be trusted as it is configured.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotAnIssuer {
    /// Not https.
    #[error(
        "issuer `{0}` is not an https URL without query and fragment; http is for loopback only"
    )]
    Url(String),
    /// Without algorithm.
    #[error("issuer `{0}` has no algorithm; name at least one, for example `RS256`")]
    NoAlgorithm(String),
    /// An algorithm that is not accepted.
    #[error(
        "issuer `{issuer}`: algorithm `{algorithm}` is not accepted; use RS256 to RS512, PS256 to PS512, ES256, ES384 or EdDSA"
    )]
    Algorithm {
        /// Whose.
        issuer: String,
        /// Which.
        algorithm: String,
    },
    /// A key set that cannot be used.
    #[error("issuer `{issuer}`: the key set cannot be used: {reason}")]
    KeySet {
        /// Whose.
        issuer: String,
        /// Why.
        reason: String,
    },
    /// Twice the same.
    #[error("issuer `{0}` is configured twice")]
    Twice(String),
}

/// What an ID token is shown for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Purpose {
    /// To act as its human.
    Person,
    /// To let an agent act for its human.
    Subject,
}

/// One trusted identity provider.
#[derive(Debug)]
pub struct Issuer {
    url: String,
    client_id: String,
    agent_client_id: Option<String>,
    algorithms: Vec<Algorithm>,
    name_claim: String,
    groups_claim: String,
    keys: Keys,
}

#[derive(Debug)]
enum Keys {
    Fixed(KeySet),
    Discovered(Discovered),
}

impl Issuer {
    /// Checks the settings of an issuer.
    ///
    /// # Errors
    /// When its URL, algorithms or key set cannot be accepted.
    pub fn new(settings: IssuerSettings) -> Result<Self, NotAnIssuer> {
        let IssuerSettings {
            url,
            client_id,
            agent_client_id,
            algorithms,
            name_claim,
            groups_claim,
            keys,
        } = settings;
        // An id of a human is issuer, `#`, subject; a fragment here would make two humans one.
        if url.contains(['#', '?']) || !is_acceptable_url(&url) {
            return Err(NotAnIssuer::Url(url));
        }
        if algorithms.is_empty() {
            return Err(NotAnIssuer::NoAlgorithm(url));
        }
        let algorithms = algorithms
            .into_iter()
            .map(|name| {
                asymmetric(&name).ok_or_else(|| NotAnIssuer::Algorithm {
                    issuer: url.clone(),
                    algorithm: name,
                })
            })
            .collect::<Result<_, _>>()?;
        let keys = match keys {
            KeyOrigin::Discovery => Keys::Discovered(Discovered::new(url.clone())),
            KeyOrigin::KeySet(text) => {
                Keys::Fixed(KeySet::parse(&text).map_err(|error| NotAnIssuer::KeySet {
                    issuer: url.clone(),
                    reason: error.to_string(),
                })?)
            }
        };
        Ok(Self {
            url,
            client_id,
            agent_client_id,
            algorithms,
            name_claim,
            groups_claim,
            keys,
        })
    }

    async fn verify(
        &self,
        text: &str,
        purpose: Purpose,
        now: Timestamp,
    ) -> Result<Person, TokenFault> {
        let token = Unverified::read(text)?;
        token.demand_plain_type()?;
        let algorithm = token.algorithm(&self.algorithms)?;
        let claims = match &self.keys {
            Keys::Fixed(keys) => token.verify(keys.find(token.kid(), algorithm)?, algorithm)?,
            Keys::Discovered(discovered) => {
                let keys = discovered.keys_for(token.kid(), algorithm, now).await?;
                token.verify(keys.find(token.kid(), algorithm)?, algorithm)?
            }
        };
        let for_agents = match purpose {
            Purpose::Subject => self.agent_client_id.as_deref(),
            Purpose::Person => None,
        };
        let expected = Expected {
            issuer: &self.url,
            client_ids: std::iter::once(self.client_id.as_str())
                .chain(for_agents)
                .collect(),
            name_claim: &self.name_claim,
            groups_claim: &self.groups_claim,
        };
        id_token::verify(claims, &expected, now)
    }
}

/// An algorithm with a public and a private key, by its name.
fn asymmetric(name: &str) -> Option<Algorithm> {
    name.parse::<Algorithm>()
        .ok()
        .filter(|algorithm| algorithm.family() != AlgorithmFamily::Hmac)
}

/// All trusted identity providers.
#[derive(Debug)]
pub struct Issuers(Vec<Issuer>);

impl Issuers {
    /// Takes the configured issuers.
    ///
    /// # Errors
    /// When one of them stands twice.
    pub fn new(issuers: Vec<Issuer>) -> Result<Self, NotAnIssuer> {
        for (index, issuer) in issuers.iter().enumerate() {
            if issuers
                .iter()
                .take(index)
                .any(|earlier| earlier.url == issuer.url)
            {
                return Err(NotAnIssuer::Twice(issuer.url.clone()));
            }
        }
        Ok(Self(issuers))
    }

    /// Whether humans of this issuer are believed.
    #[must_use]
    pub fn trusts(&self, issuer: &str) -> bool {
        self.0.iter().any(|known| known.url == issuer)
    }

    /// Verifies the ID token of a person who acts.
    ///
    /// # Errors
    /// When its issuer is not trusted, its keys cannot be had, or it breaks a rule.
    pub async fn authenticate(
        &self,
        token: &SecretText,
        now: Timestamp,
    ) -> Result<Person, Refused> {
        self.verify(token, Purpose::Person, now).await
    }

    /// Verifies the ID token of a person for whom an agent is to act: also one that was made for
    /// agents and lets nobody act as the person.
    ///
    /// # Errors
    /// As for [`Issuers::authenticate`].
    pub async fn subject(&self, token: &SecretText, now: Timestamp) -> Result<Person, Refused> {
        self.verify(token, Purpose::Subject, now).await
    }

    async fn verify(
        &self,
        token: &SecretText,
        purpose: Purpose,
        now: Timestamp,
    ) -> Result<Person, Refused> {
        let text = token.expose();
        let outcome = match self.claimed_by(text) {
            Ok(issuer) => issuer.verify(text, purpose, now).await,
            Err(fault) => Err(fault),
        };
        outcome.map_err(|fault| fault.of(TokenKind::IdToken, claimed(text)))
    }

    fn claimed_by(&self, text: &str) -> Result<&Issuer, TokenFault> {
        #[derive(Deserialize)]
        struct Claimed {
            iss: String,
        }
        let claimed: Claimed = Unverified::read(text)?
            .unproved()
            .ok_or(TokenFault::Malformed)?;
        self.0
            .iter()
            .find(|issuer| issuer.url == claimed.iss)
            .ok_or(TokenFault::UnknownSigner)
    }
}
