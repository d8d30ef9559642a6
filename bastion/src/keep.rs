//! What becomes of recordings on this bastion's disk: into the store while they grow, and away when their time is
//! over.
//!
//! Sessions neither wait for this nor know of it. The file is the truth until the store has every byte
//! ([`portreeve_recording_store::confirm`]); a store that is away costs disk, and nothing else. Whether a recording
//! may be deleted is the CA's word alone, asked for at the moment of it.

mod delete;
mod pace;
mod permission;
mod turn;
mod upload;

use std::collections::{BTreeSet, HashMap, HashSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use portreeve_protocol::event::{Body, MachineFact};
use portreeve_protocol::id::SessionId;
use portreeve_recording::file_name;
use portreeve_recording::write::OnDisk;
use portreeve_recording_store::access::Use;
use portreeve_recording_store::store::{Store, StoreError};
use tokio::sync::{Semaphore, mpsc, watch};
use tokio::task::JoinHandle;

use self::delete::Deleting;
use crate::ca::Ca;
use crate::feed::Expired;
use crate::report::Reporter;
use crate::spool::Rank;
use crate::status::{Away, StoreSaid};
use crate::trouble::Trouble;

/// How often the folder is looked at.
const LOOK: Duration = Duration::from_secs(1);
/// How many recordings are on their way at a time; each holds a part in memory.
const AT_ONCE: usize = 4;

/// What keeps recordings.
#[derive(Debug)]
pub struct Keeper {
    /// Where they go, if anywhere.
    pub store: Option<Store>,
    /// Where they are made.
    pub recordings: PathBuf,
    /// How much of those that are being made is on the disk.
    pub on_disk: OnDisk,
    /// Where live sessions are noted.
    pub live: PathBuf,
    /// The CA.
    pub ca: Arc<Ca>,
    /// Where events go, and what the time is.
    pub reporter: Reporter,
    /// What is on its way.
    pub uploads: Uploads,
}

/// What is on its way into the store.
#[derive(Debug)]
pub struct Uploads {
    known: Mutex<Known>,
    places: Semaphore,
    trouble: Mutex<Troubled>,
}

/// What keeps recordings from the store.
#[derive(Debug, Default)]
struct Troubled {
    told: Trouble,
    /// What an upload met last.
    away: Option<Away>,
    /// What the check at the start met last.
    unusable: Option<Away>,
}

#[derive(Debug, Default)]
struct Known {
    followed: HashMap<SessionId, Followed>,
    /// Of these nothing is stored any more.
    deleting: HashSet<SessionId>,
    /// Nor of these, before the program is started again.
    given_up: BTreeSet<SessionId>,
}

#[derive(Debug)]
struct Followed {
    /// How much of it there was to store when it was last looked at.
    size: watch::Sender<u64>,
    task: JoinHandle<()>,
}

impl Default for Uploads {
    fn default() -> Self {
        Self {
            known: Mutex::default(),
            places: Semaphore::new(AT_ONCE),
            trouble: Mutex::default(),
        }
    }
}

impl Keeper {
    /// Keeps recordings until nobody says any more which ones expire.
    pub async fn keep(self: Arc<Self>, expired: mpsc::Receiver<Expired>) {
        let storing = self
            .store
            .clone()
            .map(|store| tokio::spawn(Arc::clone(&self).store_all(store)));
        Deleting::new().delete_all(&self, expired).await;
        if let Some(storing) = storing {
            storing.abort();
        }
    }

    /// Whether every recording that is whole is in the store, if there is one.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.store.is_none()
            || self
                .known()
                .followed
                .values()
                .all(|followed| followed.task.is_finished())
    }

    /// How the store is, if there is one.
    #[must_use]
    pub fn said(&self) -> Option<StoreSaid> {
        let store = self.store.as_ref()?;
        let (away, unusable) = {
            let troubled = self.trouble();
            (troubled.away.clone(), troubled.unusable.clone())
        };
        let known = self.known();
        let waits = |followed: &Followed| !followed.task.is_finished();
        Some(StoreSaid {
            name: store.name().as_str().to_owned(),
            // What it was about may be deleted by now.
            away: away
                .filter(|_| known.followed.values().any(waits))
                .or(unusable),
            given_up: known.given_up.iter().copied().collect(),
        })
    }

    /// Follows every recording in the folder, and those that are made later.
    async fn store_all(self: Arc<Self>, store: Store) {
        tracing::info!(store = %store.name(), "recordings go to the store");
        tokio::join!(self.look_at(&store), self.follow_all(&store));
    }

    /// Says before the first session what will keep its recording here, until nothing does.
    async fn look_at(&self, store: &Store) {
        let away = |error: &StoreError| {
            let now = self.reporter.clock.now().wall;
            let mut troubled = self.trouble();
            troubled.unusable = Some(Away::after(troubled.unusable.take(), now, error));
            drop(troubled);
            tracing::error!(
                store = %store.name(),
                error = error as &dyn std::error::Error,
                "the store takes no recordings; they stay on this disk until it does"
            );
        };
        if store.usable(Use::Write, away).await {
            self.trouble().unusable = None;
            tracing::info!(store = %store.name(), "the store is there");
        }
        if store.looks_unmounted().await {
            tracing::warn!(
                store = %store.name(),
                "the store's folder is empty and on the disk of `/`, which recordings fill from now on; if it is a mount \
                 point, nothing is mounted there: name a folder below it, which only the mount has"
            );
        }
    }

    async fn follow_all(self: &Arc<Self>, store: &Store) {
        let mut trouble = Trouble::default();
        loop {
            let folder = self.recordings.clone();
            let looked = tokio::task::spawn_blocking(move || recordings_in(&folder)).await;
            match looked.map_err(io::Error::other).and_then(|found| found) {
                Ok(found) => self.follow_these(store, &found),
                Err(error) if trouble.is_news(self.reporter.clock.now().steady) => {
                    tracing::error!(%error, "the folder of recordings cannot be read; nothing of it is stored");
                }
                Err(_) => {}
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    fn follow_these(self: &Arc<Self>, store: &Store, found: &HashMap<SessionId, u64>) {
        let mut known = self.known();
        // Dropping the sender tells the task that the file is gone.
        known
            .followed
            .retain(|session, _| found.contains_key(session));
        known.given_up.retain(|session| found.contains_key(session));
        for (session, size) in found {
            // After the file: of one that was closed since, all that it had is on the disk.
            let on_disk = self.on_disk.of(*session).unwrap_or(u64::MAX);
            let size = on_disk.min(*size);
            if let Some(followed) = known.followed.get(session) {
                let seen = &followed.size;
                seen.send_if_modified(|seen| std::mem::replace(seen, size) != size);
                continue;
            }
            if known.deleting.contains(session) {
                continue;
            }
            let (sender, receiver) = watch::channel(size);
            let task = tokio::spawn(Arc::clone(self).follow(store.clone(), *session, receiver));
            known
                .followed
                .insert(*session, Followed { size: sender, task });
        }
    }

    /// Raises an alarm in the audit log.
    fn raise(&self, rank: Rank, detail: String) {
        let fact = MachineFact::Alarm { detail };
        if let Err(error) = self.reporter.report_as(rank, Body::Machine { fact }) {
            tracing::error!(%error, "an alarm is not kept");
        }
    }

    fn path_of(&self, session: SessionId) -> PathBuf {
        self.recordings.join(file_name::of(session))
    }

    /// A panic elsewhere leaves both whole: each change is a single insert or remove.
    fn known(&self) -> MutexGuard<'_, Known> {
        self.uploads
            .known
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// The recordings in a folder with their sizes. Blocking.
fn recordings_in(folder: &Path) -> io::Result<HashMap<SessionId, u64>> {
    let mut found = HashMap::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let Some(session) = file_name::session(&entry.path()) else {
            continue;
        };
        match entry.metadata() {
            Ok(metadata) => {
                found.insert(session, metadata.len());
            }
            // It was deleted meanwhile.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    Ok(found)
}
