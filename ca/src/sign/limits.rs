//! The signer's own limits: what it signs is checked here, whatever the server asks for.
//!
//! Pure: values and `now` in, a [`Within`] or a refusal out. Nothing else can make a [`Within`],
//! and nothing is signed without one.

mod statement;
#[cfg(test)]
mod tests;

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use base64ct::{Base64Unpadded, Encoding as _};
use portreeve_protocol::key::MAX_BLOB;
use portreeve_protocol::look::DELIVER_WITHIN;
use portreeve_protocol::time::{Timestamp, Ttl};

use super::rate::Rate;
use super::{
    AccessSpec, BastionHostSpec, ControlSpec, Kind, LookSpec, Refusal, SessionSpec, Validity,
};

/// How far the beginning of a validity may be from the signer's clock.
pub(crate) const SKEW: Duration = Duration::from_secs(120);
/// The most bastions that one access certificate may name.
const MAX_BASTIONS: usize = 16;
/// The most addresses that one certificate may be used from.
const MAX_ADDRESSES: usize = 64;

/// What may be signed at most.
#[derive(Debug, Clone)]
pub struct Limits {
    /// The CA's issuer URL: the only `iss` of a token.
    pub issuer: String,
    /// The audit log's name: the only origin of a checkpoint.
    pub log_origin: String,
    /// The longest access or session certificate, and the longest life of an account.
    pub session: Ttl,
    /// The longest control certificate, and the longest way of an order.
    pub control: Ttl,
    /// The longest host certificate of a bastion.
    pub bastion_host: Ttl,
    /// The longest token.
    pub token: Ttl,
    /// How many certificates, orders and tokens of each kind in a second.
    pub per_second: u32,
}

/// Something that was checked against the limits.
#[derive(Debug)]
pub(crate) struct Within<T>(T);

impl<T> Within<T> {
    /// What was checked, to look at.
    pub(crate) const fn get(&self) -> &T {
        &self.0
    }

    /// What was checked.
    pub(crate) fn into_inner(self) -> T {
        self.0
    }
}

impl Limits {
    /// Checks an access certificate.
    pub(crate) fn access(
        &self,
        spec: AccessSpec,
        now: Timestamp,
    ) -> Result<Within<AccessSpec>, Refusal> {
        let kind = Kind::Access;
        self.validity(kind, self.session.as_duration(), spec.validity, now)?;
        serial(kind, spec.serial)?;
        let names: BTreeSet<_> = spec.bastions.iter().collect();
        if names.is_empty() || names.len() != spec.bastions.len() || names.len() > MAX_BASTIONS {
            return Err(shape(kind, "it names 1 to 16 different bastions"));
        }
        if spec
            .source_address
            .is_some_and(|address| address.is_unspecified())
        {
            return Err(shape(kind, "its source address is one that nobody has"));
        }
        let grant = spec.grant.as_bytes();
        let mut plain = vec![0; MAX_BLOB];
        if grant.is_empty() || Base64Unpadded::decode(grant, &mut plain).is_err() {
            return Err(shape(
                kind,
                "its grant is unpadded base64 that fits a certificate",
            ));
        }
        Ok(Within(spec))
    }

    /// Checks a session certificate.
    pub(crate) fn session(
        &self,
        spec: SessionSpec,
        now: Timestamp,
    ) -> Result<Within<SessionSpec>, Refusal> {
        let kind = Kind::Session;
        self.validity(kind, self.session.as_duration(), spec.validity, now)?;
        serial(kind, spec.serial)?;
        session_key(kind, &spec.key)?;
        addresses(kind, &spec.source_addresses)?;
        Ok(Within(spec))
    }

    /// Checks a control certificate.
    pub(crate) fn control(
        &self,
        spec: ControlSpec,
        now: Timestamp,
    ) -> Result<Within<ControlSpec>, Refusal> {
        let kind = Kind::Control;
        self.validity(kind, self.control.as_duration(), spec.validity, now)?;
        serial(kind, spec.serial)?;
        session_key(kind, &spec.key)?;
        addresses(kind, &spec.source_addresses)?;
        Ok(Within(spec))
    }

