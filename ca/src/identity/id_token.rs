//! ID tokens (OpenID Connect Core, section 3.1.3.7): what makes a human a [`Person`].

use std::collections::BTreeMap;
use std::time::Duration;

use portreeve_protocol::facts::{MAX_GROUPS, SignIn};
use portreeve_protocol::name::HumanName;
use portreeve_protocol::pair::Human;
use portreeve_protocol::time::Timestamp;
use serde::Deserialize;
use serde_json::Value;

use super::SKEW;
use super::claims::{Audience, NumericDate, Times};
use super::fault::TokenFault;

/// How long after it was issued an ID token is believed, whatever its `exp` says.
const LONGEST_AGE: Duration = Duration::from_secs(12 * 3600);
/// The longest name of a group.
const MAX_GROUP: usize = 128;
/// The most entries of `amr` and the longest of them, and of `acr`.
const MAX_AMR: usize = 16;
const MAX_METHOD: usize = 128;
/// The longest e-mail address (RFC 5321).
const MAX_EMAIL: usize = 254;

/// A human who proved by an ID token who they are.
#[derive(Debug, Clone)]
pub struct Person {
    human: Human,
    sign_in: SignIn,
    groups: Vec<String>,
    email: Option<String>,
    expires_at: Timestamp,
}

impl Person {
    /// Who.
    #[must_use]
    pub const fn human(&self) -> &Human {
        &self.human
    }

    /// How and when they signed in.
    #[must_use]
    pub const fn sign_in(&self) -> &SignIn {
        &self.sign_in
    }

    /// Their groups at the identity provider.
    #[must_use]
    pub fn groups(&self) -> &[String] {
        &self.groups
    }

    /// Their e-mail address, if the identity provider vouched for one.
    #[must_use]
    pub fn email(&self) -> Option<&str> {
        self.email.as_deref()
    }

    /// When the token is void.
    #[must_use]
    pub const fn expires_at(&self) -> Timestamp {
        self.expires_at
    }
}

/// The claims of an ID token whose signature held.
#[derive(Debug, Deserialize)]
pub(super) struct Claims {
    iss: String,
    sub: String,
    aud: Audience,
    azp: Option<String>,
    iat: NumericDate,
    exp: NumericDate,
    nbf: Option<NumericDate>,
    auth_time: NumericDate,
    #[serde(default)]
    amr: Vec<String>,
    acr: Option<String>,
    /// Those whose names the operator may choose.
    #[serde(flatten)]
    other: BTreeMap<String, Value>,
}

/// What an ID token must be, and where in it name and groups are.
#[derive(Debug)]
pub(super) struct Expected<'a> {
    pub(super) issuer: &'a str,
    /// The clients that it may be for.
    pub(super) client_ids: Vec<&'a str>,
    pub(super) name_claim: &'a str,
    pub(super) groups_claim: &'a str,
}

/// Checks the claims of an ID token.
pub(super) fn verify(
    claims: Claims,
    expected: &Expected<'_>,
    now: Timestamp,
) -> Result<Person, TokenFault> {
    if claims.iss != expected.issuer {
        return Err(TokenFault::Issuer);
    }
    check_audiences(&claims, &expected.client_ids)?;
    check_times(&claims, now)?;
    if !(1..=255).contains(&claims.sub.len()) || !claims.sub.bytes().all(|b| b.is_ascii_graphic()) {
        return Err(TokenFault::Subject);
    }
    if claims.amr.len() > MAX_AMR
        || claims
            .amr
            .iter()
            .chain(&claims.acr)
            .any(|method| method.len() > MAX_METHOD)
    {
        return Err(TokenFault::Claims("`amr` or `acr` is too long".into()));
    }
    Ok(Person {
        sign_in: SignIn {
            at: claims.auth_time.moment(),
            amr: claims.amr.clone(),
            acr: claims.acr.clone(),
        },
        groups: claims.groups(expected.groups_claim)?,
        email: claims.email().map(str::to_owned),
        expires_at: claims.exp.moment(),
        human: Human {
            name: claims.readable_name(expected.name_claim)?,
            issuer: claims.iss,
            subject: claims.sub,
        },
    })
}

impl Claims {
    /// The e-mail address, unless the provider says that it did not check it.
    fn email(&self) -> Option<&str> {
        let unchecked = match self.other.get("email_verified") {
            Some(Value::Bool(verified)) => !verified,
            Some(Value::String(verified)) => verified != "true",
            _ => false,
        };
        self.text("email")
            .filter(|email| !unchecked && email.len() <= MAX_EMAIL)
    }

    fn text(&self, claim: &str) -> Option<&str> {
        self.other.get(claim)?.as_str()
    }

    fn readable_name(&self, claim: &str) -> Result<HumanName, TokenFault> {
        // An address that nobody checked must not stand in a log as a name, whichever claim is asked.
        let chosen = if claim == "email" {
            self.email()
        } else {
            self.text(claim)
        };
        [
            chosen,
            self.email(),
            self.text("preferred_username"),
            self.text("name"),
            Some(&self.sub),
        ]
        .into_iter()
        .flatten()
        .find_map(|text| text.parse().ok())
        .ok_or(TokenFault::NoName)
    }

    fn groups(&self, claim: &str) -> Result<Vec<String>, TokenFault> {
        let groups: Vec<String> = match self.other.get(claim) {
            None | Some(Value::Null) => Vec::new(),
            Some(Value::String(group)) => vec![group.clone()],
            Some(value) => Vec::deserialize(value)
                .map_err(|_| TokenFault::Claims(format!("`{claim}` is no list of names")))?,
        };
        // Cutting the list could cut the group that a policy forbids.
        if groups.len() > MAX_GROUPS || groups.iter().any(|group| group.len() > MAX_GROUP) {
            return Err(TokenFault::Groups);
        }
        Ok(groups)
    }
}

/// For one of our clients, by all the rules; the fault is that of the first.
fn check_audiences(claims: &Claims, client_ids: &[&str]) -> Result<(), TokenFault> {
    let mut outcomes = client_ids.iter().map(|id| check_audience(claims, id));
    let first = outcomes.next().unwrap_or(Err(TokenFault::Audience));
    first.or_else(|fault| {
        if outcomes.any(|outcome| outcome.is_ok()) {
            Ok(())
        } else {
            Err(fault)
        }
    })
}

fn check_audience(claims: &Claims, client_id: &str) -> Result<(), TokenFault> {
    let audiences = claims.aud.names();
    if !audiences.iter().any(|name| name == client_id) {
        return Err(TokenFault::Audience);
    }
    match claims.azp.as_deref() {
        Some(party) if party != client_id => Err(TokenFault::AuthorizedParty),
        None if audiences.len() > 1 => Err(TokenFault::AuthorizedParty),
        _ => Ok(()),
    }
}

fn check_times(claims: &Claims, now: Timestamp) -> Result<(), TokenFault> {
    Times::new(claims.iat, claims.exp).check(now)?;
    if claims.nbf.is_some_and(|nbf| nbf.moment() > now.plus(SKEW)) {
        return Err(TokenFault::NotYetValid);
    }
    if claims.iat.moment() < now.minus(LONGEST_AGE) {
        return Err(TokenFault::TooOld);
    }
    // A sign-in later than the token would make every rule on its age pass.
    if claims.auth_time.moment() > claims.iat.moment().plus(SKEW) {
        return Err(TokenFault::FromTheFuture);
    }
    Ok(())
}
