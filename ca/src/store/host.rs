//! Hosts.

use portreeve_protocol::admin::HostRecord;
use portreeve_protocol::key::PublicKey;

/// A host with everything that a grant needs.
#[derive(Debug, Clone)]
pub struct Host {
    /// What administrators see.
    pub record: HostRecord,
    /// The host keys of its sshd; empty while it is not enrolled.
    pub host_keys: Vec<PublicKey>,
}

/// What a host said of itself at enrolment.
#[derive(Debug, Clone)]
pub struct HostEnrolled {
    /// The key that signs its attestations, receipts and events.
    pub identity: PublicKey,
    /// The host keys of its sshd.
    pub host_keys: Vec<PublicKey>,
    /// sudo's dialect and version.
    pub sudo: String,
}
