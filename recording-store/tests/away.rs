//! Stores that are not there, come late, go, or never answer.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that cannot go on has failed, in its helpers too"
)]

#[path = "s3/recordings.rs"]
mod recordings;

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::path::Path;
use std::time::Duration;

use futures_util::TryStreamExt as _;
use nix::sys::stat::Mode;
use nix::unistd::mkfifo;
use portreeve_protocol::id::SessionId;
use portreeve_protocol::time::Timestamp;
use portreeve_recording_store::access::Use;
use portreeve_recording_store::config::StoreConfig;
use portreeve_recording_store::confirm::confirm;
use portreeve_recording_store::store::{Removal, Store, StoreError};
use portreeve_recording_store::upload::{Step, Upload};
use recordings::{Growing, whole};

fn session() -> SessionId {
    SessionId::new(Timestamp::from_seconds(1_790_000_000), [7; 10])
}

fn in_folder(folder: &Path) -> Store {
    let config = StoreConfig {
        folder: Some(folder.to_owned()),
        ..StoreConfig::default()
    };
    config.open(Path::new("/"), |_| None).unwrap()
}

/// A store at this address, which is waited for so long.
fn at(listener: &TcpListener, patience: Duration) -> Store {
    // What `main` does in a program; a second time changes nothing.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let config = StoreConfig {
        endpoint: Some(format!("http://{}", listener.local_addr().unwrap())),
        bucket: Some("recordings".into()),
        ..StoreConfig::default()
    };
    let opened = config.open(Path::new("/"), |name| Some(name.into()));
    opened.unwrap().within(patience)
}

#[tokio::test]
async fn a_folder_that_comes_late_is_waited_for_and_never_made() {
    let root = tempfile::tempdir().unwrap();
    let place = root.path().join("mnt/recordings");
    let store = in_folder(&place);
    let mut growing = Growing::new(session());
    let session = growing.session();
    growing.add(1000).await;
    let path = growing.path().to_owned();
    let early = Upload::resume(store.clone(), session, path.clone()).await;
    let early = early.unwrap_err();
    assert!(early.is_passing());
    let told = early.to_string();
    assert!(
        told.contains("/mnt` is not there: mount its disk"),
        "{told}"
    );

    fs::create_dir_all(&place).unwrap();
    // Whoever opens it now calls it the same.
    assert_eq!(in_folder(&place).name(), store.name());
    let mut upload = Upload::resume(store.clone(), session, path.clone())
        .await
        .unwrap();
    assert!(matches!(
        upload.step(growing.len(), true).await.unwrap(),
        Step::Stored(1..)
    ));
    assert_eq!(upload.stored(), growing.len());

    // It goes, with what is in it, and comes back.
    fs::rename(root.path().join("mnt"), root.path().join("away")).unwrap();
    let written = growing.finish().await;
    let gone = upload.step(growing.len(), true).await.unwrap_err();
    assert!(gone.is_passing(), "{gone}");
    assert!(
        confirm(&store, session, &path)
            .await
            .unwrap_err()
            .is_passing()
    );
    let not_found = store.everything_of(session).await.unwrap_err();
    assert!(matches!(not_found, StoreError::NoAccess(_)), "{not_found}");
    assert!(!root.path().join("mnt").exists());
    fs::rename(root.path().join("away"), root.path().join("mnt")).unwrap();
    while upload.step(growing.len(), true).await.unwrap() != Step::Everything {}
    let confirmed = confirm(&store, session, &path).await.unwrap();
    assert_eq!(confirmed.bytes, written.len() as u64);
}

#[tokio::test]
async fn who_looks_is_told_what_is_wrong_until_nothing_is() {
    let root = tempfile::tempdir().unwrap();
    let place = root.path().join("recordings");
    let store = in_folder(&place);
    let (tell, mut told) = tokio::sync::mpsc::unbounded_channel();
    let looking = tokio::spawn({
        let store = store.clone();
        async move {
            let away = |error: &StoreError| tell.send(error.to_string()).unwrap();
            store.usable(Use::Write, away).await
        }
    });
    let told = told.recv().await.unwrap();
    assert!(told.contains("/recordings` is not there"), "{told}");
    looking.abort();
    fs::create_dir(&place).unwrap();
    let was_away = store.usable(Use::Write, |error| panic!("{error}")).await;
    assert!(!was_away);
    // A file in its place is told as what it is.
    fs::remove_dir(&place).unwrap();
    fs::write(&place, "").unwrap();
    let error = store.parts(session()).await.unwrap_err();
    assert!(error.is_away() && error.to_string().contains("it is no folder"));
}

