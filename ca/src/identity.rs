//! Who is calling: tokens in, proofs out.
//!
//! A proof is a value that only this module makes: [`Person`], [`AuthenticatedAgent`],
//! [`Delegation`], [`AuthenticatedBastion`]. Everything that acts for somebody asks for one.
//! What somebody may do is not decided here. The rules are in `docs/spec/token.md`; the callers
//! are the use cases in [`crate::app`] and the extractors of the HTTP server.

mod agent;
mod bastion;
mod claims;
mod delegated;
mod discovery;
mod fault;
mod id_token;
mod issuer;
mod jws;
mod keyset;
mod once;
mod possession;
mod self_issued;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;

pub use agent::{AuthenticatedAgent, authenticate_agent, claimed_agent, verify_actor};
pub use bastion::{AuthenticatedBastion, authenticate_bastion, claimed_bastion};
pub use delegated::{Delegation, TokenKey, VerifiedToken, verify_delegated};
pub use discovery::DiscoveryError;
pub use fault::{Refused, TokenFault, TokenKind};
pub use id_token::Person;
pub use issuer::{Issuer, IssuerSettings, Issuers, KeyOrigin, NotAnIssuer};
pub(crate) use jws::claimed;
pub use once::{Once, TokenUse};
pub use possession::Request;

/// The longest difference between our clock and another's that is overlooked.
pub(crate) const SKEW: std::time::Duration = std::time::Duration::from_secs(30);
