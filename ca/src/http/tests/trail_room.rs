//! How much of a session the log takes of what bastions bring.

use portreeve_protocol::attest::EndCause;
use portreeve_protocol::event::{AccessFact, Body, Event, EventsStored, Machine, MachineFact};
use portreeve_protocol::problem::Code;
use portreeve_protocol::session::TrailLimit;
use serde_json::json;
use sqlx::{Connection as _, SqliteConnection};

use super::events::{Live, gone};

fn refused(detail: &str) -> AccessFact {
    AccessFact::HostRefused {
        detail: detail.into(),
    }
}

impl Live {
    /// Has the log as full of this session as if so many bytes of it had come.
    async fn fill(&self, bytes: u64) {
        self.set("trail_bytes", bytes).await;
    }

    /// The same of what its host said.
    async fn fill_host(&self, bytes: u64) {
        self.set("host_bytes", bytes).await;
    }

    async fn set(&self, column: &str, bytes: u64) {
        let path = self.lab.home.path().join("ca.db");
        let mut db = SqliteConnection::connect(&format!("sqlite://{}", path.display()))
            .await
            .unwrap();
        let update = format!("UPDATE session SET {column} = $1 WHERE session = $2");
        sqlx::query(sqlx::AssertSqlSafe(update))
            .bind(i64::try_from(bytes).unwrap())
            .bind(self.grant.session.to_string())
            .execute(&mut db)
            .await
            .unwrap();
        db.close().await.unwrap();
    }

    async fn bring(&self, number: u8, fact: AccessFact) -> EventsStored {
        self.deliver("b1", vec![self.event(number, fact)]).await
    }

    /// As a bastion that serves another session on the same host.
    async fn bring_by_another(&self, number: u8, fact: AccessFact) -> EventsStored {
        let mut event = self.event(number, fact);
        event.source = Machine::Bastion("b2".parse().unwrap());
        self.deliver("b2", vec![event]).await
    }

    /// What it left behind, in receipts that differ.
    fn left(&self, number: u64, left: &[String]) -> AccessFact {
        let mut receipt = self.receipt();
        receipt.left = left.to_vec();
        receipt.events = number;
        gone(&receipt)
    }
}

const ROOM: u64 = TrailLimit::DEFAULT.bytes() + 64 * 1024 * 1024;

#[tokio::test]
async fn what_a_bastion_brings_beyond_the_room_of_a_session_is_refused_and_ends_it() {
    let live = Live::start().await;
    let first = live.event(1, refused("before"));
    assert_eq!(live.deliver("b1", vec![first.clone()]).await.stored, 1);
    live.fill(ROOM - 100).await;
    let answer = live.bring(2, refused("beyond")).await;
    assert_eq!(answer.stored, 0);
    assert!(
        answer.refused[0]
            .1
            .contains("more into the trail than it may")
    );
    assert_eq!(live.state().await, "not_confirmed");
    let log = live.log().await;
    assert!(log.contains("before") && !log.contains("beyond"), "{log}");
    // Its own trail says so, once, and so does an alarm.
    live.bring(3, refused("beyond")).await;
    let failed = live.trail().await;
    let failed: Vec<_> = failed
        .iter()
        .filter(|event| format!("{event:?}").contains("RecordingFailed"))
        .collect();
    assert_eq!(failed.len(), 1, "{failed:?}");
    assert_eq!(
        live.log()
            .await
            .matches("what more comes of it is not logged")
            .count(),
        1
    );
    // What the log has is no news to it.
    assert_eq!(live.deliver("b1", vec![first]).await.stored, 1);
}

#[tokio::test]
async fn the_end_of_a_session_is_logged_however_full_its_trail_is() {
    let live = Live::start().await;
    live.fill(ROOM).await;
    let cause = EndCause::Killed;
    assert_eq!(live.bring(1, refused("beyond")).await.stored, 0);
    assert_eq!(
        live.bring(2, AccessFact::SessionEnding { cause })
            .await
            .stored,
        1
    );
    let confirmed = false;
    let closed = AccessFact::SessionClosed { cause, confirmed };
    assert_eq!(live.bring(3, closed.clone()).await.stored, 1);
    // A bastion that says its last words without end has no more room for them; the host's proof has.
    live.fill(ROOM + 1024 * 1024).await;
    assert_eq!(live.bring(4, closed).await.stored, 0);
    assert_eq!(live.bring(5, live.gone()).await.stored, 1);
    assert_eq!(live.state().await, "ended");
}

/// Whoever has the certificate may connect again and again, and is refused each time. Any bastion may say so.
#[tokio::test]
async fn refused_connections_have_a_room_of_their_own_and_end_nobody() {
    let live = Live::start().await;
    let path = format!("/v1/sessions/{}/claim", live.grant.session);
    let claim = json!({ "serial": 0, "agent_address": "192.0.2.10" });
    let refusals = async |live: &Live| {
        live.lab
            .post(&path, &live.lab.bastion("b1"), &claim)
            .await
            .is(410);
        live.log().await.matches("connection_refused").count()
    };
    assert_eq!(refusals(&live).await, 1);
    let state = live.state().await;
    for number in 1..=9 {
        let refused = AccessFact::ConnectionRefused {
            code: Code::NotPermitted,
            detail: "x".repeat(120 * 1024),
        };
        let answer = live.bring(number, refused).await;
        assert_eq!(answer.stored, u32::from(number < 9), "{number}");
    }
    // A small one still fits.
    assert_eq!(refusals(&live).await, 10);
    assert_eq!(live.state().await, state);
    // What comes of the session itself finds its room as it was.
    live.fill(ROOM - 1024).await;
    assert_eq!(live.bring(10, refused("at last")).await.stored, 1);
}

