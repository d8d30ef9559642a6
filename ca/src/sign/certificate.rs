//! Certificates made out of checked specifications (OpenSSH's PROTOCOL.certkeys).
//!
//! The shape of each kind stands here, once: `docs/spec/certificate.md` is the same in words.

use std::net::IpAddr;

use ed25519_dalek::ed25519::signature;
use portreeve_protocol::certificate::{
    EXTENSION_BUNDLE, EXTENSION_GRANT, EXTENSION_PTY, EXTENSION_SESSION, KeyId, OPTION_BASTION,
    OPTION_SOURCE_ADDRESS, bastion_principal, control_principal, look_key_id, session_principal,
};
use portreeve_protocol::key::{MAX_BLOB, PublicKey};
use ssh_key::certificate::{Builder, CertType};
use ssh_key::public::KeyData;
use ssh_key::{Algorithm, Signature};

use super::keys::{KeyStore, Role};
use super::limits::Within;
use super::{AccessSpec, BastionHostSpec, ControlSpec, LookSpec, SessionSpec, Validity};

/// 32 random bytes that make every certificate's signature one over something unpredictable.
pub(crate) type Nonce = [u8; 32];

/// The certificate could not be made.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CertificateError {
    /// The key cannot sign, or a part does not encode.
    #[error(transparent)]
    Ssh(#[from] ssh_key::Error),
    /// It is longer than any of our programs would parse.
    #[error("a certificate has {MAX_BLOB} bytes at most")]
    TooLong,
}

/// An agent's access certificate.
pub(crate) fn access(
    keys: &dyn KeyStore,
    spec: Within<AccessSpec>,
    nonce: Nonce,
) -> Result<String, CertificateError> {
    let spec = spec.into_inner();
    let bastions: Vec<_> = spec.bastions.iter().map(|name| name.as_str()).collect();
    let mut builder = begin(&spec.key, spec.serial, spec.validity, CertType::User, nonce)?;
    builder
        .key_id(key_id("access", &spec.session, &spec.pair, &spec.ticket))?
        .valid_principal(spec.session.account().as_str())?
        .critical_option(OPTION_BASTION, bastions.join(","))?
        .extension(EXTENSION_SESSION, spec.session.to_string())?
        .extension(EXTENSION_BUNDLE, spec.bundle.to_string())?
        .extension(EXTENSION_GRANT, spec.grant)?;
    if let Some(address) = spec.source_address {
        builder.critical_option(OPTION_SOURCE_ADDRESS, networks(&[address]))?;
    }
    finish(builder, keys, Role::AccessCa)
}

/// A session certificate for one account on one host.
pub(crate) fn session(
    keys: &dyn KeyStore,
    spec: Within<SessionSpec>,
    nonce: Nonce,
) -> Result<String, CertificateError> {
    let spec = spec.into_inner();
    let account = spec.session.account();
    let mut builder = begin(&spec.key, spec.serial, spec.validity, CertType::User, nonce)?;
    builder
        .key_id(key_id("session", &spec.session, &spec.pair, &spec.ticket))?
        .valid_principal(session_principal(&account, &spec.host))?
        .critical_option(OPTION_SOURCE_ADDRESS, networks(&spec.source_addresses))?
        .extension(EXTENSION_PTY, "")?;
    finish(builder, keys, Role::SessionCa)
}

/// A control certificate for one host.
pub(crate) fn control(
    keys: &dyn KeyStore,
    spec: Within<ControlSpec>,
    nonce: Nonce,
) -> Result<String, CertificateError> {
    let spec = spec.into_inner();
    let mut builder = begin(&spec.key, spec.serial, spec.validity, CertType::User, nonce)?;
    builder
        .key_id(key_id("control", &spec.session, &spec.pair, &spec.ticket))?
        .valid_principal(control_principal(&spec.host))?
        .critical_option(OPTION_SOURCE_ADDRESS, networks(&spec.source_addresses))?;
    finish(builder, keys, Role::SessionCa)
}

/// A control certificate for one look at one host.
pub(crate) fn look(
    keys: &dyn KeyStore,
    spec: Within<LookSpec>,
    nonce: Nonce,
) -> Result<String, CertificateError> {
    let spec = spec.into_inner();
    let mut builder = begin(&spec.key, spec.serial, spec.validity, CertType::User, nonce)?;
    builder
        .key_id(look_key_id(spec.look, &spec.human))?
        .valid_principal(control_principal(&spec.host))?
        .critical_option(OPTION_SOURCE_ADDRESS, networks(&spec.source_addresses))?;
    finish(builder, keys, Role::SessionCa)
}

/// A bastion's host certificate.
pub(crate) fn bastion_host(
    keys: &dyn KeyStore,
    spec: Within<BastionHostSpec>,
    nonce: Nonce,
) -> Result<String, CertificateError> {
    let spec = spec.into_inner();
    let mut builder = begin(&spec.key, spec.serial, spec.validity, CertType::Host, nonce)?;
    builder
        .key_id(format!("portreeve bastion {}", spec.bastion))?
        .valid_principal(bastion_principal(&spec.bastion))?;
    finish(builder, keys, Role::BastionHostCa)
}

fn begin(
    key: &PublicKey,
    serial: u64,
    validity: Validity,
    kind: CertType,
    nonce: Nonce,
) -> Result<Builder, ssh_key::Error> {
    let mut builder = Builder::new(
        nonce,
        key.data().clone(),
        validity.from.as_unsigned_seconds(),
        validity.until.as_unsigned_seconds(),
    )?;
    builder.serial(serial)?.cert_type(kind)?;
    Ok(builder)
}

fn finish(builder: Builder, keys: &dyn KeyStore, role: Role) -> Result<String, CertificateError> {
    let certificate = builder.sign(&RoleKey { keys, role })?;
    if certificate.to_bytes()?.len() > MAX_BLOB {
        return Err(CertificateError::TooLong);
    }
    Ok(certificate.to_openssh()?.trim_end().to_owned())
}

fn key_id(
    kind: &str,
    session: &portreeve_protocol::id::SessionId,
    pair: &portreeve_protocol::pair::Pair,
    ticket: &portreeve_protocol::task::Ticket,
) -> String {
    KeyId {
        kind,
        session: *session,
        pair,
        ticket,
    }
    .to_string()
}

/// Addresses as networks of one address each, which is how OpenSSH reads this option.
fn networks(addresses: &[IpAddr]) -> String {
    let networks: Vec<_> = addresses
        .iter()
        .map(|address| match address.to_canonical() {
            IpAddr::V4(address) => format!("{address}/32"),
            IpAddr::V6(address) => format!("{address}/128"),
        })
        .collect();
    networks.join(",")
}

/// One role's key as `ssh-key` wants a signer.
pub(crate) struct RoleKey<'a> {
    /// The keys.
    pub(crate) keys: &'a dyn KeyStore,
    /// Which of them.
    pub(crate) role: Role,
}

impl signature::Signer<Signature> for RoleKey<'_> {
    fn try_sign(&self, message: &[u8]) -> Result<Signature, signature::Error> {
        let raw = self
            .keys
            .sign(self.role, message)
            .map_err(signature::Error::from_source)?;
        Signature::new(Algorithm::Ed25519, raw).map_err(signature::Error::from_source)
    }
}

impl From<&RoleKey<'_>> for KeyData {
    fn from(key: &RoleKey<'_>) -> Self {
        key.keys.public_key(key.role).data().clone()
    }
}
