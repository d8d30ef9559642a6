//! A permitted session with everything settled: what the signer is asked, what the grant says, what
//! is recorded. Pure: randomness was drawn before, and time is an argument.

use std::net::IpAddr;

use base64ct::{Base64Unpadded, Encoding as _};
use portreeve_protocol::age::{self, Recipient};
use portreeve_protocol::event::AccessFact;
use portreeve_protocol::facts::Facts;
use portreeve_protocol::grant::{Grant, HostTarget, MAX_GRANT, SessionKey};
use portreeve_protocol::id::{OrderId, SessionId, TaskId};
use portreeve_protocol::key::{NotAKey, PublicKey};
use portreeve_protocol::name::{AccountName, BastionName, HostName};
use portreeve_protocol::order::Order;
use portreeve_protocol::pair::Pair;
use portreeve_protocol::problem::Code;
use portreeve_protocol::recording::{Retention, RetentionRule};
use portreeve_protocol::session::{BastionContact, BundleRef, SessionGranted, SessionRequest};
use portreeve_protocol::signed::Signed;
use portreeve_protocol::task::Task;
use portreeve_protocol::time::{Timestamp, Ttl};
use ssh_key::public::{Ed25519PublicKey, KeyData};
use zeroize::Zeroizing;

use super::record::Access;
use super::session_resolve::{Gate, Target};
use super::{Failure, Origin};
use crate::config::SessionConfig;
use crate::decide::StartPermit;
use crate::entropy;
use crate::sign::{AccessSpec, ControlSpec, SessionSpec, Validity};
use crate::store::{Change, NewSession};

/// How much earlier than now a certificate begins, for clocks that are behind ours.
const EARLIER: std::time::Duration = std::time::Duration::from_secs(30);

/// Everything random about a session, drawn before the first step.
#[derive(Debug)]
pub(super) struct Drawn {
    pub(super) session: SessionId,
    pub(super) task: TaskId,
    order: OrderId,
    access_serial: u64,
    session_serial: u64,
    control_serial: u64,
    key: SessionKey,
}

impl Drawn {
    pub(super) fn new(now: Timestamp) -> Self {
        Self {
            session: SessionId::new(now, entropy::random()),
            task: TaskId::new(now, entropy::random()),
            order: OrderId::new(now, entropy::random()),
            access_serial: entropy::serial(),
            session_serial: entropy::serial(),
            control_serial: entropy::serial(),
            key: SessionKey::from_seed(entropy::random()),
        }
    }
}

/// A permitted session with everything settled, before anything is signed.
#[derive(Debug)]
pub(super) struct Plan {
    permit: StartPermit,
    drawn: Drawn,
    pair: Pair,
    task: Task,
    facts: Facts,
    host: HostTarget,
    uid_floor: Option<u32>,
    account: AccountName,
    bundle: BundleRef,
    gates: Vec<Gate>,
    access_key: PublicKey,
    source_address: Option<IpAddr>,
    now: Timestamp,
    connect_by: Timestamp,
    expires_at: Timestamp,
    idle: Ttl,
    linger: Ttl,
    retention: (Retention, RetentionRule),
}

/// What the signer made for the inside of a grant.
pub(super) struct Inside {
    pub(super) session_certificate: String,
    pub(super) control_certificate: String,
    pub(super) order: Signed<Order>,
}

impl Plan {
    /// Settles a session that `permit` permits. There is no plan without a permit, and nothing is
    /// signed without a plan.
    pub(super) fn new(
        permit: StartPermit,
        target: Target,
        request: &SessionRequest,
        drawn: Drawn,
        config: &SessionConfig,
        retention: Retention,
        origin: Origin,
    ) -> Self {
        let session = permit.session();
        let now = origin.at;
        let expires_at = now.plus(permit.ttl().as_duration());
        let address = request.source_address.unwrap_or(origin.address);
        Self {
            pair: permit.pair(),
            task: Task {
                id: request.task.unwrap_or(drawn.task),
                ticket: session.ticket.clone(),
                purpose: session.purpose.clone(),
            },
            facts: session.facts(permit.sign_in()),
            host: target.host,
            uid_floor: target.uid_floor,
            account: drawn.session.account(),
            bundle: session.bundle.version.clone(),
            gates: target.bastions,
            access_key: request.key.clone(),
            source_address: config.bind_source_address.then_some(address.to_canonical()),
            now,
            connect_by: now
                .plus(config.connect_within.as_duration())
                .min(expires_at),
            expires_at,
            idle: config.idle,
            linger: config.linger,
            retention: match permit.retention() {
                Some(retention) => (retention, RetentionRule::Policy),
                None => (retention, RetentionRule::Configuration),
            },
            drawn,
            permit,
        }
    }

