//! Recordings of which the store has nothing, or less than there was, or does not say what it has: those that nobody sealed,
//! and those that were.

use std::path::PathBuf;

use portreeve_protocol::digest::Digest;
use portreeve_protocol::event::AccessFact;

use super::events::Live;
use super::recordings::{CONTENT, DAY, lead};

/// How long a bastion that is away is waited for.
const AWAY: u64 = 30 * DAY;

impl Live {
    /// Its bastion says that so much of it is on its disk.
    async fn record(&self, bytes: u64) {
        let head = AccessFact::RecordingHead {
            segments: 1,
            head: Digest::of(b"head"),
            bytes,
        };
        assert_eq!(self.say(7, "b1", head).await.stored, 1);
    }

    /// From the session's longest lifetime on.
    fn end(&self) {
        let left = self.grant.expires_at.since(self.lab.now());
        self.lab.pass(left.as_secs() + 1);
    }

    async fn lose(&self) -> usize {
        let lost = self.lab.app.lose_recordings(self.lab.now());
        lost.await.unwrap()
    }

    /// The one that is looked into next.
    async fn next(&self) -> Option<String> {
        let store = self.lab.app.store();
        let next = store.lost_recordings(self.lab.now(), 1).await.unwrap();
        next.first().map(ToString::to_string)
    }

    fn parts(&self) -> PathBuf {
        let place = self.lab.home.path().join("recordings");
        place.join(self.grant.session.to_string())
    }
}

/// A bastion that somebody else has in hand may remove what it put there, with its own credential.
#[tokio::test]
async fn a_recording_of_which_the_store_has_nothing_any_more_is_an_alarm() {
    let live = Live::start().await;
    live.record(4711).await;
    live.lab.pass(1);
    live.record(42).await;
    let removed = live.grant.session;
    live.end();
    // Its bastion is there, and brings others.
    let live = Live::in_lab(live.lab).await;
    live.seal().await;
    live.put().await;
    live.lab.pass(30 * DAY - 2);
    assert_eq!(live.lose().await, 0);
    live.lab.pass(2);
    assert_eq!(live.lose().await, 1);
    assert_eq!(live.lose().await, 0);
    let log = live.lab.get("/v1/log/events", &lead(&live.lab)).await.text;
    for told in [
        format!("never sealed the recording of session {removed}, whose time is over"),
        "has nothing of it, although the log says that 4711 bytes of it were recorded".into(),
    ] {
        assert!(log.contains(&told), "{log}");
    }
}

#[tokio::test]
async fn a_bastion_that_is_only_away_is_waited_for_where_the_store_has_nothing() {
    let live = Live::start().await;
    live.seal().await;
    live.put().await;
    let live = Live::in_lab(live.lab).await;
    live.record(4711).await;
    live.end();
    live.lab.pass(30 * DAY);
    assert_eq!(live.lose().await, 0);
    live.lab.pass(AWAY - 2);
    assert_eq!(live.lose().await, 0);
    live.lab.pass(3600);
    assert_eq!(live.lose().await, 1);
}

#[tokio::test]
async fn a_bastion_that_puts_nothing_into_the_store_has_its_recordings_itself() {
    let live = Live::start().await;
    live.record(4711).await;
    live.end();
    let live = Live::in_lab(live.lab).await;
    live.seal().await;
    live.lab.pass(31 * DAY + AWAY);
    assert_eq!(live.lose().await, 0);
}

/// They would else be looked into first each time, and keep those behind them from ever being.
#[tokio::test]
async fn a_recording_that_cannot_be_looked_into_is_in_nobodys_way() {
    let live = Live::start().await;
    let unreadable = live.grant.session.to_string();
    std::fs::create_dir_all(live.parts()).unwrap();
    std::os::unix::fs::symlink(".", live.parts().join("loop")).unwrap();
    live.lab.pass(60);
    let live = Live::in_lab(live.lab).await;
    std::fs::create_dir_all(live.parts()).unwrap();
    std::fs::write(live.parts().join("part-000000"), CONTENT).unwrap();
    live.end();
    live.lab.pass(30 * DAY - 30);
    assert_eq!(live.next().await, Some(unreadable.clone()));
    assert_eq!(live.lose().await, 0);
    assert_eq!(live.next().await, None);
    live.lab.pass(60);
    assert_eq!(live.next().await, Some(live.grant.session.to_string()));
    assert_eq!(live.lose().await, 1);
    assert_eq!(live.next().await, None);
    live.lab.pass(3600);
    assert_eq!(live.next().await, Some(unreadable));
}

