//! Options that select, as sets of sessions and programs.

use std::collections::BTreeSet;

use rusqlite::types::Value;
use rusqlite::{Connection, params_from_iter};

use super::super::IndexError;
use super::super::schema::PLACE_BITS;
use super::super::write::BY_SIGNAL;
use super::{Exit, Selection};

/// What moments may be of; a set that is not there excludes nothing.
#[derive(Debug)]
pub(super) struct Sets {
    sessions: Option<Vec<i64>>,
    programs: Option<Vec<i64>>,
    paths: Option<Paths>,
}

/// Where a path was.
#[derive(Debug)]
struct Paths {
    moments: Vec<i64>,
    programs: Vec<i64>,
}

impl Sets {
    /// The sets of a selection; nothing when one of them is empty.
    pub(super) fn of(db: &Connection, selection: &Selection) -> Result<Option<Self>, IndexError> {
        let sessions = sessions(db, selection)?;
        let programs = programs(db, selection)?;
        let paths = selection
            .path
            .as_ref()
            .map(|path| paths(db, path))
            .transpose()?;
        let mut sets = Self {
            sessions,
            programs,
            paths,
        };
        sets.narrow();
        let is_empty = sets.sessions.as_ref().is_some_and(Vec::is_empty);
        Ok((!is_empty).then_some(sets))
    }

    /// Leaves only the sessions of which the other sets have something.
    fn narrow(&mut self) {
        let mut narrow = |numbers: BTreeSet<i64>| {
            self.sessions = Some(match self.sessions.take() {
                None => numbers.into_iter().collect(),
                Some(mut sessions) => {
                    sessions.retain(|session| numbers.contains(session));
                    sessions
                }
            });
        };
        if let Some(programs) = &self.programs {
            narrow(programs.iter().map(|number| number >> PLACE_BITS).collect());
        }
        if let Some(paths) = &self.paths {
            let numbers = paths.moments.iter().chain(&paths.programs);
            narrow(numbers.map(|number| number >> PLACE_BITS).collect());
        }
    }

    /// The ranges of moments to look through, newest first: one of each session when they are few.
    pub(super) fn ranges(&self, few: usize) -> Vec<(i64, i64)> {
        match &self.sessions {
            Some(sessions) if sessions.len() <= few => {
                let newest_first = sessions.iter().rev();
                newest_first
                    .map(|number| (number << PLACE_BITS, ((number + 1) << PLACE_BITS) - 1))
                    .collect()
            }
            _ => vec![(0, i64::MAX)],
        }
    }

    pub(super) fn has_session(&self, session: i64) -> bool {
        has(self.sessions.as_ref(), session)
    }

    pub(super) fn has_moment(&self, moment: i64, program: Option<i64>) -> bool {
        let of_program = match (&self.programs, program) {
            (None, _) => true,
            (Some(_), None) => false,
            (Some(programs), Some(program)) => programs.binary_search(&program).is_ok(),
        };
        let of_path = self.paths.as_ref().is_none_or(|paths| {
            paths.moments.binary_search(&moment).is_ok()
                || program.is_some_and(|program| paths.programs.binary_search(&program).is_ok())
        });
        of_program && of_path
    }
}

fn has(set: Option<&Vec<i64>>, number: i64) -> bool {
    set.is_none_or(|set| set.binary_search(&number).is_ok())
}