#[tokio::test]
async fn a_store_that_takes_connections_and_never_answers_is_not_waited_for() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let store = at(&listener, Duration::from_millis(100));
    let is_silent = |error: &StoreError| matches!(error, StoreError::Silent(_)) && error.is_away();
    let error = store.parts(session()).await.unwrap_err();
    assert!(is_silent(&error), "{error:?}");
    assert_eq!(
        error.to_string(),
        "the recording store did not answer within 0.1 s"
    );
    let error = store.readable_parts(session()).await.unwrap_err();
    assert!(is_silent(&error), "{error:?}");
    let error = store.everything_of(session()).await.unwrap_err();
    assert!(is_silent(&error), "{error:?}");
    let path = "/nonexistent".into();
    let error = Upload::resume(store, session(), path).await.unwrap_err();
    assert!(error.is_passing(), "{error:?}");
}

#[tokio::test]
async fn a_store_that_falls_silent_in_the_middle_of_a_part_is_not_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    let real = in_folder(folder.path());
    whole(&real, session()).await;
    let parts = real.parts(session()).await.unwrap();
    let size = parts.ranges().next().unwrap().1.end;

    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    // Long enough for what is answered.
    let store = at(&listener, Duration::from_secs(5));
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let (mut head, mut some) = (Vec::new(), [0; 4096]);
        while !head.ends_with(b"\r\n\r\n") {
            let read = stream.read(&mut some).unwrap();
            head.extend_from_slice(&some[..read]);
        }
        write!(
            stream,
            "HTTP/1.1 200 OK\r\nContent-Length: {size}\r\nETag: \"1\"\r\n\
             Last-Modified: Sun, 22 Nov 2026 12:00:00 GMT\r\n\r\nbegin"
        )
        .unwrap();
        // Until the other side has enough of it.
        let _ = stream.read(&mut some);
    });
    let mut content = store.read(session(), &parts, 0);
    assert_eq!(content.try_next().await.unwrap().unwrap(), "begin");
    let error = content.try_next().await.unwrap_err();
    assert!(matches!(error, StoreError::Silent(_)), "{error:?}");
}

#[test]
fn what_a_disk_does_not_answer_leaves_threads_for_everything_else() {
    const THREADS: usize = 16;
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    let runtime = runtime
        .enable_all()
        .max_blocking_threads(THREADS)
        .build()
        .unwrap();
    let folder = tempfile::tempdir().unwrap();
    let is_one_left = runtime.block_on(async {
        let store = in_folder(folder.path());
        whole(&store, session()).await;
        let parts = store.parts(session()).await.unwrap();
        // Whoever opens a pipe waits for somebody to write into it.
        let place = folder.path().join(session().to_string());
        fs::remove_file(place.join("part-000000")).unwrap();
        mkfifo(&place.join("part-000000"), Mode::S_IRUSR).unwrap();
        let store = store.within(Duration::from_millis(50));
        let mut are_silent = true;
        for _ in 0..2 * THREADS {
            let read = store.read(session(), &parts, 0).try_next().await;
            are_silent &= matches!(read, Err(StoreError::Silent(_)));
        }
        let other = tokio::task::spawn_blocking(move || are_silent);
        tokio::time::timeout(Duration::from_secs(30), other).await
    });
    // Those that hang would be waited for, also when this test fails.
    runtime.shutdown_background();
    assert!(is_one_left.unwrap().unwrap());
}

#[tokio::test]
async fn what_a_program_that_died_over_a_put_left_of_it_goes_with_the_recording() {
    let folder = tempfile::tempdir().unwrap();
    let store = in_folder(folder.path());
    whole(&store, session()).await;
    let place = folder.path().join(session().to_string());
    fs::write(place.join("part-000001#1"), "what was recor").unwrap();
    let found = store.everything_of(session()).await.unwrap();
    store.remove(found, &mut Removal::default()).await.unwrap();
    assert!(!place.exists());
}
