//! Agents: `private_key_jwt` (RFC 7523) and the actor token of a token exchange (RFC 8693).

use std::time::Duration;

use portreeve_protocol::admin::AgentRecord;
use portreeve_protocol::pair::Agent;
use portreeve_protocol::time::Timestamp;
use portreeve_protocol::token::{ACTOR, CLIENT_ASSERTION};

use super::fault::{Refused, TokenFault, TokenKind};
use super::jws::{claimed, shorten};
use super::once::{Once, TokenUse};
use super::self_issued::{self, Expected};

/// The longest life of a client assertion and of an actor token.
const LONGEST_LIFE: Duration = Duration::from_secs(5 * 60);

/// An agent that proved to be itself a moment ago.
#[derive(Debug)]
pub struct AuthenticatedAgent {
    record: AgentRecord,
}

impl AuthenticatedAgent {
    /// The agent as the registry knows it.
    #[must_use]
    pub const fn record(&self) -> &AgentRecord {
        &self.record
    }
}

/// The agent that a client assertion says it is by, to look it up.
///
/// # Errors
/// When the assertion is malformed or its subject is no agent's name.
pub fn claimed_agent(assertion: &str) -> Result<Agent, Refused> {
    let subject = self_issued::claimed_signer(assertion)
        .map_err(|fault| fault.of(TokenKind::ClientAssertion, claimed(assertion)))?;
    subject
        .parse()
        .map_err(|_| TokenFault::UnknownSigner.of(TokenKind::ClientAssertion, shorten(&subject)))
}

/// Checks a client assertion against the registered agent that it claims to be by.
///
/// # Errors
/// When there is no such agent, it is disabled, or the assertion is not by its key, for us, and fresh.
pub fn authenticate_agent(
    assertion: &str,
    registered: Option<AgentRecord>,
    issuer_url: &str,
    now: Timestamp,
) -> Result<Once<AuthenticatedAgent>, Refused> {
    let kind = TokenKind::ClientAssertion;
    let refuse = |fault: TokenFault| fault.of(kind, claimed(assertion));
    let record = registered.ok_or_else(|| refuse(TokenFault::UnknownSigner))?;
    let token = verify(assertion, CLIENT_ASSERTION, &record, issuer_url, now).map_err(refuse)?;
    if !record.enabled {
        return Err(refuse(TokenFault::AgentDisabled));
    }
    Ok(Once::new(AuthenticatedAgent { record }, kind, token))
}

/// Checks that an actor token is by the very agent that authenticated.
///
/// # Errors
/// When it is by another, or not by its key, for us, and fresh.
pub fn verify_actor(
    actor_token: &str,
    agent: &AuthenticatedAgent,
    issuer_url: &str,
    now: Timestamp,
) -> Result<Once<()>, Refused> {
    let kind = TokenKind::ActorToken;
    let refuse = |fault: TokenFault| fault.of(kind, claimed(actor_token));
    let signer = self_issued::claimed_signer(actor_token).map_err(refuse)?;
    if signer != agent.record.agent.to_string() {
        return Err(refuse(TokenFault::ActorIsAnother));
    }
    let token = verify(actor_token, ACTOR, &agent.record, issuer_url, now).map_err(refuse)?;
    // A token's kind is part of what it is unique in: an assertion and an actor token may share a `jti`.
    let signer = format!("actor {}", token.signer);
    Ok(Once::new((), kind, TokenUse { signer, ..token }))
}

fn verify(
    text: &str,
    typ: &str,
    record: &AgentRecord,
    issuer_url: &str,
    now: Timestamp,
) -> Result<TokenUse, TokenFault> {
    let expected = Expected {
        typ,
        signer: &record.agent.to_string(),
        key: &record.key,
        audience: issuer_url,
        longest_life: LONGEST_LIFE,
    };
    self_issued::verify(text, &expected, now)
}
