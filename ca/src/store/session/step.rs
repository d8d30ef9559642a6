//! How a session goes from one state to the next. There is one writer, so what was read in a
//! transaction still holds when it is acted upon; which step follows from what was read is pure.

use portreeve_protocol::attest::EndCause;
use portreeve_protocol::id::SessionId;
use portreeve_protocol::name::{BastionName, HumanName};
use portreeve_protocol::session::{BundleRef, SessionState, TrailLimit};
use portreeve_protocol::time::Timestamp;
use sqlx::SqliteConnection;

use super::{Attested, NewSession};
use crate::store::apply::{Applied, NotApplied, changed_or};
use crate::store::bundle;
use crate::store::recording;
use crate::store::row::{Columns as _, signed, to_json, to_word};
use crate::store::{Refusal, StoreError};

pub(in crate::store) async fn add(db: &mut SqliteConnection, new: &NewSession) -> Applied {
    let done = sqlx::query(
        "INSERT INTO session (session, human, agent, host, pair, task, account, bundle_name,
             bundle_digest, policy, access_serial, session_serial, control_serial, order_digest,
             bastions, created_at, connect_by, expires_at, state, retention, retention_rule,
             uid_floor)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18,
             $19, $20, $21, $22)
         ON CONFLICT DO NOTHING",
    )
    .bind(new.session.to_string())
    .bind(new.pair.human.id())
    .bind(new.pair.agent.to_string())
    .bind(new.host.as_str())
    .bind(to_json(&new.pair)?)
    .bind(to_json(&new.task)?)
    .bind(new.account.as_str())
    .bind(new.bundle.name.as_str())
    .bind(new.bundle.digest.to_string())
    .bind(new.policy.to_string())
    .bind(signed(new.access_serial))
    .bind(signed(new.session_serial))
    .bind(signed(new.control_serial))
    .bind(new.order.to_string())
    .bind(to_json(&new.bastions)?)
    .bind(new.created_at.as_micros())
    .bind(new.connect_by.as_micros())
    .bind(new.expires_at.as_micros())
    .bind(to_word(&SessionState::Issued)?)
    .bind(i64::from(u32::from(new.retention)))
    .bind(to_word(&new.retention_rule)?)
    .bind(new.uid_floor.map(i64::from))
    .execute(db)
    .await?;
    changed_or(&done, Refusal::Exists)
}

/// A bastion's claim.
pub(in crate::store) struct Claim<'a> {
    pub(in crate::store) bastion: &'a BastionName,
    pub(in crate::store) serial: u64,
    pub(in crate::store) trail_limit: TrailLimit,
    pub(in crate::store) at: Timestamp,
}

pub(in crate::store) async fn claim(
    db: &mut SqliteConnection,
    session: SessionId,
    claim: &Claim<'_>,
) -> Applied {
    let standing = Standing::read(db, session).await?;
    standing.may_claim(claim.bastion, claim.serial, claim.at)?;
    // A session that was granted just before its bundle was withdrawn never begins.
    if bundle::is_withdrawn(db, &standing.bundle).await? {
        return Err(Refusal::Withdrawn.into());
    }
    sqlx::query("UPDATE session SET state = $1, bastion = $2, trail_limit = $3 WHERE session = $4")
        .bind(to_word(&SessionState::Claimed)?)
        .bind(claim.bastion.as_str())
        .bind(signed(claim.trail_limit.bytes()))
        .bind(session.to_string())
        .execute(&mut *db)
        .await?;
    recording::begin(db, session).await
}

/// Nobody may serve a session of which nothing is logged any more.
pub(in crate::store) async fn fill_trail(
    db: &mut SqliteConnection,
    session: SessionId,
    at: Timestamp,
) -> Applied {
    let done = sqlx::query(
        "UPDATE session SET trail_full_at = $1 WHERE session = $2 AND trail_full_at IS NULL",
    )
    .bind(at.as_micros())
    .bind(session.to_string())
    .execute(&mut *db)
    .await?;
    changed_or(&done, Refusal::Over)?;
    end(db, session, EndCause::RecordingFailed, false, at).await
}

/// The session goes on: what its host says of it is not its doing.
pub(in crate::store) async fn fill_host(
    db: &mut SqliteConnection,
    session: SessionId,
    at: Timestamp,
) -> Applied {
    let done = sqlx::query(
        "UPDATE session SET host_full_at = $1 WHERE session = $2 AND host_full_at IS NULL",
    )
    .bind(at.as_micros())
    .bind(session.to_string())
    .execute(db)
    .await?;
    changed_or(&done, Refusal::Over)
}

