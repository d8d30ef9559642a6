//! Looks that hosts are asked for: at most one open at a time for each host, and one bastion for each.

use portreeve_protocol::feed::FeedItem;
use portreeve_protocol::id::OrderId;
use portreeve_protocol::look::{LookProgress, LookStatus};
use portreeve_protocol::name::{BastionName, HostName};
use portreeve_protocol::pair::Human;
use portreeve_protocol::time::Timestamp;
use sqlx::SqliteConnection;
use sqlx::sqlite::SqliteRow;

use super::apply::{Applied, changed_or};
use super::row::{Columns as _, damaged, signed, to_json};
use super::{Refusal, Store, StoreError};

/// A look that is asked for.
#[derive(Debug, Clone)]
pub struct NewLook {
    /// Which.
    pub look: OrderId,
    /// At which host.
    pub host: HostName,
    /// Who asks.
    pub asked_by: Human,
    /// When.
    pub asked_at: Timestamp,
    /// Until when a bastion may take it up.
    pub claim_by: Timestamp,
}

/// What came of a look.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LookOutcome {
    /// The host's inventory is kept.
    Kept {
        /// Its number.
        number: u64,
    },
    /// There is none.
    Failed {
        /// Why.
        detail: String,
    },
}

/// A look as it stands.
#[derive(Debug, Clone)]
pub struct Look {
    /// What was asked for.
    pub asked: NewLook,
    /// How far it is.
    pub state: LookState,
}

/// How far a look is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LookState {
    /// Nobody has taken it up.
    Waiting,
    /// A bastion has.
    Looking {
        /// Which.
        bastion: BastionName,
        /// Until when its answer is taken.
        answer_by: Timestamp,
    },
    /// It is over.
    Settled {
        /// Which bastion had it.
        bastion: BastionName,
        /// What came of it.
        outcome: LookOutcome,
    },
    /// Nobody took it up in time.
    NotTaken,
    /// Nobody answered in time.
    NotAnswered {
        /// Which bastion had it.
        bastion: BastionName,
    },
}

impl Look {
    /// How it stands at a moment, for those who asked.
    #[must_use]
    pub fn status(&self, now: Timestamp) -> LookStatus {
        LookStatus {
            look: self.asked.look,
            host: self.asked.host.clone(),
            asked_at: self.asked.asked_at,
            progress: self.progress(now),
        }
    }

    /// What bastions are told of it.
    #[must_use]
    pub fn feed_item(&self) -> FeedItem {
        FeedItem::Look {
            look: self.asked.look,
            host: self.asked.host.clone(),
            claim_by: self.asked.claim_by,
        }
    }

    fn progress(&self, now: Timestamp) -> LookProgress {
        match &self.state {
            LookState::Waiting if now < self.asked.claim_by => LookProgress::Waiting {
                until: self.asked.claim_by,
            },
            LookState::Waiting | LookState::NotTaken => LookProgress::NotTaken,
            LookState::Looking { bastion, answer_by } if now < *answer_by => {
                LookProgress::Looking {
                    bastion: bastion.clone(),
                    until: *answer_by,
                }
            }
            LookState::Looking { bastion, .. } | LookState::NotAnswered { bastion } => {
                LookProgress::NotAnswered {
                    bastion: bastion.clone(),
                }
            }
            LookState::Settled { outcome, .. } => match outcome {
                LookOutcome::Kept { number } => LookProgress::Kept { number: *number },
                LookOutcome::Failed { detail } => LookProgress::Failed {
                    detail: detail.clone(),
                },
            },
        }
    }
}

impl Store {
    /// A look.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn look(&self, look: OrderId) -> Result<Option<Look>, StoreError> {
        let row = sqlx::query("SELECT * FROM look WHERE look = $1")
            .bind(look.to_string())
            .fetch_optional(&self.shared.readers)
            .await?;
        row.as_ref().map(read).transpose()
    }

    /// Looks whose time is over and that nobody closed, the oldest first: `limit` at most.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn lapsed_looks(&self, at: Timestamp, limit: u32) -> Result<Vec<Look>, StoreError> {
        let rows = sqlx::query(
            "SELECT * FROM look WHERE (state = 'waiting' AND claim_by <= $1)
                 OR (state = 'looking' AND answer_by <= $1) ORDER BY asked_at LIMIT $2",
        )
        .bind(at.as_micros())
        .bind(limit)
        .fetch_all(&self.shared.readers)
        .await?;
        rows.iter().map(read).collect()
    }

    /// How many looks are open at a moment.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn open_looks(&self, at: Timestamp) -> Result<u64, StoreError> {
        let row = sqlx::query(
            "SELECT COUNT(*) AS number FROM look WHERE (state = 'waiting' AND claim_by > $1)
                 OR (state = 'looking' AND answer_by > $1)",
        )
        .bind(at.as_micros())
        .fetch_one(&self.shared.readers)
        .await?;
        row.count("number")
    }
}

