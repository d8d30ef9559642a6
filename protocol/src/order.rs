//! The order: what a host is told to do for a session. Signed by the CA; a host obeys nothing else.

use serde::{Deserialize, Serialize};

use crate::id::{OrderId, SessionId};
use crate::key::Fingerprint;
use crate::name::{AccountName, HostName};
use crate::pair::Pair;
use crate::session::BundleRef;
use crate::signed::Statement;
use crate::task::Task;
use crate::time::Timestamp;

/// Make an account for a session, with a bundle as its sudo rules, and keep it while the control
/// connection is open and never past the expiry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Order {
    /// This order; a host obeys it once.
    pub id: OrderId,
    /// The host it is for.
    pub host: HostName,
    /// The session.
    pub session: SessionId,
    /// Whose session.
    pub pair: Pair,
    /// Why.
    pub task: Task,
    /// The account to make.
    pub account: AccountName,
    /// The bundle; its file travels beside the order and must have this digest.
    pub bundle: BundleRef,
    /// The key that may log in to the account.
    pub session_key: Fingerprint,
    /// The serial number of the certificate that may log in to the account.
    pub session_serial: u64,
    /// When it was given.
    pub issued_at: Timestamp,
    /// By when it must have been delivered.
    pub deliver_by: Timestamp,
    /// When the account goes at the latest.
    pub expires_at: Timestamp,
    /// The lowest UID that the account may have: this host attested to all lower ones that it
    /// used, and may have forgotten that when it was restored from a backup. None while the CA
    /// knows of no UID that the host used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uid_floor: Option<u32>,
}

impl Statement for Order {
    const NAMESPACE: &'static str = "order@portreeve";
}
