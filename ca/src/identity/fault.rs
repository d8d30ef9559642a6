//! What is wrong with a token: one name per wrong act, for the trail, and the one mapping from
//! there to what the caller learns.

use std::fmt;

use portreeve_protocol::problem::Code;

/// Which token a fault was found in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenKind {
    /// A human's ID token.
    IdToken,
    /// An agent's client assertion.
    ClientAssertion,
    /// An agent's actor token.
    ActorToken,
    /// A delegated token.
    DelegatedToken,
    /// A proof of possession.
    Proof,
    /// A bastion's assertion.
    BastionAssertion,
}

impl TokenKind {
    /// What the caller is told to renew.
    #[must_use]
    pub const fn remedy(self) -> &'static str {
        match self {
            Self::IdToken => "the ID token is not accepted; sign in again",
            Self::ClientAssertion => "the client assertion is not accepted; make a new one",
            Self::ActorToken => "the actor token is not accepted; make a new one",
            Self::DelegatedToken => {
                "the delegated token is not accepted; exchange the human's ID token again"
            }
            Self::Proof => "the DPoP proof is not accepted; make a new one for this request",
            Self::BastionAssertion => "the bastion's assertion is not accepted; make a new one",
        }
    }
}

impl fmt::Display for TokenKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::IdToken => "ID token",
            Self::ClientAssertion => "client assertion",
            Self::ActorToken => "actor token",
            Self::DelegatedToken => "delegated token",
            Self::Proof => "proof of possession",
            Self::BastionAssertion => "bastion assertion",
        })
    }
}

/// What is wrong with a token.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TokenFault {
    // Form.
    /// Longer than the limit.
    #[error("it is longer than a token may be")]
    TooLong,
    /// Not a JWT in compact form.
    #[error("it is not a JWT in compact form")]
    Malformed,
    /// The header demands the understanding of an extension.
    #[error("its header has `crit`")]
    Critical,
    /// The algorithm is not one that is accepted from this signer.
    #[error("its algorithm `{0}` is not accepted from this signer")]
    Algorithm(String),
    /// The media type is another.
    #[error("its type is `{0}`")]
    Type(String),
    /// A claim is missing or not of the right form.
    #[error("its claims do not fit: {0}")]
    Claims(String),

    // Signer.
    /// Nobody that is known signs as that.
    #[error("its signer is not known here")]
    UnknownSigner,
    /// The issuer has no such key.
    #[error("its signer has no key with that id")]
    UnknownKey,
    /// No key is named and several would fit.
    #[error("it names no key and its signer has several")]
    AmbiguousKey,
    /// The key is not for this algorithm.
    #[error("the key it names is not for its algorithm")]
    UnfitKey,
    /// The issuer's keys cannot be had now.
    #[error("the keys of its issuer cannot be had: {0}")]
    KeysUnavailable(String),
    /// The signature does not hold.
    #[error("its signature does not hold")]
    Signature,

    // Claims.
    /// Issued by another than it should be.
    #[error("its issuer is not the one expected")]
    Issuer,
    /// About another than it should be.
    #[error("its subject is not the one expected")]
    Subject,
    /// For somebody else.
    #[error("it is for another audience")]
    Audience,
    /// Made for another client.
    #[error("its authorised party is another client")]
    AuthorizedParty,
    /// Its time is over.
    #[error("it is expired")]
    Expired,
    /// Its time has not come.
    #[error("it is not valid yet")]
    NotYetValid,
    /// Made later than now.
    #[error("it was issued in the future")]
    FromTheFuture,
    /// Made too long ago.
    #[error("it was issued too long ago")]
    TooOld,
    /// It would live longer than its kind may.
    #[error("it lives longer than its kind may")]
    LivesTooLong,
    /// `jti` is not usable.
    #[error("its `jti` is not 8 to 128 printable characters")]
    TokenId,
    /// Used before.
    #[error("it was used before")]
    Replayed,
    /// None of the human's claims is a name that can stand in a log.
    #[error("it has no claim that can be a person's name")]
    NoName,
    /// More groups than are read.
    #[error("it has more groups, or longer ones, than are read")]
    Groups,

    // Delegation.
    /// Nobody acts.
    #[error("it has no `act`: a human alone is no pair")]
    NoActor,
    /// Actor and client differ.
    #[error("its actor is not its client")]
    ActorIsNotClient,
    /// The actor token was made by another than the client.
    #[error("it was made by another agent than the client")]
    ActorIsAnother,
    /// `sub` is not the human.
    #[error("its subject is not the human it names")]
    SubjectIsNotTheHuman,
    /// The agent was disabled.
    #[error("the agent is disabled")]
    AgentDisabled,
    /// The agent has another key now.
    #[error("it is bound to a key that the agent does not have")]
    Binding,
    /// The human's issuer is not trusted any more.
    #[error("the human's issuer is not trusted here")]
    UntrustedIssuer,

    // Possession.
    /// The proof is by another key.
    #[error("it is made by another key than the token is bound to")]
    ProofKey,
    /// For another method.
    #[error("it is for another method")]
    ProofMethod,
    /// For another URL.
    #[error("it is for another URL")]
    ProofUrl,
    /// For another token.
    #[error("it is for another token")]
    ProofToken,
}

impl TokenFault {
    /// The fault of `kind` that `claimed` came with.
    pub(super) fn of(self, kind: TokenKind, claimed: impl Into<String>) -> Refused {
        Refused {
            kind,
            fault: self,
            claimed: claimed.into(),
        }
    }
}

/// A caller that did not prove who it is.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the {kind} is refused: {fault}")]
pub struct Refused {
    /// The token that was wrong.
    pub kind: TokenKind,
    /// What was wrong, for the trail only.
    pub fault: TokenFault,
    /// What the caller said that it is, shortened; nothing of it is proved.
    pub claimed: String,
}

impl Refused {
    /// What the caller learns.
    #[must_use]
    pub const fn code(&self) -> Code {
        if matches!(self.fault, TokenFault::KeysUnavailable(_)) {
            Code::Unavailable
        } else {
            Code::Unauthenticated
        }
    }
}
