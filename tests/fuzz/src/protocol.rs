//! What programs say to each other: `portreeve-protocol`.

use portreeve_protocol::admin::{AddAgent, AddBastion, AddHost, Publish};
use portreeve_protocol::age::{self, Identity, Recipient};
use portreeve_protocol::attest::{Attestation, EndCause, HostEvent, HostFact, Receipt};
use portreeve_protocol::checkpoint::{Checkpoint, LoggedEvent, Trail, VerifierKey, leaf_hash};
use portreeve_protocol::control::{FromBastion, FromHost, HostReport, OrderRefusal};
use portreeve_protocol::digest::Digest;
use portreeve_protocol::enrol::{BastionEnrolment, HostEnrolment, HostProof, HostTicket};
use portreeve_protocol::event::{AccessFact, Body, Event, EventBatch, Machine};
use portreeve_protocol::facts::{Facts, Intent, SignIn};
use portreeve_protocol::feed::FeedItem;
use portreeve_protocol::grant::{Grant, HostTarget, RecordingMode, SessionKey};
use portreeve_protocol::id::{EventId, OrderId, SessionId, TaskId};
use portreeve_protocol::key::{Fingerprint, PublicKey};
use portreeve_protocol::name::{AccountName, HostName, HumanName, TeamName};
use portreeve_protocol::order::Order;
use portreeve_protocol::pair::{Agent, Human, Pair};
use portreeve_protocol::secret::SecretText;
use portreeve_protocol::session::{BundleRef, ClaimRequest, KillRequest, SessionRequest};
use portreeve_protocol::signed::{Signed, Statement};
use portreeve_protocol::task::{Purpose, Task, Ticket};
use portreeve_protocol::time::{Timestamp, Ttl};
use portreeve_protocol::{canonical, token};
use serde::Serialize;
use serde::de::DeserializeOwned;
use ssh_key::PrivateKey;
use ssh_key::private::{Ed25519Keypair, KeypairData};

use crate::target::{Target, fields, joined, text};

pub(crate) const TARGETS: &[Target] = &[
    Target {
        name: "age_open",
        feed: age_open,
        seeds: age_seeds,
    },
    Target {
        name: "age_altered",
        feed: age_altered,
        seeds: || vec![b"\0\0\x05content".to_vec()],
    },
    Target {
        name: "age_key",
        feed: age_key,
        seeds: age_key_seeds,
    },
    Target {
        name: "public_key",
        feed: public_key,
        seeds: public_key_seeds,
    },
    Target {
        name: "word",
        feed: word,
        seeds: word_seeds,
    },
    Target {
        name: "signed",
        feed: signed,
        seeds: signed_seeds,
    },
    Target {
        name: "statement",
        feed: statement,
        seeds: statement_seeds,
    },
    Target {
        name: "from_bastion",
        feed: from_bastion,
        seeds: from_bastion_seeds,
    },
    Target {
        name: "from_host",
        feed: from_host,
        seeds: from_host_seeds,
    },
    Target {
        name: "grant",
        feed: |bytes| json::<Grant>(bytes),
        seeds: || vec![to_json(&grant())],
    },
    Target {
        name: "request",
        feed: request,
        seeds: request_seeds,
    },
    Target {
        name: "event",
        feed: event,
        seeds: || {
            vec![to_json(&EventBatch {
                events: vec![an_event()],
            })]
        },
    },
    Target {
        name: "feed_item",
        feed: |bytes| json::<FeedItem>(bytes),
        seeds: feed_seeds,
    },
    Target {
        name: "checkpoint",
        feed: checkpoint,
        seeds: checkpoint_seeds,
    },
    Target {
        name: "trail",
        feed: trail,
        seeds: || vec![to_json(&a_trail())],
    },
];

