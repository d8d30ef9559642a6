//! The log as a reviewer sees it: a trail and a key that they trust.

use portreeve_protocol::checkpoint::{Checkpoint, NotProved, VerifierKey};
use portreeve_protocol::event::{AccessFact, Body, Machine};
use portreeve_protocol::id::EventId;

use super::*;
use crate::clock::Clock;
use crate::config::SignerConfig;
use crate::sign::examples::{self, NOW};
use crate::sign::keys::KeyFiles;
use crate::signer_main::{Until, run};

/// A log with a signer of its own.
struct Home {
    directory: tempfile::TempDir,
    log: Log,
    key: VerifierKey,
}

impl Home {
    async fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let keys = directory.path().join("keys");
        KeyFiles::create(&keys).unwrap();
        let config = SignerConfig {
            socket: directory.path().join("run/signer.sock"),
            keys,
            spawn: false,
            server_uid: None,
            limits: examples::limits(),
        };
        let socket = config.socket.clone();
        std::thread::spawn(move || run(&config, &Clock::fixed(NOW), Until::Stopped));
        while !socket.exists() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let signer = SignerClient::new(socket);
        let key = signer
            .public_keys()
            .await
            .unwrap()
            .log_verifier
            .parse()
            .unwrap();
        let store = Store::create(&directory.path().join("ca.db"), Clock::fixed(NOW))
            .await
            .unwrap();
        let log = Log::new(store, signer);
        Self {
            directory,
            log,
            key,
        }
    }
}

fn session(number: u8) -> SessionId {
    SessionId::new(NOW, [number; 10])
}

fn event(number: u64, session: SessionId) -> Event {
    let mut random = [0; 10];
    random[2..].copy_from_slice(&number.to_be_bytes());
    Event {
        id: EventId::new(NOW, random),
        at: NOW,
        source: Machine::Ca,
        body: Body::Access {
            pair: examples::pair(),
            task: Some(examples::task()),
            session: Some(session),
            fact: AccessFact::HostRefused {
                detail: format!("event {number}"),
            },
        },
    }
}

#[tokio::test]
async fn the_trail_of_a_session_verifies_with_the_logs_key_alone() {
    let home = Home::new().await;
    for number in 0..75 {
        let session = session(u8::try_from(number % 3).unwrap());
        home.log.append(vec![event(number, session)]).await.unwrap();
    }
    let trail = home.log.trail_of(session(1)).await.unwrap();
    let verified = trail.verify(&home.key).unwrap();
    assert_eq!(verified.checkpoint().size, 75);
    let expected: Vec<_> = (0..25)
        .map(|n| (n * 3 + 1, event(n * 3 + 1, session(1))))
        .collect();
    assert_eq!(verified.events(), expected);

    let mut altered = trail;
    let last = altered.events.last_mut().unwrap();
    last.event = last.event.replace("event 73", "event 37");
    assert_eq!(altered.verify(&home.key), Err(NotProved::Inclusion(73)));
}

#[tokio::test]
async fn the_log_is_read_page_by_page_to_its_end() {
    let home = Home::new().await;
    let all: Vec<_> = (0..750).map(|number| event(number, session(1))).collect();
    home.log.append(all.clone()).await.unwrap();
    let mut read = Vec::new();
    for length in [500, 250, 0] {
        let since = u64::try_from(read.len()).unwrap();
        let page = home.log.page_from(since).await.unwrap();
        let page = page.verify(&home.key).unwrap();
        assert_eq!(page.events().len(), length);
        read.extend(page.events().iter().map(|(_, event)| event.clone()));
    }
    assert_eq!(read, all);
    let beyond = home.log.page_from(u64::MAX).await.unwrap();
    assert_eq!(beyond.events, []);
}

