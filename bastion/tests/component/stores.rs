//! Recordings on their way into a store, against a real S3 implementation, and away again.

use std::fs;
use std::path::{Path, PathBuf};

use futures_util::TryStreamExt as _;
use portreeve_protocol::age::Identity;
use portreeve_protocol::event::AccessFact;
use portreeve_protocol::feed::FeedItem;
use portreeve_protocol::id::SessionId;
use portreeve_protocol::recording::StoreName;
use portreeve_recording::event::Kind;
use portreeve_recording::read::{Recording, Tail};
use portreeve_recording_store::config::StoreConfig;
use portreeve_recording_store::store::Store;
use tokio::net::TcpSocket;

use crate::client::{Agent, assert_status, finish};
use crate::moto::Moto;
use crate::sshd::secret;
use crate::wait::until;
use crate::world::World;

const BUCKET: &str = "recordings";

fn moto() -> Moto {
    Moto::start(BUCKET).unwrap()
}

/// A port for one that comes and goes. Bound and never listening, it refuses whoever connects, is given to nobody else,
/// and lets moto listen, which shares addresses as well.
fn hold_port() -> (TcpSocket, u16) {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_reuseaddr(true).unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let port = socket.local_addr().unwrap().port();
    (socket, port)
}

/// An empty one at this port.
fn moto_at(port: u16) -> Moto {
    Moto::start_at(port, BUCKET).unwrap()
}

/// A world whose bastion stores what it records in `moto`, and that store as somebody else sees it.
async fn storing(moto: &Moto) -> (World, Store) {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let mut world = World::start().await;
    let credentials = "access_key_id = 'test'\nsecret_access_key = 'hunter2'\n";
    secret(&world.path().join("bastion/s3.toml"), credentials);
    let section = format!(
        "\n[store]\nendpoint = '{}'\nbucket = '{BUCKET}'\ncredentials = 's3.toml'\n",
        moto.url()
    );
    world.configure(|config| config + &section).await;
    let store: StoreConfig = StoreConfig {
        endpoint: Some(moto.url()),
        bucket: Some(BUCKET.into()),
        ..StoreConfig::default()
    };
    let store = store
        .open(Path::new("/"), |name| Some(name.into()))
        .unwrap();
    (world, store)
}

async fn parts(store: &Store, session: SessionId) -> u32 {
    store.parts(session).await.map_or(0, |parts| parts.count())
}

/// What the store has of a recording, as a file.
async fn fetch(store: &Store, session: SessionId, world: &World) -> PathBuf {
    let parts = store.parts(session).await.unwrap();
    let content: Vec<_> = store.read(session, &parts, 0).try_collect().await.unwrap();
    let path = world.path().join(format!("{session}-fetched.tar"));
    fs::write(&path, content.concat()).unwrap();
    path
}

fn output_of(path: &Path, review: &Identity) -> Vec<u8> {
    let mut recording = Recording::open(fs::File::open(path).unwrap()).unwrap();
    assert_eq!(recording.tail(), Tail::Ended);
    let identities = std::slice::from_ref(review);
    let events = recording.events(identities).map(Result::unwrap);
    let output = events.filter_map(|event| match event.kind {
        Kind::Output(bytes) => Some(bytes),
        _ => None,
    });
    output.collect::<Vec<_>>().concat()
}

async fn wait_stored(world: &World, session: SessionId) -> AccessFact {
    let is_stored = |fact: &AccessFact| matches!(fact, AccessFact::RecordingStored { .. });
    until("a stored recording", async || {
        world.ca.facts(session).iter().any(is_stored)
    })
    .await;
    world
        .ca
        .wait_for(session, "stored recording", is_stored)
        .await
}