/// The sessions that the options about sessions select, in order.
fn sessions(db: &Connection, selection: &Selection) -> Result<Option<Vec<i64>>, IndexError> {
    let mut conditions: Vec<&str> = Vec::new();
    let mut values: Vec<Value> = Vec::new();
    let texts = [
        (
            &selection.human,
            "(human = ? COLLATE NOCASE OR subject = ?)",
            2,
        ),
        // A name without its team is the part behind the slash.
        (
            &selection.agent,
            "(agent = ? OR substr(agent, instr(agent, '/') + 1) = ?)",
            2,
        ),
        (
            &selection.host,
            "(host = ? COLLATE NOCASE OR substr(host, 1, instr(host, '.') - 1) = ? COLLATE NOCASE)",
            2,
        ),
        (&selection.ticket, "ticket = ? COLLATE NOCASE", 1),
        (&selection.task, "task = ? COLLATE NOCASE", 1),
        (&selection.session, "id = ? COLLATE NOCASE", 1),
    ];
    for (text, condition, uses) in texts {
        if let Some(text) = text {
            conditions.push(condition);
            values.extend(std::iter::repeat_n(Value::Text(text.clone()), uses));
        }
    }
    for (time, condition) in [
        (selection.since, "last_us >= ?"),
        (selection.until, "started_us < ?"),
    ] {
        if let Some(time) = time {
            conditions.push(condition);
            values.push(Value::Integer(time.as_micros()));
        }
    }
    if conditions.is_empty() {
        return Ok(None);
    }
    let sql = format!(
        "SELECT number FROM session WHERE {} ORDER BY number",
        conditions.join(" AND ")
    );
    let mut select = db.prepare_cached(&sql)?;
    let rows = select.query_map(params_from_iter(values), |row| row.get(0))?;
    Ok(Some(rows.collect::<Result<_, _>>()?))
}

/// The programs that the options about programs select, in order.
fn programs(db: &Connection, selection: &Selection) -> Result<Option<Vec<i64>>, IndexError> {
    let mut chosen: Option<BTreeSet<i64>> = None;
    for word in &selection.argv {
        let numbers = numbers(db, "SELECT program FROM word WHERE word = ?1", [word])?;
        chosen = Some(both(chosen, numbers));
    }
    if let Some(exit) = selection.exit {
        let condition = match exit {
            Exit::Status(_) | Exit::Signal => "end_code = ?1",
            Exit::Failed => "(end_code > ?1 OR end_code < ?1)",
            Exit::None => "end_code IS NULL AND ?1 = 0",
        };
        let code = match exit {
            Exit::Status(status) => i64::from(status),
            Exit::Signal => BY_SIGNAL,
            Exit::Failed | Exit::None => 0,
        };
        let sql = format!("SELECT number FROM program WHERE {condition}");
        let numbers = numbers(db, &sql, [code])?;
        chosen = Some(both(chosen, numbers));
    }
    Ok(chosen.map(|numbers| numbers.into_iter().collect()))
}

fn both(chosen: Option<BTreeSet<i64>>, numbers: Vec<i64>) -> BTreeSet<i64> {
    match chosen {
        None => numbers.into_iter().collect(),
        Some(chosen) => numbers
            .into_iter()
            .filter(|number| chosen.contains(number))
            .collect(),
    }
}

/// Where a path, or one below it, was; one that is not absolute stands at the end of paths.
fn paths(db: &Connection, path: &str) -> Result<Paths, IndexError> {
    let mut moments = Vec::new();
    let mut programs = Vec::new();
    for (table, column, all) in [
        ("path", "moment", &mut moments),
        ("word", "program", &mut programs),
    ] {
        let name = if table == "path" { "path" } else { "word" };
        let path = path
            .strip_suffix('/')
            .filter(|path| !path.is_empty())
            .unwrap_or(path);
        *all = if path.starts_with('/') {
            // Everything below begins with the path and a slash; a zero comes right behind a slash.
            let sql = format!(
                "SELECT {column} FROM {table} WHERE {name} = ?1 OR ({name} >= ?1 || '/' AND {name} < ?1 || '0') ORDER BY {column}"
            );
            numbers(db, &sql, [path])?
        } else {
            let sql = format!(
                "SELECT {column} FROM {table} WHERE {name} = ?1 OR substr({name}, -length(?1) - 1) = '/' || ?1 ORDER BY {column}"
            );
            numbers(db, &sql, [path])?
        };
        all.dedup();
    }
    Ok(Paths { moments, programs })
}

fn numbers(
    db: &Connection,
    sql: &str,
    values: impl rusqlite::Params,
) -> Result<Vec<i64>, IndexError> {
    let mut select = db.prepare_cached(sql)?;
    let rows = select.query_map(values, |row| row.get(0))?;
    Ok(rows.collect::<Result<_, _>>()?)
}
