//! Disks that are full, broken or hang: what was not written is never said to be durable, and what was is readable.

use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex};

use portreeve_protocol::digest::Digest;
use proptest::prelude::*;

use super::super::disk::{Disk, LocalDisk, Media};
use super::*;
use crate::file_name;
use crate::head::Chain;
use crate::part::cut;
use crate::recover::{Recovered, recover};

/// A disk of the machine's that fails as it is told to.
#[derive(Clone, Default)]
struct Spoiled(Arc<Shared>);

#[derive(Default)]
struct Shared {
    fault: Mutex<Fault>,
    bell: Condvar,
}

#[derive(Default, Clone, Copy, PartialEq)]
enum Fault {
    #[default]
    None,
    /// So many bytes fit.
    Room(usize),
    /// What is written does not get to the disk.
    Sync,
    /// The same, told only to the first who asks, as the kernel does.
    SyncOnce,
    /// The same, and nothing is taken back either.
    Dead,
    /// Nothing returns.
    Hang,
}

impl Spoiled {
    fn with(fault: Fault) -> Self {
        let disk = Self::default();
        disk.set(fault);
        disk
    }

    fn set(&self, fault: Fault) {
        *self.0.fault.lock().unwrap() = fault;
        self.0.bell.notify_all();
    }

    fn pool(&self, options: PoolOptions) -> RecorderPool {
        let disk = Arc::new(self.clone());
        RecorderPool::start_on(options, Arc::new(bastion()), entropy(), disk).unwrap()
    }
}

impl Disk for Spoiled {
    fn create(&self, path: &Path) -> io::Result<Arc<dyn Media>> {
        LocalDisk.create(path)?;
        let file = std::fs::OpenOptions::new().write(true).open(path)?;
        Ok(Arc::new(SpoiledFile {
            file,
            disk: self.clone(),
        }))
    }

    fn keep_names(&self, folder: &Path) -> io::Result<()> {
        LocalDisk.keep_names(folder)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        LocalDisk.remove(path)
    }
}

struct SpoiledFile {
    file: File,
    disk: Spoiled,
}

impl Media for SpoiledFile {
    fn append(&self, bytes: &[u8]) -> io::Result<()> {
        let mut fault = self.disk.0.fault.lock().unwrap();
        let Fault::Room(left) = &mut *fault else {
            return self.file.append(bytes);
        };
        let fits = bytes.len().min(*left);
        *left -= fits;
        self.file.append(&bytes[..fits])?;
        if fits < bytes.len() {
            return Err(io::ErrorKind::StorageFull.into());
        }
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        let shared = &self.disk.0;
        let mut fault = shared.fault.lock().unwrap();
        while *fault == Fault::Hang {
            fault = shared.bell.wait(fault).unwrap();
        }
        if *fault == Fault::SyncOnce {
            *fault = Fault::None;
            return Err(io::Error::other("input/output error"));
        }
        if matches!(*fault, Fault::Sync | Fault::Dead) {
            return Err(io::Error::other("input/output error"));
        }
        drop(fault);
        self.file.sync()
    }

    fn cut(&self, len: u64) -> io::Result<()> {
        if *self.disk.0.fault.lock().unwrap() == Fault::Dead {
            return Err(io::Error::other("input/output error"));
        }
        self.file.cut(len)
    }
}

fn path(folder: &tempfile::TempDir) -> PathBuf {
    folder.path().join(file_name::of(info().session))
}

/// Records and waits for the disk until that fails; what was durable, and why it failed.
fn record_until_it_fails(recorder: &Recorder, most: u64) -> (Vec<Event>, Option<Refused>) {
    let mut durable = Vec::new();
    for number in 1..=most {
        let size = usize::try_from(number * 37 % 900).unwrap();
        let event = event(number, 1, Kind::Output(Bytes::from(vec![7; size])));
        let position = match recorder.try_record(&event) {
            Ok(position) => position,
            Err(refused) => return (durable, Some(refused)),
        };
        if let Err(why) = block_on(recorder.flush_through(position)) {
            return (durable, Some(Refused::Failed(why)));
        }
        durable.push(event);
    }
    (durable, None)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn wherever_a_disk_is_full_what_was_durable_is_there(room in 0usize..20_000) {
        let folder = tempfile::tempdir().unwrap();
        let disk = Spoiled::with(Fault::Room(room));
        let pool = disk.pool(patient());
        let recorder = pool.begin(folder.path().to_owned(), info());
        let (durable, refused) = record_until_it_fails(&recorder, 40);
        prop_assert!(matches!(refused, Some(Refused::Failed(_))));
        // The disk is well again, and the recording is not.
        disk.set(Fault::None);
        prop_assert!(recorder.try_record(&output(1)).is_err());
        prop_assert!(block_on(recorder.finish(end())).is_err());
        pool.close();
        if !path(&folder).exists() {
            prop_assert!(durable.is_empty());
            return Ok(());
        }
        prop_assert_eq!(&events(&path(&folder)), &durable);
        let recovered = recover(&path(&folder), &bastion()).unwrap();
        let is_clean = matches!(recovered, Recovered::Cut { dropped: None, .. });
        prop_assert!(is_clean);
        prop_assert_eq!(events(&path(&folder)), durable);
    }
}

