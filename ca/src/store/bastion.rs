//! Bastions.

use std::net::IpAddr;

use portreeve_protocol::age::Recipient;
use portreeve_protocol::key::PublicKey;
use portreeve_protocol::name::BastionName;
use portreeve_protocol::time::Timestamp;

/// A bastion.
#[derive(Debug, Clone)]
pub struct Bastion {
    /// Its name.
    pub bastion: BastionName,
    /// Its address as agents reach it.
    pub address: String,
    /// The addresses from which it reaches hosts.
    pub egress: Vec<IpAddr>,
    /// When it was registered.
    pub created_at: Timestamp,
    /// Its keys and when it was enrolled; none while its token is out.
    pub enrolled: Option<(Timestamp, BastionEnrolled)>,
}

/// What a bastion said of itself at enrolment.
#[derive(Debug, Clone)]
pub struct BastionEnrolled {
    /// The Ed25519 key that signs its client assertions and its recordings' manifests.
    pub identity: PublicKey,
    /// Its SSH host key.
    pub host_key: PublicKey,
    /// What grants are sealed to.
    pub recipient: Recipient,
}
