//! What must hold inside the grant of a look, and in what the host answers. Pure.

use std::fmt;
use std::sync::Arc;

use base64ct::{Base64Unpadded, Encoding as _};
use portreeve_protocol::age;
use portreeve_protocol::certificate::control_principal;
use portreeve_protocol::grant::HostTarget;
use portreeve_protocol::id::OrderId;
use portreeve_protocol::inventory::Inventory;
use portreeve_protocol::look::{LookGrant, LookOrder, MAX_GRANT};
use portreeve_protocol::signed::{Signed, VerifyError};
use ssh_key::{Certificate, PrivateKey};

use crate::accept::{certificate_for, private_key};

/// Proof that a look was given to this bastion, with everything that it takes. Only [`open`] makes
/// one, and nothing is opened towards a host without it.
pub struct LookProven {
    look: OrderId,
    host: HostTarget,
    key: Arc<PrivateKey>,
    certificate: Certificate,
    order: Signed<LookOrder>,
}

/// Why there is no look, or no answer to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoLook {
    /// It is not sealed to this bastion, or was damaged.
    #[error("what the CA sealed does not open: {0}")]
    Sealed(age::OpenError),
    /// It is not what is sealed for a look.
    #[error("what the CA sealed is not understood: is this program older than the CA?")]
    Form,
    /// Its parts are of another look, host or key.
    #[error("`{0}` in what the CA sealed is of another look")]
    Part(&'static str),
    /// The answer is not signed by the host.
    #[error("the answer is not signed by the registered identity of the host: {0}")]
    Signature(#[from] VerifyError),
    /// The answer is of another host or to another look.
    #[error("`{0}` in the answer is not as asked")]
    Answer(&'static str),
}

/// Opens what the CA sealed for a look that was claimed.
///
/// # Errors
/// When it is not for this bastion, not understood, or its parts do not belong together.
pub fn open(unsealing: &age::Identity, sealed: &str, look: OrderId) -> Result<LookProven, NoLook> {
    let sealed = Base64Unpadded::decode_vec(sealed).map_err(|_| NoLook::Form)?;
    let identities = std::slice::from_ref(unsealing);
    let plain = age::open(identities, &sealed, MAX_GRANT).map_err(NoLook::Sealed)?;
    let grant: LookGrant = serde_json::from_slice(&plain).map_err(|_| NoLook::Form)?;
    // Its signature is for the host, which alone trusts the order key from elsewhere.
    let order: LookOrder =
        serde_json::from_str(grant.order.unverified_payload()).map_err(|_| NoLook::Form)?;
    let key = private_key(&grant.key).ok_or(NoLook::Form)?;
    let principal = control_principal(&grant.host.name);
    let certificate = certificate_for(&grant.control_certificate, &key, principal)
        .ok_or(NoLook::Part("control_certificate"))?;
    let parts = [
        ("look", grant.look == look),
        ("order", order.id == look),
        ("host", order.host == grant.host.name),
    ];
    match parts.into_iter().find(|(_, holds)| !holds) {
        Some((part, _)) => Err(NoLook::Part(part)),
        None => Ok(LookProven {
            look,
            host: grant.host,
            key: Arc::new(key),
            certificate,
            order: grant.order,
        }),
    }
}

impl LookProven {
    /// Where to.
    pub(super) const fn host(&self) -> &HostTarget {
        &self.host
    }

    /// The key that logs in.
    pub(super) fn key(&self) -> Arc<PrivateKey> {
        Arc::clone(&self.key)
    }

    /// What the control user accepts.
    pub(super) const fn certificate(&self) -> &Certificate {
        &self.certificate
    }

    /// What the host is told.
    pub(super) const fn order(&self) -> &Signed<LookOrder> {
        &self.order
    }

    /// Whether a statement is this host's answer to this look.
    ///
    /// # Errors
    /// The first thing in which it is not.
    pub fn check(&self, statement: &Signed<Inventory>) -> Result<(), NoLook> {
        let said = statement.verify(&self.host.identity)?.into_inner();
        let fields = [
            ("host", said.host == self.host.name),
            ("look", said.look == Some(self.look)),
            ("findings", said.is_within_limits()),
        ];
        match fields.into_iter().find(|(_, holds)| !holds) {
            Some((field, _)) => Err(NoLook::Answer(field)),
            None => Ok(()),
        }
    }
}

impl fmt::Debug for LookProven {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LookProven")
            .field("look", &self.look)
            .field("host", &self.host.name)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
