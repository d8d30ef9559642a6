//! Recordings: who may read and hold them, when they expire, and what is left of them.

use std::net::TcpListener;
use std::time::Duration;

use portreeve_access_policy::STARTER_POLICY;
use portreeve_protocol::digest::Digest;
use portreeve_protocol::event::{AccessFact, EventsStored};
use portreeve_protocol::recording::{
    RecordingRow, RecordingState, RetentionRule, StoreName, StoredParts,
};
use portreeve_recording_store::config::StoreConfig;
use serde_json::{Value, json};

use super::events::Live;
use super::lab::{Answer, Lab, Proof, RETENTION, bearer};
use crate::store::Change;

pub(super) const DAY: u64 = 24 * 3600;
pub(super) const CONTENT: &[u8] = b"not a recording, but as good as one to whoever does not look";

fn manifest() -> Digest {
    Digest::of(b"manifest")
}

pub(super) fn lead(lab: &Lab) -> Proof {
    bearer(&lab.person("lea", &["soc-leads"]))
}

/// What a caller can tell one refusal from another by.
fn seen(answer: &Answer) -> (u16, Value) {
    let mut problem = answer.json();
    problem.as_object_mut().unwrap().remove("event");
    (answer.status.as_u16(), problem)
}

impl Live {
    fn recording(&self, act: &str) -> String {
        format!("/v1/sessions/{}/recording{act}", self.grant.session)
    }

    pub(super) async fn say(&self, number: u8, bastion: &str, fact: AccessFact) -> EventsStored {
        let mut event = self.event(number, fact);
        event.source = portreeve_protocol::event::Machine::Bastion(bastion.parse().unwrap());
        self.deliver(bastion, vec![event]).await
    }

    pub(super) async fn seal(&self) {
        let sealed = AccessFact::RecordingSealed {
            manifest: manifest(),
            file: format!("{}.tar", self.grant.session),
            bytes: CONTENT.len() as u64,
            cut: false,
        };
        assert_eq!(self.say(1, "b1", sealed).await.stored, 1);
    }

    pub(super) fn store(&self) -> StoreName {
        let folder = self
            .lab
            .home
            .path()
            .join("recordings")
            .canonicalize()
            .unwrap();
        format!("file:{}", folder.display()).parse().unwrap()
    }

    /// Puts what stands for a recording into the store, in two parts.
    pub(super) async fn put(&self) {
        let place = self.lab.home.path().join("recordings");
        let place = place.join(self.grant.session.to_string());
        std::fs::create_dir_all(&place).unwrap();
        std::fs::write(place.join("part-000000"), &CONTENT[..20]).unwrap();
        std::fs::write(place.join("part-000001"), &CONTENT[20..]).unwrap();
        self.stored_in(self.store()).await;
    }

    /// A bastion says that the recording is there.
    pub(super) async fn stored_in(&self, store: StoreName) {
        let stored = AccessFact::RecordingStored {
            store,
            parts: 2,
            bytes: CONTENT.len() as u64,
            digest: Digest::of(CONTENT),
            manifest: manifest(),
        };
        assert_eq!(self.say(2, "b1", stored).await.stored, 1);
    }

    async fn deleted(&self, number: u8, bastion: &str) -> EventsStored {
        let deleted = AccessFact::RecordingDeleted {
            manifest: manifest(),
            rule: RetentionRule::Configuration,
            bytes: CONTENT.len() as u64,
            place: self.store().to_string(),
        };
        self.say(number, bastion, deleted).await
    }

    pub(super) async fn row(&self) -> RecordingRow {
        let listed = self
            .lab
            .get("/v1/recordings", &lead(&self.lab))
            .await
            .is(200);
        serde_json::from_value(listed["items"][0].clone()).unwrap()
    }

    pub(super) async fn ask_deletion(&self, bastion: &str) -> Answer {
        let proof = self.lab.bastion(bastion);
        self.lab
            .raw("POST", &self.recording("/deletion"), &proof, "")
            .await
    }

    pub(super) async fn hold(&self, act: &str) -> Answer {
        let body = json!({ "reason": "case 42" });
        self.lab
            .post(&self.recording(act), &lead(&self.lab), &body)
            .await
    }

    /// Tells bastions of what is due now; of how many recordings.
    pub(super) async fn expire(&self) -> usize {
        let due = self.lab.app.expire_recordings(self.lab.now());
        due.await.unwrap()
    }