fn age_open(bytes: &[u8]) -> bool {
    const LIMIT: usize = 64 * 1024;
    let identities = Identity::all_in(include_str!("../../vectors/age/fixed-key.txt")).unwrap();
    match age::open(&identities, bytes, LIMIT) {
        Ok(content) => {
            assert!(content.len() <= LIMIT && content.len() <= bytes.len());
            true
        }
        Err(_) => false,
    }
}

fn age_seeds() -> Vec<Vec<u8>> {
    vec![
        include_bytes!("../../vectors/age/fixed.age").to_vec(),
        sealed(b"content"),
    ]
}

/// Seals the rest of the bytes, alters the byte at the place that the first two name by the third,
/// and demands that nothing altered opens.
fn age_altered(bytes: &[u8]) -> bool {
    let Some((&[high, low, flip], content)) = bytes.split_first_chunk::<3>() else {
        return false;
    };
    let mut sealed = sealed(content);
    let place = usize::from(u16::from_be_bytes([high, low])) % sealed.len();
    sealed[place] ^= flip;
    let opened = age::open(&[identity()], &sealed, content.len());
    match opened {
        Ok(found) => assert!(
            flip == 0 && *found == content,
            "byte {place} may be altered"
        ),
        Err(_) => assert_ne!(flip, 0, "what was sealed does not open"),
    }
    true
}

fn age_key(bytes: &[u8]) -> bool {
    let Some(text) = text(bytes) else {
        return false;
    };
    let recipient = text.parse::<Recipient>();
    if let Ok(recipient) = recipient {
        assert_eq!(recipient.to_string(), text);
        assert_eq!(Recipient::from_bytes(*recipient.as_bytes()), Ok(recipient));
    }
    let identity = text.parse::<Identity>();
    if let Ok(identity) = &identity {
        assert_eq!(*identity.expose_secret_text(), text);
    }
    recipient.is_ok()
        || identity.is_ok()
        || Identity::all_in(text).is_ok_and(|found| !found.is_empty())
}

fn age_key_seeds() -> Vec<Vec<u8>> {
    let identity = identity();
    vec![
        identity.recipient().to_string().into_bytes(),
        identity.expose_secret_text().as_bytes().to_vec(),
        include_bytes!("../../vectors/age/key.txt").to_vec(),
    ]
}

fn public_key(bytes: &[u8]) -> bool {
    let Some(text) = text(bytes) else {
        return false;
    };
    if let Ok(fingerprint) = text.parse::<Fingerprint>() {
        assert_eq!(fingerprint.to_string(), text);
    }
    match text.parse::<PublicKey>() {
        Ok(key) => {
            assert_eq!(
                key.to_string().parse(),
                Ok(key.clone()),
                "it does not read back"
            );
            let _ = token::Jwk::of(&key).map(|jwk| jwk.published());
            true
        }
        Err(_) => false,
    }
}

fn public_key_seeds() -> Vec<Vec<u8>> {
    let ecdsa = "ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBHwf2HMM5TRXvo2SQJjsNkiDD5KqiiNjrGVv3UUh+mMT5RHxiRtOnlqvjhQtBq0VpmpCV/PwUdhOig4vkbqAcEc= host.example.com";
    vec![format!("{} comment", public(1)).into_bytes(), ecdsa.into()]
}

/// Everything that is a word on the wire: what reads it must write it, and read that again.
fn word(bytes: &[u8]) -> bool {
    let Some(text) = text(bytes) else {
        return false;
    };
    let exactly = [
        same::<TeamName>(text),
        same::<HostName>(text),
        same::<HumanName>(text),
        same::<AccountName>(text),
        same::<Agent>(text),
        same::<SessionId>(text),
        same::<Digest>(text),
        same::<Ticket>(text),
        same::<Purpose>(text),
    ];
    let by_value = [again::<Timestamp>(text), again::<Ttl>(text)];
    exactly
        .into_iter()
        .chain(by_value)
        .any(|understood| understood)
}

