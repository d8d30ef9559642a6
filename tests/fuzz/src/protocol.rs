//! What programs say to each other: `portreeve-protocol`.

use portreeve_protocol::admin::{AddAgent, AddBastion, AddHost, Publish};
use portreeve_protocol::age::{self, Identity, Recipient};
use portreeve_protocol::attest::{Attestation, EndCause, HostEvent, Receipt};
use portreeve_protocol::bundle::{PublishBundle, RunningSessions, WithdrawBundle};
use portreeve_protocol::checkpoint::{Checkpoint, Trail, VerifierKey};
use portreeve_protocol::control::{FromBastion, FromHost, HostReport, OrderRefusal};
use portreeve_protocol::digest::Digest;
use portreeve_protocol::enrol::{BastionEnrolment, HostEnrolment, HostProof, HostTicket};
use portreeve_protocol::event::{Event, EventBatch};
use portreeve_protocol::feed::FeedItem;
use portreeve_protocol::grant::Grant;
use portreeve_protocol::id::SessionId;
use portreeve_protocol::inventory::Inventory;
use portreeve_protocol::key::{Fingerprint, PublicKey};
use portreeve_protocol::look::{LookAnswer, LookOrder};
use portreeve_protocol::name::{AccountName, HostName, HumanName, TeamName};
use portreeve_protocol::order::Order;
use portreeve_protocol::pair::Agent;
use portreeve_protocol::recording::{HoldRequest, Retention, StoreName};
use portreeve_protocol::secret::SecretText;
use portreeve_protocol::session::{ClaimRequest, KillRequest, SessionRequest};
use portreeve_protocol::signed::{Signed, Statement};
use portreeve_protocol::task::{Purpose, Ticket};
use portreeve_protocol::time::{Timestamp, Ttl};
use portreeve_protocol::{canonical, token};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::example::*;
use crate::target::Target;
use crate::text::{fields, joined};

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
    let mut identities = Identity::all_in(include_str!("../../vectors/age/fixed-key.txt")).unwrap();
    identities.push(identity());
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
    let Ok(text) = std::str::from_utf8(bytes) else {
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
    let Ok(text) = std::str::from_utf8(bytes) else {
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
    let Ok(text) = std::str::from_utf8(bytes) else {
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
        same::<StoreName>(text),
    ];
    let by_value = [
        again::<Timestamp>(text),
        again::<Ttl>(text),
        again::<Retention>(text),
    ];
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
        "365d",
        "s3://s3.example.com/recordings/portreeve",
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
        said::<Inventory>(bytes),
        said::<LookOrder>(bytes),
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
        INVENTORY.to_vec(),
        to_json(&look_order()),
    ]
}

fn inventory() -> Inventory {
    serde_json::from_slice(INVENTORY).unwrap()
}

fn look_order() -> LookOrder {
    LookOrder {
        id: order().id,
        host: host(),
        issued_at: now(),
        deliver_by: now(),
    }
}

const INVENTORY: &[u8] = br#"{"accounts":27,"at":"2026-03-01T10:00:00Z","complete":false,
    "findings":[{"account":"alice","code":"SA101","last_login":"2026-02-01T10:00:00Z","line":3,
    "path":"/home/alice/.ssh/authorized_keys","severity":"medium","since":"2025-03-01T10:00:00Z",
    "what":"ssh-ed25519 SHA256:x"}],"host":"prod-1","more":2,"number":1772359200000000}"#;

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
        FromBastion::Look {
            order: sign(&look_order()),
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
        FromHost::Inventory {
            statement: sign(&inventory()),
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
        json::<HoldRequest>(bytes),
        json::<ClaimRequest>(bytes),
        json::<AddAgent>(bytes),
        json::<AddHost>(bytes),
        json::<AddBastion>(bytes),
        json::<Publish>(bytes),
        json::<PublishBundle>(bytes),
        json::<WithdrawBundle>(bytes),
        json::<HostTicket>(bytes),
        json::<HostProof>(bytes),
        json::<BastionEnrolment>(bytes),
        json::<LookAnswer>(bytes),
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
            again: true,
        }),
        to_json(&AddBastion {
            bastion: "bastion-1".parse().unwrap(),
            address: "192.0.2.20:2222".into(),
            egress: vec![[198, 51, 100, 20].into()],
            again: false,
        }),
        to_json(&Publish {
            text: "permit".into(),
        }),
        to_json(&PublishBundle {
            text: "name = \"look\"".into(),
            message: Some(task().purpose),
        }),
        to_json(&WithdrawBundle {
            digest: Some(bundle().digest),
            reason: task().purpose,
            sessions: RunningSessions::Spare,
            fall_back_to: Some(Digest::of(b"earlier")),
        }),
        to_json(&HostProof {
            identity: public(4),
            enrolment: sign(&enrolment()),
        }),
        to_json(&LookAnswer::Inventory {
            statement: sign(&inventory()),
        }),
        to_json(&LookAnswer::Failed {
            detail: "no way".into(),
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
            by_pair: false,
        },
        FeedItem::Look {
            look: order().id,
            host: host(),
            claim_by: now(),
        },
        FeedItem::DeleteRecording {
            session: order().session,
            bastion: "b1".parse().unwrap(),
            store: "s3://s3.example.com/recordings".parse().ok(),
            attempt: 2,
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
        assert!(verified.unread().is_empty());
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
