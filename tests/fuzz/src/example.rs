//! Values as the programs exchange them, for seeds.

use portreeve_protocol::age::{self, Identity};
use portreeve_protocol::attest::{
    Attestation, EndCause, FoundFile, FoundFiles, HostCheck, HostEvent, HostFact, HostFinding,
    HostWatch, OutsideWatch, Reach, Receipt, SudoCommand, SudoCommands, SudoVulnerability, Took,
    Watcher,
};
use portreeve_protocol::canonical;
use portreeve_protocol::checkpoint::{Checkpoint, LoggedEvent, Trail, VerifierKey, leaf_hash};
use portreeve_protocol::digest::Digest;
use portreeve_protocol::enrol::HostEnrolment;
use portreeve_protocol::event::{AccessFact, Body, Event, Machine};
use portreeve_protocol::facts::{Facts, Intent, SignIn};
use portreeve_protocol::grant::{Grant, HostTarget, RecordingMode, SessionKey};
use portreeve_protocol::id::{EventId, OrderId, SessionId, TaskId};
use portreeve_protocol::key::PublicKey;
use portreeve_protocol::name::HostName;
use portreeve_protocol::order::Order;
use portreeve_protocol::pair::{Human, Pair};
use portreeve_protocol::secret::SecretText;
use portreeve_protocol::session::BundleRef;
use portreeve_protocol::signed::{Signed, Statement};
use portreeve_protocol::task::{Purpose, Task, Ticket};
use portreeve_protocol::time::{Timestamp, Ttl};
use ssh_key::PrivateKey;
use ssh_key::private::{Ed25519Keypair, KeypairData};

pub(crate) fn key(seed: u8) -> PrivateKey {
    PrivateKey::new(
        KeypairData::Ed25519(Ed25519Keypair::from_seed(&[seed; 32])),
        "",
    )
    .unwrap()
}

pub(crate) fn public(seed: u8) -> PublicKey {
    PublicKey::new(key(seed).public_key().key_data().clone()).unwrap()
}

pub(crate) fn sign<T: Statement>(statement: &T) -> Signed<T> {
    Signed::sign(statement, &key(1)).unwrap()
}

pub(crate) fn identity() -> Identity {
    Identity::from_secret_bytes(&[12; 32])
}

pub(crate) fn sealed(content: &[u8]) -> Vec<u8> {
    age::seal(&[identity().recipient()], content, &mut |bytes| {
        bytes.fill(9)
    })
    .unwrap()
}

pub(crate) const fn now() -> Timestamp {
    Timestamp::from_seconds(1_790_000_000)
}

pub(crate) fn host() -> HostName {
    "prod-1.example.com".parse().unwrap()
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
        id: TaskId::new(now(), [10; 10]),
        ticket: Ticket::new("INC-4711").unwrap(),
        purpose: Purpose::new("Find the reverse shell").unwrap(),
    }
}

pub(crate) fn bundle() -> BundleRef {
    BundleRef {
        name: "forensic".parse().unwrap(),
        digest: Digest::of(b"bundle"),
    }
}

pub(crate) fn order() -> Order {
    let session = SessionId::new(now(), [7; 10]);
    Order {
        id: OrderId::new(now(), [9; 10]),
        host: host(),
        session,
        pair: pair(),
        task: task(),
        account: session.account(),
        bundle: bundle(),
        session_key: public(6).fingerprint(),
        session_serial: 41,
        issued_at: now(),
        deliver_by: now(),
        expires_at: now(),
        uid_floor: Some(2_010_000_000),
    }
}

pub(crate) fn grant() -> Grant {
    let order = order();
    Grant {
        session: order.session,
        access_key: public(5).fingerprint(),
        pair: pair(),
        task: task(),
        host: HostTarget {
            name: host(),
            address: "192.0.2.10:22".into(),
            host_keys: vec![public(8)],
            identity: public(4),
        },
        account: order.account.clone(),
        bundle: bundle(),
        facts: Facts {
            email: Some("alice@example.com".into()),
            groups: vec!["soc".into()],
            sign_in: SignIn {
                at: now(),
                amr: vec!["mfa".into()],
                acr: None,
            },
            owner: "bob@example.com".parse().unwrap(),
            review_by: None,
            labels: vec!["prod".into()],
            intent: Intent::ReadOnly,
        },
        connect_by: now(),
        expires_at: now(),
        idle: Ttl::from_seconds(300).unwrap(),
        linger: Ttl::from_seconds(30).unwrap(),
        recording: RecordingMode::Strict,
        recording_content: None,
        policy: Digest::of(b"policy"),
        session_key: SessionKey::from_seed([6; 32]),
        session_certificate: "ssh-ed25519-cert-v01@openssh.com AAAA".into(),
        control_certificate: "ssh-ed25519-cert-v01@openssh.com AAAA".into(),
        order: sign(&order),
    }
}

