//! The recorder as the bastion meets it: never waiting, bounded, failing closed.

mod faults;

use std::sync::{Arc, Condvar, Mutex};
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;

use super::*;
use crate::event::{Event, Kind};
use crate::file_name;
use crate::tests::support::*;

fn output(len: usize) -> Event {
    event(1, 1, Kind::Output(Bytes::from(vec![7; len])))
}

/// Holds the thread of a pool inside the sealing of a segment.
#[derive(Default)]
struct Gate {
    is_open: Mutex<bool>,
    bell: Condvar,
}

impl Gate {
    fn open(&self) {
        *self.is_open.lock().unwrap() = true;
        self.bell.notify_all();
    }

    fn entropy(self: &Arc<Self>) -> Entropy {
        let (gate, entropy) = (Arc::clone(self), entropy());
        Arc::new(move |bytes: &mut [u8]| {
            let mut is_open = gate.is_open.lock().unwrap();
            while !*is_open {
                is_open = gate.bell.wait(is_open).unwrap();
            }
            entropy(bytes);
        })
    }
}

#[test]
fn nothing_is_durable_before_it_is_on_disk() {
    let folder = tempfile::tempdir().unwrap();
    let gate = Arc::new(Gate::default());
    let pool = RecorderPool::start(patient(), Arc::new(bastion()), gate.entropy()).unwrap();
    let recorder = pool.begin(folder.path().to_owned(), info());
    block_on(recorder.flush_through(Position::BEGINNING)).unwrap();
    let position = recorder.try_record(&output(5)).unwrap();
    let mut flush = recorder.flush_through(position);
    assert!(poll_once(&mut flush).is_pending());
    std::thread::sleep(Duration::from_millis(20));
    assert_eq!(recorder.durable_up_to(), Some(Position::BEGINNING));
    gate.open();
    block_on(flush).unwrap();
    assert_eq!(recorder.durable_up_to(), Some(position));
    let path = folder.path().join(file_name::of(info().session));
    assert_eq!(
        events(&path),
        [output(5)],
        "on disk while the session still runs"
    );
    block_on(recorder.finish(end())).unwrap();
}

#[test]
fn a_full_memory_refuses_and_recovers() {
    let folder = tempfile::tempdir().unwrap();
    let gate = Arc::new(Gate::default());
    let options = PoolOptions {
        session_bytes: 2 * MAX_CONTENT,
        ..patient()
    };
    let pool = RecorderPool::start(options, Arc::new(bastion()), gate.entropy()).unwrap();
    let recorder = pool.begin(folder.path().to_owned(), info());
    let mut recorded = 0;
    let refused = loop {
        match recorder.try_record(&output(64 * 1024)) {
            Ok(_) => recorded += 1,
            Err(refused) => break refused,
        }
    };
    assert!(matches!(refused, Refused::Full), "{refused:?}");
    assert!((30..=32).contains(&recorded), "{recorded}");
    let mut room = recorder.room();
    assert!(poll_once(&mut room).is_pending());
    assert!(
        recorder.failure().is_none(),
        "being slow is no failure; the caller decides"
    );
    gate.open();
    block_on(room).unwrap();
    recorder.try_record(&output(64 * 1024)).unwrap();
    let finished = block_on(recorder.finish(end())).unwrap();
    assert_eq!(events(&finished.path).len(), recorded + 1);
}

#[test]
fn an_event_is_bounded() {
    let folder = tempfile::tempdir().unwrap();
    let pool = pool(patient());
    let recorder = pool.begin(folder.path().to_owned(), info());
    recorder.try_record(&output(MAX_CONTENT)).unwrap();
    assert!(matches!(
        recorder.try_record(&output(MAX_CONTENT + 2000)),
        Err(Refused::TooLarge)
    ));
}

#[test]
fn a_segment_closes_when_it_is_old_and_nobody_asks() {
    let folder = tempfile::tempdir().unwrap();
    let pool = pool(PoolOptions {
        segment_age: Duration::from_millis(10),
        ..patient()
    });
    let recorder = pool.begin(folder.path().to_owned(), info());
    let position = recorder.try_record(&output(5)).unwrap();
    while recorder.durable_up_to() < Some(position) {
        std::thread::sleep(Duration::from_millis(1));
    }
}

#[test]
fn a_segment_closes_when_it_is_large_and_nobody_asks() {
    let folder = tempfile::tempdir().unwrap();
    let pool = pool(PoolOptions {
        segment_bytes: 1000,
        ..patient()
    });
    let recorder = pool.begin(folder.path().to_owned(), info());
    block_on(recorder.flush_through(Position::BEGINNING)).unwrap();
    let position = recorder.try_record(&output(1000)).unwrap();
    while recorder.durable_up_to() < Some(position) {
        std::thread::sleep(Duration::from_millis(1));
    }
    let small = recorder.try_record(&output(10)).unwrap();
    assert!(recorder.durable_up_to() < Some(small));
}

#[test]
fn a_recording_that_cannot_be_made_fails_and_refuses() {
    let pool = pool(patient());
    let recorder = pool.begin("/nonexistent/folder".into(), info());
    let failure = block_on(recorder.failed());
    assert!(matches!(failure.cause(), WriteError::Create { .. }));
    assert!(matches!(
        recorder.try_record(&output(1)),
        Err(Refused::Failed(_))
    ));
    assert!(block_on(recorder.flush_through(Position::BEGINNING)).is_err());
    assert!(block_on(recorder.room()).is_err());
    assert!(block_on(recorder.finish(end())).is_err());
}

