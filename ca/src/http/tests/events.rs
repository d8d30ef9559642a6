//! What bastions deliver: taken, refused, and what it changes.

use portreeve_protocol::attest::{Attestation, EndCause, HostEvent, HostFact, HostWatch, Receipt};
use portreeve_protocol::canonical;
use portreeve_protocol::digest::Digest;
use portreeve_protocol::event::{
    AccessFact, Body, Event, EventsStored, MAX_EVENT, Machine, MachineFact,
};
use portreeve_protocol::grant::Grant;
use portreeve_protocol::id::EventId;
use portreeve_protocol::order::Order;
use portreeve_protocol::session::SessionGranted;
use portreeve_protocol::signed::{Signed, Statement};
use serde_json::json;
use ssh_key::Certificate;

use super::lab::{Lab, bearer, host_seed, private};
use super::sessions::grant_of;

/// A session that b1 has claimed.
pub(super) struct Live {
    pub(super) lab: Lab,
    pub(super) grant: Grant,
}

impl Live {
    pub(super) async fn start() -> Self {
        let lab = Lab::ready().await;
        lab.add_bastion("b2").await;
        Self::in_lab(lab).await
    }

    /// Another session of the same.
    pub(super) async fn in_lab(lab: Lab) -> Self {
        let granted: SessionGranted = serde_json::from_value(lab.session().await).unwrap();
        let serial = Certificate::from_openssh(&granted.certificate)
            .unwrap()
            .serial();
        let claim = json!({ "serial": serial, "agent_address": "192.0.2.10" });
        let path = format!("/v1/sessions/{}/claim", granted.session);
        lab.post(&path, &lab.bastion("b1"), &claim).await.is(200);
        let grant = grant_of(&granted);
        Self { lab, grant }
    }

    pub(super) fn event(&self, number: u8, fact: AccessFact) -> Event {
        Event {
            id: EventId::new(self.lab.now(), [number; 10]),
            at: self.lab.now(),
            source: Machine::Bastion("b1".parse().unwrap()),
            body: Body::Access {
                pair: self.grant.pair.clone(),
                task: None,
                session: Some(self.grant.session),
                fact,
            },
        }
    }

    pub(super) async fn deliver(&self, bastion: &str, events: Vec<Event>) -> EventsStored {
        let body = json!({ "events": events });
        let answer = self
            .lab
            .post("/v1/events", &self.lab.bastion(bastion), &body)
            .await;
        serde_json::from_value(answer.is(200)).unwrap()
    }

    pub(super) async fn log(&self) -> String {
        let reader = bearer(&self.lab.person("lena", &["soc-leads"]));
        self.lab.get("/v1/log/events", &reader).await.text
    }

    /// The events of the session.
    pub(super) async fn trail(&self) -> Vec<Event> {
        let path = format!("/v1/sessions/{}/trail", self.grant.session);
        let trail = self.lab.get(&path, &self.lab.analyst()).await.is(200);
        let events = trail["events"].as_array().unwrap().iter();
        let event = |logged: &serde_json::Value| {
            serde_json::from_str(logged["event"].as_str().unwrap()).unwrap()
        };
        events.map(event).collect()
    }

    pub(super) async fn state(&self) -> String {
        let path = format!("/v1/sessions/{}", self.grant.session);
        let shown = self.lab.get(&path, &self.lab.analyst()).await.is(200);
        shown["state"].as_str().unwrap().to_owned()
    }

    pub(super) fn attestation(&self) -> Attestation {
        let now = self.lab.now();
        Attestation {
            host: self.grant.host.name.clone(),
            order: portreeve_protocol::id::OrderId::new(now, [1; 10]),
            order_digest: self.grant.order.digest(),
            session: self.grant.session,
            account: self.grant.account.clone(),
            uid: 200_001,
            gid: 200_001,
            home: "/run/portreeve/home".into(),
            bundle: self.grant.bundle.clone(),
            rules_digest: self.grant.bundle.digest,
            sudo: "sudo 1.9.13".into(),
            cgroup: "/sys/fs/cgroup/portreeve".into(),
            ready_at: now,
            expires_at: self.grant.expires_at,
            check: None,
            watch: None,
        }
    }

