//! Recordings made by the real recorder.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use portreeve_protocol::attest::EndCause;
use portreeve_protocol::id::SessionId;
use portreeve_protocol::time::Timestamp;
use portreeve_recording::event::{Channel, Event, Kind};
use portreeve_recording::info::SessionInfo;
use portreeve_recording::manifest::End;
use portreeve_recording::write::{PoolOptions, Recorder, RecorderPool};
use portreeve_recording_store::store::Store;
use portreeve_recording_store::upload::{Step, Upload};
use ssh_key::PrivateKey;
use ssh_key::private::{Ed25519Keypair, KeypairData};
use tempfile::TempDir;

/// A recording that is being written.
pub(super) struct Growing {
    session: SessionId,
    folder: TempDir,
    path: PathBuf,
    recorder: Recorder,
    /// Its threads write until it goes.
    _pool: RecorderPool,
    at_us: u64,
}

/// Numbers that no other recording was given: what is sealed differs each time.
static SEED: AtomicU64 = AtomicU64::new(1);

/// SplitMix64: what it gives does not compress.
fn random(bytes: &mut [u8]) {
    for chunk in bytes.chunks_mut(8) {
        let next = SEED.fetch_add(1, Ordering::Relaxed);
        let mut word = next.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        word ^= word >> 31;
        chunk.copy_from_slice(&word.to_le_bytes()[..chunk.len()]);
    }
}

impl Growing {
    pub(super) fn new(session: SessionId) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let bastion = KeypairData::Ed25519(Ed25519Keypair::from_seed(&[1; 32]));
        let bastion = PrivateKey::new(bastion, "bastion-1").unwrap();
        let options = PoolOptions {
            segment_age: Duration::from_secs(3600),
            segment_bytes: 8 * 1024,
            ..PoolOptions::default()
        };
        let pool = RecorderPool::start(options, Arc::new(bastion), Arc::new(random)).unwrap();
        let recorder = pool.begin(folder.path().to_owned(), info(session));
        Self {
            session,
            path: folder.path().join(format!("{session}.tar")),
            folder,
            recorder,
            _pool: pool,
            at_us: 0,
        }
    }

    pub(super) fn session(&self) -> SessionId {
        self.session
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn len(&self) -> u64 {
        std::fs::metadata(&self.path).unwrap().len()
    }

    /// Records so many bytes that do not compress, and waits until they are on disk.
    pub(super) async fn add(&mut self, bytes: usize) {
        let mut left = bytes;
        while left > 0 {
            let mut content = vec![0; left.min(4 * 1024)];
            random(&mut content);
            left -= content.len();
            self.at_us += 1;
            let event = Event {
                at_us: self.at_us,
                channel: Channel(1),
                kind: Kind::Output(content.into()),
            };
            let position = self.recorder.try_record(&event).unwrap();
            self.recorder.flush_through(position).await.unwrap();
        }
    }

    /// Ends the recording and returns its file.
    pub(super) async fn finish(&mut self) -> Vec<u8> {
        let end = End {
            cause: EndCause::Asked,
            at: Timestamp::from_seconds(1_790_000_900),
        };
        self.recorder.finish(end).await.unwrap();
        assert!(self.folder.path().exists());
        std::fs::read(&self.path).unwrap()
    }
}

/// A recording of a few parts that is in the store as a whole.
pub(super) async fn whole(store: &Store, session: SessionId) -> (SessionId, Vec<u8>) {
    let mut growing = Growing::new(session);
    growing.add(144 * 1024).await;
    let written = growing.finish().await;
    let path = growing.path().to_owned();
    let upload = Upload::resume(store.clone(), session, path).await.unwrap();
    let mut upload = upload.in_parts_of(64 * 1024);
    while upload.step(u64::MAX, false).await.unwrap() != Step::Everything {}
    (session, written)
}

fn info(session: SessionId) -> SessionInfo {
    let example = include_bytes!("../../../tests/vectors/recording/session.json");
    SessionInfo {
        session,
        ..SessionInfo::from_json(example).unwrap()
    }
}
