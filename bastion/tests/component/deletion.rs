//! Deletions that a store breaks off: what is said of them, and what is not.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::routing::get;
use portreeve_protocol::event::{AccessFact, Body, MachineFact};
use portreeve_protocol::feed::FeedItem;
use portreeve_protocol::id::SessionId;
use portreeve_protocol::recording::StoreName;
use portreeve_protocol::time::Timestamp;
use serde::Deserialize;
use tokio::net::TcpListener;

use crate::sshd::secret;
use crate::world::World;

/// A store as S3 that has three parts of whatever it is asked for, and does what a test wants of it.
#[derive(Clone)]
struct Stubborn(Arc<Mutex<Mood>>);

struct Mood {
    /// How many listings it still answers.
    lists: u32,
    /// The numbers of the parts that it has.
    parts: Vec<u32>,
    /// One that it does not remove.
    keeps: Option<u32>,
    /// Whether it removes one and says nothing any more.
    hangs: bool,
}

#[derive(Deserialize)]
struct Asked {
    #[serde(default)]
    prefix: String,
}

impl Stubborn {
    async fn start() -> (Self, SocketAddr) {
        let store = Self(Arc::new(Mutex::new(Mood {
            lists: u32::MAX,
            parts: vec![0, 1, 2],
            keeps: None,
            hangs: false,
        })));
        let routes = Router::new()
            .route("/recordings", get(list).post(delete))
            .with_state(store.clone());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move { axum::serve(listener, routes).await.unwrap() });
        (store, address)
    }

    fn parts(&self) -> Vec<u32> {
        self.0.lock().unwrap().parts.clone()
    }

    fn set(&self, change: impl FnOnce(&mut Mood)) {
        change(&mut self.0.lock().unwrap());
    }
}

async fn list(
    State(store): State<Stubborn>,
    Query(asked): Query<Asked>,
) -> Result<String, StatusCode> {
    let mut mood = store.0.lock().unwrap();
    mood.lists = mood.lists.checked_sub(1).ok_or(StatusCode::FORBIDDEN)?;
    let place = asked.prefix.trim_end_matches('/');
    let objects = mood.parts.iter().map(|part| {
        format!(
            "<Contents><Key>{place}/part-{part:06}</Key><LastModified>2026-01-01T00:00:00.000Z</LastModified>\
             <Size>20</Size></Contents>"
        )
    });
    let objects: String = objects.collect();
    Ok(format!("<ListBucketResult>{objects}</ListBucketResult>"))
}

async fn delete(State(store): State<Stubborn>, wanted: String) -> String {
    let keys = wanted.split("<Key>").skip(1);
    let mut keys = keys.filter_map(|rest| rest.split("</Key>").next());
    let told = remove(&mut store.0.lock().unwrap(), &mut keys);
    if keys.next().is_some() {
        std::future::pending::<()>().await;
    }
    format!("<DeleteResult>{told}</DeleteResult>")
}

/// Removes some or all, and says of each what came of it.
fn remove<'a>(mood: &mut Mood, keys: &mut impl Iterator<Item = &'a str>) -> String {
    let mut told = String::new();
    for key in keys.take(if mood.hangs { 1 } else { usize::MAX }) {
        let number = key.rsplit('-').next().unwrap().parse().unwrap();
        if mood.keeps == Some(number) {
            told += &format!(
                "<Error><Key>{key}</Key><Code>AccessDenied</Code><Message>no</Message></Error>"
            );
        } else {
            mood.parts.retain(|part| *part != number);
            told += &format!("<Deleted><Key>{key}</Key></Deleted>");
        }
    }
    told
}

