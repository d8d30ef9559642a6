//! Stores, against a folder and against a real S3 implementation.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that cannot go on has failed, in its helpers too"
)]

#[path = "../../tests/harness/moto.rs"]
pub mod moto;

#[path = "s3/recordings.rs"]
mod recordings;

use std::path::Path;
use std::sync::LazyLock;

use futures_util::TryStreamExt as _;
use moto::Moto;
use portreeve_protocol::id::SessionId;
use portreeve_protocol::time::Timestamp;
use portreeve_recording_store::config::StoreConfig;
use portreeve_recording_store::confirm::{ConfirmError, confirm};
use portreeve_recording_store::store::{Removal, Store, StoreError};
use portreeve_recording_store::upload::{Step, Upload, UploadError};
use recordings::{Growing, whole};
use tempfile::TempDir;

const BUCKET: &str = "recordings";

static MOTO: LazyLock<Moto> = LazyLock::new(|| Moto::start(BUCKET).unwrap());

/// A store in a folder and one in S3, each empty.
struct Stores {
    folder: TempDir,
}

impl Stores {
    fn new() -> Self {
        // What `main` does in a program; a second time changes nothing.
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        Self {
            folder: tempfile::tempdir().unwrap(),
        }
    }

    fn all(&self) -> [Store; 2] {
        let folder = StoreConfig {
            folder: Some(self.folder.path().to_owned()),
            ..StoreConfig::default()
        };
        [open(&folder), s3(&MOTO.url())]
    }
}

fn s3(url: &str) -> Store {
    open(&StoreConfig {
        endpoint: Some(url.into()),
        bucket: Some(BUCKET.into()),
        prefix: Some("portreeve/tests".into()),
        ..StoreConfig::default()
    })
}

fn open(config: &StoreConfig) -> Store {
    config
        .open(Path::new("/"), |name| Some(format!("{name}-of-a-test")))
        .unwrap()
}

/// A session that no other test has.
fn session() -> SessionId {
    use std::sync::atomic::{AtomicU8, Ordering};
    static NEXT: AtomicU8 = AtomicU8::new(0);
    let unique = [NEXT.fetch_add(1, Ordering::Relaxed); 10];
    SessionId::new(Timestamp::from_seconds(1_790_000_000), unique)
}

async fn content(store: &Store, session: SessionId, from: u64) -> Result<Vec<u8>, StoreError> {
    let parts = store.parts(session).await?;
    let chunks: Vec<_> = store.read(session, &parts, from).try_collect().await?;
    Ok(chunks.concat())
}

/// Parts small enough to make many of them quickly.
const PART_BYTES: u64 = 64 * 1024;

async fn resume(store: &Store, growing: &Growing) -> Result<Upload, UploadError> {
    let path = growing.path().to_owned();
    let upload = Upload::resume(store.clone(), growing.session(), path).await?;
    Ok(upload.in_parts_of(PART_BYTES))
}

/// Stores everything that is due.
async fn store_all(upload: &mut Upload, overdue: bool) -> Result<Step, UploadError> {
    loop {
        match upload.step(u64::MAX, overdue).await? {
            Step::Stored(_) => {}
            done @ (Step::Nothing | Step::Everything) => return Ok(done),
        }
    }
}

#[tokio::test]
async fn a_recording_is_stored_in_parts_while_it_grows() {
    let stores = Stores::new();
    for store in stores.all() {
        let session = session();
        let mut growing = Growing::new(session);
        let mut upload = resume(&store, &growing).await.unwrap();
        assert_eq!(store.parts(session).await.unwrap().count(), 0);

        // Little is stored when it is overdue, and then whole entries only.
        growing.add(1000).await;
        assert_eq!(upload.step(u64::MAX, false).await.unwrap(), Step::Nothing);
        assert_eq!(store_all(&mut upload, true).await.unwrap(), Step::Nothing);
        assert_eq!(upload.stored(), growing.len());
        assert_eq!(store.parts(session).await.unwrap().count(), 1);

        // Much is stored at once, in parts of about the same size.
        growing.add(160 * 1024).await;
        assert_eq!(store_all(&mut upload, false).await.unwrap(), Step::Nothing);
        let parts = store.parts(session).await.unwrap();
        assert!(parts.count() >= 3, "{parts:?}");
        assert!(growing.len() - parts.bytes() < PART_BYTES);

        let written = growing.finish().await;
        assert_eq!(
            store_all(&mut upload, false).await.unwrap(),
            Step::Everything
        );
        assert!(content(&store, session, 0).await.unwrap() == written);
        let half = written.len() / 2;
        assert!(content(&store, session, half as u64).await.unwrap() == written[half..]);

        let path = growing.path().to_owned();
        let confirmed = confirm(&store, session, &path).await.unwrap();
        assert_eq!(confirmed.bytes, written.len() as u64);
        assert_eq!(confirmed.parts, parts.count() + 1);
        confirmed.remove_local().unwrap();
        assert!(!path.exists());

        let found = store.everything_of(session).await.unwrap();
        assert_eq!(found.bytes(), written.len() as u64);
        let objects = u64::from(parts.count() + 1);
        let mut removal = Removal::default();
        store.remove(found, &mut removal).await.unwrap();
        assert_eq!((removal.objects, removal.gone), (objects, objects));
        assert_eq!(store.parts(session).await.unwrap().count(), 0);
        let found = store.everything_of(session).await.unwrap();
        store.remove(found, &mut removal).await.unwrap();
        assert_eq!(removal, Removal::default());
    }
}