    pub(super) fn receipt(&self) -> Receipt {
        let now = self.lab.now();
        Receipt {
            host: self.grant.host.name.clone(),
            order: portreeve_protocol::id::OrderId::new(now, [1; 10]),
            session: self.grant.session,
            account: self.grant.account.clone(),
            uid: 200_001,
            cause: EndCause::Asked,
            ending_at: now,
            gone_at: now,
            killed: Vec::new(),
            killed_more: 0,
            steps: Vec::new(),
            left: Vec::new(),
            sudo_commands: 0,
            events: 0,
            last_event: self.grant.order.digest(),
            order_digest: Some(self.grant.order.digest()),
            rules_digest: None,
            took: None,
            found: None,
            commands: None,
        }
    }
}

impl Live {
    /// That the host proved the end.
    pub(super) fn gone(&self) -> AccessFact {
        gone(&self.receipt())
    }

    /// That the host saw a login.
    pub(super) fn said(&self, seq: u64) -> AccessFact {
        let event = HostEvent {
            host: self.grant.host.name.clone(),
            session: self.grant.session,
            account: self.grant.account.clone(),
            seq,
            previous: Digest::of(b"before"),
            at: self.lab.now(),
            fact: HostFact::Login { pid: 7 },
        };
        AccessFact::Host {
            event: signed(&event),
        }
    }
}

pub(super) fn signed<T: Statement>(statement: &T) -> Signed<T> {
    Signed::sign(statement, &private(host_seed("prod-1"))).unwrap()
}

pub(super) fn ready(attestation: &Attestation) -> AccessFact {
    AccessFact::HostReady {
        attestation: signed(attestation),
    }
}

pub(super) fn gone(receipt: &Receipt) -> AccessFact {
    AccessFact::HostGone {
        receipt: signed(receipt),
    }
}

#[tokio::test]
async fn a_session_opens_by_attestation_and_ends_by_receipt() {
    let live = Live::start().await;
    assert_eq!(live.state().await, "claimed");
    let opened = live.event(1, ready(&live.attestation()));
    assert_eq!(live.deliver("b1", vec![opened]).await.stored, 1);
    assert_eq!(live.state().await, "open");
    let closed = AccessFact::SessionClosed {
        cause: EndCause::Asked,
        confirmed: true,
    };
    live.deliver("b1", vec![live.event(2, closed)]).await;
    // The bastion's word is not the host's.
    assert_eq!(live.state().await, "not_confirmed");
    // The receipt may come through another bastion, later.
    let mut late = live.event(3, gone(&live.receipt()));
    late.source = Machine::Bastion("b2".parse().unwrap());
    assert_eq!(live.deliver("b2", vec![late]).await.refused, []);
    assert_eq!(live.state().await, "ended");
}

#[tokio::test]
async fn an_account_that_left_something_behind_is_not_confirmed() {
    let live = Live::start().await;
    let mut receipt = live.receipt();
    receipt.left = vec!["/home/x: busy".into()];
    // However often it is brought, somebody is alarmed once.
    for number in 1..4 {
        let told = live.event(number, gone(&receipt));
        let answer = live.deliver("b1", vec![told.clone(), told]).await;
        assert_eq!((answer.stored, answer.refused), (2, vec![]));
    }
    assert_eq!(live.state().await, "not_confirmed");
    let log = live.log().await;
    let alarms = log.matches("could not remove everything").count();
    assert_eq!(alarms, 1, "{log}");
}

/// Pair and task are the registry's in the log, and may be longer there than where the event was made.
#[tokio::test]
async fn an_event_that_grows_too_large_for_the_log_holds_nothing_else_up() {
    let live = Live::start().await;
    let mut receipt = live.receipt();
    let mut event_with = |bytes: usize| {
        receipt.left = vec!["x".repeat(bytes)];
        let mut event = live.event(1, gone(&receipt));
        let Body::Access { task, .. } = &mut event.body else {
            unreachable!()
        };
        *task = None;
        event
    };
    let size = |event: &Event| canonical::to_string(event).unwrap().len();
    let frame = size(&event_with(0));
    // What a host signed stands in the event as text, where each of these bytes is still one.
    let event = event_with(MAX_EVENT - frame);
    assert_eq!(size(&event), MAX_EVENT);
    let ending = AccessFact::SessionEnding {
        cause: EndCause::Idle,
    };
    let id = event.id;
    let answer = live.deliver("b1", vec![event, live.event(2, ending)]).await;
    let refused: Vec<_> = answer.refused.iter().map(|(id, _)| *id).collect();
    assert_eq!((answer.stored, refused), (1, vec![id]));
    assert!(answer.refused[0].1.contains("larger"), "{answer:?}");
}

