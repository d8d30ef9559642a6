//! The host's daemon, played: it makes no account, because the accounts are there, but says and signs what one would.

use std::sync::{Arc, Mutex};

use portreeve_protocol::attest::{Attestation, EndCause, HostEvent, HostFact, Receipt};
use portreeve_protocol::control::{FromBastion, FromHost, HostReport, OrderRefusal};
use portreeve_protocol::digest::Digest;
use portreeve_protocol::order::Order;
use portreeve_protocol::signed::Signed;
use portreeve_protocol::time::Timestamp;
use ssh_key::PrivateKey;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::tcp::OwnedWriteHalf;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::broadcast;

/// What the daemon is to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mood {
    Willing,
    Refusing,
    /// It attests another account than was ordered.
    Lying,
    /// It never gives a receipt.
    Forgetful,
}

#[derive(Clone)]
pub(crate) struct Daemon(Arc<Inner>);

struct Inner {
    identity: PrivateKey,
    mood: Mutex<Mood>,
    ended: Mutex<Vec<EndCause>>,
    acknowledged: Mutex<Vec<Digest>>,
    renewals: Mutex<u32>,
    /// What is reported in every session, and when that happened.
    reports: broadcast::Sender<(Timestamp, HostFact)>,
    /// What is reported before the receipt.
    last_words: Mutex<Option<(Timestamp, HostFact)>>,
    /// What is reported once an account is ready, each so often.
    brought: Mutex<Vec<(HostReport, u32)>>,
}

/// The events of one session, each of which names the one before.
struct Chain {
    order: Order,
    seq: u64,
    previous: Digest,
}

