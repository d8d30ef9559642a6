//! One pair, one host, one session, from which each test changes what it is about.

use portreeve_access_policy::act::{HumanAct, HumanRequest, SessionAct, StartRequest, UseRequest};
use portreeve_access_policy::decide::Policies;
use portreeve_access_policy::facts::{Agent, Bundle, Circumstances, Host, Human, Session};
use portreeve_protocol::digest::Digest;
use portreeve_protocol::facts::{Intent, SignIn};
use portreeve_protocol::id::SessionId;
use portreeve_protocol::pair;
use portreeve_protocol::session::BundleRef;
use portreeve_protocol::time::{Timestamp, Ttl};

pub(crate) const NOW: Timestamp = Timestamp::from_seconds(1_767_614_400);

pub(crate) fn policies(text: &str) -> Policies {
    Policies::parse("p.cedar", text).unwrap_or_else(|problems| panic!("{problems}\n{text}"))
}

pub(crate) fn human(name: &str, groups: &[&str]) -> Human {
    Human {
        identity: pair::Human {
            issuer: "https://idp.example.com".into(),
            subject: name.into(),
            name: name.parse().unwrap(),
        },
        email: Some(format!("{name}@example.com")),
        groups: groups.iter().map(|group| (*group).to_owned()).collect(),
    }
}

pub(crate) fn session() -> Session {
    Session {
        id: SessionId::new(NOW, [7; 10]),
        human: human("alice", &["soc"]),
        agent: Agent {
            identity: "soc/forensics".parse().unwrap(),
            owner: "bob".parse().unwrap(),
            enabled: true,
            review_by: None,
        },
        host: Host {
            name: "db-1.example.com".parse().unwrap(),
            labels: vec!["production".into()],
        },
        bundle: Bundle {
            version: BundleRef {
                name: "look".parse().unwrap(),
                digest: Digest::of(b"look"),
            },
            intent: Intent::ReadOnly,
        },
        ticket: "INC-1".parse().unwrap(),
        purpose: "look around".parse().unwrap(),
    }
}

pub(crate) fn circumstances() -> Circumstances {
    Circumstances {
        now: NOW,
        source: "192.0.2.7".parse().unwrap(),
        sign_in: SignIn {
            at: Timestamp::from_seconds(NOW.as_seconds() - 60),
            amr: vec!["mfa".into()],
            acr: None,
        },
    }
}

pub(crate) fn start() -> StartRequest {
    StartRequest {
        session: session(),
        ttl: Ttl::from_seconds(3600).unwrap(),
        host_watch: None,
        circumstances: circumstances(),
    }
}

pub(crate) fn within(act: SessionAct) -> UseRequest {
    UseRequest {
        session: session(),
        act,
        remaining: 600,
        host_check: None,
        host_watch: None,
        circumstances: circumstances(),
    }
}

pub(crate) fn by(human: Human, act: HumanAct) -> HumanRequest {
    HumanRequest {
        human,
        act,
        circumstances: circumstances(),
    }
}