/// Asks for a look, unless one at that host is open.
pub(super) async fn ask(db: &mut SqliteConnection, new: &NewLook) -> Applied {
    let done = sqlx::query(
        "INSERT INTO look (look, host, asked_by, asked_at, claim_by, state)
         SELECT $1, $2, $3, $4, $5, 'waiting'
         WHERE NOT EXISTS (SELECT 1 FROM look WHERE host = $2
             AND ((state = 'waiting' AND claim_by > $4)
                 OR (state = 'looking' AND answer_by > $4)))",
    )
    .bind(new.look.to_string())
    .bind(new.host.as_str())
    .bind(to_json(&new.asked_by)?)
    .bind(new.asked_at.as_micros())
    .bind(new.claim_by.as_micros())
    .execute(db)
    .await?;
    changed_or(&done, Refusal::Exists)
}

/// Gives a look to a bastion, once.
pub(super) async fn claim(
    db: &mut SqliteConnection,
    look: OrderId,
    bastion: &BastionName,
    answer_by: Timestamp,
    at: Timestamp,
) -> Applied {
    let done = sqlx::query(
        "UPDATE look SET state = 'looking', bastion = $1, answer_by = $2
         WHERE look = $3 AND state = 'waiting' AND claim_by > $4",
    )
    .bind(bastion.as_str())
    .bind(answer_by.as_micros())
    .bind(look.to_string())
    .bind(at.as_micros())
    .execute(db)
    .await?;
    changed_or(&done, Refusal::Over)
}

/// Closes a look whose time is over.
pub(super) async fn lapse(db: &mut SqliteConnection, look: OrderId, at: Timestamp) -> Applied {
    let done = sqlx::query(
        "UPDATE look SET state = CASE state WHEN 'waiting' THEN 'not_taken' ELSE 'not_answered' END
         WHERE look = $1 AND ((state = 'waiting' AND claim_by <= $2)
             OR (state = 'looking' AND answer_by <= $2))",
    )
    .bind(look.to_string())
    .bind(at.as_micros())
    .execute(db)
    .await?;
    changed_or(&done, Refusal::Over)
}

/// What the bastion that has a look says came of it, once and in time.
pub(super) async fn settle(
    db: &mut SqliteConnection,
    look: OrderId,
    bastion: &BastionName,
    outcome: &LookOutcome,
    at: Timestamp,
) -> Applied {
    let (state, number, detail) = match outcome {
        LookOutcome::Kept { number } => ("kept", Some(signed(*number)), None),
        LookOutcome::Failed { detail } => ("failed", None, Some(detail)),
    };
    let done = sqlx::query(
        "UPDATE look SET state = $1, number = $2, detail = $3
         WHERE look = $4 AND state = 'looking' AND bastion = $5 AND answer_by > $6",
    )
    .bind(state)
    .bind(number)
    .bind(detail)
    .bind(look.to_string())
    .bind(bastion.as_str())
    .bind(at.as_micros())
    .execute(db)
    .await?;
    changed_or(&done, Refusal::Over)
}

fn read(row: &SqliteRow) -> Result<Look, StoreError> {
    let state: &str = row.raw("state")?;
    let had = |outcome| -> Result<LookState, StoreError> {
        Ok(LookState::Settled {
            bastion: row.parsed("bastion")?,
            outcome,
        })
    };
    let state = match state {
        "waiting" => LookState::Waiting,
        "looking" => LookState::Looking {
            bastion: row.parsed("bastion")?,
            answer_by: row.moment("answer_by")?,
        },
        "kept" => had(LookOutcome::Kept {
            number: row.count("number")?,
        })?,
        "failed" => had(LookOutcome::Failed {
            detail: row.raw("detail")?,
        })?,
        "not_taken" => LookState::NotTaken,
        "not_answered" => LookState::NotAnswered {
            bastion: row.parsed("bastion")?,
        },
        other => return Err(damaged("state", other)),
    };
    Ok(Look {
        asked: NewLook {
            look: row.parsed("look")?,
            host: row.parsed("host")?,
            asked_by: row.json("asked_by")?,
            asked_at: row.moment("asked_at")?,
            claim_by: row.moment("claim_by")?,
        },
        state,
    })
}
