//! Moments out of the index, newest first.
//!
//! What is selected becomes sets first: of sessions, and of programs. Candidates then come in order
//! of their numbers, which is that of time, and are dropped by these sets before their text is
//! looked at; so a search ends as soon as it has enough, and one for few sessions only looks there.

mod select;

use std::ops::{ControlFlow, Range};

use portreeve_protocol::time::Timestamp;
use portreeve_recording::moment::Kind;
use rusqlite::{OptionalExtension as _, params};

use super::query::Terms;
use super::schema::{PLACE_BITS, kind_code, kind_of, kind_token};
use super::{Index, IndexError};
use select::Sets;

/// Up to so many sessions are looked through one by one instead of all together.
const FEW_SESSIONS: usize = 64;

/// What is asked for.
#[derive(Debug, Clone, Default)]
pub struct Selection {
    /// Text that must be there.
    pub terms: Option<Terms>,
    /// Words that a program must have.
    pub argv: Vec<String>,
    /// A path that a file operation or a program must have.
    pub path: Option<String>,
    /// How a program must have ended.
    pub exit: Option<Exit>,
    /// By whom, by name or subject.
    pub human: Option<String>,
    /// By which agent.
    pub agent: Option<String>,
    /// Where.
    pub host: Option<String>,
    /// For which ticket.
    pub ticket: Option<String>,
    /// For which task.
    pub task: Option<String>,
    /// In which session.
    pub session: Option<String>,
    /// Not before.
    pub since: Option<Timestamp>,
    /// Before.
    pub until: Option<Timestamp>,
    /// Of which kinds; of all when there are none.
    pub kinds: Vec<Kind>,
    /// How many at most.
    pub limit: usize,
}

/// How a program ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// With this status.
    Status(u32),
    /// By a signal.
    Signal,
    /// In any way but status 0.
    Failed,
    /// In no way that is known.
    None,
}

/// A moment that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hit {
    /// The session's id.
    pub session: String,
    /// Who.
    pub human: String,
    /// With which agent.
    pub agent: String,
    /// Where.
    pub host: String,
    /// Why.
    pub ticket: String,
    /// For which task.
    pub task: String,
    /// The recording.
    pub file: String,
    /// Whether the session has more moments than the index.
    pub is_incomplete: bool,
    /// When.
    pub at: Timestamp,
    /// Microseconds since the session started.
    pub at_us: i64,
    /// On which channel.
    pub channel: u32,
    /// What it is.
    pub kind: Kind,
    /// The command line of its program.
    pub command: Option<String>,
    /// How its program ended.
    pub exit: Option<Exit>,
    /// The line that was found.
    pub line: String,
    /// Where the terms stand in it, in characters.
    pub spans: Vec<Range<usize>>,
    /// How many further lines of the moment have them.
    pub more_lines: usize,
}

/// What was found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Page {
    /// The moments, newest first.
    pub hits: Vec<Hit>,
    /// Whether there are others.
    pub more: bool,
}

impl Index {
    /// Finds moments.
    ///
    /// # Errors
    /// When the index cannot be read.
    pub fn find(&self, selection: &Selection) -> Result<Page, IndexError> {
        // One state of the index for all statements, whatever is written meanwhile.
        let _reading = self.db.unchecked_transaction()?;
        let kinds = selection.kinds();
        let mut page = Page::default();
        let Some(sets) = Sets::of(&self.db, selection)? else {
            return Ok(page);
        };
        let mut take = |number: i64| -> Result<ControlFlow<()>, IndexError> {
            let Some(hit) = self.candidate(number, selection, &sets)? else {
                return Ok(ControlFlow::Continue(()));
            };
            if page.hits.len() >= selection.limit {
                page.more = true;
                return Ok(ControlFlow::Break(()));
            }
            page.hits.push(hit);
            Ok(ControlFlow::Continue(()))
        };
        let few = selection
            .terms
            .as_ref()
            .map_or(usize::MAX, |_| FEW_SESSIONS);
        for range in sets.ranges(few) {
            let flow = match &selection.terms {
                Some(terms) => self.with_terms(terms, &kinds, range, &mut take)?,
                None => self.without_terms(&kinds, range, &mut take)?,
            };
            if flow.is_break() {
                break;
            }
        }
        Ok(page)
    }