fn word_seeds() -> Vec<Vec<u8>> {
    let words = [
        "soc",
        "soc/forensics",
        "db-1.prod.example.com",
        "alice@example.com",
        "pr-0123456789abcdef",
        "0190b8a2-7c1e-7000-8000-00000000002a",
        "2026-01-31T12:00:00.000000Z",
        "90s",
        "INC-4711",
        "Find the reverse shell",
    ];
    let mut seeds: Vec<Vec<u8>> = words.iter().map(|word| word.as_bytes().to_vec()).collect();
    seeds.push(Digest::of(b"").to_string().into_bytes());
    seeds
}

fn same<T: std::str::FromStr + ToString>(text: &str) -> bool {
    text.parse::<T>().is_ok_and(|value| {
        assert_eq!(value.to_string(), text);
        true
    })
}

fn again<T: std::str::FromStr + ToString + PartialEq>(text: &str) -> bool {
    text.parse::<T>().is_ok_and(|value| {
        assert!(
            value.to_string().parse().is_ok_and(|read: T| read == value),
            "`{text}` does not read back"
        );
        true
    })
}

/// A signed statement as it comes in JSON, and nothing genuine but what the key signed.
fn signed(bytes: &[u8]) -> bool {
    let Ok(signed) = serde_json::from_slice::<Signed<Order>>(bytes) else {
        return false;
    };
    if let Ok(verified) = signed.verify(&public(1)) {
        assert_eq!(*verified.get(), order(), "something was forged");
    }
    true
}

fn signed_seeds() -> Vec<Vec<u8>> {
    vec![to_json(&sign(&order()))]
}

/// What is read after its signature held: the CA or a host could be malicious.
fn statement(bytes: &[u8]) -> bool {
    [
        said::<Order>(bytes),
        said::<Attestation>(bytes),
        said::<HostEvent>(bytes),
        said::<Receipt>(bytes),
        said::<HostEnrolment>(bytes),
    ]
    .contains(&true)
}

fn statement_seeds() -> Vec<Vec<u8>> {
    vec![
        to_json(&order()),
        to_json(&attestation()),
        to_json(&host_event()),
        to_json(&receipt()),
        to_json(&enrolment()),
    ]
}

/// What can be read can be written in its one form, and reads the same from that.
fn said<T: Statement>(bytes: &[u8]) -> bool {
    let Ok(value) = serde_json::from_slice::<T>(bytes) else {
        return false;
    };
    let once = canonical::to_string(&value).unwrap();
    let read: T = serde_json::from_str(&once).unwrap();
    assert_eq!(canonical::to_string(&read).unwrap(), once);
    true
}

fn from_bastion(bytes: &[u8]) -> bool {
    json::<FromBastion>(bytes)
}

fn from_bastion_seeds() -> Vec<Vec<u8>> {
    let lines = [
        FromBastion::Order {
            order: sign(&order()),
            bundle: "name = \"forensic\"\n".into(),
        },
        FromBastion::Renew,
        FromBastion::End {
            cause: EndCause::Asked,
        },
        FromBastion::Acknowledge {
            reports: vec![Digest::of(b"report")],
        },
    ];
    lines.iter().map(to_json).collect()
}

fn from_host(bytes: &[u8]) -> bool {
    json::<FromHost>(bytes)
}

fn from_host_seeds() -> Vec<Vec<u8>> {
    let lines = [
        FromHost::Hello {
            host: host(),
            version: "1.0.0".into(),
        },
        FromHost::Ready {
            attestation: sign(&attestation()),
        },
        FromHost::Refused {
            refusal: OrderRefusal::Replayed,
            detail: "used before".into(),
        },
        FromHost::Report {
            report: HostReport::Event(sign(&host_event())),
        },
        FromHost::Gone {
            receipt: sign(&receipt()),
        },
    ];
    lines.iter().map(to_json).collect()
}

