//! The audit log: how quickly events become durable, and how quickly a trail is verified.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use ed25519_dalek::{Signer as _, SigningKey};
use portreeve_ca::clock::Clock;
use portreeve_ca::store::Store;
use portreeve_protocol::canonical;
use portreeve_protocol::checkpoint::{
    Checkpoint, LoggedEvent, Trail, VerifierKey, encode_hash, leaf_hash, node_hash,
};
use portreeve_protocol::digest::Digest;
use portreeve_protocol::event::{
    AccessFact, Body, ChannelRequest, DecisionNote, Event, MAX_BATCH, Machine,
};
use portreeve_protocol::id::{DecisionId, EventId, SessionId};
use portreeve_protocol::pair::{Human, Pair};
use portreeve_protocol::time::Timestamp;

use super::Scale;
use crate::report::{Figure, Target};
use crate::samples::Samples;
use crate::site::Disk;

pub(super) fn measure(scale: &Scale) -> Result<Vec<Figure>> {
    let mut figure = Figure::new("log", "of the audit log", "1/s");
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    for (what, together, target) in [
        (
            format!("durable appends, batches of {MAX_BATCH}"),
            MAX_BATCH,
            Some(Target::AtLeast(10_000.0)),
        ),
        (
            "durable appends, one by one from 64 at once".to_owned(),
            1,
            None,
        ),
        ("durable appends, one by one from one".to_owned(), 0, None),
    ] {
        let rate = runtime.block_on(append(scale, together))?;
        figure.row(what, &[rate].into_iter().collect(), target);
    }
    let trail = trail(usize::try_from(scale.events)?.min(50_000))?;
    let key = verifier()?;
    let mut verified = Samples::default();
    for _ in 0..scale.long_rounds {
        let begin = Instant::now();
        let proved = trail.verify(&key).context("the trail does not verify")?;
        verified.add(count(proved.events().len()) / begin.elapsed().as_secs_f64());
    }
    figure.row(
        "events of a trail verified, on one processor",
        &verified,
        Some(Target::AtLeast(200_000.0)),
    );
    figure.note(format!(
        "an event has {} bytes; a proof {} hashes",
        canonical::to_string(&event(0)?)?.len(),
        trail.events.first().map_or(0, |first| first.proof.len())
    ));
    Ok(vec![figure.judged()])
}

/// Appends events to a new database on this machine's disk. With `together` 0, one after the other.
async fn append(scale: &Scale, together: usize) -> Result<f64> {
    let disk = Disk::new("log")?;
    let store = Store::create(&disk.path().join("ca.sqlite"), Clock::system()).await?;
    let total = match together {
        0 => scale.events / 200,
        1 => scale.events / 10,
        _ => scale.events,
    };
    let events = (0..total).map(event).collect::<Result<Vec<_>>>()?;
    let (workers, size) = match together {
        0 => (1, 1),
        1 => (64, 1),
        size => (4, size),
    };
    let batches: Vec<Vec<Event>> = events.chunks(size).map(<[Event]>::to_vec).collect();
    let begin = Instant::now();
    let mut running = Vec::new();
    for worker in 0..workers {
        let share: Vec<_> = batches
            .iter()
            .skip(worker)
            .step_by(workers)
            .cloned()
            .collect();
        let store = store.clone();
        running.push(tokio::spawn(async move {
            for batch in share {
                store.commit(Vec::new(), batch).await?;
            }
            anyhow::Ok(())
        }));
    }
    for worker in running {
        worker.await??;
    }
    Ok(f64::from(total) / begin.elapsed().as_secs_f64())
}