#[test]
fn what_did_not_get_to_the_disk_is_not_durable_and_nothing_follows_it() {
    let folder = tempfile::tempdir().unwrap();
    let disk = Spoiled::default();
    let pool = disk.pool(patient());
    let recorder = pool.begin(folder.path().to_owned(), info());
    let (durable, refused) = record_until_it_fails(&recorder, 5);
    assert!(refused.is_none());
    let before = recorder.head();
    disk.set(Fault::Sync);
    let (none, refused) = record_until_it_fails(&recorder, 1);
    assert!(none.is_empty() && matches!(refused, Some(Refused::Failed(_))));
    disk.set(Fault::None);
    assert!(matches!(
        recorder.try_record(&output(1)),
        Err(Refused::Failed(_))
    ));
    assert_eq!(recorder.head(), before, "nothing is said of it");
    pool.close();
    assert_eq!(events(&path(&folder)), durable, "it was taken back");
}

#[test]
fn a_copier_gets_what_is_on_the_disk_whatever_can_be_read() {
    let folder = tempfile::tempdir().unwrap();
    let disk = Spoiled::default();
    let pool = disk.pool(patient());
    let (on_disk, session) = (pool.on_disk(), info().session);
    assert_eq!(on_disk.of(session), None);
    let recorder = pool.begin(folder.path().to_owned(), info());
    let (_, refused) = record_until_it_fails(&recorder, 5);
    assert!(refused.is_none());
    let kept = recorder.head().unwrap().bytes;
    assert_eq!(on_disk.of(session), Some(kept));

    disk.set(Fault::Dead);
    let (none, refused) = record_until_it_fails(&recorder, 1);
    assert!(none.is_empty() && matches!(refused, Some(Refused::Failed(_))));
    disk.set(Fault::None);
    drop(recorder);
    let mut file = File::open(path(&folder)).unwrap();
    let all = cut(&mut file, 0, u64::MAX, u64::MAX).unwrap();
    assert!(all.end > kept, "what is lost can still be read");
    let within = on_disk.of(session).unwrap();
    let part = cut(&mut file, 0, u64::MAX, within).unwrap();
    assert_eq!((part.end, part.is_last), (kept, false));

    // Closed, it is a file as any other.
    pool.close_failed(&path(&folder)).unwrap();
    assert_eq!(on_disk.of(session), None);
    pool.close();
}

#[test]
fn a_recording_that_cannot_be_made_is_not_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    let disk = Spoiled::with(Fault::Room(100));
    let pool = disk.pool(patient());
    let recorder = pool.begin(folder.path().to_owned(), info());
    block_on(recorder.failed());
    assert_eq!(pool.on_disk().of(info().session), None);
}

#[test]
fn a_disk_that_hangs_fails_the_recordings_that_wait_for_it() {
    let folder = tempfile::tempdir().unwrap();
    let disk = Spoiled::default();
    let pool = disk.pool(PoolOptions {
        // A disk that is only busy must not be taken for one that hangs.
        patience: Duration::from_secs(2),
        segment_age: Duration::from_millis(1),
        ..patient()
    });
    let recorder = pool.begin(folder.path().to_owned(), info());
    block_on(recorder.flush_through(Position::BEGINNING)).unwrap();
    let mut other = info();
    other.session = "0190b8a2-7c1e-7000-8000-0000000001ff".parse().unwrap();
    disk.set(Fault::Hang);
    // Nobody waits for it, as in standard mode.
    recorder.try_record(&output(5)).unwrap();
    let waiting = pool.begin(folder.path().to_owned(), other);
    for recorder in [&recorder, &waiting] {
        let failure = block_on(recorder.failed());
        assert!(matches!(failure.cause(), WriteError::Stalled));
        assert!(recorder.try_record(&output(5)).is_err());
    }
    disk.set(Fault::None);
    pool.close();
    assert!(recorder.failure().is_some(), "it stays failed");
}