    /// Whether the trail says that somebody had the recording.
    async fn is_reviewed(&self) -> bool {
        let facts = self.facts().await;
        facts.iter().any(|fact| fact == "recording_reviewed")
    }

    /// The facts in the trail that are about the recording.
    pub(super) async fn facts(&self) -> Vec<String> {
        let path = format!("/v1/sessions/{}/trail", self.grant.session);
        let trail = self.lab.get(&path, &lead(&self.lab)).await.is(200);
        let events = trail["events"].as_array().unwrap().clone();
        let facts = events.iter().filter_map(|logged| {
            let event: Value = serde_json::from_str(logged["event"].as_str()?).ok()?;
            event["body"]["fact"]["fact"].as_str().map(str::to_owned)
        });
        facts
            .filter(|fact| fact.starts_with("recording_"))
            .collect()
    }
}

#[tokio::test]
async fn a_recording_is_read_from_the_store_and_that_is_in_the_trail() {
    let live = Live::start().await;
    let path = live.recording("");
    assert_eq!(live.row().await.state, RecordingState::Running);
    live.seal().await;
    let early = live.lab.get(&path, &live.lab.analyst()).await;
    assert_eq!(early.code(), "session_unavailable");
    assert!(
        early.detail().contains("on bastion `b1`"),
        "{}",
        early.detail()
    );

    live.put().await;
    let row = live.row().await;
    assert_eq!(
        (row.state, row.store, row.bytes),
        (
            RecordingState::Stored,
            Some(live.store()),
            Some(CONTENT.len() as u64)
        )
    );
    for (from, expected) in [
        ("", 0),
        ("?from=0", 0),
        ("?from=7", 7),
        ("?from=20", 20),
        ("?from=33", 33),
        ("?from=1000", CONTENT.len()),
    ] {
        let answer = live
            .lab
            .get(&format!("{path}{from}"), &live.lab.analyst())
            .await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        assert_eq!(answer.text.as_bytes(), &CONTENT[expected..], "{from}");
        assert_eq!(
            answer.headers["content-length"],
            (CONTENT.len() - expected).to_string()
        );
    }
    let wrong = live
        .lab
        .get(&format!("{path}?to=7"), &live.lab.analyst())
        .await;
    assert_eq!(wrong.code(), "malformed");
    let facts = live.facts().await;
    assert_eq!(
        facts[..3],
        ["recording_sealed", "recording_stored", "recording_reviewed"]
    );
    assert_eq!(facts.len(), 2 + 6);
}

#[tokio::test]
async fn who_may_not_review_learns_nothing_of_a_recording() {
    let live = Live::start().await;
    live.seal().await;
    live.put().await;
    let lab = &live.lab;
    let mallory = bearer(&lab.person("mallory", &["sales"]));
    let absent = "/v1/sessions/019a0000-0000-7000-8000-000000000000/recording";
    let unknown = seen(&lab.get(absent, &lab.analyst()).await);
    assert_eq!(unknown.0, 403);
    assert_eq!(seen(&lab.get(&live.recording(""), &mallory).await), unknown);
    let body = json!({ "reason": "case 42" });
    for act in ["/hold", "/release"] {
        for proof in [&mallory, &lab.analyst()] {
            let answer = lab.post(&live.recording(act), proof, &body).await;
            assert_eq!(seen(&answer), unknown, "{act}");
        }
    }
    let listed = lab.get("/v1/recordings", &mallory).await.is(200);
    assert_eq!(listed["items"].as_array().unwrap().len(), 0);
    assert!(!live.is_reviewed().await);
}

