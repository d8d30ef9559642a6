//! From what a request carries to a proof of who sent it.

use portreeve_protocol::problem::Code;
use portreeve_protocol::secret::SecretText;

use super::{App, Caller, Failure, Origin};
use crate::identity::{
    AuthenticatedBastion, Delegation, Once, Person, Refused, Request, authenticate_bastion,
    claimed_bastion, verify_delegated,
};
use crate::store::{Change, CommitError, Refusal};

/// What a request shows to prove who sent it.
#[derive(Debug)]
pub enum Credential {
    /// `Authorization: Bearer`.
    Bearer(SecretText),
    /// `Authorization: DPoP` and `DPoP:`.
    Possession {
        /// The delegated token.
        token: SecretText,
        /// The proof.
        proof: SecretText,
    },
}

/// The request that a credential came with.
#[derive(Debug, Clone, Copy)]
pub struct Carrier<'a> {
    /// Its method.
    pub method: &'a str,
    /// Its path.
    pub path: &'a str,
    /// When and from where it came.
    pub origin: Origin,
}

impl App {
    /// A person, by an ID token.
    ///
    /// # Errors
    /// When the token is not believed or the person was deprovisioned.
    pub async fn authenticate_person(
        &self,
        token: &SecretText,
        origin: Origin,
    ) -> Result<Person, Failure> {
        let outcome = self.issuers.authenticate(token, origin.at).await;
        self.provisioned(outcome, origin).await
    }

    /// A person for whom an agent is to act, by an ID token that the agent was handed.
    ///
    /// # Errors
    /// As for a person.
    pub(super) async fn authenticate_subject(
        &self,
        token: &SecretText,
        origin: Origin,
    ) -> Result<Person, Failure> {
        let outcome = self.issuers.subject(token, origin.at).await;
        self.provisioned(outcome, origin).await
    }

    async fn provisioned(
        &self,
        outcome: Result<Person, Refused>,
        origin: Origin,
    ) -> Result<Person, Failure> {
        match outcome {
            Err(refused) => Err(self.refuse(refused, origin).await),
            Ok(person) => {
                self.demand_provisioned(&person.human().id(), origin)
                    .await?;
                Ok(person)
            }
        }
    }

    /// A pair, by a delegated token and a proof of possession for this very request.
    ///
    /// # Errors
    /// When token or proof is not believed, the proof was used before, or one of the pair was
    /// disabled or deprovisioned.
    pub async fn authenticate_pair(
        &self,
        token: SecretText,
        proof: &SecretText,
        carrier: Carrier<'_>,
    ) -> Result<Delegation, Failure> {
        let origin = carrier.origin;
        match self.verify_pair(token, proof, carrier).await? {
            Err(refused) => Err(self.refuse(refused, origin).await),
            Ok(once) => {
                let delegation = self.spend(once, Vec::new(), origin).await?;
                self.demand_provisioned(&delegation.pair().human.id(), origin)
                    .await?;
                Ok(delegation)
            }
        }
    }

    /// A person or a pair.
    ///
    /// # Errors
    /// As for the one or the other.
    pub async fn authenticate_caller(
        &self,
        credential: Credential,
        carrier: Carrier<'_>,
    ) -> Result<Caller, Failure> {
        match credential {
            Credential::Bearer(token) => {
                let person = self.authenticate_person(&token, carrier.origin).await?;
                Ok(Caller::Person(Box::new(person)))
            }
            Credential::Possession { token, proof } => {
                let delegation = self.authenticate_pair(token, &proof, carrier).await?;
                Ok(Caller::Pair(Box::new(delegation)))
            }
        }
    }

    /// A bastion, by its assertion.
    ///
    /// # Errors
    /// When the assertion is not believed.
    pub async fn authenticate_bastion(
        &self,
        assertion: &SecretText,
        origin: Origin,
    ) -> Result<AuthenticatedBastion, Failure> {
        let outcome = match claimed_bastion(assertion.expose()) {
            Err(refused) => Err(refused),
            Ok(name) => {
                let bastion = self.store.bastion(&name).await?;
                let identity = bastion
                    .and_then(|bastion| bastion.enrolled)
                    .map(|(_, enrolled)| enrolled.identity);
                authenticate_bastion(
                    assertion.expose(),
                    name,
                    identity.as_ref(),
                    &self.settings.issuer,
                    origin.at,
                )
            }
        };
        match outcome {
            Ok(bastion) => Ok(bastion),
            Err(refused) => Err(self.refuse(refused, origin).await),
        }
    }

    async fn verify_pair(
        &self,
        token: SecretText,
        proof: &SecretText,
        carrier: Carrier<'_>,
    ) -> Result<Result<Once<Delegation>, Refused>, Failure> {
        let issuer = &self.settings.issuer;
        let token = match verify_delegated(token, &self.token_key, issuer, carrier.origin.at) {
            Ok(token) => token,
            Err(refused) => return Ok(Err(refused)),
        };
        if !self.issuers.trusts(token.human_issuer()) {
            return Ok(Err(token.untrusted_issuer()));
        }
        let registered = self.store.agent(token.agent()).await?;
        let request = Request {
            method: carrier.method,
            path: carrier.path,
            at: carrier.origin.at,
        };
        Ok(token.prove(proof.expose(), registered, issuer, request))
    }

    /// Takes the proof out of a token that may be used once, together with `changes`.
    pub(super) async fn spend<T>(
        &self,
        once: Once<T>,
        changes: Vec<Change>,
        origin: Origin,
    ) -> Result<T, Failure> {
        let spent = once
            .spend(async |token| {
                let mut all = vec![Change::UseOnce {
                    nonce: format!("{} {}", token.signer, token.jti),
                    until: token.expires_at,
                }];
                all.extend(changes);
                match self.store.commit(all, Vec::new()).await {
                    Ok(_) => Ok(true),
                    Err(CommitError::Refused(Refusal::Replayed)) => Ok(false),
                    Err(error) => Err(error),
                }
            })
            .await?;
        match spent {
            Ok(proof) => Ok(proof),
            Err(refused) => Err(self.refuse(refused, origin).await),
        }
    }

    /// Nothing is permitted to a human who was deprovisioned, and no token outlives that.
    pub(super) async fn demand_provisioned(
        &self,
        human: &str,
        origin: Origin,
    ) -> Result<(), Failure> {
        let known = self.store.human(human).await?;
        match known.and_then(|known| known.deprovisioned_at) {
            None => Ok(()),
            Some(since) => {
                let detail = format!("the human was deprovisioned at {since}");
                Err(self
                    .refuse_claim(human, detail, Code::Unauthenticated, None, origin)
                    .await)
            }
        }
    }
}
