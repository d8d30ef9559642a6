//! Whether a certificate that somebody showed lets them in: one pure function.
//!
//! It decides from the certificate, the SSH user name, the peer's address and the time. It does not look at the network,
//! the clock or a live session, and it does not check possession of the key: the transport verified the SSH signature
//! before it asked. Its caller is the SSH server adapter. The rules and their order are in `docs/spec/grant.md`.

mod address;
mod grant;
mod refusal;
#[cfg(test)]
pub(crate) mod tests;

use std::fmt;
use std::net::IpAddr;

use base64ct::{Base64Unpadded, Encoding as _};
use portreeve_protocol::age;
use portreeve_protocol::certificate::{
    EXTENSION_BUNDLE, EXTENSION_GRANT, EXTENSION_SESSION, OPTION_BASTION, OPTION_SOURCE_ADDRESS,
};
use portreeve_protocol::grant::{Grant, MAX_GRANT};
use portreeve_protocol::id::SessionId;
use portreeve_protocol::key::{Fingerprint, MAX_BLOB, PublicKey};
use portreeve_protocol::name::BastionName;
use portreeve_protocol::order::Order;
use portreeve_protocol::time::Timestamp;
use ssh_encoding::Encode as _;
use ssh_key::{Certificate, PrivateKey};

pub(crate) use grant::{certificate_for, private_key};
pub use refusal::{Reason, Refusal};

/// What a bastion knows that lets it judge certificates.
#[derive(Debug)]
pub struct Acceptor {
    /// Its own name.
    pub name: BastionName,
    /// The CA of access certificates.
    pub access_ca: PublicKey,
    /// Its unsealing key.
    pub unsealing: age::Identity,
}

/// A certificate as it was shown.
#[derive(Debug, Clone, Copy)]
pub struct Shown<'a> {
    /// The certificate.
    pub certificate: &'a Certificate,
    /// The SSH user name beside it.
    pub user: &'a str,
    /// Where it came from.
    pub peer: IpAddr,
}

/// Proof that an access certificate was accepted, with everything that its grant holds.
///
/// Only [`Acceptor::accept`] makes one. Nothing is opened towards a host without it.
pub struct AccessProven {
    grant: Grant,
    order: Order,
    access_key: Fingerprint,
    access_serial: u64,
    session_key: PrivateKey,
    session_certificate: Certificate,
    control_certificate: Certificate,
}

impl Acceptor {
    /// Judges a certificate at a moment.
    ///
    /// # Errors
    /// The first rule that it breaks.
    pub fn accept(&self, shown: Shown<'_>, now: Timestamp) -> Result<AccessProven, Refusal> {
        let session = self.certified(shown, now)?;
        let opened = self.open_grant(shown.certificate, session)?;
        let refused = |reason| Refusal::of(&opened.grant, reason);

        grant::same_session(&opened, session, shown.user).map_err(refused)?;
        grant::same_bundle(&opened, shown.certificate).map_err(refused)?;
        let access_key = fingerprint(shown.certificate).ok_or_else(|| refused(Reason::OtherKey))?;
        if opened.grant.access_key != access_key {
            return Err(refused(Reason::OtherKey));
        }
        let inner = grant::inner(&opened).map_err(refused)?;
        if now >= opened.grant.expires_at {
            return Err(refused(Reason::SessionOver));
        }
        Ok(AccessProven {
            access_key,
            access_serial: shown.certificate.serial(),
            session_key: inner.key,
            session_certificate: inner.session,
            control_certificate: inner.control,
            order: opened.order,
            grant: opened.grant,
        })
    }