    /// The moments of a range that have the trigrams of all terms.
    fn with_terms(
        &self,
        terms: &Terms,
        kinds: &[Kind],
        (first, last): (i64, i64),
        take: &mut impl FnMut(i64) -> Result<ControlFlow<()>, IndexError>,
    ) -> Result<ControlFlow<()>, IndexError> {
        let mut select = self.db.prepare_cached(
            "SELECT rowid FROM trigram WHERE trigram MATCH ?1 AND rowid BETWEEN ?2 AND ?3 ORDER BY rowid DESC",
        )?;
        let mut rows = select.query(params![expression(terms, kinds), first, last])?;
        while let Some(row) = rows.next()? {
            if take(row.get(0)?)?.is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    /// The moments of a range that are of one of the kinds.
    fn without_terms(
        &self,
        kinds: &[Kind],
        (first, last): (i64, i64),
        take: &mut impl FnMut(i64) -> Result<ControlFlow<()>, IndexError>,
    ) -> Result<ControlFlow<()>, IndexError> {
        let mut select = self.db.prepare_cached(
            "SELECT number FROM moment INDEXED BY moment_place
             WHERE number BETWEEN ?1 AND ?2 AND (1 << kind) & ?3 ORDER BY number DESC",
        )?;
        let kinds: i64 = kinds.iter().map(|kind| 1 << kind_code(*kind)).sum();
        let mut rows = select.query([first, last, kinds])?;
        while let Some(row) = rows.next()? {
            if take(row.get(0)?)?.is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    /// A candidate, if it is what is asked for.
    fn candidate(
        &self,
        number: i64,
        selection: &Selection,
        sets: &Sets,
    ) -> Result<Option<Hit>, IndexError> {
        if !sets.has_session(number >> PLACE_BITS) {
            return Ok(None);
        }
        let (kind, program): (i64, Option<i64>) = self
            .db
            .prepare_cached(
                "SELECT kind, program FROM moment INDEXED BY moment_place WHERE number = ?1",
            )?
            .query_row([number], |row| Ok((row.get(0)?, row.get(1)?)))?;
        if !sets.has_moment(number, program) {
            return Ok(None);
        }
        let mut select = self
            .db
            .prepare_cached("SELECT text, at_us, channel FROM moment WHERE number = ?1")?;
        let mut rows = select.query([number])?;
        let Some(row) = rows.next()? else {
            return Ok(None);
        };
        let text = row.get_ref(0)?.as_str().unwrap_or_default();
        let (line, spans, more_lines) = match &selection.terms {
            None => {
                let mut lines = text.lines();
                (lines.next().unwrap_or_default(), Vec::new(), lines.count())
            }
            Some(terms) => match terms.find(text) {
                Some(found) => (found.line, found.spans, found.more_lines),
                None => return Ok(None),
            },
        };
        let at_us: i64 = row.get(1)?;
        let hit = Hit {
            at_us,
            channel: row.get(2)?,
            kind: kind_of(kind),
            line: line.to_owned(),
            spans,
            more_lines,
            ..self.of_session(number >> PLACE_BITS, at_us)?
        };
        if selection.since.is_some_and(|since| hit.at < since)
            || selection.until.is_some_and(|until| hit.at >= until)
        {
            return Ok(None);
        }
        self.of_program(hit, program).map(Some)
    }

    /// What a session says of each of its moments.
    fn of_session(&self, session: i64, at_us: i64) -> Result<Hit, IndexError> {
        let mut select = self.db.prepare_cached(
            "SELECT id, human, agent, host, ticket, task, file, left_out, started_us FROM session WHERE number = ?1",
        )?;
        let hit = select.query_row([session], |row| {
            Ok(Hit {
                session: row.get(0)?,
                human: row.get(1)?,
                agent: row.get(2)?,
                host: row.get(3)?,
                ticket: row.get(4)?,
                task: row.get(5)?,
                file: row.get(6)?,
                is_incomplete: row.get::<_, i64>(7)? > 0,
                at: Timestamp::from_micros(row.get::<_, i64>(8)?.saturating_add(at_us)),
                at_us,
                channel: 0,
                kind: Kind::Session,
                command: None,
                exit: None,
                line: String::new(),
                spans: Vec::new(),
                more_lines: 0,
            })
        })?;
        Ok(hit)
    }

    fn of_program(&self, hit: Hit, program: Option<i64>) -> Result<Hit, IndexError> {
        let Some(program) = program else {
            return Ok(hit);
        };
        let found = self
            .db
            .prepare_cached("SELECT line, end_code FROM program WHERE number = ?1")?
            .query_row([program], |row| {
                Ok((row.get::<_, String>(0)?, row.get::<_, Option<i64>>(1)?))
            })
            .optional()?;
        Ok(match found {
            None => hit,
            Some((line, end_code)) => Hit {
                command: Some(line),
                exit: end_code.map(|code| u32::try_from(code).map_or(Exit::Signal, Exit::Status)),
                ..hit
            },
        })
    }
}

impl Selection {
    /// The kinds that count: those that were asked for; without terms and kinds those that the
    /// other options are about.
    fn kinds(&self) -> Vec<Kind> {
        if !self.kinds.is_empty() || self.terms.is_some() {
            return self.kinds.clone();
        }
        if self.path.is_some() {
            vec![Kind::Command, Kind::File]
        } else if self.exit.is_some() || !self.argv.is_empty() {
            vec![Kind::Command]
        } else {
            vec![Kind::Session]
        }
    }
}

/// The trigrams in the words of FTS5.
fn expression(terms: &Terms, kinds: &[Kind]) -> String {
    let quoted = |text: &str| format!("\"{}\"", text.replace('"', "\"\""));
    let mut parts: Vec<String> = terms.trigrams().iter().map(|three| quoted(three)).collect();
    if !kinds.is_empty() {
        let kinds: Vec<_> = kinds
            .iter()
            .map(|kind| quoted(&kind_token(*kind)))
            .collect();
        parts.push(format!("({})", kinds.join(" OR ")));
    }
    parts.join(" AND ")
}