/// Everything that is posted to the CA.
fn request(bytes: &[u8]) -> bool {
    [
        json::<SessionRequest>(bytes),
        json::<KillRequest>(bytes),
        json::<ClaimRequest>(bytes),
        json::<AddAgent>(bytes),
        json::<AddHost>(bytes),
        json::<AddBastion>(bytes),
        json::<Publish>(bytes),
        json::<HostTicket>(bytes),
        json::<HostProof>(bytes),
        json::<BastionEnrolment>(bytes),
    ]
    .contains(&true)
}

fn request_seeds() -> Vec<Vec<u8>> {
    vec![
        to_json(&SessionRequest {
            host: host(),
            ticket: task().ticket,
            purpose: task().purpose,
            task: Some(task().id),
            bundle: bundle().name,
            ttl: Some(Ttl::from_seconds(600).unwrap()),
            key: public(5),
            source_address: Some([192, 0, 2, 7].into()),
        }),
        to_json(&KillRequest {
            reason: task().purpose,
        }),
        to_json(&ClaimRequest {
            serial: 7,
            agent_address: [192, 0, 2, 7].into(),
        }),
        to_json(&AddAgent {
            agent: pair().agent,
            key: public(5),
            owner: pair().human.name,
            review_by: Some(now()),
        }),
        to_json(&AddHost {
            host: host(),
            address: "192.0.2.10:22".into(),
            labels: vec!["prod".into()],
        }),
        to_json(&AddBastion {
            bastion: "bastion-1".parse().unwrap(),
            address: "192.0.2.20:2222".into(),
            egress: vec![[198, 51, 100, 20].into()],
        }),
        to_json(&Publish {
            text: "permit".into(),
        }),
        to_json(&HostProof {
            identity: public(4),
            enrolment: sign(&enrolment()),
        }),
        to_json(&BastionEnrolment {
            bastion: "bastion-1".parse().unwrap(),
            token: SecretText::new("token".into()),
            host_key: public(8),
            identity: public(9),
            recipient: identity().recipient().to_string(),
        }),
    ]
}

/// What is stored is what was read: events go into the log as canonical text.
fn event(bytes: &[u8]) -> bool {
    let Ok(batch) = serde_json::from_slice::<EventBatch>(bytes) else {
        return false;
    };
    for event in &batch.events {
        // Fractions have no canonical form; the log refuses them.
        let Ok(text) = canonical::to_string(event) else {
            continue;
        };
        assert!(serde_json::from_str::<Event>(&text).is_ok_and(|read| read == *event));
    }
    true
}

fn feed_seeds() -> Vec<Vec<u8>> {
    let items = [
        FeedItem::Heartbeat { at: now() },
        FeedItem::Policy {
            version: Digest::of(b""),
            text: String::new(),
        },
        FeedItem::Kill {
            session: order().session,
            reason: "enough".into(),
        },
    ];
    items.iter().map(to_json).collect()
}

/// A verifier key and a note. Nothing is believed but the one checkpoint that was signed.
fn checkpoint(bytes: &[u8]) -> bool {
    let Some([key, note]) = fields(bytes) else {
        return false;
    };
    let parsed = key.parse::<VerifierKey>();
    if let Ok(parsed) = &parsed {
        assert_eq!(parsed.to_string(), key.trim());
        let _ = Checkpoint::open(note, parsed);
    }
    let known = verifier();
    if let Ok(opened) = Checkpoint::open(note, &known) {
        assert_eq!(opened, a_checkpoint(), "something was forged");
    }
    parsed.is_ok()
}

fn checkpoint_seeds() -> Vec<Vec<u8>> {
    vec![joined(&[&verifier().to_string(), &signed_checkpoint()])]
}

/// Only the one event that is in the log is ever proved.
fn trail(bytes: &[u8]) -> bool {
    let Ok(trail) = serde_json::from_slice::<Trail>(bytes) else {
        return false;
    };
    if let Ok(verified) = trail.verify(&verifier()) {
        assert!(
            verified
                .events()
                .iter()
                .all(|(index, event)| *index == 0 && *event == an_event())
        );
    }
    true
}