#[test]
fn a_failure_reaches_whoever_waits() {
    let folder = tempfile::tempdir().unwrap();
    // Nobody to seal to: the first segment fails.
    let pool = pool(patient());
    let recorder = pool.begin(
        folder.path().to_owned(),
        crate::info::tests::example(vec![]),
    );
    block_on(recorder.flush_through(Position::BEGINNING)).unwrap();
    let mut failed = recorder.failed();
    assert!(poll_once(&mut failed).is_pending());
    let position = recorder.try_record(&output(1)).unwrap();
    assert!(block_on(recorder.flush_through(position)).is_err());
    assert!(matches!(block_on(failed).cause(), WriteError::Seal(_)));
}

#[test]
fn a_signer_that_fails_leaves_a_recording_that_can_be_recovered() {
    struct Broken;
    impl ManifestSigner for Broken {
        fn sign(&self, _: &[u8]) -> Result<String, Box<dyn std::error::Error + Send + Sync>> {
            Err("no key".into())
        }
    }
    let folder = tempfile::tempdir().unwrap();
    let pool = RecorderPool::start(patient(), Arc::new(Broken), entropy()).unwrap();
    let recorder = pool.begin(folder.path().to_owned(), info());
    recorder.try_record(&output(5)).unwrap();
    let failure = block_on(recorder.finish(end())).unwrap_err();
    assert!(matches!(failure.cause(), WriteError::Sign(_)));
    let path = folder.path().join(file_name::of(info().session));
    recover(&path, &bastion()).unwrap();
    assert_eq!(events(&path), [output(5)]);
}

#[test]
fn the_last_recorder_dropped_ends_the_recording_as_cut() {
    let folder = tempfile::tempdir().unwrap();
    let pool = pool(patient());
    let recorder = pool.begin(folder.path().to_owned(), info());
    let clone = recorder.clone();
    drop(recorder);
    clone.try_record(&output(5)).unwrap();
    drop(clone);
    pool.close();
    let path = folder.path().join(file_name::of(info().session));
    let manifest = open(&path).unverified_manifest().unwrap().unwrap();
    assert!(manifest.cut && manifest.cause.is_none());
    assert_eq!(events(&path), [output(5)]);
}

#[test]
fn a_closed_pool_writes_what_it_has_and_fails_what_comes() {
    let folder = tempfile::tempdir().unwrap();
    let pool = pool(patient());
    let recorder = pool.begin(folder.path().to_owned(), info());
    recorder.try_record(&output(5)).unwrap();
    pool.close();
    assert_eq!(
        events(&folder.path().join(file_name::of(info().session))),
        [output(5)]
    );
    let position = recorder.try_record(&output(5));
    assert!(position.is_err() || block_on(recorder.flush_through(position.unwrap())).is_err());
    assert!(recorder.failure().is_some());
}

#[test]
fn after_its_end_a_recording_takes_nothing_and_can_be_awaited_twice() {
    let folder = tempfile::tempdir().unwrap();
    let pool = pool(patient());
    let recorder = pool.begin(folder.path().to_owned(), info());
    let first = recorder.finish(end());
    assert!(matches!(
        recorder.try_record(&output(1)),
        Err(Refused::Finished)
    ));
    let finished = block_on(first).unwrap();
    assert_eq!(block_on(recorder.finish(end())).unwrap(), finished);
    assert!(poll_once(&mut recorder.failed()).is_pending());
}

#[test]
fn a_silent_session_keeps_no_buffer() {
    let folder = tempfile::tempdir().unwrap();
    let options = PoolOptions {
        segment_age: Duration::from_millis(10),
        segment_bytes: 1000,
        ..patient()
    };
    let pool = pool(options);
    let recorder = pool.begin(folder.path().to_owned(), info());
    let mut position = Position::BEGINNING;
    for _ in 0..50 {
        position = recorder.try_record(&output(900)).unwrap();
    }
    block_on(recorder.flush_through(position)).unwrap();
    while recorder.buffer_capacity() > 0 {
        std::thread::sleep(Duration::from_millis(1));
    }
    assert!(size_of::<state::Session>() < 1024);
}

#[test]
fn sessions_of_one_thread_do_not_mix() {
    let folder = tempfile::tempdir().unwrap();
    let pool = pool(patient());
    let recorders: Vec<_> = (0..20u8)
        .map(|n| {
            let mut info = info();
            info.session = format!("0190b8a2-7c1e-7000-8000-0000000001{n:02x}")
                .parse()
                .unwrap();
            (n, pool.begin(folder.path().to_owned(), info))
        })
        .collect();
    let one = |n: u8| event(u64::from(n), 1, Kind::Output(Bytes::from(vec![n; 100])));
    for _ in 0..3 {
        for (n, recorder) in &recorders {
            let position = recorder.try_record(&one(*n)).unwrap();
            assert!(matches!(
                poll_once(&mut recorder.flush_through(position)),
                Poll::Pending | Poll::Ready(Ok(()))
            ));
        }
    }
    for (n, recorder) in recorders {
        let finished = block_on(recorder.finish(end())).unwrap();
        assert_eq!(events(&finished.path), vec![one(n); 3]);
    }
}