#[tokio::test]
async fn a_recording_of_which_the_store_has_not_all_is_no_recording() {
    let live = Live::start().await;
    live.seal().await;
    live.put().await;
    let place = live.lab.home.path().join("recordings");
    let place = place.join(live.grant.session.to_string());
    let path = live.recording("");
    std::fs::remove_file(place.join("part-000001")).unwrap();
    let short = live.lab.get(&path, &live.lab.analyst()).await;
    assert_eq!(
        (short.status.as_u16(), short.code()),
        (503, "recording_unavailable".into())
    );
    assert!(
        short.detail().contains("the store has 20 of 60 bytes"),
        "{}",
        short.detail()
    );
    // A part without the one before it: the words for the reviewer name neither folder nor part.
    std::fs::rename(place.join("part-000000"), place.join("part-000001")).unwrap();
    let gap = live.lab.get(&path, &live.lab.analyst()).await;
    assert_eq!(gap.code(), "recording_unavailable");
    assert!(
        gap.detail().contains("ask whoever runs the CA"),
        "{}",
        gap.detail()
    );
    assert!(!gap.text.contains("part"), "{}", gap.text);
    let mallory = bearer(&live.lab.person("mallory", &["sales"]));
    assert_eq!(live.lab.get(&path, &mallory).await.code(), "not_permitted");
    assert!(!live.is_reviewed().await);
}

#[tokio::test]
async fn a_store_that_is_not_mounted_is_told_and_read_from_when_it_is() {
    let live = Live::start().await;
    live.seal().await;
    live.put().await;
    let path = live.recording("");
    let home = live.lab.home.path();
    std::fs::rename(home.join("recordings"), home.join("away")).unwrap();
    let away = live.lab.get(&path, &live.lab.analyst()).await;
    assert_eq!(
        (away.status.as_u16(), away.code()),
        (503, "recording_unavailable".into())
    );
    assert!(
        away.detail().contains("ask whoever runs the CA"),
        "{}",
        away.detail()
    );
    assert!(!live.is_reviewed().await);
    std::fs::rename(home.join("away"), home.join("recordings")).unwrap();
    let back = live.lab.get(&path, &live.lab.analyst()).await;
    assert_eq!(back.text.as_bytes(), CONTENT);
}

/// The service's own limit would have the reviewer try again, which is no use.
#[tokio::test]
async fn a_store_that_never_answers_is_told_as_what_it_is() {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    // It lets everybody in and says nothing.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let config = StoreConfig {
        endpoint: Some(format!("http://{}", silent.local_addr().unwrap())),
        bucket: Some("recordings".into()),
        ..StoreConfig::default()
    };
    let lab = Lab::storing(|home| {
        let store = config.open(home, |name| Some(name.into())).unwrap();
        store.within(Duration::from_millis(100))
    });
    let live = Live::in_lab(lab.await.filled().await).await;
    live.seal().await;
    let name = format!("s3://{}/recordings", silent.local_addr().unwrap());
    live.stored_in(name.parse().unwrap()).await;
    let answer = live.lab.get(&live.recording(""), &live.lab.analyst()).await;
    assert_eq!(
        (answer.status.as_u16(), answer.code()),
        (503, "recording_unavailable".into())
    );
    assert!(
        answer.detail().contains("its log has the reason"),
        "{}",
        answer.detail()
    );
}

#[tokio::test]
async fn a_recording_that_is_reported_as_sealed_again_is_known() {
    let live = Live::start().await;
    live.seal().await;
    let before = live.row().await;
    live.lab.pass(DAY);
    let sealed = AccessFact::RecordingSealed {
        manifest: manifest(),
        file: format!("{}.tar", live.grant.session),
        bytes: CONTENT.len() as u64,
        cut: false,
    };
    assert_eq!(live.say(2, "b1", sealed).await.stored, 1);
    assert_eq!(live.row().await, before);
    let log = live.log().await;
    assert!(!log.contains("alarm"), "{log}");
}

