//! What must hold inside a grant that was opened.

use portreeve_protocol::certificate::{EXTENSION_BUNDLE, control_principal, session_principal};
use portreeve_protocol::grant::{Grant, SessionKey};
use portreeve_protocol::id::SessionId;
use portreeve_protocol::key::{MAX_BLOB, PublicKey};
use portreeve_protocol::order::Order;
use ssh_key::private::{Ed25519Keypair, KeypairData};
use ssh_key::{Certificate, PrivateKey};

use super::Reason;

/// A grant as it was read, with the order inside it read as well.
pub(super) struct Opened {
    pub(super) grant: Grant,
    pub(super) order: Order,
}

/// What the grant holds in encoded form, decoded.
pub(super) struct Inner {
    pub(super) key: PrivateKey,
    pub(super) session: Certificate,
    pub(super) control: Certificate,
}

/// Reads a grant and its order. The order's signature is for the host, which alone trusts the order key from elsewhere.
pub(super) fn read(plain: &[u8]) -> Option<Opened> {
    let grant: Grant = serde_json::from_slice(plain).ok()?;
    let order = serde_json::from_str(grant.order.unverified_payload()).ok()?;
    Some(Opened { grant, order })
}

/// Certificate, grant and order speak of one session, one account, one host.
pub(super) fn same_session(opened: &Opened, named: SessionId, user: &str) -> Result<(), Reason> {
    let Opened { grant, order } = opened;
    let is_same = grant.session == named
        && grant.account.as_str() == user
        && grant.account == named.account()
        && order.session == grant.session
        && order.account == grant.account
        && order.host == grant.host.name
        && order.bundle == grant.bundle
        && order.pair == grant.pair;
    if is_same {
        Ok(())
    } else {
        Err(Reason::OtherSession)
    }
}

/// The certificate says openly which version of the bundle the sealed grant holds.
pub(super) fn same_bundle(opened: &Opened, certificate: &Certificate) -> Result<(), Reason> {
    match certificate.extensions().get(EXTENSION_BUNDLE) {
        None => Err(Reason::MalformedExtension),
        Some(named) if *named == opened.grant.bundle.to_string() => Ok(()),
        Some(_) => Err(Reason::OtherSession),
    }
}

/// The certificates for the host certify the grant's own key, for its account and its host.
pub(super) fn inner(Opened { grant, order }: &Opened) -> Result<Inner, Reason> {
    let key = private_key(&grant.session_key).ok_or(Reason::InnerCertificate)?;
    let read = |line: &str, principal: String| {
        certificate_for(line, &key, principal).ok_or(Reason::InnerCertificate)
    };
    let session = read(
        &grant.session_certificate,
        session_principal(&grant.account, &grant.host.name),
    )?;
    let control = read(
        &grant.control_certificate,
        control_principal(&grant.host.name),
    )?;
    // The host lets in the key and the serial number that stand in its order, and nothing else.
    let is_ordered = PublicKey::new(key.public_key().key_data().clone())
        .is_ok_and(|key| key.fingerprint() == order.session_key)
        && session.serial() == order.session_serial;
    if is_ordered {
        Ok(Inner {
            key,
            session,
            control,
        })
    } else {
        Err(Reason::InnerCertificate)
    }
}

/// The key of a seed that a grant holds.
pub(crate) fn private_key(seed: &SessionKey) -> Option<PrivateKey> {
    let pair = Ed25519Keypair::from_seed(seed.expose_seed());
    PrivateKey::new(KeypairData::Ed25519(pair), "").ok()
}

/// The user certificate in a line, if it certifies this key for this one principal.
pub(crate) fn certificate_for(
    line: &str,
    key: &PrivateKey,
    principal: String,
) -> Option<Certificate> {
    let certificate = (line.len() <= 2 * MAX_BLOB)
        .then(|| Certificate::from_openssh(line).ok())
        .flatten()?;
    let belongs = certificate.cert_type().is_user()
        && certificate.public_key() == key.public_key().key_data()
        && certificate.valid_principals() == [principal];
    belongs.then_some(certificate)
}