/// Who breaks off says what may be gone.
#[tokio::test]
async fn a_removal_that_breaks_off_says_how_far_it_came() {
    let stores = Stores::new();
    let [store, _] = stores.all();
    let session = session();
    let place = stores.folder.path().join(session.to_string());
    let part = |number: u32| place.join(format!("part-00000{number}"));
    std::fs::create_dir(&place).unwrap();
    for number in 0..3 {
        std::fs::write(part(number), "part").unwrap();
    }
    let mut removal = Removal::default();
    let found = store.everything_of(session).await.unwrap();
    assert_eq!(found.bytes(), 12);
    drop(store.remove(found, &mut removal));
    assert_eq!(removal, Removal::default());

    // One that another bastion removed is gone; one that cannot be removed ends it.
    let found = store.everything_of(session).await.unwrap();
    std::fs::remove_file(part(0)).unwrap();
    std::fs::remove_file(part(1)).unwrap();
    std::fs::create_dir(part(1)).unwrap();
    let removed = store.remove(found, &mut removal).await;
    assert!(matches!(removed, Err(StoreError::Failed(_))), "{removed:?}");
    assert_eq!(removal.objects, 3);
    assert!(removal.gone < 3, "{removal:?}");

    std::fs::remove_dir(part(1)).unwrap();
    let found = store.everything_of(session).await.unwrap();
    store.remove(found, &mut removal).await.unwrap();
    assert_eq!(removal.objects, removal.gone);
}

#[tokio::test]
async fn what_is_not_on_the_disk_is_not_stored() {
    let stores = Stores::new();
    for store in stores.all() {
        let session = session();
        let mut growing = Growing::new(session);
        growing.add(1000).await;
        let on_disk = growing.len();
        growing.add(1000).await;
        let mut upload = resume(&store, &growing).await.unwrap();
        // An entry that is there in part does not count.
        assert_ne!(upload.step(on_disk - 1, true).await.unwrap(), Step::Nothing);
        let first = upload.stored();
        assert!(0 < first && first < on_disk);
        assert_eq!(
            upload.step(on_disk, true).await.unwrap(),
            Step::Stored(on_disk - first)
        );
        assert_eq!(upload.step(on_disk, true).await.unwrap(), Step::Nothing);
        let parts = store.parts(session).await.unwrap();
        assert_eq!((parts.count(), parts.bytes()), (2, on_disk));
        let written = growing.finish().await;
        assert_eq!(upload.step(on_disk, true).await.unwrap(), Step::Nothing);
        assert_eq!(
            store_all(&mut upload, false).await.unwrap(),
            Step::Everything
        );
        assert!(content(&store, session, 0).await.unwrap() == written);
    }
}

#[tokio::test]
async fn an_upload_goes_on_after_a_crash_wherever_it_happened() {
    let stores = Stores::new();
    for store in stores.all() {
        let session = session();
        let mut growing = Growing::new(session);
        growing.add(144 * 1024).await;
        let path = growing.path().to_owned();

        // The first program stores two parts and dies.
        let mut first = resume(&store, &growing).await.unwrap();
        first.step(u64::MAX, false).await.unwrap();
        first.step(u64::MAX, false).await.unwrap();
        let stored = first.stored();
        drop(first);

        // The second one is asked while the third one writes: the slower finds its part there.
        let (mut second, mut third) = (
            resume(&store, &growing).await.unwrap(),
            resume(&store, &growing).await.unwrap(),
        );
        assert_eq!((second.stored(), third.stored()), (stored, stored));
        growing.add(100).await;
        assert!(matches!(
            third.step(u64::MAX, true).await.unwrap(),
            Step::Stored(1..)
        ));
        growing.add(100).await;
        assert_eq!(second.step(u64::MAX, true).await.unwrap(), Step::Stored(0));
        assert_eq!(second.stored(), third.stored());

        let written = growing.finish().await;
        assert_eq!(
            store_all(&mut second, false).await.unwrap(),
            Step::Everything
        );
        assert!(content(&store, session, 0).await.unwrap() == written);
        assert!(confirm(&store, session, &path).await.is_ok());
    }
}