#[tokio::test]
async fn what_is_due_is_deleted_once_and_leaves_a_tombstone() {
    let live = Live::start().await;
    live.seal().await;
    live.put().await;
    assert_eq!(live.ask_deletion("b1").await.code(), "not_permitted");
    live.lab.pass(30 * DAY - 1);
    assert_eq!(live.expire().await, 0);
    live.lab.pass(1);
    // Nobody was told yet.
    assert_eq!(live.ask_deletion("b1").await.code(), "not_permitted");
    assert!(live.deleted(3, "b1").await.stored == 0);
    assert_eq!(live.expire().await, 1);
    assert_eq!(live.expire().await, 0);
    // A bastion that was away is told again, and the trail says it once.
    live.lab.pass(3600);
    assert_eq!(live.expire().await, 1);

    let permitted = live.ask_deletion("b2").await.is(200);
    assert_eq!(permitted["manifest"], manifest().to_string());
    assert_eq!(live.row().await.state, RecordingState::Expiring);
    live.ask_deletion("b1").await.is(200);
    assert_eq!(live.deleted(4, "b2").await.stored, 1);
    // The other one says so too, which changes nothing.
    live.lab.pass(5);
    assert_eq!(live.deleted(5, "b1").await.stored, 1);
    let row = live.row().await;
    assert_eq!(row.state, RecordingState::Deleted);
    assert!(row.deleted_at.unwrap() < live.lab.now());
    assert_eq!(row.manifest, Some(manifest()));

    live.lab.pass(DAY);
    assert_eq!(live.expire().await, 0);
    let gone = live.lab.get(&live.recording(""), &live.lab.analyst()).await;
    assert_eq!(gone.code(), "session_unavailable");
    assert!(
        gone.detail().contains("was deleted at"),
        "{}",
        gone.detail()
    );
    assert_eq!(live.hold("/hold").await.code(), "session_unavailable");
    let expected = [
        "recording_sealed",
        "recording_stored",
        "recording_expired",
        "recording_deletion_permitted",
        "recording_deletion_permitted",
        "recording_deleted",
        "recording_deleted",
    ];
    assert_eq!(live.facts().await, expected);
}

#[tokio::test]
async fn a_hold_wins_over_every_step_towards_a_deletion() {
    let live = Live::start().await;
    live.seal().await;
    let held = live.hold("/hold").await.is(200);
    assert_eq!(held["hold"]["reason"], "case 42");
    live.lab.pass(31 * DAY);
    assert_eq!(live.expire().await, 0);

    assert!(live.hold("/release").await.is(200)["hold"].is_null());
    assert_eq!(live.hold("/release").await.code(), "conflict");
    assert_eq!(live.expire().await, 1);
    // It comes when bastions were told, and before one asked.
    live.hold("/hold").await.is(200);
    let refused = live.ask_deletion("b1").await;
    assert_eq!(refused.code(), "not_permitted");
    assert_eq!(refused.detail(), "the recording is held");
    live.hold("/release").await.is(200);
    live.ask_deletion("b1").await.is(200);
    // It comes when one was permitted, which may be deleting at this moment: that is what the answer says, and after the
    // minute that such a permission is good, that the recording is there and held.
    let late = live.hold("/hold").await.is(200);
    assert_eq!(late["state"], "expiring");
    assert_eq!(live.ask_deletion("b1").await.code(), "not_permitted");
    live.lab.pass(60);
    assert_eq!(live.row().await.state, RecordingState::Sealed);
    live.lab.pass(3600);
    assert_eq!(live.expire().await, 0);
    // Held once more, when no permission is left, none comes back: neither now nor when the hold ends.
    live.hold("/hold").await.is(200);
    assert_eq!(live.deleted(9, "b1").await.stored, 0);
    let log = live.log().await;
    assert!(
        log.contains("says that it deleted") && log.contains("holds it since"),
        "{log}"
    );
    live.hold("/release").await.is(200);
    assert_eq!(live.deleted(10, "b1").await.stored, 0);
    live.ask_deletion("b1").await.is(200);
    assert_eq!(live.deleted(11, "b1").await.stored, 1);
}

/// Which of the two came first is told by the trail, and no state is left that nothing ends.
#[tokio::test]
async fn a_deletion_that_a_hold_did_not_stop_is_a_tombstone_and_an_alarm() {
    let live = Live::start().await;
    live.seal().await;
    live.lab.pass(31 * DAY);
    assert_eq!(live.expire().await, 1);
    live.ask_deletion("b1").await.is(200);
    live.lab.pass(59);
    assert_eq!(live.hold("/hold").await.is(200)["state"], "expiring");
    // The report may come late, for an hour, and again later when the answer was lost.
    live.lab.pass(1 + 3600);
    assert_eq!(live.deleted(3, "b1").await.stored, 1);
    live.lab.pass(DAY);
    assert_eq!(live.deleted(4, "b1").await.stored, 1);
    let row = live.row().await;
    assert_eq!(row.state, RecordingState::Deleted);
    assert!(row.hold.is_some());
    let expected = [
        "recording_sealed",
        "recording_expired",
        "recording_deletion_permitted",
        "recording_held",
        "recording_deleted",
        "recording_deleted",
    ];
    assert_eq!(live.facts().await, expected);
    let log = live.log().await;
    assert!(
        log.contains("is deleted although lea@example.com holds it since"),
        "{log}"
    );
}