fn json<T: DeserializeOwned + Serialize>(bytes: &[u8]) -> bool {
    let Ok(value) = serde_json::from_slice::<T>(bytes) else {
        return false;
    };
    let text = serde_json::to_string(&value).unwrap();
    let read: T = serde_json::from_str(&text).unwrap();
    assert_eq!(
        serde_json::to_string(&read).unwrap(),
        text,
        "it does not read back"
    );
    true
}

fn to_json<T: Serialize>(value: &T) -> Vec<u8> {
    serde_json::to_vec(value).unwrap()
}

fn key(seed: u8) -> PrivateKey {
    PrivateKey::new(
        KeypairData::Ed25519(Ed25519Keypair::from_seed(&[seed; 32])),
        "",
    )
    .unwrap()
}

fn public(seed: u8) -> PublicKey {
    PublicKey::new(key(seed).public_key().key_data().clone()).unwrap()
}

fn sign<T: Statement>(statement: &T) -> Signed<T> {
    Signed::sign(statement, &key(1)).unwrap()
}

fn identity() -> Identity {
    Identity::from_secret_bytes(&[12; 32])
}

fn sealed(content: &[u8]) -> Vec<u8> {
    age::seal(&[identity().recipient()], content, &mut |bytes| {
        bytes.fill(9)
    })
    .unwrap()
}

const fn now() -> Timestamp {
    Timestamp::from_seconds(1_790_000_000)
}

fn host() -> HostName {
    "prod-1.example.com".parse().unwrap()
}

fn pair() -> Pair {
    Pair {
        human: Human {
            issuer: "https://idp.example.com".into(),
            subject: "alice".into(),
            name: "alice@example.com".parse().unwrap(),
        },
        agent: "soc/forensics".parse().unwrap(),
    }
}

fn task() -> Task {
    Task {
        id: TaskId::new(now(), [10; 10]),
        ticket: Ticket::new("INC-4711").unwrap(),
        purpose: Purpose::new("Find the reverse shell").unwrap(),
    }
}

fn bundle() -> BundleRef {
    BundleRef {
        name: "forensic".parse().unwrap(),
        digest: Digest::of(b"bundle"),
    }
}

fn order() -> Order {
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
    }
}

fn grant() -> Grant {
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
        policy: Digest::of(b"policy"),
        session_key: SessionKey::from_seed([6; 32]),
        session_certificate: "ssh-ed25519-cert-v01@openssh.com AAAA".into(),
        control_certificate: "ssh-ed25519-cert-v01@openssh.com AAAA".into(),
        order: sign(&order),
    }
}

fn attestation() -> Attestation {
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
    }
}

fn host_event() -> HostEvent {
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
        },
    }
}

fn receipt() -> Receipt {
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
    }
}

fn enrolment() -> HostEnrolment {
    HostEnrolment {
        host: host(),
        token: SecretText::new("token".into()),
        identity: public(4),
        host_keys: vec![public(8)],
        sudo: "sudo 1.9.13".into(),
    }
}

fn an_event() -> Event {
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

fn verifier() -> VerifierKey {
    VerifierKey::new("log.example.com", &public(1).ed25519().unwrap()).unwrap()
}

/// The log has one event.
fn a_checkpoint() -> Checkpoint {
    let leaf = canonical::to_string(&an_event()).unwrap();
    Checkpoint {
        origin: "log.example.com".into(),
        size: 1,
        root: leaf_hash(leaf.as_bytes()),
    }
}

fn signed_checkpoint() -> String {
    use ed25519_dalek::Signer as _;
    let checkpoint = a_checkpoint();
    let key = ed25519_dalek::SigningKey::from_bytes(&[1; 32]);
    let signature = key.sign(checkpoint.text().as_bytes()).to_bytes();
    checkpoint.signed(&verifier(), &signature)
}

fn a_trail() -> Trail {
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