/// A trail of all events of a log of this size.
fn trail(size: usize) -> Result<Trail> {
    let events = (0..u32::try_from(size)?)
        .map(|number| Ok(canonical::to_string(&event(number)?)?))
        .collect::<Result<Vec<String>>>()?;
    let tree = Tree::over(
        events
            .iter()
            .map(|event| leaf_hash(event.as_bytes()))
            .collect(),
    );
    let checkpoint = Checkpoint {
        origin: "log.example.com".into(),
        size: u64::try_from(size)?,
        root: tree.root()?,
    };
    let signature = key().sign(checkpoint.text().as_bytes()).to_bytes();
    let events: Vec<LoggedEvent> = events
        .into_iter()
        .enumerate()
        .map(|(index, event)| {
            let proof = tree.proof(index).iter().map(encode_hash).collect();
            Ok(LoggedEvent {
                index: u64::try_from(index)?,
                event,
                proof,
            })
        })
        .collect::<Result<_>>()?;
    ensure!(events.len() == size, "the trail is not whole");
    Ok(Trail {
        events,
        checkpoint: checkpoint.signed(&verifier()?, &signature),
        log_key: verifier()?.to_string(),
    })
}

/// The levels of a Merkle tree (RFC 6962, section 2.1), leaves first. The last node of a level
/// that has none beside it goes up as it is.
struct Tree(Vec<Vec<Digest>>);

impl Tree {
    fn over(leaves: Vec<Digest>) -> Self {
        let mut levels = vec![leaves];
        while let Some(last) = levels.last().filter(|level| level.len() > 1) {
            let next = last
                .chunks(2)
                .filter_map(|pair| match pair {
                    [left, right] => Some(node_hash(left, right)),
                    [single] => Some(*single),
                    _ => None,
                })
                .collect();
            levels.push(next);
        }
        Self(levels)
    }

    fn root(&self) -> Result<Digest> {
        self.0
            .last()
            .and_then(|level| level.first())
            .copied()
            .context("an empty tree")
    }

    fn proof(&self, mut index: usize) -> Vec<Digest> {
        let mut proof = Vec::new();
        for level in &self.0 {
            proof.extend(level.get(index ^ 1));
            index /= 2;
        }
        proof
    }
}

fn key() -> SigningKey {
    SigningKey::from_bytes(&[1; 32])
}

fn verifier() -> Result<VerifierKey> {
    Ok(VerifierKey::new(
        "log.example.com",
        key().verifying_key().as_bytes(),
    )?)
}

/// What most events are: a command that was decided, with the record of the decision.
fn event(number: u32) -> Result<Event> {
    let at = Timestamp::from_seconds(1_790_000_000).plus(Duration::from_micros(u64::from(number)));
    let mut random = [0; 10];
    if let Some(end) = random.last_chunk_mut::<4>() {
        *end = number.to_be_bytes();
    }
    let record = serde_json::json!({
        "asked": { "action": "exec", "command": format!("sudo cat /var/log/app/{number}.log") },
        "facts": { "groups": ["soc"], "labels": ["production"], "amr": ["pwd", "otp"], "intent": "read-only" },
        "answer": { "outcome": "permitted", "determining": ["pairs-may-work"] },
    });
    Ok(Event {
        id: EventId::new(at, random),
        at,
        source: Machine::Bastion("bastion-1".parse()?),
        body: Body::Access {
            pair: Pair {
                human: Human {
                    issuer: "https://idp.example.com".into(),
                    subject: "alice".into(),
                    name: "alice@example.com".parse()?,
                },
                agent: "soc/forensics".parse()?,
            },
            task: None,
            session: Some(SessionId::new(at, [7; 10])),
            fact: AccessFact::ChannelDecided {
                channel: number,
                decision: DecisionNote {
                    id: DecisionId::new(at, random),
                    permitted: true,
                    policy: Digest::of(b"policy"),
                    determining: vec!["pairs-may-work".into()],
                    record,
                },
                request: ChannelRequest::Exec {
                    command: format!("sudo cat /var/log/app/{number}.log"),
                    pty: false,
                },
            },
        },
    })
}

#[expect(
    clippy::cast_precision_loss,
    reason = "a number of some thousand events"
)]
fn count(events: usize) -> f64 {
    events as f64
}