/// Nor may a permission of once end what is held for ever.
#[tokio::test]
async fn a_deletion_that_is_told_long_after_a_hold_is_not_permitted_any_more() {
    let live = Live::start().await;
    live.seal().await;
    live.lab.pass(31 * DAY);
    assert_eq!(live.expire().await, 1);
    live.ask_deletion("b1").await.is(200);
    live.lab.pass(59);
    assert_eq!(live.hold("/hold").await.is(200)["state"], "expiring");
    live.lab.pass(1 + 3600 + 1);
    assert_eq!(live.deleted(3, "b1").await.stored, 0);
    assert_eq!(live.row().await.state, RecordingState::Sealed);
    let log = live.log().await;
    assert!(
        log.contains("says that it deleted") && log.contains("holds it since"),
        "{log}"
    );
}

/// Whoever was permitted to delete may have died over it, or keep to itself what it did.
#[tokio::test]
async fn a_permission_of_which_nobody_says_what_came_of_it_raises_one_alarm() {
    let live = Live::start().await;
    live.seal().await;
    live.put().await;
    live.lab.pass(31 * DAY);
    let app = &live.lab.app;
    assert_eq!(live.expire().await, 1);
    live.ask_deletion("b1").await.is(200);
    live.lab.pass(60 + 1800 - 1);
    assert_eq!(app.miss_deletions(live.lab.now()).await.unwrap(), 0);
    live.lab.pass(1);
    for expected in [1, 0] {
        let missed = app.miss_deletions(live.lab.now()).await.unwrap();
        assert_eq!(missed, expected);
    }
    let told = async |hold: &str| {
        let log = live.lab.get("/v1/log/events", &lead(&live.lab)).await.text;
        let said = "bastion `b1` was permitted to delete the recording";
        assert!(log.contains(said) && log.contains(hold), "{log}");
        log.matches("and has not said that it did").count()
    };
    assert_eq!(told("bastions are told to delete it again").await, 1);

    // The next try comes after that, and is said as well. Held meanwhile, nobody finishes it.
    live.lab.pass(3600 - 60 - 1800);
    assert_eq!(live.expire().await, 1);
    live.ask_deletion("b1").await.is(200);
    live.hold("/hold").await.is(200);
    live.lab.pass(60 + 1800);
    assert_eq!(app.miss_deletions(live.lab.now()).await.unwrap(), 1);
    assert_eq!(told("lea@example.com holds it").await, 2);

    // One that succeeds is accounted for.
    live.hold("/release").await.is(200);
    live.lab.pass(7200);
    assert_eq!(live.expire().await, 1);
    live.ask_deletion("b1").await.is(200);
    assert_eq!(live.deleted(3, "b1").await.stored, 1);
    live.lab.pass(DAY);
    assert_eq!(app.miss_deletions(live.lab.now()).await.unwrap(), 0);
}

/// A bastion that somebody else has in hand must not end what others recorded.
#[tokio::test]
async fn only_a_bastion_that_was_told_may_delete_and_say_so() {
    let live = Live::start().await;
    live.seal().await;
    live.lab.pass(31 * DAY);
    for _ in 0..2 {
        assert_eq!(live.expire().await, 1);
        live.lab.pass(2 * 3600);
    }
    // It is on the disk of the one that sealed it, and in no store.
    assert_eq!(live.ask_deletion("b2").await.code(), "not_permitted");
    live.ask_deletion("b1").await.is(200);
    assert_eq!(live.deleted(3, "b2").await.stored, 0);
    assert_eq!(live.row().await.state, RecordingState::Expiring);
    // Nothing more is heard of it: then nobody deletes it, until the CA says it again.
    live.lab.pass(60);
    assert_eq!(live.row().await.state, RecordingState::Sealed);
    let log = live.log().await;
    assert!(
        log.contains("bastion `b2` says that it deleted the recording"),
        "{log}"
    );

    let live = Live::start().await;
    live.seal().await;
    live.put().await;
    live.lab.pass(31 * DAY);
    assert_eq!(live.expire().await, 1);
    // The first time is the sealer's.
    assert_eq!(live.ask_deletion("b2").await.code(), "not_permitted");
    live.lab.pass(3600);
    assert_eq!(live.expire().await, 1);
    live.ask_deletion("b2").await.is(200);
    assert_eq!(live.deleted(4, "b1").await.stored, 0);
    assert_eq!(live.deleted(5, "b2").await.stored, 1);
    assert_eq!(live.row().await.state, RecordingState::Deleted);
}