/// A world whose bastion has that store, and a session that another bastion recorded.
async fn storing(at: SocketAddr) -> (World, SessionId, StoreName) {
    let mut world = World::start().await;
    let credentials = "access_key_id = 'test'\nsecret_access_key = 'test'\n";
    secret(&world.path().join("bastion/s3.toml"), credentials);
    let section = format!(
        "\n[store]\nendpoint = 'http://{at}'\nbucket = 'recordings'\ncredentials = 's3.toml'\n"
    );
    world.configure(|config| config + &section).await;
    world.ca.permit_deletions(Some(60));
    let session = SessionId::new(Timestamp::from_seconds(1_790_000_000), [77; 10]);
    let name = format!("s3://{at}/recordings").parse().unwrap();
    (world, session, name)
}

fn expire(world: &World, session: SessionId, store: &StoreName, attempt: u32) {
    world.ca.send(FeedItem::DeleteRecording {
        session,
        bastion: "bastion-2".parse().unwrap(),
        store: Some(store.clone()),
        attempt,
    });
}

fn alarms(world: &World) -> Vec<String> {
    let events = world.ca.events().into_iter();
    let alarms = events.filter_map(|event| match event.body {
        Body::Machine {
            fact: MachineFact::Alarm { detail },
        } => Some(detail),
        _ => None,
    });
    alarms.collect()
}

async fn until(what: &str, is_so: impl Fn() -> bool) {
    for _ in 0..2400 {
        if is_so() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("{what} never came about");
}

fn is_tombstone(fact: &AccessFact) -> bool {
    matches!(fact, AccessFact::RecordingDeleted { .. })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deletion_that_a_store_breaks_off_is_an_alarm_and_finished_later() {
    let (store, at) = Stubborn::start().await;
    let (world, session, name) = storing(at).await;
    store.set(|mood| mood.keeps = Some(1));
    expire(&world, session, &name, 2);
    until("an alarm", || !alarms(&world).is_empty()).await;
    let alarms = alarms(&world);
    assert_eq!(alarms.len(), 1, "{alarms:?}");
    let told = format!("the deletion of the recording of {session} broke off");
    assert!(alarms[0].contains(&told), "{alarms:?}");
    assert!(alarms[0].contains("of 1 of its 3 parts"), "{alarms:?}");
    assert!(!world.ca.facts(session).iter().any(is_tombstone));

    store.set(|mood| mood.keeps = None);
    expire(&world, session, &name, 3);
    world.ca.wait_for(session, "tombstone", is_tombstone).await;
    assert_eq!(store.parts(), [0_u32; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deletion_over_which_a_bastion_is_killed_is_finished_later() {
    let (store, at) = Stubborn::start().await;
    let (mut world, session, name) = storing(at).await;
    store.set(|mood| mood.hangs = true);
    expire(&world, session, &name, 2);
    until("one part less", || store.parts() == [1, 2]).await;
    world.stop_bastion("-KILL").await;
    assert!(!world.ca.facts(session).iter().any(is_tombstone));
    store.set(|mood| mood.hangs = false);
    world.start_bastion().await;
    expire(&world, session, &name, 3);
    world.ca.wait_for(session, "tombstone", is_tombstone).await;
    assert_eq!(store.parts(), [0_u32; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_does_not_say_what_it_has_lost_nothing_and_nobody_says_so() {
    let (store, at) = Stubborn::start().await;
    let (world, session, name) = storing(at).await;
    // Where it does not answer before the CA is asked, the CA is not asked; where it does so later, nothing was removed yet.
    for (lists, asked) in [(0, 0), (1, 1)] {
        store.set(|mood| mood.lists = lists);
        let before = world.log().matches("a recording is not deleted").count();
        expire(&world, session, &name, 2);
        until("a word about it", || {
            world.log().matches("a recording is not deleted").count() > before
        })
        .await;
        assert_eq!(world.ca.asked_to_delete(), asked);
    }
    assert_eq!(store.parts(), [0, 1, 2]);
    store.set(|mood| mood.lists = u32::MAX);
    expire(&world, session, &name, 2);
    // What was reported before came before.
    world.ca.wait_for(session, "tombstone", is_tombstone).await;
    assert_eq!(alarms(&world), [""; 0]);
}
