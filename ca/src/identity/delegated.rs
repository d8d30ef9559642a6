//! Delegated tokens: our own, coming back with a proof of possession.

use jsonwebtoken::DecodingKey;
use portreeve_protocol::admin::AgentRecord;
use portreeve_protocol::facts::SignIn;
use portreeve_protocol::key::PublicKey;
use portreeve_protocol::name::HumanName;
use portreeve_protocol::pair::{Agent, Human, Pair};
use portreeve_protocol::secret::SecretText;
use portreeve_protocol::time::Timestamp;
use portreeve_protocol::token::{ACCESS_TOKEN, Actor, Confirmation, Jwk};
use serde::Deserialize;

use super::claims::{NumericDate, Times};
use super::fault::{Refused, TokenFault, TokenKind};
use super::jws::{Unverified, claimed, eddsa_key};
use super::once::Once;
use super::possession::{self, Request};

/// A pair that proved to be itself: the human by the token, the agent by its key.
#[derive(Debug, Clone)]
pub struct Delegation {
    pair: Pair,
    sign_in: SignIn,
    groups: Vec<String>,
    email: Option<String>,
    agent: AgentRecord,
    expires_at: Timestamp,
}

impl Delegation {
    /// Both identities.
    #[must_use]
    pub const fn pair(&self) -> &Pair {
        &self.pair
    }

    /// How and when the human signed in.
    #[must_use]
    pub const fn sign_in(&self) -> &SignIn {
        &self.sign_in
    }

    /// The human's groups at the identity provider.
    #[must_use]
    pub fn groups(&self) -> &[String] {
        &self.groups
    }

    /// The human's e-mail address, if the identity provider vouched for one.
    #[must_use]
    pub fn email(&self) -> Option<&str> {
        self.email.as_deref()
    }

    /// The agent as the registry knows it.
    #[must_use]
    pub const fn agent(&self) -> &AgentRecord {
        &self.agent
    }

    /// When the token is void.
    #[must_use]
    pub const fn expires_at(&self) -> Timestamp {
        self.expires_at
    }
}

/// The public half of the key that signs delegated tokens, ready for checking.
#[derive(Clone)]
pub struct TokenKey(DecodingKey);

impl TokenKey {
    /// Takes the signer's public key.
    ///
    /// # Errors
    /// When it is not Ed25519.
    pub fn new(key: &PublicKey) -> Result<Self, TokenFault> {
        eddsa_key(key).map(Self)
    }
}

impl std::fmt::Debug for TokenKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("TokenKey")
    }
}

/// A genuine delegated token whose proof and registration are not checked yet.
#[derive(Debug)]
pub struct VerifiedToken {
    claims: Claims,
    token: SecretText,
}

#[derive(Debug, Deserialize)]
struct Claims {
    iss: String,
    sub: String,
    act: Option<Actor>,
    client_id: Agent,
    aud: String,
    iat: NumericDate,
    exp: NumericDate,
    cnf: Confirmation,
    auth_time: NumericDate,
    #[serde(default)]
    amr: Vec<String>,
    acr: Option<String>,
    name: HumanName,
    human_iss: String,
    human_sub: String,
    #[serde(default)]
    groups: Vec<String>,
    email: Option<String>,
}

/// Checks signature, time and claims of a delegated token.
///
/// # Errors
/// When it is not ours, not for us, over, or does not name both a human and an agent.
pub fn verify_delegated(
    token: SecretText,
    key: &TokenKey,
    issuer_url: &str,
    now: Timestamp,
) -> Result<VerifiedToken, Refused> {
    match verify(token.expose(), key, issuer_url, now) {
        Ok(claims) => Ok(VerifiedToken { claims, token }),
        Err(fault) => Err(fault.of(TokenKind::DelegatedToken, claimed(token.expose()))),
    }
}

fn verify(
    text: &str,
    key: &TokenKey,
    issuer_url: &str,
    now: Timestamp,
) -> Result<Claims, TokenFault> {
    let token = Unverified::read(text)?;
    token.demand_type(ACCESS_TOKEN)?;
    let claims: Claims = token.verify_eddsa(&key.0)?;
    if claims.iss != issuer_url {
        return Err(TokenFault::Issuer);
    }
    if claims.aud != issuer_url {
        return Err(TokenFault::Audience);
    }
    Times::new(claims.iat, claims.exp).check(now)?;
    match &claims.act {
        None => return Err(TokenFault::NoActor),
        Some(actor) if actor.sub != claims.client_id => return Err(TokenFault::ActorIsNotClient),
        Some(_) => {}
    }
    if claims.sub != claims.human().id() {
        return Err(TokenFault::SubjectIsNotTheHuman);
    }
    Ok(claims)
}

impl Claims {
    fn human(&self) -> Human {
        Human {
            issuer: self.human_iss.clone(),
            subject: self.human_sub.clone(),
            name: self.name.clone(),
        }
    }
}

impl VerifiedToken {
    /// The agent that the token is for, to look it up.
    #[must_use]
    pub const fn agent(&self) -> &Agent {
        &self.claims.client_id
    }

    /// The human's issuer, to see whether it is still trusted.
    #[must_use]
    pub fn human_issuer(&self) -> &str {
        &self.claims.human_iss
    }

    /// Checks the proof of possession against the agent's registered key.
    ///
    /// # Errors
    /// When the agent is unknown, disabled or has another key now, or the proof does not hold.
    pub fn prove(
        self,
        proof: &str,
        registered: Option<AgentRecord>,
        issuer_url: &str,
        request: Request<'_>,
    ) -> Result<Once<Delegation>, Refused> {
        let who = format!("{} for {}", self.claims.client_id, self.claims.name);
        let refuse = |fault: TokenFault| fault.of(TokenKind::DelegatedToken, who.clone());
        let agent = registered.ok_or_else(|| refuse(TokenFault::UnknownSigner))?;
        let thumbprint = Jwk::of(&agent.key).map(|jwk| jwk.thumbprint());
        if thumbprint.as_deref() != Some(self.claims.cnf.jkt.as_str()) {
            return Err(refuse(TokenFault::Binding));
        }
        if !agent.enabled {
            return Err(refuse(TokenFault::AgentDisabled));
        }
        let token = possession::verify(
            proof,
            &self.token,
            &self.claims.cnf.jkt,
            issuer_url,
            request,
        )
        .map_err(|fault| fault.of(TokenKind::Proof, who))?;
        let delegation = Delegation {
            pair: Pair {
                human: self.claims.human(),
                agent: self.claims.client_id,
            },
            sign_in: SignIn {
                at: self.claims.auth_time.moment(),
                amr: self.claims.amr,
                acr: self.claims.acr,
            },
            groups: self.claims.groups,
            email: self.claims.email,
            agent,
            expires_at: self.claims.exp.moment(),
        };
        Ok(Once::new(delegation, TokenKind::Proof, token))
    }

    /// The refusal of a token whose human's issuer is not trusted any more.
    #[must_use]
    pub fn untrusted_issuer(&self) -> Refused {
        TokenFault::UntrustedIssuer.of(
            TokenKind::DelegatedToken,
            format!("{} for {}", self.claims.client_id, self.claims.name),
        )
    }
}
