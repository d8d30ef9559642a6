//! Permissions to delete a recording that a bastion asks for again and again.

use super::events::Live;
use super::recordings::{DAY, lead};

/// How long after a permission it is an alarm that nobody says what came of it.
const ACCOUNTED: u64 = 60 + 1800;

impl Live {
    /// Its bastion sealed it, and was told that its time is over.
    async fn due() -> Self {
        let live = Self::start().await;
        live.seal().await;
        live.put().await;
        live.lab.pass(31 * DAY);
        assert_eq!(live.expire().await, 1);
        live
    }

    async fn miss(&self) -> usize {
        let missed = self.lab.app.miss_deletions(self.lab.now());
        missed.await.unwrap()
    }

    async fn told_missing(&self) -> usize {
        let log = self.lab.get("/v1/log/events", &lead(&self.lab)).await.text;
        log.matches("and has not said that it did").count()
    }
}

/// It could else keep what it deletes to itself for ever.
#[tokio::test]
async fn a_bastion_that_asks_again_does_not_put_off_the_alarm() {
    let live = Live::due().await;
    let first = live.lab.now();
    live.ask_deletion("b1").await.is(200);
    live.lab.pass(ACCOUNTED - 1);
    let last = live.lab.now();
    live.ask_deletion("b1").await.is(200);
    assert_eq!(live.miss().await, 0);
    live.lab.pass(1);
    assert_eq!(live.miss().await, 1);
    let log = live.lab.get("/v1/log/events", &lead(&live.lab)).await.text;
    let told = format!("at {first}, for the last time at {last}, and has not said that it did");
    assert!(log.contains(&told), "{log}");

    // It is said once, however often it asks after that.
    for _ in 0..3 {
        live.lab.pass(DAY);
        assert_eq!(live.expire().await, 1);
        live.ask_deletion("b1").await.is(200);
        live.lab.pass(ACCOUNTED);
        assert_eq!(live.miss().await, 0);
    }
    assert_eq!(live.told_missing().await, 1);
}

/// What each asks for stands in the trail, so nobody may do that without end.
#[tokio::test]
async fn a_bastion_is_permitted_three_times_until_bastions_are_told_again() {
    let live = Live::due().await;
    let permitted = async |bastion: &str| {
        for _ in 0..3 {
            live.ask_deletion(bastion).await.is(200);
            live.lab.pass(60);
        }
        let refused = live.ask_deletion(bastion).await;
        assert_eq!(
            (refused.status.as_u16(), refused.code()),
            (429, "busy".into())
        );
        refused.detail()
    };
    let again_at = live.lab.now().plus(std::time::Duration::from_secs(3600));
    let detail = permitted("b1").await;
    assert!(
        detail.contains(&format!("retry after {again_at}")),
        "{detail}"
    );
    // One that was told, of another bastion, has its own.
    live.lab.pass(3600);
    assert_eq!(live.expire().await, 1);
    permitted("b2").await;
    permitted("b1").await;
    let facts = live.facts().await;
    let permissions = facts
        .iter()
        .filter(|fact| *fact == "recording_deletion_permitted");
    assert_eq!(permissions.count(), 9);
}

/// The hold takes back what is over, and the alarm is about what was permitted all the same.
#[tokio::test]
async fn the_alarm_names_bastions_whose_permission_a_hold_took_back() {
    let live = Live::due().await;
    live.ask_deletion("b1").await.is(200);
    live.lab.pass(61);
    live.hold("/hold").await.is(200);
    live.lab.pass(ACCOUNTED);
    assert_eq!(live.miss().await, 1);
    let log = live.log().await;
    let told = "bastion `b1` was permitted to delete the recording of";
    assert!(log.contains(told), "{log}");

    // Another's later permission does not hide whose the first was.
    let live = Live::due().await;
    live.ask_deletion("b1").await.is(200);
    live.lab.pass(61);
    live.hold("/hold").await.is(200);
    live.hold("/release").await.is(200);
    live.lab.pass(3600);
    assert_eq!(live.expire().await, 1);
    live.ask_deletion("b2").await.is(200);
    assert_eq!(live.miss().await, 1);
    let log = live.log().await;
    let told = "one of the bastions `b1`, `b2` was permitted to delete";
    assert!(log.contains(told), "{log}");
}