#[tokio::test]
async fn what_another_wrote_is_not_overwritten_and_not_taken_for_ours() {
    let stores = Stores::new();
    for store in stores.all() {
        let session = session();
        let (mut ours, mut theirs) = (Growing::new(session), Growing::new(session));
        ours.add(1000).await;
        theirs.add(1000).await;
        let (mut mine, mut other) = (
            resume(&store, &ours).await.unwrap(),
            resume(&store, &theirs).await.unwrap(),
        );
        other.step(u64::MAX, true).await.unwrap();
        let before = content(&store, session, 0).await.unwrap();
        let error = mine.step(u64::MAX, true).await.unwrap_err();
        assert!(
            matches!(error, UploadError::Differs { part: 0, .. }),
            "{error:?}"
        );
        assert!(!error.is_passing());
        assert!(content(&store, session, 0).await.unwrap() == before);

        // Somebody who does not see it before the end sees it then, and keeps the file.
        let mut late = resume(&store, &ours).await.unwrap();
        assert_eq!(late.stored(), before.len() as u64);
        let written = ours.finish().await;
        let _ = store_all(&mut late, false).await;
        let refused = confirm(&store, session, ours.path()).await.unwrap_err();
        assert!(
            matches!(refused, ConfirmError::Differs { .. }),
            "{refused:?}"
        );
        assert!(std::fs::read(ours.path()).unwrap() == written);
    }
}

#[tokio::test]
async fn only_a_recording_that_is_whole_is_confirmed() {
    let stores = Stores::new();
    for store in stores.all() {
        let session = session();
        let mut growing = Growing::new(session);
        growing.add(1000).await;
        let path = growing.path().to_owned();
        let mut upload = resume(&store, &growing).await.unwrap();
        store_all(&mut upload, true).await.unwrap();
        let refused = confirm(&store, session, &path).await.unwrap_err();
        assert!(
            matches!(refused, ConfirmError::NotWhole { .. }),
            "{refused:?}"
        );

        growing.finish().await;
        let refused = confirm(&store, session, &path).await.unwrap_err();
        assert!(
            matches!(refused, ConfirmError::Differs { .. }),
            "{refused:?}"
        );
        store_all(&mut upload, false).await.unwrap();

        // One bit of the file that is not what the manifest says.
        let mut altered = std::fs::read(&path).unwrap();
        let content = altered
            .iter_mut()
            .skip(3000)
            .find(|byte| **byte != 0)
            .unwrap();
        *content ^= 1;
        std::fs::write(&path, altered).unwrap();
        let refused = confirm(&store, session, &path).await.unwrap_err();
        assert!(!refused.is_passing(), "{refused:?}");
    }
}

#[tokio::test]
async fn a_store_that_is_away_loses_nothing_and_is_gone_on_with() {
    let stores = Stores::new();
    drop(stores);
    let moto = Moto::start(BUCKET).unwrap();
    let (store, port) = (s3(&moto.url()), moto.address().port());
    let session = session();
    let mut growing = Growing::new(session);
    growing.add(80 * 1024).await;
    let mut upload = resume(&store, &growing).await.unwrap();
    drop(moto);
    let away = upload.step(u64::MAX, false).await.unwrap_err();
    assert!(away.is_passing(), "{away:?}");
    assert_eq!(upload.stored(), 0);
    assert!(store.parts(session).await.is_err());

    let _moto = Moto::start_at(port, BUCKET).unwrap();
    let written = growing.finish().await;
    assert_eq!(
        store_all(&mut upload, false).await.unwrap(),
        Step::Everything
    );
    assert!(content(&store, session, 0).await.unwrap() == written);
}

#[tokio::test]
async fn a_reader_notices_a_part_that_is_missing() {
    let stores = Stores::new();
    let [folder, _] = stores.all();
    let (session, written) = whole(&folder, session()).await;
    let place = stores.folder.path().join(session.to_string());
    let last = std::fs::read_dir(&place).unwrap().count() - 1;
    std::fs::remove_file(place.join(format!("part-{last:06}"))).unwrap();
    // Less is there than the listing before said.
    assert!(content(&folder, session, 0).await.unwrap().len() < written.len());
    std::fs::remove_file(place.join("part-000000")).unwrap();
    let gap = folder.parts(session).await.unwrap_err();
    assert!(matches!(gap, StoreError::Gap { part: 0, .. }), "{gap:?}");
}