#[tokio::test]
async fn an_event_that_comes_twice_is_stored_once_and_one_that_changed_is_refused() {
    let live = Live::start().await;
    let ending = AccessFact::SessionEnding {
        cause: EndCause::Idle,
    };
    let first = live.event(1, ending);
    assert_eq!(live.deliver("b1", vec![first.clone()]).await.stored, 1);
    assert_eq!(live.deliver("b1", vec![first.clone()]).await.stored, 1);
    let other = AccessFact::SessionEnding {
        cause: EndCause::Left,
    };
    let changed = live.event(1, other);
    let answer = live.deliver("b1", vec![changed]).await;
    assert_eq!(answer.stored, 0);
    assert_eq!(answer.refused[0].0, first.id);
    // What is refused changes nothing either: the log would not show why.
    let closed = AccessFact::SessionClosed {
        cause: EndCause::Asked,
        confirmed: true,
    };
    let answer = live.deliver("b1", vec![live.event(1, closed.clone())]);
    assert_eq!(answer.await.refused[0].0, first.id);
    assert_eq!(live.state().await, "claimed");
    assert_eq!(
        live.deliver("b1", vec![live.event(2, closed)]).await.stored,
        1
    );
    assert_eq!(live.state().await, "not_confirmed");
}

/// A host says it again until it hears that somebody has it, and a bastion may die in between.
#[tokio::test]
async fn what_a_host_signed_is_logged_once_whoever_brings_it() {
    let live = Live::start().await;
    let event = |seq| live.said(seq);
    let mut first = live.event(1, event(0));
    assert_eq!(live.deliver("b1", vec![first.clone()]).await.stored, 1);
    // The bastion starts anew and reports it as something new; then another one brings it, too.
    first.id = EventId::new(live.lab.now(), [8; 10]);
    let again = vec![first.clone(), first.clone(), live.event(9, event(1))];
    assert_eq!(live.deliver("b1", again).await.stored, 3);
    first.source = Machine::Bastion("b2".parse().unwrap());
    let answer = live.deliver("b2", vec![first.clone()]).await;
    assert_eq!((answer.stored, answer.refused), (1, vec![]));
    // It may bring what another session's bastion did not, and change no letter of it.
    let AccessFact::Host { event: said } = event(2) else {
        panic!("no event of a host");
    };
    let altered = said.unverified_payload().replace("\"pid\":7", "\"pid\":8");
    let mut altered = live.event(
        10,
        AccessFact::Host {
            event: Signed::assemble(altered, said.signature().to_owned()),
        },
    );
    altered.source = first.source.clone();
    let answer = live.deliver("b2", vec![altered]).await;
    assert!(answer.refused[0].1.contains("not believed"), "{answer:?}");
    let trail = live.trail().await;
    let seqs = trail.iter().filter_map(|event| {
        if let Body::Access {
            fact: AccessFact::Host { event },
            ..
        } = &event.body
        {
            let said: HostEvent = serde_json::from_str(event.unverified_payload()).unwrap();
            Some(said.seq)
        } else {
            None
        }
    });
    assert_eq!(seqs.collect::<Vec<_>>(), [0, 1]);

    // Nobody keeps a statement out of the log by taking its id for something else.
    first.id = EventId::of_statement(Digest::of(b"of a statement to come"));
    let answer = live.deliver("b2", vec![first.clone()]).await;
    assert_eq!((answer.stored, answer.refused[0].0), (0, first.id));
}