    /// Everything that the certificate itself must fulfil. What comes back is the session that it names.
    fn certified(&self, shown: Shown<'_>, now: Timestamp) -> Result<SessionId, Refusal> {
        let certificate = shown.certificate;
        let refuse = |reason| Err(Refusal::unproved(reason));
        if !certificate.encoded_len().is_ok_and(|len| len <= MAX_BLOB) {
            return refuse(Reason::TooLarge);
        }
        if !certificate.cert_type().is_user() {
            return refuse(Reason::NotAUserCertificate);
        }
        if certificate.signature_key() != self.access_ca.data() {
            return refuse(Reason::OtherCa);
        }
        let seconds = now.as_unsigned_seconds();
        if seconds < certificate.valid_after() {
            return refuse(Reason::NotYetValid);
        }
        if seconds >= certificate.valid_before() {
            return refuse(Reason::Expired);
        }
        if certificate
            .validate_at(
                seconds,
                [&self.access_ca.data().fingerprint(ssh_key::HashAlg::Sha256)],
            )
            .is_err()
        {
            return refuse(Reason::OtherCa);
        }
        if certificate.valid_principals() != [shown.user] {
            return refuse(Reason::WrongPrincipal);
        }
        self.options(shown)?;
        if !certificate.extensions().contains_key(EXTENSION_BUNDLE) {
            return refuse(Reason::MalformedExtension);
        }
        let named = certificate.extensions().get(EXTENSION_SESSION);
        named
            .and_then(|text| text.parse().ok())
            .ok_or(Refusal::unproved(Reason::MalformedExtension))
    }

    /// Every critical option is known, and is met.
    fn options(&self, shown: Shown<'_>) -> Result<(), Refusal> {
        let options = shown.certificate.critical_options();
        let known = [OPTION_BASTION, OPTION_SOURCE_ADDRESS];
        if options.keys().any(|name| !known.contains(&name.as_str())) {
            return Err(Refusal::unproved(Reason::UnknownOption));
        }
        let is_for_us = options
            .get(OPTION_BASTION)
            .is_some_and(|names| names.split(',').any(|name| name == self.name.as_str()));
        if !is_for_us {
            return Err(Refusal::unproved(Reason::OtherBastion));
        }
        match options.get(OPTION_SOURCE_ADDRESS) {
            Some(list) if !address::is_in(shown.peer, list) => {
                Err(Refusal::unproved(Reason::WrongAddress))
            }
            Some(_) | None => Ok(()),
        }
    }

    fn open_grant(
        &self,
        certificate: &Certificate,
        session: SessionId,
    ) -> Result<grant::Opened, Refusal> {
        let refused = |reason| Refusal::unproved(reason).about(session);
        let text = certificate.extensions().get(EXTENSION_GRANT);
        let sealed = text
            .and_then(|text| Base64Unpadded::decode_vec(text).ok())
            .ok_or_else(|| refused(Reason::MalformedExtension))?;
        let identities = std::slice::from_ref(&self.unsealing);
        let plain = age::open(identities, &sealed, MAX_GRANT).map_err(|error| {
            refused(if error == age::OpenError::NotForUs {
                Reason::SealedToAnother
            } else {
                Reason::GrantDamaged(error)
            })
        })?;
        grant::read(&plain).ok_or_else(|| refused(Reason::MalformedGrant))
    }
}

impl AccessProven {
    /// What the bastion was granted.
    #[must_use]
    pub const fn grant(&self) -> &Grant {
        &self.grant
    }

    /// The order that the grant carries, read but not verified: its signature is for the host.
    #[must_use]
    pub const fn order(&self) -> &Order {
        &self.order
    }

    /// The serial number of the certificate that was shown.
    #[must_use]
    pub const fn serial(&self) -> u64 {
        self.access_serial
    }

    /// The key that logs in to the host.
    #[must_use]
    pub const fn session_key(&self) -> &PrivateKey {
        &self.session_key
    }

    /// What the session's account accepts.
    #[must_use]
    pub const fn session_certificate(&self) -> &Certificate {
        &self.session_certificate
    }

    /// What the control user accepts.
    #[must_use]
    pub const fn control_certificate(&self) -> &Certificate {
        &self.control_certificate
    }

    /// Whether `other` was proved by the same certificate.
    #[must_use]
    pub fn is_same_certificate(&self, other: &Self) -> bool {
        self.grant.session == other.grant.session
            && self.access_key == other.access_key
            && self.access_serial == other.access_serial
    }
}

impl fmt::Debug for AccessProven {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AccessProven")
            .field("session", &self.grant.session)
            .field("serial", &self.access_serial)
            .finish_non_exhaustive()
    }
}

fn fingerprint(certificate: &Certificate) -> Option<Fingerprint> {
    PublicKey::new(certificate.public_key().clone())
        .ok()
        .map(|key| key.fingerprint())
}
