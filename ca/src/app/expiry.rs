//! What is due: recordings whose time is over and that nobody holds. The CA says so in the log and tells the
//! bastions, which ask once more before they delete. The same clock closes looks ([`super::look_lapse`]).

use std::collections::BTreeSet;
use std::time::Duration;

use portreeve_protocol::event::{AccessFact, MachineFact};
use portreeve_protocol::feed::FeedItem;
use portreeve_protocol::id::SessionId;
use portreeve_protocol::name::BastionName;
use portreeve_protocol::time::Timestamp;

use super::record::{Access, machine};
use super::{App, Failure};
use crate::store::{Change, CommitError, Recording};

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
            if let Err(failure) = self.lose_recordings(self.clock.now()).await {
                tracing::error!(error = %failure.chain(), "it is not known what is left of recordings that nobody sealed");
            }
            if let Err(failure) = self.lapse_looks(self.clock.now()).await {
                tracing::error!(error = %failure.chain(), "looks that nobody answered are not closed");
            }
            tokio::time::sleep(LOOK).await;
            // After the pause: when the CA was away, bastions report now.
            if let Err(failure) = self.miss_deletions(self.clock.now()).await {
                tracing::error!(error = %failure.chain(), "it is not known which deletions broke off");
            }
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

    /// Raises an alarm, once, of every recording that bastions were permitted to delete and of which none says what came of
    /// it: it may have died over it, or keep it to itself. Says how many.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn miss_deletions(&self, now: Timestamp) -> Result<usize, Failure> {
        let mut missed = 0;
        for session in self.store.unreported_deletions(now, AT_ONCE).await? {
            let Some(known) = self.store.recording(session).await? else {
                continue;
            };
            let permitted = self.store.permitted_to_delete(session).await?;
            let detail = unreported(session, &known, &permitted);
            let alarm = machine(now, MachineFact::Alarm { detail });
            let change = Change::MissDeletion { session, at: now };
            match self.store.commit(vec![change], vec![alarm]).await {
                Ok(_) => missed += 1,
                // Somebody reported in this moment.
                Err(CommitError::Refused(_)) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(missed)
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

/// What is known of a deletion that nobody reported, which these bastions were permitted at some time.
fn unreported(session: SessionId, known: &Recording, permitted: &BTreeSet<BastionName>) -> String {
    let names: Vec<String> = permitted.iter().map(|name| format!("`{name}`")).collect();
    let who = match names.as_slice() {
        [] => "a bastion".to_owned(),
        [one] => format!("bastion {one}"),
        all => format!("one of the bastions {}", all.join(", ")),
    };
    let when = match (known.unaccounted_at, known.permitted_at) {
        (Some(first), Some(last)) if first < last => {
            format!(" at {first}, for the last time at {last},")
        }
        (first, last) => first
            .or(last)
            .map_or_else(String::new, |at| format!(" at {at}")),
    };
    let then = match &known.hold {
        Some(hold) => format!(
            "{} holds it, so nobody deletes what is left of it",
            hold.by.name
        ),
        None => "bastions are told to delete it again".to_owned(),
    };
    format!(
        "{who} was permitted to delete the recording of {session}{when} and has not said that it did: it may be whole, there \
         in part, or gone; {then}"
    )
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