#[tokio::test]
async fn the_pages_of_a_trail_are_one_trail_though_the_log_grows_meanwhile() {
    let home = Home::new().await;
    let append = |from: u64, to: u64| {
        let events: Vec<_> = (from..to).map(|number| event(number, session(1))).collect();
        home.log.append(events)
    };
    append(0, 4_100).await.unwrap();
    let mut whole = home.log.trail_from(session(1), 0, None).await.unwrap();
    assert_eq!(whole.events.len(), 2_000);
    for expected in [2_000, 100] {
        append(5_000, 5_001 + expected).await.unwrap();
        let since = whole.events.last().unwrap().index + 1;
        let page = home.log.trail_from(session(1), since, Some(4_100)).await;
        let page = page.unwrap();
        assert_eq!(
            (page.events.len() as u64, &page.checkpoint),
            (expected, &whole.checkpoint)
        );
        whole.events.extend(page.events);
    }
    let verified = whole.verify(&home.key).unwrap();
    assert_eq!(
        (verified.events().len(), verified.checkpoint().size),
        (4_100, 4_100)
    );
    let never_signed = home.log.trail_from(session(1), 0, Some(17)).await;
    assert!(matches!(never_signed, Err(LogError::NotKept)));
}

#[tokio::test]
async fn a_session_without_events_has_an_empty_trail() {
    let home = Home::new().await;
    let trail = home.log.trail_of(session(1)).await.unwrap();
    assert_eq!(trail.verify(&home.key).unwrap().events().len(), 0);
}

#[tokio::test]
async fn checkpoints_follow_what_is_appended_and_are_kept() {
    let home = Home::new().await;
    let keeper = tokio::spawn(home.log.clone().keep());
    home.log.append(vec![event(1, session(1))]).await.unwrap();
    let kept = async {
        loop {
            if let Some(note) = home.log.store.last_checkpoint().await.unwrap() {
                let checkpoint = Checkpoint::open(&note, &home.key).unwrap();
                if checkpoint.size == 1 {
                    return;
                }
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), kept)
        .await
        .unwrap();
    home.log.store.close().await;
    tokio::time::timeout(Duration::from_secs(30), keeper)
        .await
        .unwrap()
        .unwrap();
}

#[tokio::test]
async fn a_database_that_was_set_back_or_altered_is_noticed_at_the_next_start() {
    let home = Home::new().await;
    for number in 0..10 {
        home.log
            .append(vec![event(number, session(1))])
            .await
            .unwrap();
    }
    let early = home.directory.path().join("early");
    std::fs::create_dir(&early).unwrap();
    let copy = |to: &std::path::Path| {
        for file in ["ca.db", "ca.db-wal"] {
            std::fs::copy(home.directory.path().join(file), to.join(file)).unwrap();
        }
    };
    copy(&early);
    home.log.checkpoint().await.unwrap();
    let late = home.directory.path().join("late");
    std::fs::create_dir(&late).unwrap();
    copy(&late);

    let open = async |path: &std::path::Path| {
        let store = Store::open(&path.join("ca.db"), Clock::fixed(NOW))
            .await
            .unwrap();
        Log::new(store, home.log.signer.clone())
    };
    // Unaltered, it goes on.
    let log = open(&late).await;
    log.checkpoint().await.unwrap();
    log.append(vec![event(10, session(1))]).await.unwrap();
    log.checkpoint().await.unwrap();
    log.store.close().await;
    // A hash that was exchanged below what was signed.
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(late.join("ca.db"));
    let mut db = sqlx::ConnectOptions::connect(&options).await.unwrap();
    let forged =
        portreeve_protocol::checkpoint::encode_hash(&portreeve_protocol::digest::Digest::of(b""));
    sqlx::query("UPDATE log_node SET hash = $1 WHERE number = 7")
        .bind(forged)
        .execute(&mut db)
        .await
        .unwrap();
    sqlx::Connection::close(db).await.unwrap();
    let log = open(&late).await;
    assert!(matches!(log.checkpoint().await, Err(LogError::Broken)));
    // An earlier copy of the database: the signer remembers that the log was longer.
    let log = open(&early).await;
    log.append(vec![event(11, session(1))]).await.unwrap();
    let refused = log.checkpoint().await;
    assert!(
        matches!(refused, Err(LogError::Signer(SignerError::Refused(_)))),
        "{refused:?}"
    );
}

#[tokio::test]
async fn more_checkpoints_than_are_signed_do_not_stop_anybody_from_reading() {
    let home = Home::new().await;
    // The clock stands still, so the signer's allowance is used up for good.
    for number in 0..300 {
        home.log
            .append(vec![event(number, session(1))])
            .await
            .unwrap();
        home.log.checkpoint().await.unwrap();
    }
    let trail = home.log.trail_of(session(1)).await.unwrap();
    trail.verify(&home.key).unwrap();
}