/// An object that is left there is no reason to take the rest as never recorded.
#[tokio::test]
async fn a_part_that_is_left_of_more_is_told_with_both_numbers() {
    let live = Live::start().await;
    live.record(4711).await;
    std::fs::create_dir_all(live.parts()).unwrap();
    std::fs::write(live.parts().join("part-000000"), b"").unwrap();
    live.end();
    live.lab.pass(30 * DAY);
    assert_eq!(live.lose().await, 1);
    let log = live.log().await;
    let told = "has only 0 bytes of it, in 1 parts, although the log says that 4711 bytes of it were recorded";
    assert!(log.contains(told), "{log}");
}

/// To say that it is sealed is one event, with a manifest of nothing.
#[tokio::test]
async fn a_recording_that_is_sealed_and_never_stored_is_an_alarm_where_its_bastion_stores_others() {
    let live = Live::start().await;
    live.record(4711).await;
    live.seal().await;
    let removed = live.grant.session;
    live.hold("/hold").await.is(200);
    live.end();
    let live = Live::in_lab(live.lab).await;
    live.seal().await;
    live.put().await;
    live.lab.pass(6 * DAY);
    assert_eq!(live.lose().await, 0);
    live.lab.pass(DAY);
    assert_eq!(live.lose().await, 1);
    live.lab.pass(90 * DAY);
    assert_eq!(live.lose().await, 0);
    let log = live.log().await;
    let told =
        format!("sealed the recording of session {removed} and never said that it is stored");
    assert!(log.contains(&told), "{log}");
    assert!(log.contains("has 0 of its 4711 bytes"), "{log}");
}

/// Its store was away for days, and came back.
#[tokio::test]
async fn a_recording_that_is_stored_days_after_it_was_sealed_is_no_alarm() {
    let late = Live::start().await;
    late.seal().await;
    late.end();
    let others = Live::in_lab(late.lab).await;
    others.seal().await;
    others.put().await;
    others.lab.pass(6 * DAY);
    assert_eq!(others.lose().await, 0);
    let late = Live {
        lab: others.lab,
        grant: late.grant,
    };
    late.put().await;
    late.lab.pass(90 * DAY);
    assert_eq!(late.lose().await, 0);
}

/// A bastion that says so keeps no alarm away by it.
#[tokio::test]
async fn a_recording_that_is_said_to_be_stored_is_looked_for() {
    for is_moved in [false, true] {
        let live = Live::start().await;
        live.record(4711).await;
        live.seal().await;
        live.put().await;
        std::fs::remove_dir_all(live.parts()).unwrap();
        if is_moved {
            live.lab.pass(1);
            live.stored_in("file:/elsewhere".parse().unwrap()).await;
        }
        live.end();
        live.lab.pass(DAY - 2);
        assert_eq!(live.lose().await, 0);
        live.lab.pass(2);
        assert_eq!(live.lose().await, 1);
        assert_eq!(live.lose().await, 0);
        let log = live.log().await;
        assert!(log.contains("which has only 0 of its 4711 bytes"), "{log}");
    }
}

/// It may not be asked for where the CA cannot look.
#[tokio::test]
async fn a_recording_that_is_said_to_be_in_another_store_than_those_around_it_is_an_alarm() {
    let before = Live::start().await;
    before.seal().await;
    before.put().await;
    before.lab.pass(60);
    let live = Live::in_lab(before.lab).await;
    live.record(4711).await;
    live.seal().await;
    live.stored_in("file:/elsewhere".parse().unwrap()).await;
    let removed = live.grant.session;
    live.end();
    let after = Live::in_lab(live.lab).await;
    after.seal().await;
    after.put().await;
    after.lab.pass(DAY);
    assert_eq!(after.lose().await, 1);
    let log = after.log().await;
    let told = format!("the recording of session {removed} is in another store than");
    assert!(log.contains(&told), "{log}");
}

/// Of a bastion that stopped right after it said so, and has another store since.
#[tokio::test]
async fn a_recording_stays_in_the_store_that_was_named_first() {
    let live = Live::start().await;
    live.seal().await;
    live.put().await;
    live.lab.pass(1);
    live.stored_in("file:/elsewhere".parse().unwrap()).await;
    assert_eq!(live.row().await.store, Some(live.store()));
    live.end();
    live.lab.pass(DAY);
    assert_eq!(live.lose().await, 0);
}

/// Its tombstone accounts for it, and nothing is looked for after that.
#[tokio::test]
async fn a_recording_that_a_bastion_may_delete_is_not_looked_for() {
    let live = Live::start().await;
    live.seal().await;
    live.put().await;
    live.lab.pass(31 * DAY);
    assert_eq!(live.expire().await, 1);
    live.ask_deletion("b1").await.is(200);
    std::fs::remove_dir_all(live.parts()).unwrap();
    assert_eq!(live.lose().await, 0);
}
