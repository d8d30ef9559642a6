//! What the signer may be asked, as one short table, and the client that asks.
//!
//! The signer is the process that holds the signing keys. It reads one unix socket and nothing
//! else; it makes certificates itself out of typed specifications, parses what it signs, and keeps
//! to its own limits whatever the server asks. Deciding who gets what is not its work.
//!
//! Callers: `app/` through [`SignerClient`]; `portreeve-ca signer` runs the other end.

mod certificate;
mod client;
#[cfg(test)]
pub(crate) mod examples;
pub(crate) mod frame;
pub mod keys;
mod limits;
mod rate;
pub(crate) mod signatory;
mod spec;

use portreeve_protocol::key::PublicKey;
use portreeve_protocol::look::LookOrder;
use portreeve_protocol::order::Order;
use portreeve_protocol::secret::SecretText;
use portreeve_protocol::signed::Signed;
use portreeve_protocol::token::DelegatedClaims;
use serde::{Deserialize, Serialize};

pub use client::{SignerClient, SignerError};
pub use limits::Limits;
pub use spec::{AccessSpec, BastionHostSpec, ControlSpec, LookSpec, SessionSpec, Validity};

/// Everything that can be asked of the signer.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "sign", rename_all = "snake_case", deny_unknown_fields)]
pub enum Request {
    /// The public halves of its keys.
    PublicKeys,
    /// What an agent shows a bastion.
    AccessCertificate(AccessSpec),
    /// What a bastion shows a host for one session's account.
    SessionCertificate(SessionSpec),
    /// What a bastion shows a host to deliver one order.
    ControlCertificate(ControlSpec),
    /// What a bastion shows agents.
    BastionHostCertificate(BastionHostSpec),
    /// What a host is told.
    Order {
        /// The order.
        order: Box<Order>,
    },
    /// What a bastion shows a host to deliver one look order.
    LookCertificate(LookSpec),
    /// What a host is told when it is to look at itself.
    Look {
        /// The order.
        order: Box<LookOrder>,
    },
    /// What an agent shows the CA: both identities.
    Token {
        /// Its claims; the signer writes the header.
        claims: Box<DelegatedClaims>,
    },
    /// What the audit log is at a moment.
    Checkpoint(LogHead),
}

/// What it answers, in the order of the requests.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "answer", rename_all = "snake_case", deny_unknown_fields)]
pub enum Response {
    /// The public halves of its keys.
    PublicKeys(Box<PublicKeys>),
    /// A certificate, one line in OpenSSH's format.
    Certificate {
        /// The line.
        certificate: String,
    },
    /// A signed order.
    Order {
        /// The order.
        order: Signed<Order>,
    },
    /// A signed look order.
    Look {
        /// The order.
        order: Signed<LookOrder>,
    },
    /// A signed token.
    Token {
        /// The compact form.
        token: SecretText,
    },
    /// A signed checkpoint.
    Checkpoint {
        /// The signed note.
        note: String,
    },
    /// The request is beyond the signer's limits.
    Refused {
        /// Which one.
        refusal: Refusal,
    },
}

/// The public halves of the signer's keys.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PublicKeys {
    /// Of access certificates.
    pub access_ca: PublicKey,
    /// Of session and control certificates.
    pub session_ca: PublicKey,
    /// Of bastions' host certificates.
    pub bastion_host_ca: PublicKey,
    /// Of orders.
    pub order: PublicKey,
    /// Of delegated tokens.
    pub token: PublicKey,
    /// Of checkpoints.
    pub log: PublicKey,
    /// The log's verifier key, as in C2SP `signed-note`: name, key hash, key.
    pub log_verifier: String,
}

/// The audit log's size and root: what a checkpoint says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LogHead {
    /// How many events it has.
    pub size: u64,
    /// The root hash (RFC 6962, section 2.1).
    pub root: portreeve_protocol::digest::Digest,
}

/// Why the signer does not sign. Each is one limit of its own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
pub enum Refusal {
    /// It would live longer than this kind may.
    #[error("a {kind} may live {limit} s at most")]
    TooLong {
        /// Which kind.
        kind: Kind,
        /// Its limit in seconds.
        limit: u32,
    },
    /// It would begin in the future, or began too long ago, or is over already.
    #[error("a {kind} must begin now and end later")]
    NotNow {
        /// Which kind.
        kind: Kind,
    },
    /// A part of it has not the shape that this kind demands.
    #[error("a {kind} is not signed: {detail}")]
    Shape {
        /// Which kind.
        kind: Kind,
        /// Which part.
        detail: String,
    },
    /// More of this kind were asked for than its rate allows.
    #[error("too many requests for a {kind}")]
    Rate {
        /// Which kind.
        kind: Kind,
    },
    /// The key could not sign.
    #[error("the signing key failed")]
    Key,
}

/// The kinds of thing that are signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// An access certificate.
    Access,
    /// A session certificate.
    Session,
    /// A control certificate.
    Control,
    /// A bastion's host certificate.
    BastionHost,
    /// An order.
    Order,
    /// A control certificate for a look.
    LookCertificate,
    /// A look order.
    Look,
    /// A delegated token.
    Token,
    /// A checkpoint.
    Checkpoint,
}

impl std::fmt::Display for Kind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Access => "access certificate",
            Self::Session => "session certificate",
            Self::Control => "control certificate",
            Self::BastionHost => "bastion host certificate",
            Self::Order => "order",
            Self::LookCertificate => "look certificate",
            Self::Look => "look order",
            Self::Token => "token",
            Self::Checkpoint => "checkpoint",
        })
    }
}
