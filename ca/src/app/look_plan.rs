//! A look that a bastion took up, with everything settled: what the signer is asked, and what the
//! bastion is given. Pure: randomness was drawn before, and time is an argument.

use std::time::Duration;

use base64ct::{Base64Unpadded, Encoding as _};
use portreeve_protocol::age;
use portreeve_protocol::grant::{HostTarget, SessionKey};
use portreeve_protocol::look::{DELIVER_WITHIN, LookGrant, LookOrder, MAX_GRANT};
use portreeve_protocol::problem::Code;
use portreeve_protocol::signed::Signed;
use portreeve_protocol::time::Timestamp;
use zeroize::Zeroizing;

use super::Failure;
use super::session_plan::public_half;
use crate::entropy;
use crate::sign::{LookSpec, Validity};
use crate::store::{Bastion, BastionEnrolled, Host, NewLook};

/// How much earlier than now a certificate begins, for clocks that are behind ours.
const EARLIER: Duration = Duration::from_secs(30);

/// Everything random about a look, drawn before the first step.
#[derive(Debug)]
pub(super) struct LookDrawn {
    serial: u64,
    key: SessionKey,
}

impl LookDrawn {
    pub(super) fn new() -> Self {
        Self {
            serial: entropy::serial(),
            key: SessionKey::from_seed(entropy::random()),
        }
    }
}

/// A look with everything settled, before anything is signed.
#[derive(Debug)]
pub(super) struct LookPlan<'a> {
    asked: &'a NewLook,
    host: HostTarget,
    bastion: Bastion,
    enrolled: BastionEnrolled,
    drawn: LookDrawn,
    now: Timestamp,
}

impl<'a> LookPlan<'a> {
    /// Settles a look that was asked for.
    pub(super) fn new(
        asked: &'a NewLook,
        host: Option<Host>,
        bastion: Option<Bastion>,
        drawn: LookDrawn,
        now: Timestamp,
    ) -> Result<Self, Failure> {
        let gone = |what| Failure::advise(Code::Unavailable, format!("the {what} is not enrolled"));
        let host = host.ok_or_else(|| gone("host"))?;
        let bastion = bastion.ok_or_else(|| gone("bastion"))?;
        let (_, enrolled) = bastion.enrolled.clone().ok_or_else(|| gone("bastion"))?;
        Ok(Self {
            host: HostTarget {
                identity: host.record.identity.ok_or_else(|| gone("host"))?,
                name: host.record.host,
                address: host.record.address,
                host_keys: host.host_keys,
            },
            asked,
            bastion,
            enrolled,
            drawn,
            now,
        })
    }

    pub(super) const fn serial(&self) -> u64 {
        self.drawn.serial
    }

    /// The control certificate: for this host, from this bastion's addresses, for a minute.
    pub(super) fn spec(&self) -> Result<LookSpec, Failure> {
        let key = public_half(&self.drawn.key)
            .map_err(|error| Failure::Broken(format!("no key for a look: {error}")))?;
        Ok(LookSpec {
            serial: self.drawn.serial,
            key,
            look: self.asked.look,
            human: self.asked.asked_by.name.clone(),
            host: self.host.name.clone(),
            source_addresses: self.bastion.egress.clone(),
            validity: Validity {
                from: self.now.minus(EARLIER),
                until: self.now.plus(DELIVER_WITHIN),
            },
        })
    }

    pub(super) fn order(&self) -> LookOrder {
        LookOrder {
            id: self.asked.look,
            host: self.host.name.clone(),
            issued_at: self.now,
            deliver_by: self.now.plus(DELIVER_WITHIN),
        }
    }

    /// The grant, sealed to the one bastion.
    pub(super) fn seal(
        self,
        control_certificate: String,
        order: Signed<LookOrder>,
        entropy: &mut impl FnMut(&mut [u8]),
    ) -> Result<String, Failure> {
        let grant = LookGrant {
            look: self.asked.look,
            host: self.host,
            key: self.drawn.key,
            control_certificate,
            order,
        };
        let text = Zeroizing::new(serde_json::to_vec(&grant).map_err(|error| {
            Failure::Broken(format!("the grant of a look does not serialise: {error}"))
        })?);
        if text.len() > MAX_GRANT {
            return Err(Failure::Broken("the grant of a look is too large".into()));
        }
        age::seal(&[self.enrolled.recipient], &text, entropy)
            .map(|sealed| Base64Unpadded::encode_string(&sealed))
            .map_err(|error| {
                Failure::Broken(format!("the grant of a look cannot be sealed: {error}"))
            })
    }
}