pub(crate) fn attestation() -> Attestation {
    let order = order();
    Attestation {
        host: host(),
        order: order.id,
        order_digest: Digest::of(b"order"),
        session: order.session,
        account: order.account,
        uid: 61_000,
        gid: 61_000,
        home: "/home/pr".into(),
        bundle: bundle(),
        rules_digest: Digest::of(b"rules"),
        sudo: "sudo 1.9.13".into(),
        cgroup: "/portreeve/pr".into(),
        ready_at: now(),
        expires_at: now(),
        check: Some(HostCheck {
            complete: true,
            package: Some("sudo 1.9.13p3-1+deb12u1".into()),
            vulnerabilities: vec![SudoVulnerability {
                id: "CVE-2025-32462".into(),
                reach: Reach::Configured,
                certain: true,
            }],
            findings: vec![HostFinding {
                code: "SP403".into(),
                path: Some("/opt/shop/bin".into()),
                detail: "everybody may write it".into(),
            }],
            more: 1,
            missing: 2,
        }),
        watch: Some(HostWatch {
            processes: Watcher::Ebpf,
            connections: Watcher::Absent,
            outside: Some(OutsideWatch::NOTHING),
        }),
    }
}

pub(crate) fn host_event() -> HostEvent {
    let order = order();
    HostEvent {
        host: host(),
        session: order.session,
        account: order.account,
        seq: 0,
        previous: Digest::of(b"attestation"),
        at: now(),
        fact: HostFact::Sudo {
            allowed: false,
            command: "/usr/bin/cat".into(),
            argv: vec!["cat".into(), "/etc/shadow".into()],
            run_as: "root".into(),
            cwd: "/".into(),
            reason: Some("command not allowed".into()),
            rule: None,
            comment: None,
        },
    }
}

pub(crate) fn receipt() -> Receipt {
    let order = order();
    Receipt {
        host: host(),
        order: order.id,
        session: order.session,
        account: order.account,
        uid: 61_000,
        cause: EndCause::Killed,
        ending_at: now(),
        gone_at: now(),
        killed: Vec::new(),
        killed_more: 0,
        steps: vec!["rules".into()],
        left: Vec::new(),
        sudo_commands: 1,
        events: 1,
        last_event: Digest::of(b"event"),
        order_digest: Some(Digest::of(b"order")),
        rules_digest: Some(Digest::of(b"rules")),
        took: Some(Took {
            micros: 9,
            steps: vec![7],
        }),
        found: Some(FoundFiles {
            files: vec![FoundFile {
                path: "/tmp/x".into(),
                removed: true,
            }],
            more: 1,
        }),
        commands: Some(SudoCommands {
            commands: vec![SudoCommand {
                run_as: "root".into(),
                argv: vec!["ss".into()],
            }],
            more: 0,
        }),
    }
}

pub(crate) fn enrolment() -> HostEnrolment {
    HostEnrolment {
        host: host(),
        token: SecretText::new("token".into()),
        identity: public(4),
        host_keys: vec![public(8)],
        sudo: "sudo 1.9.13".into(),
    }
}

pub(crate) fn an_event() -> Event {
    Event {
        id: EventId::new(now(), [3; 10]),
        at: now(),
        source: Machine::Bastion("bastion-1".parse().unwrap()),
        body: Body::Access {
            pair: pair(),
            task: Some(task()),
            session: Some(order().session),
            fact: AccessFact::HostReady {
                attestation: sign(&attestation()),
            },
        },
    }
}

pub(crate) fn verifier() -> VerifierKey {
    VerifierKey::new("log.example.com", &public(1).ed25519().unwrap()).unwrap()
}

/// The log has one event.
pub(crate) fn a_checkpoint() -> Checkpoint {
    let leaf = canonical::to_string(&an_event()).unwrap();
    Checkpoint {
        origin: "log.example.com".into(),
        size: 1,
        root: leaf_hash(leaf.as_bytes()),
    }
}

pub(crate) fn signed_checkpoint() -> String {
    use ed25519_dalek::Signer as _;
    let checkpoint = a_checkpoint();
    let key = ed25519_dalek::SigningKey::from_bytes(&[1; 32]);
    let signature = key.sign(checkpoint.text().as_bytes()).to_bytes();
    checkpoint.signed(&verifier(), &signature)
}

pub(crate) fn a_trail() -> Trail {
    Trail {
        events: vec![LoggedEvent {
            index: 0,
            event: canonical::to_string(&an_event()).unwrap(),
            proof: Vec::new(),
        }],
        checkpoint: signed_checkpoint(),
        log_key: verifier().to_string(),
    }
}
