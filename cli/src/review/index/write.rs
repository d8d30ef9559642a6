//! Recordings into the index, and out of it.
//!
//! One recording is one transaction: a process that is killed leaves whole sessions behind.

use std::collections::BTreeMap;

use portreeve_protocol::id::SessionId;
use portreeve_recording::info::SessionInfo;
use portreeve_recording::moment::{Begun, End, Found, Kind, Moment};
use rusqlite::{OptionalExtension as _, Transaction, TransactionBehavior, params};

use super::query::fold;
use super::schema::{MAX_PLACES, PLACE_BITS, SECOND_BITS, kind_code, kind_token};
use super::{Index, IndexError};

/// What stands for the end by a signal.
pub(super) const BY_SIGNAL: i64 = -1;

/// A file as it was when it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stamp {
    /// Where it is.
    pub file: String,
    /// How many bytes it had.
    pub size: u64,
    /// When it was changed last, in microseconds since 1970.
    pub changed_us: i64,
}

/// How far a recording was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// No key opened it: only what `session.json` says is there.
    Sealed,
    /// To its end.
    Whole,
    /// Up to where it breaks off.
    Broken,
}

/// What is known of a session that is in the index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Known {
    /// The file that was read.
    pub stamp: Stamp,
    /// How far.
    pub state: State,
}

/// A recording on its way into the index; nothing of it is there before [`Writing::finish`].
#[derive(Debug)]
pub struct Writing<'a> {
    transaction: Transaction<'a>,
    session: i64,
    started_us: i64,
    last_us: i64,
    next: i64,
    left_out: i64,
}

impl State {
    const fn code(self) -> i64 {
        match self {
            Self::Sealed => 0,
            Self::Whole => 1,
            Self::Broken => 2,
        }
    }

    const fn of(code: i64) -> Self {
        match code {
            1 => Self::Whole,
            2 => Self::Broken,
            _ => Self::Sealed,
        }
    }
}

impl Index {
    /// Every session that is in the index.
    ///
    /// # Errors
    /// When the index cannot be read.
    pub fn known(&self) -> Result<BTreeMap<SessionId, Known>, IndexError> {
        let mut select = self
            .db
            .prepare("SELECT id, file, size, changed_us, state FROM session")?;
        let rows = select.query_map([], |row| {
            Ok((
                row.get::<_, String>(0)?,
                Known {
                    stamp: Stamp {
                        file: row.get(1)?,
                        size: u64::try_from(row.get::<_, i64>(2)?).unwrap_or(0),
                        changed_us: row.get(3)?,
                    },
                    state: State::of(row.get(4)?),
                },
            ))
        })?;
        let mut known = BTreeMap::new();
        for row in rows {
            let (id, row) = row?;
            if let Ok(id) = id.parse() {
                known.insert(id, row);
            }
        }
        Ok(known)
    }

    /// How many sessions are in the index of which no key opened the recording.
    ///
    /// # Errors
    /// When the index cannot be read.
    pub fn sealed(&self) -> Result<u64, IndexError> {
        let count: i64 = self.db.query_row(
            "SELECT count(*) FROM session WHERE state = ?1",
            [State::Sealed.code()],
            |row| row.get(0),
        )?;
        Ok(count.unsigned_abs())
    }

    /// Begins to write a recording; what was there of its session goes.
    ///
    /// # Errors
    /// When the index cannot be written.
    pub fn begin(&mut self, info: &SessionInfo, stamp: &Stamp) -> Result<Writing<'_>, IndexError> {
        let transaction = self
            .db
            .transaction_with_behavior(TransactionBehavior::Immediate)?;
        remove(&transaction, info.session)?;
        let started_us = info.started_at.as_micros();
        let session = free_number(&transaction, info.started_at.as_unsigned_seconds())?;
        transaction
            .prepare_cached(
                "INSERT INTO session VALUES (?1, ?2, ?3, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, 0, 0)",
            )?
            .execute(params![
                session,
                info.session.to_string(),
                started_us,
                info.pair.human.name.to_string(),
                info.pair.human.subject,
                info.pair.agent.to_string(),
                info.host.to_string(),
                info.task.ticket.to_string(),
                info.task.id.to_string(),
                stamp.file,
                i64::try_from(stamp.size).unwrap_or(i64::MAX),
                stamp.changed_us,
            ])?;
        let mut writing = Writing {
            transaction,
            session,
            started_us,
            last_us: started_us,
            next: 0,
            left_out: 0,
        };
        writing.moment(&about(info))?;
        Ok(writing)
    }

    /// Takes a session out; whether it was there.
    ///
    /// # Errors
    /// When the index cannot be written.
    pub fn remove(&mut self, session: SessionId) -> Result<bool, IndexError> {
        let transaction = self
            .db
            .transaction_with_behavior(TransactionBehavior::Immediate)?;
        let was_there = remove(&transaction, session)?;
        transaction.commit()?;
        Ok(was_there)
    }

    /// Puts the trigrams of many sessions together, which makes searches fast, and leaves none of
    /// what was removed; then empties the log beside the file.
    ///
    /// # Errors
    /// When the index cannot be written.
    pub fn tidy(&mut self) -> Result<(), IndexError> {
        self.db
            .execute_batch("INSERT INTO trigram (trigram) VALUES ('optimize')")?;
        self.settle_log()
    }

    /// Empties the log beside the file, unless somebody reads the index just now.
    ///
    /// # Errors
    /// When the index cannot be written.
    pub fn settle_log(&mut self) -> Result<(), IndexError> {
        self.db
            .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
        Ok(())
    }
}