#[tokio::test]
async fn events_count_once_and_for_their_own_session() {
    let live = Live::start().await;
    live.fill(ROOM - 1500).await;
    // Again and again the same: it takes its room once.
    let event = live.event(1, refused("the same"));
    for _ in 0..5 {
        assert_eq!(live.deliver("b1", vec![event.clone()]).await.stored, 1);
    }
    assert_eq!(live.bring(2, refused(&"x".repeat(1500))).await.stored, 0);
    let other = Live::in_lab(live.lab).await;
    assert_eq!(other.bring(3, refused("another session")).await.stored, 1);
}

/// Root on a host signs what it likes of any session that it ever had, and brings it by whatever connection it has.
#[tokio::test]
async fn what_a_host_says_takes_nothing_from_the_session() {
    let live = Live::start().await;
    live.fill_host(ROOM - 100).await;
    let state = live.state().await;
    for number in 1..=3 {
        let answer = live
            .bring_by_another(number, live.said(number.into()))
            .await;
        assert_eq!(answer.stored, 0);
        assert!(
            answer.refused[0].1.contains("its host said more"),
            "{answer:?}"
        );
    }
    // One alarm names the host; the session knows nothing of it, and nobody suspects its bastion.
    let log = live.log().await;
    assert_eq!(
        log.matches("host `prod-1` says more of session").count(),
        1,
        "{log}"
    );
    assert!(!log.contains("recording_failed"), "{log}");
    assert_eq!(live.state().await, state);
    assert_eq!(live.bring(4, refused("its own")).await.stored, 1);
    // Its end finds the room that receipts have, and only that.
    assert_eq!(live.bring_by_another(5, live.gone()).await.stored, 1);
    assert_eq!(live.state().await, "ended");
    live.fill_host(ROOM + 1024 * 1024).await;
    let left = live.left(1, &["a file".into()]);
    assert_eq!(live.bring_by_another(6, left).await.stored, 0);
    // What the log has is no news to it.
    assert_eq!(live.bring(7, live.gone()).await.stored, 1);
    let closed = AccessFact::SessionClosed {
        cause: EndCause::Asked,
        confirmed: true,
    };
    assert_eq!(live.bring(8, closed).await.stored, 1);
}

#[tokio::test]
async fn a_host_is_heard_whatever_room_its_session_has_left() {
    let live = Live::start().await;
    live.fill(ROOM + 2 * 1024 * 1024).await;
    assert_eq!(live.bring_by_another(1, live.said(0)).await.stored, 1);
    // It takes its own room.
    live.fill_host(ROOM - 1500).await;
    let stored = async |number: u8| {
        let said = live.said(number.into());
        live.bring_by_another(number, said).await.stored
    };
    let mut taken = 0;
    for number in 2..12 {
        taken += stored(number).await;
    }
    assert!((1..5).contains(&taken), "{taken}");
}

fn alarms(events: &str) -> usize {
    events.matches("could not remove everything").count()
}

#[tokio::test]
async fn a_session_has_eight_alarms_of_what_its_host_left_behind() {
    let live = Live::start().await;
    let left = ["/srv/x: busy".to_owned()];
    let receipt = |number: u8| live.event(number, live.left(number.into(), &left));
    // In one batch, and one after the other.
    let batch: Vec<Event> = (1..=6).map(receipt).collect();
    assert_eq!(live.deliver("b1", batch).await.stored, 6);
    assert_eq!(alarms(&live.log().await), 6);
    for number in 7..=20 {
        let answer = live.deliver("b1", vec![receipt(number)]).await;
        assert_eq!(answer.stored, 1, "{number}");
    }
    assert_eq!(alarms(&live.log().await), 8);
    // The trail has all of them.
    let is_receipt = |event: &&Event| {
        let Body::Access { fact, .. } = &event.body else {
            return false;
        };
        matches!(fact, AccessFact::HostGone { .. })
    };
    assert_eq!(live.trail().await.iter().filter(is_receipt).count(), 20);
    // Another session on the same host has its own.
    let other = Live::in_lab(live.lab).await;
    let told = other.left(1, &left);
    assert_eq!(other.bring(21, told).await.stored, 1);
    assert_eq!(alarms(&other.log().await), 9);
}

#[tokio::test]
async fn an_alarm_repeats_the_beginning_of_what_was_left_behind() {
    let live = Live::start().await;
    let left: Vec<_> = (0..100)
        .map(|number| format!("/srv/{number}/{}", "\u{fc}".repeat(450)))
        .collect();
    assert_eq!(live.bring(1, live.left(1, &left)).await.stored, 1);
    let reader = super::lab::bearer(&live.lab.person("lena", &["soc-leads"]));
    let log = live.lab.get("/v1/log/events", &reader).await.is(200);
    let details = log["events"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|logged| {
            let event: Event = serde_json::from_str(logged["event"].as_str().unwrap()).unwrap();
            if let Body::Machine {
                fact: MachineFact::Alarm { detail },
            } = event.body
            {
                Some(detail)
            } else {
                None
            }
        });
    let details: Vec<_> = details.collect();
    let [detail] = details.as_slice() else {
        panic!("{details:?}");
    };
    assert!(detail.len() < 8 * 1024, "{}", detail.len());
    assert!(
        detail.contains("/srv/9/") && !detail.contains("/srv/10/"),
        "{detail}"
    );
    assert!(
        detail.ends_with("\u{fc}…; … and 90 more, which are in its receipt"),
        "{detail}"
    );
}
