//! Recordings that nobody sealed: of which the store has nothing, and of which it does not say what it has.

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