#[test]
fn a_disk_that_hangs_at_an_end_holds_nobody_else() {
    let folder = tempfile::tempdir().unwrap();
    let disk = Spoiled::default();
    let pool = disk.pool(PoolOptions {
        patience: Duration::from_secs(2),
        ..patient()
    });
    let recorders = [0x1f0, 0x1f1, 0x1f2].map(|number| {
        let mut info = info();
        info.session = format!("0190b8a2-7c1e-7000-8000-{number:012x}")
            .parse()
            .unwrap();
        let recorder = pool.begin(folder.path().to_owned(), info);
        block_on(recorder.flush_through(Position::BEGINNING)).unwrap();
        recorder
    });
    disk.set(Fault::Hang);
    let [ending, other, third] = &recorders;
    ending.try_record(&output(5)).unwrap();
    let mut finishing = ending.finish(end());
    for recorder in [other, third] {
        let position = recorder.try_record(&output(5)).unwrap();
        drop(poll_once(&mut recorder.flush_through(position)));
    }
    // Asking never waits, whoever waits for the disk.
    assert!(poll_once(&mut finishing).is_pending());
    assert!(ending.failure().is_none());
    for recorder in &recorders {
        let failure = block_on(recorder.failed());
        assert!(matches!(failure.cause(), WriteError::Stalled));
    }
    assert!(block_on(finishing).is_err());
    disk.set(Fault::None);
    pool.close();
}

#[test]
fn a_head_stands_for_what_is_in_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let pool = pool(patient());
    let recorder = pool.begin(folder.path().to_owned(), info());
    assert_eq!(recorder.head(), None);
    let mut growth = recorder.growth(0);
    assert!(poll_once(&mut growth).is_pending());
    let (_, refused) = record_until_it_fails(&recorder, 3);
    assert!(refused.is_none());
    assert_eq!(block_on(growth).segments, 3);
    assert!(poll_once(&mut recorder.growth(3)).is_pending());

    let head = recorder.head().unwrap();
    let mut file = open(&path(&folder));
    let mut chain = Chain::begin(file.session_file());
    for number in 0..3 {
        chain = chain.with(Digest::of(&file.sealed_segment(number).unwrap().unwrap()));
    }
    assert_eq!(head.digest, chain.digest());
    assert_eq!(head.bytes, std::fs::metadata(path(&folder)).unwrap().len());
}

#[test]
fn a_recording_says_in_time_that_its_manifest_gets_full() {
    let folder = tempfile::tempdir().unwrap();
    let pool = pool(PoolOptions {
        manifest_bytes: 1024 * 1024 + 2500,
        ..patient()
    });
    let recorder = pool.begin(folder.path().to_owned(), info());
    let mut length = recorder.length();
    let (_, refused) = record_until_it_fails(&recorder, 2);
    assert!(refused.is_none() && poll_once(&mut length).is_pending());
    let (_, refused) = record_until_it_fails(&recorder, 20);
    assert!(refused.is_none(), "there is room for the end");
    block_on(length);
    let finished = block_on(recorder.finish(end())).unwrap();
    let manifest = open(&finished.path).unverified_manifest().unwrap().unwrap();
    assert!(!manifest.cut && manifest.segments.len() == 22);
}

#[test]
fn a_manifest_never_gets_longer_than_it_may() {
    let folder = tempfile::tempdir().unwrap();
    let limit = 4000;
    let pool = pool(PoolOptions {
        manifest_bytes: limit,
        ..patient()
    });
    let recorder = pool.begin(folder.path().to_owned(), info());
    let (durable, refused) = record_until_it_fails(&recorder, 1000);
    let Some(Refused::Failed(why)) = refused else {
        panic!("{} segments went in", durable.len());
    };
    assert!(matches!(why.cause(), WriteError::TooManySegments));
    recover(&path(&folder), &bastion()).unwrap();
    let json = open(&path(&folder)).manifest_bytes().unwrap().unwrap();
    assert!(json.len() <= limit, "{}", json.len());
    assert_eq!(events(&path(&folder)), durable);
}

