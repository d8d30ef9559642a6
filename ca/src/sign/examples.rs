//! Specifications that are within the limits, for the tests to bend.

use portreeve_protocol::digest::Digest;
use portreeve_protocol::id::{OrderId, SessionId, TaskId};
use portreeve_protocol::key::PublicKey;
use portreeve_protocol::look::LookOrder;
use portreeve_protocol::order::Order;
use portreeve_protocol::pair::{Human, Pair};
use portreeve_protocol::session::BundleRef;
use portreeve_protocol::task::Task;
use portreeve_protocol::time::Timestamp;
use portreeve_protocol::token::{Actor, Confirmation, DelegatedClaims};
use std::time::Duration;

use super::{AccessSpec, BastionHostSpec, ControlSpec, Limits, LookSpec, SessionSpec, Validity};

/// The moment at which all examples are within the limits.
pub(crate) const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);

pub(crate) fn limits() -> Limits {
    Limits {
        issuer: "https://ca.example.com".into(),
        log_origin: "ca.example.com/log".into(),
        session: "12h".parse().unwrap(),
        control: "5m".parse().unwrap(),
        bastion_host: "9600h".parse().unwrap(),
        token: "1h".parse().unwrap(),
        per_second: 5000,
    }
}

pub(crate) fn key(seed: u8) -> PublicKey {
    let pair = ssh_key::private::Ed25519Keypair::from_seed(&[seed; 32]);
    PublicKey::new(pair.public.into()).unwrap()
}

pub(crate) fn pair() -> Pair {
    Pair {
        human: Human {
            issuer: "https://idp.example.com".into(),
            subject: "alice".into(),
            name: "alice@example.com".parse().unwrap(),
        },
        agent: "soc/forensics".parse().unwrap(),
    }
}

pub(crate) fn task() -> Task {
    Task {
        id: TaskId::new(NOW, [3; 10]),
        ticket: "INC-4711".parse().unwrap(),
        purpose: "find the reverse shell".parse().unwrap(),
    }
}

pub(crate) fn session_id() -> SessionId {
    SessionId::new(NOW, [5; 10])
}

pub(crate) fn validity(seconds: u64) -> Validity {
    Validity {
        from: NOW.minus(Duration::from_secs(30)),
        until: NOW.plus(Duration::from_secs(seconds)),
    }
}

pub(crate) fn access() -> AccessSpec {
    AccessSpec {
        serial: 11,
        key: key(1),
        session: session_id(),
        pair: pair(),
        ticket: task().ticket,
        bundle: order().bundle,
        bastions: vec!["east".parse().unwrap(), "west".parse().unwrap()],
        source_address: Some("192.0.2.7".parse().unwrap()),
        grant: "c2VhbGVk".into(),
        validity: validity(900),
    }
}

pub(crate) fn session() -> SessionSpec {
    SessionSpec {
        serial: 12,
        key: key(2),
        session: session_id(),
        pair: pair(),
        ticket: task().ticket,
        host: "prod-1.example.com".parse().unwrap(),
        source_addresses: vec![
            "192.0.2.20".parse().unwrap(),
            "2001:db8::20".parse().unwrap(),
        ],
        validity: validity(900),
    }
}

pub(crate) fn control() -> ControlSpec {
    let SessionSpec {
        key,
        session,
        pair,
        ticket,
        host,
        source_addresses,
        ..
    } = session();
    ControlSpec {
        serial: 13,
        key,
        session,
        pair,
        ticket,
        host,
        source_addresses,
        validity: validity(60),
    }
}

pub(crate) fn look() -> LookSpec {
    LookSpec {
        serial: 15,
        key: key(2),
        look: look_order().id,
        human: pair().human.name,
        host: look_order().host,
        source_addresses: vec!["192.0.2.20".parse().unwrap()],
        validity: validity(60),
    }
}

pub(crate) fn look_order() -> LookOrder {
    LookOrder {
        id: OrderId::new(NOW, [7; 10]),
        host: "prod-1.example.com".parse().unwrap(),
        issued_at: NOW,
        deliver_by: NOW.plus(Duration::from_secs(60)),
    }
}

pub(crate) fn bastion_host() -> BastionHostSpec {
    BastionHostSpec {
        serial: 14,
        key: key(3),
        bastion: "east".parse().unwrap(),
        validity: validity(86_400),
    }
}

pub(crate) fn order() -> Order {
    Order {
        id: OrderId::new(NOW, [6; 10]),
        host: "prod-1.example.com".parse().unwrap(),
        session: session_id(),
        pair: pair(),
        task: task(),
        account: session_id().account(),
        bundle: BundleRef {
            name: "forensics".parse().unwrap(),
            digest: Digest::of(b"bundle"),
        },
        session_key: key(2).fingerprint(),
        session_serial: 12,
        issued_at: NOW,
        deliver_by: NOW.plus(Duration::from_secs(60)),
        expires_at: NOW.plus(Duration::from_secs(900)),
        uid_floor: None,
    }
}

pub(crate) fn claims() -> DelegatedClaims {
    let Pair { human, agent } = pair();
    DelegatedClaims {
        iss: limits().issuer,
        sub: human.id(),
        act: Actor { sub: agent.clone() },
        client_id: agent,
        aud: "https://ca.example.com".into(),
        iat: NOW.as_seconds(),
        exp: NOW.as_seconds() + 900,
        jti: "token-1".into(),
        cnf: Confirmation {
            jkt: "k".repeat(43),
        },
        auth_time: NOW.as_seconds() - 60,
        amr: vec!["pwd".into(), "otp".into()],
        acr: None,
        name: human.name,
        human_iss: human.issuer,
        human_sub: human.subject,
        email: None,
        groups: vec!["soc".into()],
    }
}