    pub(super) fn access(&self) -> Access<'_> {
        Access {
            pair: &self.pair,
            task: Some(&self.task),
            session: Some(self.drawn.session),
        }
    }

    pub(super) const fn host(&self) -> &HostName {
        &self.host.name
    }

    pub(super) const fn account(&self) -> &AccountName {
        &self.account
    }

    pub(super) const fn bundle(&self) -> &BundleRef {
        &self.bundle
    }

    pub(super) const fn expires_at(&self) -> Timestamp {
        self.expires_at
    }

    pub(super) fn session_key(&self) -> Result<PublicKey, NotAKey> {
        public_half(&self.drawn.key)
    }

    fn validity(&self, until: Timestamp) -> Validity {
        Validity {
            from: self.now.minus(EARLIER),
            until,
        }
    }

    fn egress(&self) -> Vec<IpAddr> {
        self.gates
            .iter()
            .flat_map(|gate| gate.bastion.egress.iter().copied())
            .collect()
    }

    fn bastions(&self) -> Vec<BastionName> {
        self.gates
            .iter()
            .map(|gate| gate.bastion.bastion.clone())
            .collect()
    }

    pub(super) fn session_spec(&self, key: PublicKey) -> SessionSpec {
        SessionSpec {
            serial: self.drawn.session_serial,
            key,
            session: self.drawn.session,
            pair: self.pair.clone(),
            ticket: self.task.ticket.clone(),
            host: self.host.name.clone(),
            source_addresses: self.egress(),
            validity: self.validity(self.expires_at),
        }
    }

    pub(super) fn control_spec(&self, key: PublicKey) -> ControlSpec {
        ControlSpec {
            serial: self.drawn.control_serial,
            key,
            session: self.drawn.session,
            pair: self.pair.clone(),
            ticket: self.task.ticket.clone(),
            host: self.host.name.clone(),
            source_addresses: self.egress(),
            validity: self.validity(self.connect_by),
        }
    }

    pub(super) fn order(&self, key: &PublicKey) -> Order {
        Order {
            id: self.drawn.order,
            host: self.host.name.clone(),
            session: self.drawn.session,
            pair: self.pair.clone(),
            task: self.task.clone(),
            account: self.account.clone(),
            bundle: self.bundle.clone(),
            session_key: key.fingerprint(),
            session_serial: self.drawn.session_serial,
            issued_at: self.now,
            deliver_by: self.connect_by,
            expires_at: self.expires_at,
            uid_floor: self.uid_floor,
        }
    }

    /// The grant, sealed to every bastion that may serve the session.
    pub(super) fn seal(
        &self,
        inside: Inside,
        entropy: &mut impl FnMut(&mut [u8]),
    ) -> Result<String, Failure> {
        let grant = Grant {
            session: self.drawn.session,
            access_key: self.access_key.fingerprint(),
            pair: self.pair.clone(),
            task: self.task.clone(),
            host: self.host.clone(),
            account: self.account.clone(),
            bundle: self.bundle.clone(),
            facts: self.facts.clone(),
            connect_by: self.connect_by,
            expires_at: self.expires_at,
            idle: self.idle,
            linger: self.linger,
            recording: self.permit.recording(),
            recording_content: self.permit.recording_content(),
            policy: self.permit.record().policy,
            session_key: self.drawn.key.clone(),
            session_certificate: inside.session_certificate,
            control_certificate: inside.control_certificate,
            order: inside.order,
        };
        let text =
            Zeroizing::new(serde_json::to_vec(&grant).map_err(|error| {
                Failure::Broken(format!("the grant does not serialise: {error}"))
            })?);
        if text.len() > MAX_GRANT {
            return Err(Failure::advise(
                Code::Invalid,
                "the grant would be too large; shorten the purpose, or give the human fewer groups",
            ));
        }
        let recipients: Vec<Recipient> = self
            .gates
            .iter()
            .map(|gate| gate.enrolled.recipient)
            .collect();
        age::seal(&recipients, &text, entropy)
            .map(|sealed| Base64Unpadded::encode_string(&sealed))
            .map_err(|error| Failure::Broken(format!("the grant cannot be sealed: {error}")))
    }

    pub(super) fn access_spec(&self, grant: String) -> AccessSpec {
        AccessSpec {
            serial: self.drawn.access_serial,
            key: self.access_key.clone(),
            session: self.drawn.session,
            pair: self.pair.clone(),
            ticket: self.task.ticket.clone(),
            bundle: self.bundle.clone(),
            bastions: self.bastions(),
            source_address: self.source_address,
            grant,
            validity: self.validity(self.expires_at),
        }
    }

    /// The change and the fact that say that the session was issued.
    pub(super) fn result(&self, order: &Signed<Order>) -> (Change, AccessFact) {
        let session = NewSession {
            session: self.drawn.session,
            pair: self.pair.clone(),
            task: self.task.clone(),
            host: self.host.name.clone(),
            account: self.account.clone(),
            bundle: self.bundle.clone(),
            policy: self.permit.record().policy,
            access_serial: self.drawn.access_serial,
            session_serial: self.drawn.session_serial,
            control_serial: self.drawn.control_serial,
            order: order.digest(),
            uid_floor: self.uid_floor,
            bastions: self.bastions(),
            created_at: self.now,
            connect_by: self.connect_by,
            expires_at: self.expires_at,
            retention: self.retention.0,
            retention_rule: self.retention.1,
        };
        let fact = AccessFact::SessionIssued {
            access_serial: session.access_serial,
            session_serial: session.session_serial,
            control_serial: session.control_serial,
            order: session.order,
        };
        (Change::AddSession(Box::new(session)), fact)
    }

    pub(super) fn granted(self, certificate: String, host_ca: &PublicKey) -> SessionGranted {
        SessionGranted {
            session: self.drawn.session,
            task: self.task,
            host: self.host.name,
            account: self.account,
            bundle: self.bundle,
            certificate,
            connect_by: self.connect_by,
            expires_at: self.expires_at,
            bastions: self
                .gates
                .into_iter()
                .map(|gate| BastionContact {
                    name: gate.bastion.bastion,
                    address: gate.bastion.address,
                    host_ca: host_ca.clone(),
                })
                .collect(),
        }
    }
}

/// The public half of a key that only a bastion will hold.
pub(super) fn public_half(key: &SessionKey) -> Result<PublicKey, NotAKey> {
    let seed = key.expose_seed();
    let key = ed25519_dalek::SigningKey::from_bytes(seed).verifying_key();
    PublicKey::new(KeyData::Ed25519(Ed25519PublicKey(key.to_bytes())))
}
