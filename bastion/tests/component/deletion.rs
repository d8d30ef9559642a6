//! Deletions that a store breaks off: what is said of them, and what is not.

use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::routing::get;
use portreeve_bastion::ca::Ca as Client;
use portreeve_bastion::clock::Clock;
use portreeve_bastion::feed::Expired;
use portreeve_bastion::keep::{Keeper, Uploads};
use portreeve_bastion::report::Reporter;
use portreeve_bastion::spool::{Limits, Rank, Reader, Spool, SpoolError};
use portreeve_protocol::event::{AccessFact, Body, Event, MAX_EVENT, Machine, MachineFact};
use portreeve_protocol::feed::FeedItem;
use portreeve_protocol::id::{EventId, SessionId};
use portreeve_protocol::recording::StoreName;
use portreeve_protocol::time::Timestamp;
use portreeve_recording::file_name;
use portreeve_recording::write::OnDisk;
use serde::Deserialize;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::sync::mpsc;

use crate::ca::Ca;
use crate::mint::Mint;
use crate::sshd::secret;
use crate::wait::until;
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

fn is_tombstone(fact: &AccessFact) -> bool {
    matches!(fact, AccessFact::RecordingDeleted { .. })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deletion_that_a_store_breaks_off_is_an_alarm_and_finished_later() {
    let (store, at) = Stubborn::start().await;
    let (world, session, name) = storing(at).await;
    store.set(|mood| mood.keeps = Some(1));
    expire(&world, session, &name, 2);
    until("an alarm", async || !alarms(&world).is_empty()).await;
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
    until("one part less", async || store.parts() == [1, 2]).await;
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
        until("a word about it", async || {
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

/// A keeper of a recording whose time is over, whose spool takes little and is delivered by nobody.
struct Alone {
    ca: Ca,
    keeper: Arc<Keeper>,
    reader: Reader,
    recording: PathBuf,
    _folder: TempDir,
}

impl Alone {
    async fn start(session: SessionId) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path();
        let now = Timestamp::from_seconds(1_790_000_000);
        let ca = Ca::start(&Mint::new(now), String::new()).await;
        ca.permit_deletions(Some(60));
        let limits = Limits {
            soft: 1 << 20,
            hard: 2 << 20,
        };
        let (spool, reader) = Spool::open(&path.join("spool"), limits).unwrap();
        let reporter = Reporter {
            name: "bastion-1".parse().unwrap(),
            clock: Clock::start(),
            spool,
        };
        let recording = path.join(file_name::of(session));
        fs::write(&recording, "what was recorded").unwrap();
        let client = Client::new(ca.url(), include_bytes!("root.pem"), None).unwrap();
        let keeper = Arc::new(Keeper {
            store: None,
            recordings: path.to_owned(),
            on_disk: OnDisk::default(),
            live: path.join("live"),
            ca: Arc::new(client),
            reporter,
            uploads: Uploads::default(),
        });
        Self {
            ca,
            keeper,
            reader,
            recording,
            _folder: folder,
        }
    }

    /// Fills the spool with everything up to this rank.
    fn fill(&self, rank: Rank) {
        let alarm = |bytes| {
            let detail = "x".repeat(bytes);
            let fact = MachineFact::Alarm { detail };
            self.keeper.reporter.report_as(rank, Body::Machine { fact })
        };
        for bytes in [MAX_EVENT - 1000, 1] {
            while alarm(bytes).is_ok() {}
        }
        assert_eq!(alarm(1).unwrap_err(), SpoolError::Full);
    }

    /// Has everything deleted whose time is over, and waits until that was tried.
    async fn expire(&self, session: SessionId) {
        let (sender, expired) = mpsc::channel(1);
        let bastion = self.keeper.reporter.name.clone();
        let one = Expired {
            session,
            bastion,
            store: None,
            attempt: 1,
        };
        sender.send(one).await.unwrap();
        drop(sender);
        Arc::clone(&self.keeper).keep(expired).await;
    }
}

#[tokio::test]
async fn a_deletion_is_told_although_everything_else_filled_the_spool() {
    let session = SessionId::new(Timestamp::from_seconds(1_790_000_000), [77; 10]);
    let mut alone = Alone::start(session).await;
    alone.fill(Rank::Own);
    alone.expire(session).await;
    assert!(!alone.recording.exists());
    let spool = &alone.keeper.reporter.spool;
    // Whatever comes after it finds the tombstone on the disk.
    let last = spool.append(&last_word(), Rank::Deletion).unwrap();
    let _recorded = spool.durable(last).await.unwrap();
    let end = *spool.written().borrow();
    let batch = alone.reader.read(end, usize::MAX, usize::MAX).unwrap();
    let events = batch.payloads().iter();
    let mut events = events.map(|json| serde_json::from_slice::<Event>(json).unwrap());
    assert!(events.any(|event| {
        matches!(event.body, Body::Access { session: Some(of), fact, .. } if of == session && is_tombstone(&fact))
    }));
}

#[tokio::test]
async fn nothing_is_deleted_when_nobody_could_be_told() {
    let session = SessionId::new(Timestamp::from_seconds(1_790_000_000), [77; 10]);
    let alone = Alone::start(session).await;
    alone.fill(Rank::Deletion);
    alone.expire(session).await;
    assert!(alone.recording.exists());
    assert_eq!(alone.ca.asked_to_delete(), 0);
}

fn last_word() -> Event {
    let at = Timestamp::from_seconds(1_790_000_000);
    Event {
        id: EventId::new(at, [1; 10]),
        at,
        source: Machine::Bastion("bastion-1".parse().unwrap()),
        body: Body::Machine {
            fact: MachineFact::Stopped,
        },
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_keeps_what_it_is_to_remove_is_one_alarm_and_not_one_for_each_recording() {
    let (store, at) = Stubborn::start().await;
    let (world, session, name) = storing(at).await;
    store.set(|mood| (mood.parts, mood.keeps) = (vec![0], Some(0)));
    expire(&world, session, &name, 2);
    until("an alarm", async || !alarms(&world).is_empty()).await;
    for seed in 1..4 {
        let other = SessionId::new(Timestamp::from_seconds(1_790_000_000), [seed; 10]);
        expire(&world, other, &name, 2);
        let waits = format!(
            "a recording expired and waits: the store kept what it was to remove before session={other}"
        );
        until("a word about it", async || world.log().contains(&waits)).await;
    }
    assert_eq!(world.ca.asked_to_delete(), 1);
    assert_eq!(alarms(&world).len(), 1);
    assert_eq!(store.parts(), [0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_folder_that_lets_nothing_be_deleted_the_ca_is_not_asked() {
    let mut world = World::start().await;
    let place = world.path().join("recordings");
    fs::create_dir(&place).unwrap();
    let section = format!("\n[store]\nfolder = '{}'\n", place.display());
    world.configure(|config| config + &section).await;
    world.ca.permit_deletions(Some(60));
    let session = SessionId::new(Timestamp::from_seconds(1_790_000_000), [77; 10]);
    let name = format!("file:{}", place.canonicalize().unwrap().display());
    let name = name.parse().unwrap();
    // Root may write wherever there is a folder.
    fs::write(place.join(session.to_string()), "").unwrap();
    expire(&world, session, &name, 2);
    until("a word about it", async || {
        world.log().contains("so the CA is not asked")
    })
    .await;
    assert_eq!(world.ca.asked_to_delete(), 0);

    fs::remove_file(place.join(session.to_string())).unwrap();
    expire(&world, session, &name, 3);
    world.ca.wait_for(session, "tombstone", is_tombstone).await;
    assert_eq!(world.ca.asked_to_delete(), 1);
    assert_eq!(alarms(&world), [""; 0]);
    until("a word about it", async || {
        world
            .log()
            .contains("the store lets recordings be deleted again")
    })
    .await;
}