/// Its bastion died in the middle of it, for good as far as anybody can tell.
#[tokio::test]
async fn what_a_store_has_of_a_recording_that_nobody_sealed_is_listed_and_an_alarm_in_the_end() {
    let live = Live::start().await;
    let app = &live.lab.app;
    let place = live.lab.home.path().join("recordings");
    let place = place.join(live.grant.session.to_string());
    std::fs::create_dir_all(&place).unwrap();
    std::fs::write(place.join("part-000000"), CONTENT).unwrap();
    assert_eq!(live.row().await.unsealed, None);
    let until = live.grant.expires_at.since(live.lab.now()).as_secs() + 30 * DAY;
    live.lab.pass(until - 1);
    app.store()
        .commit(vec![Change::Sweep { at: live.lab.now() }], vec![])
        .await
        .unwrap();
    let row = live.row().await;
    assert_eq!(row.state, RecordingState::Missing);
    let stored = row.unsealed.and_then(|unsealed| unsealed.stored);
    let expected = StoredParts {
        parts: 1,
        bytes: CONTENT.len() as u64,
    };
    assert_eq!(stored, Some(expected));

    assert_eq!(app.lose_recordings(live.lab.now()).await.unwrap(), 0);
    live.hold("/hold").await.is(200);
    live.lab.pass(1);
    assert_eq!(app.lose_recordings(live.lab.now()).await.unwrap(), 0);
    live.hold("/release").await.is(200);
    assert_eq!(app.lose_recordings(live.lab.now()).await.unwrap(), 1);
    assert_eq!(app.lose_recordings(live.lab.now()).await.unwrap(), 0);
    let log = live.lab.get("/v1/log/events", &lead(&live.lab)).await.text;
    let told = "bastion `b1` (not heard since that is noted) never sealed the recording";
    assert!(log.contains(told), "{log}");
    assert!(place.join("part-000000").exists());

    // One that was sealed, and one of which nothing was recorded, are nobody's worry.
    for is_sealed in [true, false] {
        let live = Live::start().await;
        if is_sealed {
            live.seal().await;
            live.put().await;
        }
        live.lab.pass(until);
        let lost = live.lab.app.lose_recordings(live.lab.now()).await.unwrap();
        assert_eq!(lost, 0);
    }
}

#[tokio::test]
async fn a_session_can_be_held_before_it_has_a_recording() {
    let live = Live::start().await;
    let held = live.hold("/hold").await.is(200);
    assert_eq!(
        (&held["state"], &held["hold"]["by"]["name"]),
        (&json!("running"), &json!("lea@example.com"))
    );
    live.seal().await;
    live.lab.pass(31 * DAY);
    assert_eq!(live.expire().await, 0);
    assert_eq!(live.row().await.state, RecordingState::Sealed);
}

#[tokio::test]
async fn the_longest_retention_that_policy_demands_is_the_sessions() {
    let live = Live::start().await;
    let row = live.row().await;
    assert_eq!(
        (row.retention, row.rule),
        (RETENTION.parse().unwrap(), RetentionRule::Configuration)
    );

    let text = STARTER_POLICY
        .replace(
            "@id(\"sessions-for-tickets\")",
            "@id(\"sessions-for-tickets\")\n@retention(\"90d\")",
        )
        .replace(
            "@id(\"soc-may-delegate\")",
            "@id(\"soc-may-delegate\")\n@retention(\"400d\")",
        );
    let (admin, body) = (live.lab.admin(), json!({ "text": text }));
    let published = live.lab.json("PUT", "/v1/policy", &admin, &body);
    published.await.is(200);
    live.lab.pass(1);
    let granted = live.lab.session().await;
    let id = granted["session"].as_str().unwrap().parse().unwrap();
    let session = live.lab.app.store().session(id).await.unwrap().unwrap();
    assert_eq!(
        (
            session.retention.to_string().as_str(),
            session.retention_rule
        ),
        ("400d", RetentionRule::Policy)
    );
}