pub(in crate::store) async fn open(
    db: &mut SqliteConnection,
    session: SessionId,
    attested: &Attested,
) -> Applied {
    // The first one counts; of another the log has an alarm.
    sqlx::query("UPDATE session SET attestation = $1 WHERE session = $2 AND attestation IS NULL")
        .bind(attested.digest.to_string())
        .bind(session.to_string())
        .execute(&mut *db)
        .await?;
    sqlx::query("UPDATE session SET state = $1 WHERE session = $2 AND state = $3")
        .bind(to_word(&SessionState::Open)?)
        .bind(session.to_string())
        .bind(to_word(&SessionState::Claimed)?)
        .execute(&mut *db)
        .await?;
    let watch = attested.watch.map(|watch| to_json(&watch)).transpose()?;
    // Another bastion may deliver late what an older session's host said, and what contradicts the first is believed in
    // nothing.
    sqlx::query(
        "UPDATE host SET watch = $1, watch_at = $2
         WHERE host = (SELECT host FROM session WHERE session = $3 AND attestation = $4)
           AND (watch_at IS NULL OR watch_at < $2)",
    )
    .bind(watch)
    .bind(attested.ready_at.as_micros())
    .bind(session.to_string())
    .bind(attested.digest.to_string())
    .execute(&mut *db)
    .await?;
    let Some(uid) = attested.used else {
        return Ok(());
    };
    // Reports may arrive in another order than the UIDs were handed out in.
    sqlx::query(
        "UPDATE host SET uid_floor = $1
         WHERE host = (SELECT host FROM session WHERE session = $2)
           AND (uid_floor IS NULL OR uid_floor < $1)",
    )
    .bind(i64::from(uid).saturating_add(1))
    .bind(session.to_string())
    .execute(db)
    .await?;
    Ok(())
}

pub(in crate::store) async fn kill(
    db: &mut SqliteConnection,
    session: SessionId,
    by: Option<&HumanName>,
    reason: &str,
    at: Timestamp,
) -> Applied {
    let state = Standing::read(db, session).await?.killed()?;
    // Nobody else means the pair itself, which is done.
    let cause = by.map_or(EndCause::Asked, |_| EndCause::Killed);
    sqlx::query(
        "UPDATE session SET state = $1, cause = $2, killed_by = $3, kill_reason = $4,
             ended_at = $5
         WHERE session = $6",
    )
    .bind(to_word(&state)?)
    .bind(to_word(&cause)?)
    .bind(by.map(HumanName::as_str))
    .bind(reason)
    .bind(at.as_micros())
    .bind(session.to_string())
    .execute(db)
    .await?;
    Ok(())
}

pub(in crate::store) async fn end(
    db: &mut SqliteConnection,
    session: SessionId,
    cause: EndCause,
    confirmed: bool,
    at: Timestamp,
) -> Applied {
    let standing = Standing::read(db, session).await?;
    let Some((state, cause)) = standing.ended(cause, confirmed) else {
        return Ok(());
    };
    sqlx::query("UPDATE session SET state = $1, cause = $2, ended_at = $3 WHERE session = $4")
        .bind(to_word(&state)?)
        .bind(to_word(&cause)?)
        .bind(at.as_micros())
        .bind(session.to_string())
        .execute(db)
        .await?;
    Ok(())
}

/// What decides about a session's next step.
#[derive(Debug, Clone)]
struct Standing {
    state: SessionState,
    bastion: Option<BastionName>,
    bastions: Vec<BastionName>,
    bundle: BundleRef,
    cause: Option<EndCause>,
    access_serial: u64,
    connect_by: Timestamp,
    expires_at: Timestamp,
}

impl Standing {
    async fn read(db: &mut SqliteConnection, session: SessionId) -> Result<Self, NotApplied> {
        let row = sqlx::query("SELECT * FROM session WHERE session = $1")
            .bind(session.to_string())
            .fetch_optional(db)
            .await?
            .ok_or(Refusal::Missing)?;
        let read = || {
            Ok::<_, StoreError>(Self {
                state: row.word("state")?,
                bastion: row.parsed_if_any("bastion")?,
                bastions: row.json("bastions")?,
                bundle: BundleRef {
                    name: row.parsed("bundle_name")?,
                    digest: row.parsed("bundle_digest")?,
                },
                cause: row.word_if_any("cause")?,
                access_serial: row.count("access_serial")?,
                connect_by: row.moment("connect_by")?,
                expires_at: row.moment("expires_at")?,
            })
        };
        Ok(read()?)
    }

    /// Once, in time, with the certificate that was issued, by a bastion that it was issued for.
    fn may_claim(&self, bastion: &BastionName, serial: u64, at: Timestamp) -> Result<(), Refusal> {
        if serial != self.access_serial || !self.bastions.contains(bastion) {
            return Err(Refusal::Missing);
        }
        match (self.state, &self.bastion) {
            (SessionState::Issued, _) if at < self.connect_by && at < self.expires_at => Ok(()),
            (SessionState::Claimed | SessionState::Open, Some(owner)) => {
                Err(Refusal::Claimed(owner.clone()))
            }
            _ => Err(Refusal::Over),
        }
    }