#[tokio::test]
async fn pair_and_task_are_the_registry_s() {
    let live = Live::start().await;
    let mut event = live.event(
        1,
        AccessFact::SessionEnding {
            cause: EndCause::Idle,
        },
    );
    if let Body::Access { pair, .. } = &mut event.body {
        pair.human.name = "mallory".parse().unwrap();
    }
    live.deliver("b1", vec![event]).await;
    let path = format!("/v1/sessions/{}/trail", live.grant.session);
    let trail = live.lab.get(&path, &live.lab.analyst()).await.is(200);
    let last = trail["events"].as_array().unwrap().last().unwrap();
    let text = last["event"].as_str().unwrap();
    assert!(
        text.contains("session_ending") && text.contains("alice@example.com"),
        "{text}"
    );
    assert!(
        text.contains("INC-4711") && !text.contains("mallory"),
        "{text}"
    );
}

/// A host that was restored from a backup has forgotten which UIDs it used; the CA has not.
#[tokio::test]
async fn an_order_says_which_uids_the_host_has_used() {
    let live = Live::start().await;
    let floor = |grant: &Grant| {
        let order: Order = serde_json::from_str(grant.order.unverified_payload()).unwrap();
        order.uid_floor
    };
    assert_eq!(floor(&live.grant), None);
    // A host client that does not say what it watches by is older than the floor, and would refuse the order.
    let new = Attestation {
        watch: Some(HostWatch::NOTHING),
        ..live.attestation()
    };
    for (sequence, attestation, expected) in
        [(1, live.attestation(), None), (2, new, Some(200_002))]
    {
        let opened = live.event(sequence, ready(&attestation));
        assert_eq!(live.deliver("b1", vec![opened]).await.stored, 1);
        let granted = serde_json::from_value(live.lab.session().await).unwrap();
        assert_eq!(floor(&grant_of(&granted)), expected);
    }
}

/// What a number owned before is the session's that has it now.
#[tokio::test]
async fn a_uid_below_the_floor_of_its_order_raises_an_alarm() {
    let live = Live::start().await;
    let attested = |live: &Live, uid| Attestation {
        uid,
        gid: uid,
        watch: Some(HostWatch::NOTHING),
        ..live.attestation()
    };
    let first = live.event(1, ready(&attested(&live, 200_001)));
    assert_eq!(live.deliver("b1", vec![first]).await.stored, 1);
    let mut lab = live.lab;
    for (number, uid, alarms) in [(2, 200_002, 0), (3, 200_001, 1), (4, 7, 2)] {
        let live = Live::in_lab(lab).await;
        let event = live.event(number, ready(&attested(&live, uid)));
        assert_eq!(live.deliver("b1", vec![event]).await.stored, 1);
        let log = live.log().await;
        let told = log.matches("below 20000").count();
        assert_eq!(told, alarms, "{uid}: {log}");
        lab = live.lab;
    }
}

/// A host is believed about its own accounts, and must not become unreadable by it.
#[tokio::test]
async fn a_uid_that_no_account_can_have_is_not_taken() {
    let live = Live::start().await;
    for uid in [0, u32::MAX] {
        let said = Attestation {
            uid,
            ..live.attestation()
        };
        let stored = live.deliver("b1", vec![live.event(1, ready(&said))]).await;
        assert_eq!(stored.stored, 0, "{uid}");
    }
    let hosts = live.lab.get("/v1/hosts", &live.lab.admin()).await.is(200);
    assert_eq!(hosts["items"][0]["host"], "prod-1");
}

