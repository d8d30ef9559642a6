//! How much of a session the log takes of what bastions bring.

use portreeve_protocol::attest::EndCause;
use portreeve_protocol::event::{AccessFact, EventsStored};
use portreeve_protocol::problem::Code;
use portreeve_protocol::session::TrailLimit;
use serde_json::json;
use sqlx::{Connection as _, SqliteConnection};

use super::events::Live;

fn refused(detail: &str) -> AccessFact {
    AccessFact::HostRefused {
        detail: detail.into(),
    }
}

impl Live {
    /// Has the log as full of this session as if so many bytes of it had come.
    async fn fill(&self, bytes: u64) {
        let path = self.lab.home.path().join("ca.db");
        let mut db = SqliteConnection::connect(&format!("sqlite://{}", path.display()))
            .await
            .unwrap();
        sqlx::query("UPDATE session SET trail_bytes = $1 WHERE session = $2")
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
