//! One recording on its way into the store: a task that lives until the store has it, or the file is gone.

use std::sync::{Arc, MutexGuard, PoisonError};
use std::time::Duration;

use portreeve_protocol::event::AccessFact;
use portreeve_protocol::id::SessionId;
use portreeve_recording::info::SessionInfo;
use portreeve_recording::read::Recording;
use portreeve_recording_store::confirm::{ConfirmError, Confirmed, confirm};
use portreeve_recording_store::store::Store;
use portreeve_recording_store::upload::{Step, Upload, UploadError};
use tokio::sync::watch;

use super::pace::Pace;
use super::{Keeper, Troubled};
use crate::live;
use crate::report::About;
use crate::spool::{Rank, SpoolError};
use crate::status::Away;

/// How often it is looked whether a session's trail is closed.
const TRAIL: Duration = Duration::from_secs(1);

/// How a turn ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Turn {
    /// There is nothing to store for now.
    Waits,
    /// Everything is stored, and the trail does not say yet that the recording is sealed.
    Ends,
    /// The store has everything, and the local copy is gone.
    Done,
}

/// Why a recording does not go on into the store now.
#[derive(Debug, thiserror::Error)]
enum NotStored {
    #[error(transparent)]
    Upload(#[from] UploadError),
    #[error(transparent)]
    Confirm(#[from] ConfirmError),
    #[error("the event that it is stored cannot be kept")]
    Event(#[from] SpoolError),
    #[error("`session.json` cannot be read: {0}")]
    Info(String),
    #[error("the local copy cannot be removed")]
    Remove(#[source] std::io::Error),
}

impl NotStored {
    const fn is_passing(&self) -> bool {
        match self {
            Self::Upload(error) => error.is_passing(),
            Self::Confirm(error) => error.is_passing(),
            Self::Event(_) | Self::Remove(_) => true,
            Self::Info(_) => false,
        }
    }
}

impl Keeper {
    /// Stores a recording as it grows. How much of it there is to store, its `size`, is told whenever it changed.
    pub(super) async fn follow(
        self: Arc<Self>,
        store: Store,
        session: SessionId,
        mut size: watch::Receiver<u64>,
    ) {
        let mut pace = Pace::since(self.reporter.clock.now().steady);
        let mut upload = None;
        loop {
            let seen = *size.borrow_and_update();
            match self
                .go_on(&store, session, seen, &mut upload, &mut pace)
                .await
            {
                Ok(Turn::Done) => return,
                Ok(Turn::Ends) => tokio::time::sleep(TRAIL).await,
                Ok(Turn::Waits) => {
                    let is_behind = upload.as_ref().is_some_and(|upload| upload.stored() < seen);
                    let overdue = self.reporter.clock.instant(pace.overdue_at());
                    tokio::select! {
                        changed = size.changed() => if changed.is_err() { return },
                        () = tokio::time::sleep_until(overdue), if is_behind => {}
                    }
                }
                Err(why) if why.is_passing() => {
                    self.tell(session, &why);
                    tokio::time::sleep(pace.failed()).await;
                    if size.has_changed().is_err() {
                        return;
                    }
                }
                Err(why) => return self.alarm(session, &why),
            }
        }
    }

    /// Stores what is due.
    async fn go_on(
        &self,
        store: &Store,
        session: SessionId,
        size: u64,
        upload: &mut Option<Upload>,
        pace: &mut Pace,
    ) -> Result<Turn, NotStored> {
        // Closed is only what nobody waits for any more.
        let _place = self.uploads.places.acquire().await;
        let mut going = match upload.take() {
            Some(upload) => upload,
            None => Upload::resume(store.clone(), session, self.path_of(session)).await?,
        };
        let stepped = loop {
            let now = self.reporter.clock.now().steady;
            let is_overdue = pace.is_overdue(now);
            match going.step(size, is_overdue).await {
                Ok(Step::Stored(_)) => {
                    self.is_well();
                    pace.looked(self.reporter.clock.now().steady);
                }
                // Less than an entry, as of a file that cannot be recovered.
                Ok(Step::Nothing) if is_overdue => {
                    pace.looked(now);
                    break Ok(Step::Nothing);
                }
                other => break other,
            }
        };
        *upload = Some(going);
        match stepped? {
            Step::Nothing | Step::Stored(_) => Ok(Turn::Waits),
            // The trail says that it was sealed before it says that it is stored.
            Step::Everything if live::is_live(&self.live, session) => Ok(Turn::Ends),
            Step::Everything => self.finish(store, session).await.map(|()| Turn::Done),
        }
    }

    async fn finish(&self, store: &Store, session: SessionId) -> Result<(), NotStored> {
        let confirmed = confirm(store, session, &self.path_of(session)).await?;
        let about = self.about(session).await?;
        let ticket = self.reporter.access(&about, stored(store, &confirmed))?;
        // Whoever looks for a recording whose file is gone finds in the trail where it is.
        let recorded = self.reporter.spool.durable(ticket).await?;
        drop(recorded);
        tracing::info!(%session, parts = confirmed.parts, bytes = confirmed.bytes, "a recording is stored");
        self.is_well();
        confirmed.remove_local().map_err(NotStored::Remove)
    }

    /// Whose session a recording is of, from the recording itself.
    pub(super) async fn info(&self, session: SessionId) -> Result<SessionInfo, String> {
        let path = self.path_of(session);
        let read = tokio::task::spawn_blocking(move || {
            let file = std::fs::File::open(path).map_err(|error| error.to_string())?;
            let recording = Recording::open(file).map_err(|error| error.to_string())?;
            Ok(recording.info().clone())
        });
        read.await.map_err(|error| error.to_string())?
    }

    async fn about(&self, session: SessionId) -> Result<About, NotStored> {
        let info = self.info(session).await.map_err(NotStored::Info)?;
        Ok(About {
            pair: info.pair,
            task: info.task,
            session,
        })
    }

    fn is_well(&self) {
        let mut troubled = self.trouble();
        troubled.away = None;
        troubled.unusable = None;
        if troubled.told.ends() {
            tracing::info!("the recording store takes recordings again");
        }
    }

    fn tell(&self, session: SessionId, why: &NotStored) {
        let now = self.reporter.clock.now();
        let mut troubled = self.trouble();
        troubled.away = Some(Away::after(troubled.away.take(), now.wall, why));
        if troubled.told.is_news(now.steady) {
            tracing::warn!(
                error = why as &dyn std::error::Error,
                %session,
                "recordings stay on this disk until the store takes them"
            );
        }
    }

    /// Says in the trail that somebody must look at a recording, which stays where it is.
    fn alarm(&self, session: SessionId, why: &NotStored) {
        self.known().given_up.insert(session);
        tracing::error!(
            error = why as &dyn std::error::Error,
            %session,
            "a recording is not stored, and stays on this disk until the bastion is started again"
        );
        let detail = format!("the recording of {session} is not stored: {why}");
        self.raise(Rank::Own, detail);
    }

    pub(super) fn trouble(&self) -> MutexGuard<'_, Troubled> {
        self.uploads
            .trouble
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

fn stored(store: &Store, confirmed: &Confirmed) -> AccessFact {
    AccessFact::RecordingStored {
        store: store.name().clone(),
        parts: confirmed.parts,
        bytes: confirmed.bytes,
        digest: confirmed.digest,
        manifest: confirmed.manifest,
    }
}