#[tokio::test]
async fn each_event_that_is_not_the_sender_s_to_report_is_refused() {
    let live = Live::start().await;
    let ending = || AccessFact::SessionEnding {
        cause: EndCause::Idle,
    };
    let forged = |seed| {
        let attestation = Signed::sign(&live.attestation(), &private(seed)).unwrap();
        AccessFact::HostReady { attestation }
    };
    let alter = |change: fn(&mut Attestation)| {
        let mut attestation = live.attestation();
        change(&mut attestation);
        ready(&attestation)
    };
    let host_event = HostEvent {
        host: "prod-2".parse().unwrap(),
        session: live.grant.session,
        account: live.grant.account.clone(),
        seq: 0,
        previous: live.grant.order.digest(),
        at: live.lab.now(),
        fact: HostFact::Login { pid: 1 },
    };
    let mut other_receipt = live.receipt();
    other_receipt.account = "pr-0123456789abcdef".parse().unwrap();
    let mut receipt_of_another_order = live.receipt();
    receipt_of_another_order.order_digest = Some(Digest::of(b"x"));
    let machine = |fact| Event {
        body: Body::Machine { fact },
        ..live.event(0, ending())
    };
    let unknown = |mut event: Event| {
        if let Body::Access { session, .. } = &mut event.body {
            *session = Some(portreeve_protocol::id::SessionId::new(
                live.lab.now(),
                [9; 10],
            ));
        }
        event
    };
    let from = |source, mut event: Event| {
        event.source = source;
        event
    };
    let b2 = || Machine::Bastion("b2".parse().unwrap());
    let large = AccessFact::HostRefused {
        detail: "x".repeat(200_000),
    };
    let table = [
        ("b1", "source", from(b2(), live.event(1, ending()))),
        ("b1", "source", from(Machine::Ca, live.event(2, ending()))),
        ("b2", "not claimed", from(b2(), live.event(3, ending()))),
        (
            "b2",
            "not claimed",
            from(b2(), live.event(4, ready(&live.attestation()))),
        ),
        ("b1", "no session", unknown(live.event(5, ending()))),
        ("b1", "not believed", live.event(6, forged(99))),
        (
            "b1",
            "another session",
            live.event(
                7,
                alter(|a| a.session = portreeve_protocol::id::SessionId::new(a.ready_at, [8; 10])),
            ),
        ),
        (
            "b1",
            "another account",
            live.event(
                8,
                alter(|a| a.account = "pr-0123456789abcdef".parse().unwrap()),
            ),
        ),
        (
            "b1",
            "another host",
            live.event(9, alter(|a| a.host = "prod-2".parse().unwrap())),
        ),
        (
            "b1",
            "another order",
            live.event(10, alter(|a| a.order_digest = Digest::of(b"x"))),
        ),
        (
            "b1",
            "another bundle",
            live.event(11, alter(|a| a.bundle.digest = Digest::of(b"x"))),
        ),
        (
            "b1",
            "another host",
            live.event(
                12,
                AccessFact::Host {
                    event: signed(&host_event),
                },
            ),
        ),
        (
            "b1",
            "another account",
            live.event(13, gone(&other_receipt)),
        ),
        (
            "b1",
            "another order",
            live.event(18, gone(&receipt_of_another_order)),
        ),
        (
            "b1",
            "does not report",
            live.event(
                14,
                AccessFact::SessionKilled {
                    by: None,
                    reason: "x".into(),
                },
            ),
        ),
        (
            "b1",
            "does not report",
            machine(MachineFact::HostEnrolled {
                host: "h".parse().unwrap(),
            }),
        ),
        ("b1", "larger", live.event(15, large)),
    ];
    for (bastion, reason, event) in table {
        let answer = live.deliver(bastion, vec![event]).await;
        assert_eq!(answer.stored, 0, "{reason}");
        assert!(
            answer.refused[0].1.contains(reason),
            "{reason}: {:?}",
            answer.refused
        );
    }
    assert_eq!(live.state().await, "claimed");
}

#[tokio::test]
async fn one_bad_event_does_not_keep_the_others_out() {
    let live = Live::start().await;
    let ending = || AccessFact::SessionEnding {
        cause: EndCause::Idle,
    };
    let killed = AccessFact::SessionKilled {
        by: None,
        reason: "x".into(),
    };
    let events = vec![
        live.event(1, ending()),
        live.event(2, killed),
        live.event(3, ending()),
    ];
    let answer = live.deliver("b1", events).await;
    assert_eq!((answer.stored, answer.refused.len()), (2, 1));
}

#[tokio::test]
async fn a_bastion_speaks_of_itself_and_of_strangers() {
    let live = Live::start().await;
    let started = Body::Machine {
        fact: MachineFact::Started {
            version: "0.1.0".into(),
        },
    };
    let refused = Body::Refused {
        claimed: "somebody".into(),
        address: None,
        code: portreeve_protocol::problem::Code::Unauthenticated,
        detail: "a plain key".into(),
    };
    let template = live.event(
        1,
        AccessFact::SessionEnding {
            cause: EndCause::Idle,
        },
    );
    for (number, body) in [(1, started), (2, refused)] {
        let event = Event {
            id: EventId::new(live.lab.now(), [number; 10]),
            body,
            ..template.clone()
        };
        assert_eq!(live.deliver("b1", vec![event]).await.stored, 1);
    }
}