/// Records what fills many segments, so that another thread waits for the disk.
fn record_in_bulk(
    recorder: &Recorder,
    times: std::ops::Range<u64>,
) -> (Vec<Event>, Option<Refused>) {
    let mut recorded = Vec::new();
    for number in times {
        let event = event(number, 1, Kind::Output(Bytes::from(vec![7; 900])));
        loop {
            match recorder.try_record(&event) {
                Ok(_) => break,
                Err(Refused::Full) => {
                    if let Err(why) = block_on(recorder.room()) {
                        return (recorded, Some(Refused::Failed(why)));
                    }
                }
                Err(refused) => return (recorded, Some(refused)),
            }
        }
        recorded.push(event);
    }
    (recorded, None)
}

/// Whether something is so before long.
fn arrives(is_so: impl Fn() -> bool) -> bool {
    (0..60_000).any(|_| {
        let so = is_so();
        if !so {
            std::thread::sleep(Duration::from_millis(1));
        }
        so
    })
}

fn bulky() -> PoolOptions {
    PoolOptions {
        session_bytes: 2 * MAX_CONTENT,
        segment_bytes: 4000,
        ..patient()
    }
}

/// A recording under load whose disk hangs, and what it took since.
fn waiting_in_bulk(
    folder: &tempfile::TempDir,
    times: u64,
) -> (Spoiled, RecorderPool, Recorder, Vec<Event>) {
    let disk = Spoiled::default();
    let pool = disk.pool(PoolOptions {
        patience: Duration::from_secs(60),
        ..bulky()
    });
    let recorder = pool.begin(folder.path().to_owned(), info());
    block_on(recorder.flush_through(Position::BEGINNING)).unwrap();
    disk.set(Fault::Hang);
    let (recorded, refused) = record_in_bulk(&recorder, 1..times);
    assert!(refused.is_none());
    (disk, pool, recorder, recorded)
}

#[test]
fn under_load_what_is_not_on_the_disk_is_not_durable() {
    let folder = tempfile::tempdir().unwrap();
    let (disk, pool, recorder, events_of_it) = waiting_in_bulk(&folder, 1000);
    let written = || std::fs::metadata(path(&folder)).unwrap().len();
    assert!(arrives(|| written() >= 4096));
    assert_eq!(recorder.durable_up_to(), Some(Position::BEGINNING));
    assert_eq!(recorder.head(), None);
    let session_file = open(&path(&folder)).session_span().next_entry();
    assert_eq!(pool.on_disk().of(info().session), Some(session_file));
    disk.set(Fault::None);
    let finished = block_on(recorder.finish(end())).unwrap();
    assert_eq!(pool.on_disk().of(info().session), None, "it is whole");
    assert_eq!(events(&finished.path), events_of_it);
    assert_eq!(finished.bytes, written());
    pool.close();
}

#[test]
fn under_load_an_error_that_is_told_once_fails_a_recording_that_ends() {
    for _ in 0..20 {
        let folder = tempfile::tempdir().unwrap();
        let (disk, pool, recorder, _) = waiting_in_bulk(&folder, 800);
        let finishing = recorder.finish(end());
        disk.set(Fault::SyncOnce);
        assert!(block_on(finishing).is_err());
        assert_eq!(recorder.durable_up_to(), Some(Position::BEGINNING));
        assert_eq!(recorder.head(), None);
        pool.close();
        assert_eq!(events(&path(&folder)), [], "it was taken back");
    }
}

#[test]
fn under_load_what_did_not_get_to_the_disk_is_taken_back() {
    let folder = tempfile::tempdir().unwrap();
    let disk = Spoiled::default();
    let pool = disk.pool(bulky());
    let recorder = pool.begin(folder.path().to_owned(), info());
    let (mut good, _) = record_in_bulk(&recorder, 1..500);
    good.push(output(5));
    let position = recorder.try_record(&output(5)).unwrap();
    block_on(recorder.flush_through(position)).unwrap();
    let head = recorder.head();
    disk.set(Fault::Sync);
    let (_, refused) = record_in_bulk(&recorder, 500..1_000_000);
    assert!(matches!(refused, Some(Refused::Failed(_))), "{refused:?}");
    disk.set(Fault::None);
    assert_eq!(recorder.head(), head, "nothing is said of it");
    assert!(block_on(recorder.finish(end())).is_err());
    pool.close();
    assert_eq!(events(&path(&folder)), good, "it was taken back");
    let recovered = recover(&path(&folder), &bastion()).unwrap();
    assert!(matches!(recovered, Recovered::Cut { dropped: None, .. }));
}
