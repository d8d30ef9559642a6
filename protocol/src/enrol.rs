//! Making a host or a bastion known: a ticket from the CA, a proof back.
//!
//! A host has no way out of its network, so its half travels over whatever the administrator
//! already has, for example `portreeve host add … | ssh … portreeve-host enroll | portreeve host
//! confirm`.

use serde::{Deserialize, Serialize};

use crate::key::PublicKey;
use crate::name::{BastionName, HostName};
use crate::secret::SecretText;
use crate::signed::{Signed, Statement};
use crate::time::Timestamp;

/// What a host is given: whom to obey.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HostTicket {
    /// The name it was registered under.
    pub host: HostName,
    /// The one-time token to return.
    pub token: SecretText,
    /// When the token is void.
    pub expires_at: Timestamp,
    /// The CA of session and control certificates.
    pub session_ca: PublicKey,
    /// The key of orders.
    pub order_key: PublicKey,
}

/// What a host answers, signed by the identity key it just made.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HostEnrolment {
    /// Its name.
    pub host: HostName,
    /// The one-time token.
    pub token: SecretText,
    /// The key that signs its attestations, receipts and events.
    pub identity: PublicKey,
    /// The host keys of its sshd.
    pub host_keys: Vec<PublicKey>,
    /// sudo's dialect and version.
    pub sudo: String,
}

impl Statement for HostEnrolment {
    const NAMESPACE: &'static str = "enrolment@portreeve";
}

/// `POST /v1/enrolments/hosts`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HostProof {
    /// The identity key that signed, for checking; it must be the one in the enrolment.
    pub identity: PublicKey,
    /// The enrolment.
    pub enrolment: Signed<HostEnrolment>,
}

/// `POST /v1/enrolments/bastions`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BastionEnrolment {
    /// Its name.
    pub bastion: BastionName,
    /// The one-time token.
    pub token: SecretText,
    /// Its SSH host key, to be certified.
    pub host_key: PublicKey,
    /// The Ed25519 key that signs its client assertions and its recordings' manifests.
    pub identity: PublicKey,
    /// The age recipient that grants are sealed to.
    pub recipient: String,
}

/// What a bastion gets.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct BastionEnrolled {
    /// Its host certificate, one line in OpenSSH's format.
    pub host_certificate: String,
    /// The CA of access certificates.
    pub access_ca: PublicKey,
    /// The CA's issuer URL, for client assertions.
    pub issuer: String,
    /// The age recipients that recordings are sealed to.
    pub review_recipients: Vec<String>,
}
