//! `POST /oauth2/token`: a human's ID token and an agent's proof of itself become a delegated
//! token (RFC 8693).

mod failure;
mod request;

use base64ct::{Base64UrlUnpadded, Encoding as _};
use portreeve_protocol::event::AccessFact;
use portreeve_protocol::pair::{Human, Pair};
use portreeve_protocol::problem::Code;
use portreeve_protocol::time::Timestamp;
use portreeve_protocol::token::{
    Actor, Confirmation, DelegatedClaims, Jwk, TYPE_ACCESS_TOKEN, TokenResponse,
};

use super::record::Access;
use super::{App, Failure, Origin};
use crate::entropy;
use crate::identity::{
    AuthenticatedAgent, Once, Person, authenticate_agent, claimed_agent, verify_actor,
};
use crate::store::{Change, CommitError, Refusal};

pub use failure::ExchangeFailure;
pub use request::ExchangeRequest;

impl App {
    /// Issues a delegated token to an agent that proves both its human and itself.
    ///
    /// # Errors
    /// When either is not proved, the request is not a token exchange, or store or signer fail.
    pub async fn exchange(
        &self,
        request: Result<ExchangeRequest, ExchangeFailure>,
        origin: Origin,
    ) -> Result<TokenResponse, ExchangeFailure> {
        let request = match request {
            Ok(request) => request,
            Err(failure) => return Err(self.no_exchange("nobody", failure, origin).await),
        };
        let agent = self
            .authenticate_client(&request, origin)
            .await
            .map_err(ExchangeFailure::of_client)?;
        let name = &agent.record().agent;
        if let Err(failure) = request.check(name, &self.settings.issuer) {
            return Err(self.no_exchange(&name.to_string(), failure, origin).await);
        }
        let person = self
            .authenticate_subject(&request.subject_token, origin)
            .await
            .map_err(ExchangeFailure::of_token)?;
        let actor = self
            .verify_actor(&request, &agent, origin)
            .await
            .map_err(ExchangeFailure::of_token)?;
        let claims = self.delegate(&person, &agent, origin.at)?;
        self.record_token(actor, &claims, &person, origin)
            .await
            .map_err(ExchangeFailure::of_token)?;
        let expires_at = Timestamp::from_seconds(claims.exp);
        let token = self
            .signer
            .token(claims)
            .await
            .map_err(|error| ExchangeFailure::Failed(error.into()))?;
        Ok(TokenResponse {
            access_token: token,
            issued_token_type: TYPE_ACCESS_TOKEN.into(),
            token_type: "DPoP".into(),
            expires_in: u32::try_from(expires_at.since(origin.at).as_secs()).unwrap_or(u32::MAX),
        })
    }

    /// Records a request that is no exchange: half a pair is as telling as a forged one.
    async fn no_exchange(
        &self,
        claimed: &str,
        failure: ExchangeFailure,
        origin: Origin,
    ) -> ExchangeFailure {
        let detail = format!("no token exchange: {failure}");
        self.refuse_claim(claimed, detail, Code::Malformed, None, origin)
            .await;
        failure
    }

    async fn authenticate_client(
        &self,
        request: &ExchangeRequest,
        origin: Origin,
    ) -> Result<AuthenticatedAgent, Failure> {
        let assertion = request.client_assertion.expose();
        let outcome = match claimed_agent(assertion) {
            Err(refused) => Err(refused),
            Ok(name) => {
                let registered = self.store.agent(&name).await?;
                authenticate_agent(assertion, registered, &self.settings.issuer, origin.at)
            }
        };
        match outcome {
            Ok(once) => self.spend(once, Vec::new(), origin).await,
            Err(refused) => Err(self.refuse(refused, origin).await),
        }
    }

    async fn verify_actor(
        &self,
        request: &ExchangeRequest,
        agent: &AuthenticatedAgent,
        origin: Origin,
    ) -> Result<Once<()>, Failure> {
        let token = request.actor_token.expose();
        match verify_actor(token, agent, &self.settings.issuer, origin.at) {
            Ok(once) => Ok(once),
            Err(refused) => Err(self.refuse(refused, origin).await),
        }
    }

    /// The claims of the pair's token. It never outlives the human's own token.
    fn delegate(
        &self,
        person: &Person,
        agent: &AuthenticatedAgent,
        now: Timestamp,
    ) -> Result<DelegatedClaims, ExchangeFailure> {
        let issuer = &self.settings.issuer;
        let record = agent.record();
        let expires_at = now
            .plus(self.settings.token_ttl.as_duration())
            .min(person.expires_at());
        if expires_at <= now {
            return Err(ExchangeFailure::Request(
                "the subject token is about to expire; sign in again",
            ));
        }
        let jwk = Jwk::of(&record.key).ok_or_else(|| {
            ExchangeFailure::Failed(Failure::Broken("the agent's key is not Ed25519".into()))
        })?;
        let Human {
            issuer: human_iss,
            subject: human_sub,
            name,
        } = person.human().clone();
        Ok(DelegatedClaims {
            iss: issuer.clone(),
            sub: person.human().id(),
            act: Actor {
                sub: record.agent.clone(),
            },
            client_id: record.agent.clone(),
            aud: issuer.clone(),
            iat: now.as_seconds(),
            exp: expires_at.as_seconds(),
            jti: Base64UrlUnpadded::encode_string(&entropy::random::<16>()),
            cnf: Confirmation {
                jkt: jwk.thumbprint(),
            },
            auth_time: person.sign_in().at.as_seconds(),
            amr: person.sign_in().amr.clone(),
            acr: person.sign_in().acr.clone(),
            name,
            human_iss,
            human_sub,
            groups: person.groups().to_vec(),
            email: person.email().map(str::to_owned),
        })
    }

    /// Uses up the actor token and records the token that is about to be signed, in one.
    async fn record_token(
        &self,
        actor: Once<()>,
        claims: &DelegatedClaims,
        person: &Person,
        origin: Origin,
    ) -> Result<(), Failure> {
        let pair = Pair {
            human: person.human().clone(),
            agent: claims.client_id.clone(),
        };
        let access = Access {
            pair: &pair,
            task: None,
            session: None,
        };
        let issued = access.event(
            origin.at,
            AccessFact::TokenIssued {
                jti: claims.jti.clone(),
                signed_in_at: person.sign_in().at,
                amr: claims.amr.clone(),
                expires_at: Timestamp::from_seconds(claims.exp),
            },
        );
        let spent = actor
            .spend(async |token| {
                let changes = vec![
                    Change::UseOnce {
                        nonce: format!("{} {}", token.signer, token.jti),
                        until: token.expires_at,
                    },
                    Change::SeeHuman {
                        human: person.human().clone(),
                        at: origin.at,
                    },
                ];
                match self.store.commit(changes, vec![issued]).await {
                    Ok(_) => Ok(true),
                    Err(CommitError::Refused(Refusal::Replayed)) => Ok(false),
                    Err(error) => Err(error),
                }
            })
            .await?;
        match spent {
            Ok(()) => Ok(()),
            Err(refused) => Err(self.refuse(refused, origin).await),
        }
    }
}