    /// The state after a kill: nothing to confirm where no bastion ever had it.
    const fn killed(&self) -> Result<SessionState, Refusal> {
        match self.state {
            SessionState::Issued => Ok(SessionState::Ended),
            SessionState::Claimed | SessionState::Open => Ok(SessionState::NotConfirmed),
            SessionState::NotConfirmed | SessionState::Ended | SessionState::Unused => {
                Err(Refusal::Over)
            }
        }
    }

    /// State and cause after an end, or nothing when it changes nothing. What the host confirms
    /// overrides what was assumed, but whoever killed a session ended it. A pair that is done may
    /// find its session over already: then the bastion knows why.
    fn ended(&self, cause: EndCause, confirmed: bool) -> Option<(SessionState, EndCause)> {
        match (self.state, confirmed) {
            (SessionState::NotConfirmed, false) if self.cause == Some(EndCause::Asked) => {
                Some((SessionState::NotConfirmed, cause))
            }
            (SessionState::Ended, _) | (SessionState::NotConfirmed, false) => None,
            (_, true) if self.cause == Some(EndCause::Killed) => {
                Some((SessionState::Ended, EndCause::Killed))
            }
            (_, true) | (SessionState::Issued | SessionState::Unused, false) => {
                Some((SessionState::Ended, cause))
            }
            (SessionState::Claimed | SessionState::Open, false) => {
                Some((SessionState::NotConfirmed, cause))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use portreeve_protocol::digest::Digest;

    use super::*;
    use SessionState::{Claimed, Ended, Issued, NotConfirmed, Open, Unused};

    fn standing(state: SessionState) -> Standing {
        let bastion = (state != Issued).then(|| "east".parse().unwrap());
        Standing {
            state,
            bastion,
            bastions: vec!["east".parse().unwrap(), "west".parse().unwrap()],
            bundle: BundleRef {
                name: "look".parse().unwrap(),
                digest: Digest::of(b"look"),
            },
            cause: None,
            access_serial: 7,
            connect_by: Timestamp::from_seconds(100),
            expires_at: Timestamp::from_seconds(900),
        }
    }

    #[test]
    fn a_claim_fits_or_is_refused() {
        let east: BastionName = "east".parse().unwrap();
        let claimed = Err(Refusal::Claimed(east));
        for (state, bastion, serial, at, expected) in [
            (Issued, "east", 7, 99, Ok(())),
            (Issued, "west", 7, 99, Ok(())),
            (Issued, "north", 7, 99, Err(Refusal::Missing)),
            (Issued, "east", 8, 99, Err(Refusal::Missing)),
            (Issued, "east", 7, 100, Err(Refusal::Over)),
            (Claimed, "west", 7, 99, claimed.clone()),
            (Claimed, "east", 7, 99, claimed.clone()),
            (Open, "west", 7, 99, claimed.clone()),
            (Open, "north", 7, 99, Err(Refusal::Missing)),
            (NotConfirmed, "west", 7, 99, Err(Refusal::Over)),
            (Ended, "west", 7, 99, Err(Refusal::Over)),
            (Unused, "west", 7, 99, Err(Refusal::Over)),
        ] {
            let bastion = bastion.parse().unwrap();
            let at = Timestamp::from_seconds(at);
            let answer = standing(state).may_claim(&bastion, serial, at);
            assert_eq!(answer, expected, "{state:?} {bastion} {serial} {at}");
        }
    }

    #[test]
    fn what_a_kill_leaves_to_confirm() {
        assert_eq!(standing(Issued).killed(), Ok(Ended));
        assert_eq!(standing(Claimed).killed(), Ok(NotConfirmed));
        assert_eq!(standing(Open).killed(), Ok(NotConfirmed));
        for over in [NotConfirmed, Ended, Unused] {
            assert_eq!(standing(over).killed(), Err(Refusal::Over));
        }
    }

    #[test]
    fn the_end_is_confirmed_once_and_a_kill_stays_the_cause() {
        use EndCause::{Asked, HostFailed, Killed, LinkLost};
        assert_eq!(standing(Open).ended(Asked, true), Some((Ended, Asked)));
        assert_eq!(
            standing(Open).ended(Asked, false),
            Some((NotConfirmed, Asked))
        );
        assert_eq!(standing(Issued).ended(Asked, false), Some((Ended, Asked)));
        assert_eq!(standing(Ended).ended(Asked, true), None);
        let mut waiting = standing(NotConfirmed);
        assert_eq!(waiting.ended(Asked, false), None);
        assert_eq!(waiting.ended(LinkLost, true), Some((Ended, LinkLost)));
        waiting.cause = Some(Asked);
        assert_eq!(
            waiting.ended(HostFailed, false),
            Some((NotConfirmed, HostFailed))
        );
        waiting.cause = Some(Killed);
        assert_eq!(waiting.ended(HostFailed, false), None);
        assert_eq!(waiting.ended(LinkLost, true), Some((Ended, Killed)));
    }
}