impl Daemon {
    /// Starts it; what comes back with it is the port where control programs find it.
    pub(crate) async fn start(identity: PrivateKey) -> (Self, u16) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let daemon = Self(Arc::new(Inner {
            identity,
            mood: Mutex::new(Mood::Willing),
            ended: Mutex::default(),
            acknowledged: Mutex::default(),
            renewals: Mutex::default(),
            reports: broadcast::Sender::new(8),
            last_words: Mutex::default(),
            brought: Mutex::default(),
        }));
        let serving = daemon.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serving.clone().converse(stream));
            }
        });
        (daemon, port)
    }

    pub(crate) fn set_mood(&self, mood: Mood) {
        *self.0.mood.lock().unwrap() = mood;
    }

    pub(crate) fn ended(&self) -> Vec<EndCause> {
        self.0.ended.lock().unwrap().clone()
    }

    pub(crate) fn acknowledged(&self) -> usize {
        self.0.acknowledged.lock().unwrap().len()
    }

    pub(crate) fn renewals(&self) -> u32 {
        *self.0.renewals.lock().unwrap()
    }

    /// Has something reported in the sessions that run, that happened whenever it did.
    pub(crate) fn report(&self, at: Timestamp, fact: HostFact) {
        let _ = self.0.reports.send((at, fact));
    }

    /// The same for sessions that are told to end, before their receipt.
    pub(crate) fn report_last(&self, at: Timestamp, fact: HostFact) {
        *self.0.last_words.lock().unwrap() = Some((at, fact));
    }

    /// Has a report brought so often by whatever session begins next.
    pub(crate) fn bring(&self, report: HostReport, often: u32) {
        self.0.brought.lock().unwrap().push((report, often));
    }

    async fn converse(self, stream: TcpStream) {
        let (read, mut write) = stream.into_split();
        let mut lines = BufReader::new(read).lines();
        let host = "prod-1.example.com".parse().unwrap();
        say(
            &mut write,
            &FromHost::Hello {
                host,
                version: "test".into(),
            },
        )
        .await;
        let mut chain: Option<Chain> = None;
        let mut reports = self.0.reports.subscribe();
        loop {
            let line = tokio::select! {
                line = lines.next_line() => line,
                Ok((at, fact)) = reports.recv() => {
                    self.tell(chain.as_mut().unwrap(), at, fact, &mut write).await;
                    continue;
                }
            };
            let Ok(Some(line)) = line else { break };
            match serde_json::from_str(&line).unwrap() {
                FromBastion::Order {
                    order: signed,
                    bundle,
                } => {
                    let ordered: Order = serde_json::from_str(signed.unverified_payload()).unwrap();
                    assert_eq!(Digest::of(bundle.as_bytes()), ordered.bundle.digest);
                    chain = self.obey(ordered, signed.digest(), &mut write).await;
                }
                FromBastion::Look { .. } => panic!("a session is no look"),
                FromBastion::Renew => *self.0.renewals.lock().unwrap() += 1,
                FromBastion::End { cause } => {
                    self.0.ended.lock().unwrap().push(cause);
                    if *self.0.mood.lock().unwrap() == Mood::Forgetful {
                        continue;
                    }
                    let chain = chain.as_mut().unwrap();
                    let last_words = self.0.last_words.lock().unwrap().take();
                    if let Some((at, fact)) = last_words {
                        self.tell(chain, at, fact, &mut write).await;
                    }
                    let receipt = receipt(&chain.order, cause);
                    let receipt = Signed::sign(&receipt, &self.0.identity).unwrap();
                    say(&mut write, &FromHost::Gone { receipt }).await;
                }
                FromBastion::Acknowledge { reports } => {
                    self.0.acknowledged.lock().unwrap().extend(reports)
                }
            }
        }
    }

    /// Says that the account is ready and that somebody logged in; nothing more where it refuses.
    async fn obey(
        &self,
        order: Order,
        digest: Digest,
        write: &mut OwnedWriteHalf,
    ) -> Option<Chain> {
        let mood = *self.0.mood.lock().unwrap();
        if mood == Mood::Refusing {
            let refused = FromHost::Refused {
                refusal: OrderRefusal::Full,
                detail: "64 sessions".into(),
            };
            say(write, &refused).await;
            return None;
        }
        let mut attestation = attestation(&order, digest);
        if mood == Mood::Lying {
            attestation.account = "pr-0000000000000000".parse().unwrap();
        }
        let attestation = Signed::sign(&attestation, &self.0.identity).unwrap();
        let mut chain = Chain {
            seq: 0,
            previous: attestation.digest(),
            order,
        };
        say(write, &FromHost::Ready { attestation }).await;
        let at = chain.order.issued_at;
        self.tell(&mut chain, at, HostFact::Login { pid: 1 }, write)
            .await;
        let brought = std::mem::take(&mut *self.0.brought.lock().unwrap());
        for (report, often) in brought {
            for _ in 0..often {
                let report = report.clone();
                say(write, &FromHost::Report { report }).await;
            }
        }
        Some(chain)
    }

    async fn tell(
        &self,
        chain: &mut Chain,
        at: Timestamp,
        fact: HostFact,
        write: &mut OwnedWriteHalf,
    ) {
        let event = HostEvent {
            host: chain.order.host.clone(),
            session: chain.order.session,
            account: chain.order.account.clone(),
            seq: chain.seq,
            previous: chain.previous,
            at,
            fact,
        };
        let event = Signed::sign(&event, &self.0.identity).unwrap();
        (chain.seq, chain.previous) = (chain.seq + 1, event.digest());
        let report = HostReport::Event(event);
        say(write, &FromHost::Report { report }).await;
    }
}

async fn say(write: &mut OwnedWriteHalf, message: &FromHost) {
    let mut line = serde_json::to_vec(message).unwrap();
    line.push(b'\n');
    // The bastion may be gone; then nobody listens.
    let _ = write.write_all(&line).await;
}

fn attestation(order: &Order, order_digest: Digest) -> Attestation {
    Attestation {
        host: order.host.clone(),
        order: order.id,
        order_digest,
        session: order.session,
        account: order.account.clone(),
        uid: 61_000,
        gid: 61_000,
        home: "/".into(),
        bundle: order.bundle.clone(),
        rules_digest: Digest::of(b"rules"),
        sudo: "sudo 1.9.13".into(),
        cgroup: "/".into(),
        ready_at: order.issued_at,
        expires_at: order.expires_at,
        check: None,
        watch: None,
    }
}

fn receipt(order: &Order, cause: EndCause) -> Receipt {
    Receipt {
        host: order.host.clone(),
        order: order.id,
        session: order.session,
        account: order.account.clone(),
        uid: 61_000,
        cause,
        ending_at: order.issued_at,
        gone_at: order.issued_at,
        killed: vec![],
        killed_more: 0,
        steps: vec![],
        left: vec![],
        sudo_commands: 0,
        events: 1,
        last_event: Digest::of(b"event"),
        order_digest: None,
        rules_digest: None,
        took: None,
        found: None,
        commands: None,
    }
}
