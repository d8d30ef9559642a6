//! What is due: recordings whose time is over and that nobody holds. The CA says so in the log and tells the
//! bastions, which ask once more before they delete. The same clock closes looks ([`super::look_lapse`]).

use std::time::Duration;

use portreeve_protocol::event::AccessFact;
use portreeve_protocol::feed::FeedItem;
use portreeve_protocol::id::SessionId;
use portreeve_protocol::time::Timestamp;

use super::record::Access;
use super::{App, Failure};
use crate::store::{Change, CommitError};

/// How often it is looked.
const LOOK: Duration = Duration::from_secs(60);
/// After how long without a report bastions are told again at first; it doubles up to the last.
const AGAIN: Duration = Duration::from_secs(3600);
const AGAIN_AT_LAST: Duration = Duration::from_secs(24 * 3600);
/// How many are told of at a time: as many as a bastion that comes back can take.
const AT_ONCE: u32 = 256;

impl App {
    /// Looks for what is due, for ever.
    pub(super) async fn keep_expiring(&self) {
        loop {
            if let Err(failure) = self.expire_recordings(self.clock.now()).await {
                tracing::error!(error = %failure.chain(), "it is not known which recordings are due");
            }
            if let Err(failure) = self.lapse_looks(self.clock.now()).await {
                tracing::error!(error = %failure.chain(), "looks that nobody answered are not closed");
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Tells bastions of every recording that is due at `now`, ever less often until one reports; says how many.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn expire_recordings(&self, now: Timestamp) -> Result<usize, Failure> {
        let due = self.store.due_recordings(now, AT_ONCE).await?;
        let mut told = 0;
        for session in due {
            if self.expire(session, now).await? {
                told += 1;
            }
        }
        Ok(told)
    }

    async fn expire(&self, id: SessionId, now: Timestamp) -> Result<bool, Failure> {
        let (found, known) = tokio::try_join!(self.store.session(id), self.store.recording(id))?;
        let Some((found, known)) = found.zip(known) else {
            return Ok(false);
        };
        let Some(seal) = known.seal else {
            return Ok(false);
        };
        let changes = vec![
            Change::ExpireRecording {
                session: id,
                again_at: now.plus(pause(known.told)),
                at: now,
            },
            Change::Feed {
                item: FeedItem::DeleteRecording {
                    session: id,
                    bastion: seal.bastion,
                    store: known.store,
                    attempt: known.told.saturating_add(1),
                },
                at: now,
            },
        ];
        let access = Access {
            pair: &found.summary.pair,
            task: Some(&found.summary.task),
            session: Some(id),
        };
        let expired = access.event(
            now,
            AccessFact::RecordingExpired {
                rule: found.retention_rule,
                retention: found.retention,
                due_at: seal.due_at,
                manifest: seal.manifest,
            },
        );
        // That bastions are told again is no news for the trail.
        let events = (known.told == 0).then_some(expired).into_iter().collect();
        match self.store.commit(changes, events).await {
            Ok(_) => Ok(true),
            // It was held in this moment, or reported as deleted.
            Err(CommitError::Refused(_)) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }
}

/// How long to wait for a report after bastions were told so often before.
fn pause(told: u32) -> Duration {
    let doubled = 1_u32.checked_shl(told).unwrap_or(u32::MAX);
    AGAIN.saturating_mul(doubled).min(AGAIN_AT_LAST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bastion_that_never_reports_is_told_once_a_day() {
        let hours = |told| pause(told).as_secs() / 3600;
        let pauses: Vec<u64> = (0..7).map(hours).collect();
        assert_eq!(pauses, [1, 2, 4, 8, 16, 24, 24]);
        assert_eq!(hours(u32::MAX), 24);
    }
}