    /// Checks a control certificate for a look. What it is for takes a minute, whatever else is configured.
    pub(crate) fn look_certificate(
        &self,
        spec: LookSpec,
        now: Timestamp,
    ) -> Result<Within<LookSpec>, Refusal> {
        let kind = Kind::LookCertificate;
        self.validity(kind, DELIVER_WITHIN, spec.validity, now)?;
        serial(kind, spec.serial)?;
        session_key(kind, &spec.key)?;
        addresses(kind, &spec.source_addresses)?;
        Ok(Within(spec))
    }

    /// Checks a bastion's host certificate.
    pub(crate) fn bastion_host(
        &self,
        spec: BastionHostSpec,
        now: Timestamp,
    ) -> Result<Within<BastionHostSpec>, Refusal> {
        let kind = Kind::BastionHost;
        self.validity(kind, self.bastion_host.as_duration(), spec.validity, now)?;
        serial(kind, spec.serial)?;
        Ok(Within(spec))
    }

    /// How often each kind may be signed.
    pub(crate) fn rates(&self) -> HashMap<Kind, Rate> {
        let often = Rate {
            interval: Duration::from_secs(1) / self.per_second.max(1),
            burst: self.per_second.saturating_mul(2).max(1),
        };
        let rare = Rate {
            interval: Duration::from_secs(10),
            burst: 50,
        };
        let looks = Rate {
            interval: Duration::from_millis(100),
            burst: 50,
        };
        let checkpoints = Rate {
            interval: Duration::from_millis(20),
            burst: 200,
        };
        HashMap::from([
            (Kind::Access, often),
            (Kind::Session, often),
            (Kind::Control, often),
            (Kind::Order, often),
            (Kind::Token, often),
            (Kind::LookCertificate, looks),
            (Kind::Look, looks),
            (Kind::BastionHost, rare),
            (Kind::Checkpoint, checkpoints),
        ])
    }

    /// A certificate begins now, ends later, and does not live longer than its kind may.
    fn validity(
        &self,
        kind: Kind,
        longest: Duration,
        validity: Validity,
        now: Timestamp,
    ) -> Result<(), Refusal> {
        let Validity { from, until } = validity;
        begins_now(kind, from, now)?;
        // Certificates count in whole seconds: one that ends within this second is over.
        if until.as_seconds() <= now.as_seconds() {
            return Err(Refusal::NotNow { kind });
        }
        no_longer_than(kind, longest, until, now)
    }
}

fn begins_now(kind: Kind, from: Timestamp, now: Timestamp) -> Result<(), Refusal> {
    if from < now.minus(SKEW) || from > now.plus(SKEW) {
        Err(Refusal::NotNow { kind })
    } else {
        Ok(())
    }
}

/// Counted from the signer's own clock; what a certificate says of its beginning changes nothing.
fn no_longer_than(
    kind: Kind,
    longest: Duration,
    until: Timestamp,
    now: Timestamp,
) -> Result<(), Refusal> {
    if until > now.plus(longest).plus(SKEW) {
        Err(Refusal::TooLong {
            kind,
            limit: u32::try_from(longest.as_secs()).unwrap_or(u32::MAX),
        })
    } else {
        Ok(())
    }
}

fn serial(kind: Kind, serial: u64) -> Result<(), Refusal> {
    // Zero is what certificates without a serial number have: it cannot be told apart.
    if serial == 0 {
        Err(shape(kind, "its serial number is not zero"))
    } else {
        Ok(())
    }
}

fn session_key(kind: Kind, key: &portreeve_protocol::key::PublicKey) -> Result<(), Refusal> {
    if key.ed25519().is_some() {
        Ok(())
    } else {
        Err(shape(kind, "its key is an Ed25519 key"))
    }
}

fn addresses(kind: Kind, addresses: &[std::net::IpAddr]) -> Result<(), Refusal> {
    if addresses.is_empty()
        || addresses.len() > MAX_ADDRESSES
        || addresses.iter().any(std::net::IpAddr::is_unspecified)
    {
        Err(shape(
            kind,
            "it is usable from 1 to 64 addresses that somebody has",
        ))
    } else {
        Ok(())
    }
}

fn shape(kind: Kind, detail: &str) -> Refusal {
    Refusal::Shape {
        kind,
        detail: detail.to_owned(),
    }
}