fn count(world: &World, session: SessionId, is_it: fn(&AccessFact) -> bool) -> usize {
    world
        .ca
        .facts(session)
        .iter()
        .filter(|fact| is_it(fact))
        .count()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recording_is_stored_while_its_session_runs_and_after_the_bastion_was_killed() {
    let moto = moto();
    let (mut world, store) = storing(&moto).await;
    let agent = world.agent();
    let session = agent.session;
    let running = agent.start("head -c 9000000 /dev/urandom; sleep 60");
    until("a part while the session runs", async || {
        parts(&store, session).await > 0
    })
    .await;
    world.stop_bastion("-KILL").await;
    let seen = finish(running).await.stdout;
    let before = parts(&store, session).await;

    world.start_bastion().await;
    let stored = wait_stored(&world, session).await;
    let sealed = |fact: &AccessFact| matches!(fact, AccessFact::RecordingSealed { cut: true, .. });
    assert_eq!(count(&world, session, sealed), 1);
    let AccessFact::RecordingStored {
        parts: count,
        bytes,
        store: name,
        ..
    } = stored
    else {
        panic!("{stored:?}");
    };
    assert!(count > before, "{count} after {before}");
    assert_eq!(&name, store.name());
    until("the end of the local copy", async || {
        !world.recording(session).exists()
    })
    .await;
    let path = fetch(&store, session, &world).await;
    assert_eq!(fs::metadata(&path).unwrap().len(), bytes);
    let output = output_of(&path, &world.review);
    // What was recorded may be ahead of what the agent saw, never another.
    let common = seen.len().min(output.len());
    assert!(common > 0 && seen[..common] == output[..common]);
    assert!(!world.log().contains("hunter2"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_is_away_costs_disk_and_nothing_else() {
    let (_held, port) = hold_port();
    let moto = moto_at(port);
    let (mut world, store) = storing(&moto).await;
    drop(moto);
    let agent = world.agent();
    assert_status(&agent.run("echo kept").await, 0);
    end(&world, &agent).await;
    until("a word about the store", async || {
        world.log().contains("recordings stay on this disk")
    })
    .await;
    assert!(world.recording(agent.session).exists());
    let (code, status) = world.status();
    assert_eq!(code, 5, "{status:#}");
    let why = &status["running"]["store"]["away"]["why"];
    assert!(why.as_str().unwrap().contains("the recording store failed"));
    // Another session begins all the same.
    let other = world.agent();
    assert_status(&other.run("true").await, 0);

    let _moto = moto_at(port);
    wait_stored(&world, agent.session).await;
    let path = fetch(&store, agent.session, &world).await;
    assert_eq!(output_of(&path, &world.review), b"kept\n");
    // Its pause after the last failure may be longer than a program that stops waits for the store.
    until("a part of the other recording", async || {
        parts(&store, other.session).await > 0
    })
    .await;
    world.stop_bastion("-TERM").await;
    // What ended with the program was stored before it stopped.
    assert!(!world.recording(other.session).exists());
    assert!(parts(&store, other.session).await > 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_that_is_mounted_late_gets_everything_without_a_restart() {
    let mut world = World::start().await;
    let place = world.path().join("mnt/recordings");
    let section = format!("\n[store]\nfolder = '{}'\n", place.display());
    world.configure(|config| config + &section).await;
    until(
        "a store that is away before anything waits for it",
        async || {
            let (_, status) = world.status();
            let why = status["running"]["store"]["away"]["why"].as_str();
            why.is_some_and(|why| why.contains("/mnt` is not there: mount"))
        },
    )
    .await;
    let agent = world.agent();
    assert_status(&agent.run("echo kept").await, 0);
    end(&world, &agent).await;
    for word in ["the store takes no recordings", "recordings stay on this"] {
        until(word, async || {
            let log = world.log();
            let mut lines = log.lines();
            lines.any(|line| line.contains(word) && line.contains("/mnt` is not there: mount"))
        })
        .await;
    }
    assert!(world.recording(agent.session).exists());
    assert!(!world.path().join("mnt").exists());

    fs::create_dir_all(&place).unwrap();
    let AccessFact::RecordingStored { store: name, .. } = wait_stored(&world, agent.session).await
    else {
        panic!("it is stored");
    };
    let config = StoreConfig {
        folder: Some(place),
        ..StoreConfig::default()
    };
    let store = config.open(Path::new("/"), |_| None).unwrap();
    assert_eq!(&name, store.name());
    until("a store that is away no more", async || {
        world.status().1["running"]["store"]["away"].is_null()
    })
    .await;
    let path = fetch(&store, agent.session, &world).await;
    assert_eq!(output_of(&path, &world.review), b"kept\n");
    until("the end of the local copy", async || {
        !world.recording(agent.session).exists()
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_expired_is_deleted_when_the_ca_permits_it_and_by_whoever_has_the_store() {
    let moto = moto();
    let (mut world, store) = storing(&moto).await;
    let agent = world.agent();
    let session = agent.session;
    assert_status(&agent.run("echo gone").await, 0);
    end(&world, &agent).await;
    wait_stored(&world, session).await;
    let expire = |bastion: &str, name: &StoreName, attempt| FeedItem::DeleteRecording {
        session,
        bastion: bastion.parse().unwrap(),
        store: Some(name.clone()),
        attempt,
    };
    let deleted = |fact: &AccessFact| matches!(fact, AccessFact::RecordingDeleted { .. });

    // Held at the CA: it says no, and everything stays.
    world.ca.permit_deletions(None);
    world.ca.send(expire("bastion-1", store.name(), 1));
    until("a question", async || world.ca.asked_to_delete() == 1).await;
    assert!(parts(&store, session).await > 0);

    // At first it is for the bastion that sealed it, and never for one with another store.
    world.ca.permit_deletions(Some(60));
    let elsewhere: StoreName = "s3://elsewhere.example.com/recordings".parse().unwrap();
    world.ca.send(expire("bastion-2", store.name(), 1));
    world.ca.send(expire("bastion-2", &elsewhere, 2));
    world.ca.send(expire("bastion-2", store.name(), 2));
    let fact = world.ca.wait_for(session, "tombstone", deleted).await;
    assert_eq!(world.ca.asked_to_delete(), 2);
    let AccessFact::RecordingDeleted { bytes, place, .. } = fact else {
        panic!("{fact:?}");
    };
    assert!(bytes > 0);
    assert_eq!(place, store.name().as_str());
    assert_eq!(parts(&store, session).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_store_what_expired_is_deleted_from_the_disk() {
    let mut world = World::start().await;
    let agent = world.agent();
    let session = agent.session;
    assert_status(&agent.run("true").await, 0);
    end(&world, &agent).await;
    let path = world.recording(session);
    assert!(path.exists());
    let expire = |attempt| {
        world.ca.send(FeedItem::DeleteRecording {
            session,
            bastion: "bastion-1".parse().unwrap(),
            store: None,
            attempt,
        });
    };
    // A permission that is over when it arrives permits nothing: somebody may hold the recording by now.
    world.ca.permit_deletions(Some(0));
    expire(1);
    until("a word about it", async || {
        world
            .log()
            .contains("the permission was over before everything was deleted")
    })
    .await;
    assert!(path.exists());
    world.ca.permit_deletions(Some(60));
    expire(2);
    let deleted = |fact: &AccessFact| matches!(fact, AccessFact::RecordingDeleted { .. });
    world.ca.wait_for(session, "tombstone", deleted).await;
    assert!(!path.exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn who_can_open_recordings_changes_at_a_hangup_for_sessions_that_begin_later() {
    let mut world = World::start().await;
    let before = world.agent();
    assert_status(&before.run("echo before").await, 0);
    let new = Identity::from_secret_bytes(&[32; 32]);
    let (old, both) = (
        world.review.recipient().to_string(),
        format!("{}\", \"{}", world.review.recipient(), new.recipient()),
    );
    world.edit(|config| config.replace(&old, &both));
    world.signal("-HUP");
    until("another configuration", async || {
        world
            .log()
            .contains("recordings of new sessions are sealed to these")
    })
    .await;
    let after = world.agent();
    assert_status(&before.run("echo still").await, 0);
    assert_status(&after.run("echo after").await, 0);
    end(&world, &before).await;
    end(&world, &after).await;
    let recipients = |agent: &Agent| {
        let file = fs::File::open(world.recording(agent.session)).unwrap();
        Recording::open(file).unwrap().info().recipients.clone()
    };
    assert_eq!(recipients(&before), [world.review.recipient()]);
    assert_eq!(
        recipients(&after),
        [world.review.recipient(), new.recipient()]
    );
    assert_eq!(
        output_of(&world.recording(before.session), &world.review),
        b"before\nstill\n"
    );
    for key in [&world.review, &new] {
        assert_eq!(output_of(&world.recording(after.session), key), b"after\n");
    }

    // A configuration that is wrong changes nothing.
    world.edit(|config| config.replace(&both, "nobody"));
    world.signal("-HUP");
    until("a complaint", async || {
        world.log().contains("the configuration is not taken")
    })
    .await;
}

/// Ends a session and waits until its recording is sealed.
async fn end(world: &World, agent: &Agent) {
    world.ca.kill(agent.session, "done");
    let closed = |fact: &AccessFact| matches!(fact, AccessFact::SessionClosed { .. });
    world.ca.wait_for(agent.session, "end", closed).await;
}
