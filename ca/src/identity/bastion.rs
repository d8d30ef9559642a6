//! Bastions: a short assertion by the identity key that was registered at enrolment.

use std::time::Duration;

use portreeve_protocol::key::PublicKey;
use portreeve_protocol::name::BastionName;
use portreeve_protocol::time::Timestamp;
use portreeve_protocol::token::CLIENT_ASSERTION;

use super::fault::{Refused, TokenFault, TokenKind};
use super::jws::{claimed, shorten};
use super::self_issued::{self, Expected};

/// The longest life of a bastion's assertion, which it may use again until then.
const LONGEST_LIFE: Duration = Duration::from_secs(60);
/// What stands before a bastion's name in `iss` and `sub`.
const PREFIX: &str = "bastion:";

/// A bastion that proved to be itself.
#[derive(Debug, Clone)]
pub struct AuthenticatedBastion {
    name: BastionName,
}

impl AuthenticatedBastion {
    /// Its name.
    #[must_use]
    pub const fn name(&self) -> &BastionName {
        &self.name
    }
}

/// The bastion that an assertion says it is by, to look it up.
///
/// # Errors
/// When the assertion is malformed or its subject is no bastion.
pub fn claimed_bastion(assertion: &str) -> Result<BastionName, Refused> {
    let kind = TokenKind::BastionAssertion;
    let subject = self_issued::claimed_signer(assertion)
        .map_err(|fault| fault.of(kind, claimed(assertion)))?;
    subject
        .strip_prefix(PREFIX)
        .and_then(|name| name.parse().ok())
        .ok_or_else(|| TokenFault::UnknownSigner.of(kind, shorten(&subject)))
}

/// Checks an assertion against the identity key of the bastion that it claims to be by.
///
/// # Errors
/// When there is no such bastion, or the assertion is not by its key, for us, and fresh.
pub fn authenticate_bastion(
    assertion: &str,
    name: BastionName,
    identity: Option<&PublicKey>,
    issuer_url: &str,
    now: Timestamp,
) -> Result<AuthenticatedBastion, Refused> {
    let refuse = |fault: TokenFault| fault.of(TokenKind::BastionAssertion, claimed(assertion));
    let key = identity.ok_or_else(|| refuse(TokenFault::UnknownSigner))?;
    let expected = Expected {
        typ: CLIENT_ASSERTION,
        signer: &format!("{PREFIX}{name}"),
        key,
        audience: issuer_url,
        longest_life: LONGEST_LIFE,
    };
    self_issued::verify(assertion, &expected, now).map_err(refuse)?;
    Ok(AuthenticatedBastion { name })
}
