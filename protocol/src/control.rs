//! The control connection: what a bastion and a host's daemon say to each other.
//!
//! One JSON object a line, each line at most [`MAX_LINE`] bytes, over the standard streams of
//! `portreeve-host control`, which passes lines on and understands none. The host speaks first.
//! The connection is the lease: when it ends, however it ends, the account goes.

use serde::{Deserialize, Serialize};

use crate::attest::{Attestation, EndCause, HostEvent, Receipt};
use crate::digest::Digest;
use crate::inventory::Inventory;
use crate::look::LookOrder;
use crate::name::HostName;
use crate::order::Order;
use crate::signed::Signed;

/// The longest line, its line feed included. An order and a bundle of 64 KiB fit.
pub const MAX_LINE: usize = 512 * 1024;

/// How often a bastion renews, in seconds.
pub const RENEW_EVERY: u64 = 3;
/// After how many seconds without a renewal a host lets the lease go.
pub const LEASE_SILENCE: u64 = 10;

/// What a bastion says.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "say", rename_all = "snake_case", deny_unknown_fields)]
pub enum FromBastion {
    /// Obey this order. Once in a connection.
    Order {
        /// The order.
        order: Signed<Order>,
        /// The bundle's file, whose digest stands in the order.
        bundle: String,
    },
    /// Look at yourself. Instead of an order, once in a connection.
    Look {
        /// The order to look.
        order: Signed<LookOrder>,
    },
    /// The session goes on.
    Renew,
    /// The session is over.
    End {
        /// Why.
        cause: EndCause,
    },
    /// These reports are safe: the host may forget them.
    Acknowledge {
        /// The digests of the reports' payloads.
        reports: Vec<Digest>,
    },
}

/// What a host says.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "say", rename_all = "snake_case", deny_unknown_fields)]
pub enum FromHost {
    /// The first line.
    Hello {
        /// Which host this is.
        host: HostName,
        /// The program's version.
        version: String,
    },
    /// The account is ready.
    Ready {
        /// The proof.
        attestation: Signed<Attestation>,
    },
    /// The order is not obeyed; nothing was changed.
    Refused {
        /// Why.
        refusal: OrderRefusal,
        /// The same in words, for the trail.
        detail: String,
    },
    /// What was found, after a look order. The connection ends.
    Inventory {
        /// The proof.
        statement: Signed<Inventory>,
    },
    /// Something happened in this or, delivered late, in an earlier session. Sent again at the
    /// next contact unless acknowledged.
    Report {
        /// What.
        report: HostReport,
    },
    /// The account is gone.
    Gone {
        /// The proof. Also a report: acknowledge it.
        receipt: Signed<Receipt>,
    },
}

/// What a host reports and keeps until it is acknowledged.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HostReport {
    /// Something happened in a session.
    Event(Signed<HostEvent>),
    /// A session's account is gone.
    Receipt(Signed<Receipt>),
}

/// Why a host does not obey an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
pub enum OrderRefusal {
    /// The signature is not the CA's.
    #[error("the order is not signed by the CA that this host obeys")]
    Signature,
    /// The order is for another host.
    #[error("the order is for another host")]
    OtherHost,
    /// The order was to be delivered earlier, or is from the future.
    #[error("the order is not fresh")]
    NotFresh,
    /// The order was obeyed before.
    #[error("the order was used before")]
    Replayed,
    /// The session would live longer than this host allows.
    #[error("the session would outlive this host's limit")]
    TooLong,
    /// The bundle beside the order is not the one that the order names.
    #[error("the bundle is not the one that the order names")]
    Bundle,
    /// The bundle cannot be expressed for this host's sudo, or does not pass its check.
    #[error("the bundle does not work with this host's sudo")]
    BundleUnusable,
    /// The account's name is taken.
    #[error("the account exists already")]
    AccountExists,
    /// The host holds as many sessions as it allows, or has no UID left.
    #[error("the host has no room for another session")]
    Full,
    /// A step failed and everything was undone.
    #[error("the host could not make the account; everything was undone")]
    Failed,
    /// The host looks at itself already.
    #[error("the host looks at itself already")]
    Looking,
    /// The host could not look at itself.
    #[error("the host could not look at itself")]
    NotLooked,
    /// The line is no message that belongs here.
    #[error("the message is not understood")]
    Malformed,
}