impl Writing<'_> {
    /// Adds what was found in the recording.
    ///
    /// # Errors
    /// When the index cannot be written.
    pub fn add(&mut self, found: &Found) -> Result<(), IndexError> {
        match found {
            Found::Begun(begun) => self.begun(begun),
            Found::Ended { program, end } => self.ended(*program, *end),
            Found::Moment(moment) => self.moment(moment),
        }
    }

    /// Writes everything; answers how many moments the session has, and how many were left out.
    ///
    /// # Errors
    /// When the index cannot be written.
    pub fn finish(self, state: State) -> Result<(u64, u64), IndexError> {
        self.transaction.execute(
            "UPDATE session SET state = ?2, last_us = ?3, left_out = ?4 WHERE number = ?1",
            params![self.session, state.code(), self.last_us, self.left_out],
        )?;
        self.transaction.commit()?;
        let count = |number: i64| u64::try_from(number).unwrap_or(0);
        Ok((count(self.next), count(self.left_out)))
    }

    /// The number of a program or moment of this session.
    fn number(&self, place: i64) -> i64 {
        (self.session << PLACE_BITS) | place
    }

    fn begun(&mut self, begun: &Begun) -> Result<(), IndexError> {
        let Some(program) = self.program(begun.program) else {
            return Ok(());
        };
        self.transaction
            .prepare_cached("INSERT INTO program VALUES (?1, ?2, NULL)")?
            .execute(params![program, begun.line])?;
        let mut word = self
            .transaction
            .prepare_cached("INSERT OR IGNORE INTO word VALUES (?1, ?2)")?;
        for each in &begun.words {
            word.execute(params![each, program])?;
        }
        Ok(())
    }

    fn ended(&mut self, program: u32, end: End) -> Result<(), IndexError> {
        let code = match end {
            End::Status(status) => i64::from(status),
            End::Signal => BY_SIGNAL,
        };
        if let Some(program) = self.program(program) {
            self.transaction
                .prepare_cached("UPDATE program SET end_code = ?2 WHERE number = ?1")?
                .execute(params![program, code])?;
        }
        Ok(())
    }

    fn program(&self, program: u32) -> Option<i64> {
        let place = i64::from(program);
        (place < MAX_PLACES).then(|| self.number(place))
    }

    fn moment(&mut self, moment: &Moment) -> Result<(), IndexError> {
        if self.next >= MAX_PLACES {
            self.left_out = self.left_out.saturating_add(1);
            return Ok(());
        }
        let number = self.number(self.next);
        self.next += 1;
        let at_us = i64::try_from(moment.at_us).unwrap_or(i64::MAX);
        self.last_us = self.last_us.max(self.started_us.saturating_add(at_us));
        self.transaction
            .prepare_cached("INSERT INTO moment VALUES (?1, ?2, ?3, ?4, ?5, ?6)")?
            .execute(params![
                number,
                at_us,
                moment.channel.0,
                kind_code(moment.kind),
                moment.program.and_then(|program| self.program(program)),
                moment.text,
            ])?;
        let mut path = self
            .transaction
            .prepare_cached("INSERT OR IGNORE INTO path VALUES (?1, ?2)")?;
        for each in &moment.paths {
            path.execute(params![each, number])?;
        }
        let mut compared = kind_token(moment.kind);
        compared.extend(moment.text.chars().map(fold));
        self.transaction
            .prepare_cached("INSERT INTO trigram (rowid, text) VALUES (?1, ?2)")?
            .execute(params![number, compared])?;
        Ok(())
    }
}

/// What is said of a session before anything happened in it.
fn about(info: &SessionInfo) -> Moment {
    Moment {
        at_us: 0,
        channel: portreeve_recording::event::Channel::SESSION,
        kind: Kind::Session,
        program: None,
        text: format!(
            "{} via {} on {} as {} with {}: {}: {}",
            crate::safe::line(info.pair.human.name.as_str()),
            info.pair.agent,
            info.host,
            info.account,
            info.bundle.name,
            info.task.ticket,
            crate::safe::line(info.task.purpose.as_str()),
        ),
        paths: Vec::new(),
    }
}

/// The first number that no session has, by its start.
fn free_number(transaction: &Transaction<'_>, second: u64) -> Result<i64, IndexError> {
    // Numbers have 63 bits in all; a clock that is far beyond them tells no order.
    let most = (1_u64 << (63 - PLACE_BITS - SECOND_BITS)) - 1;
    let base = i64::try_from(second.min(most) << SECOND_BITS).unwrap_or(0);
    let mut select = transaction
        .prepare_cached("SELECT number FROM session WHERE number >= ?1 ORDER BY number")?;
    let mut taken = select.query([base])?;
    let mut free = base;
    while let Some(row) = taken.next()? {
        if row.get::<_, i64>(0)? != free {
            break;
        }
        free += 1;
    }
    Ok(free)
}

fn remove(transaction: &Transaction<'_>, session: SessionId) -> Result<bool, IndexError> {
    let number: Option<i64> = transaction
        .prepare_cached("SELECT number FROM session WHERE id = ?1")?
        .query_row([session.to_string()], |row| row.get(0))
        .optional()?;
    let Some(number) = number else {
        return Ok(false);
    };
    let (first, last) = (number << PLACE_BITS, ((number + 1) << PLACE_BITS) - 1);
    for delete in [
        "DELETE FROM trigram WHERE rowid BETWEEN ?1 AND ?2",
        "DELETE FROM moment WHERE number BETWEEN ?1 AND ?2",
        "DELETE FROM program WHERE number BETWEEN ?1 AND ?2",
        "DELETE FROM word WHERE program BETWEEN ?1 AND ?2",
        "DELETE FROM path WHERE moment BETWEEN ?1 AND ?2",
    ] {
        transaction.execute(delete, [first, last])?;
    }
    transaction.execute("DELETE FROM session WHERE number = ?1", [number])?;
    Ok(true)
}
