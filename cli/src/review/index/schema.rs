//! The tables, and how a connection is set up.

use std::path::Path;
use std::time::Duration;

use portreeve_recording::moment::Kind;
use rusqlite::Connection;

use super::IndexError;

/// The version of the tables and of what is redacted in them: with either, an index is made anew.
pub(super) const VERSION: i32 = 2;
/// What makes the file one of ours: `prix` in ASCII.
const APPLICATION: i32 = 0x7072_6978;
/// How long to wait for another process.
const PATIENCE: Duration = Duration::from_secs(10);

/// A moment's number is its session's number, shifted by this, plus its place.
pub(super) const PLACE_BITS: u32 = 19;
/// The most moments and the most programs of one session.
pub(super) const MAX_PLACES: i64 = 1 << PLACE_BITS;
/// Sessions that began in the same second are told apart by this many bits.
pub(super) const SECOND_BITS: u32 = 10;
/// What begins a token of a kind; no text has it, since control characters are taken out.
const MARK: char = '\u{2}';

const TABLES: &str = "
CREATE TABLE session (
    number INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    started_us INTEGER NOT NULL,
    last_us INTEGER NOT NULL,
    human TEXT NOT NULL,
    subject TEXT NOT NULL,
    agent TEXT NOT NULL,
    host TEXT NOT NULL,
    ticket TEXT NOT NULL,
    task TEXT NOT NULL,
    file TEXT NOT NULL,
    size INTEGER NOT NULL,
    changed_us INTEGER NOT NULL,
    state INTEGER NOT NULL,
    left_out INTEGER NOT NULL
) STRICT;
CREATE TABLE program (
    number INTEGER PRIMARY KEY,
    line TEXT NOT NULL,
    end_code INTEGER
) STRICT;
CREATE INDEX program_end ON program (end_code);
CREATE TABLE word (
    word TEXT NOT NULL,
    program INTEGER NOT NULL,
    PRIMARY KEY (word, program)
) STRICT, WITHOUT ROWID;
CREATE TABLE path (
    path TEXT NOT NULL,
    moment INTEGER NOT NULL,
    PRIMARY KEY (path, moment)
) STRICT, WITHOUT ROWID;
CREATE TABLE moment (
    number INTEGER PRIMARY KEY,
    at_us INTEGER NOT NULL,
    channel INTEGER NOT NULL,
    kind INTEGER NOT NULL,
    program INTEGER,
    text TEXT NOT NULL
) STRICT;
CREATE INDEX moment_place ON moment (number, kind, program);
CREATE VIRTUAL TABLE trigram USING fts5 (
    text, content = '', contentless_delete = 1, detail = none, tokenize = 'trigram case_sensitive 1'
);
INSERT INTO trigram (trigram, rank) VALUES ('hashsize', 16777216);
";

/// What holds for every connection.
pub(super) fn settle(db: &Connection) -> rusqlite::Result<()> {
    db.busy_timeout(PATIENCE)?;
    db.set_prepared_statement_cache_capacity(64);
    // What is removed is overwritten; what is not yet in the file itself lies in a log beside it.
    db.execute_batch(
        "PRAGMA secure_delete = ON; PRAGMA synchronous = NORMAL; PRAGMA cache_size = -32768;
         PRAGMA mmap_size = 1073741824; PRAGMA trusted_schema = OFF; PRAGMA temp_store = MEMORY;",
    )
}

/// Makes the tables in a new file.
pub(super) fn ensure(db: &Connection, path: &Path) -> Result<(), IndexError> {
    if version(db)? == (0, 0) && is_empty(db)? {
        db.pragma_update(None, "journal_mode", "WAL")?;
        // Two processes that come at the same time: the second waits, then finds the tables made.
        db.execute_batch("BEGIN IMMEDIATE")?;
        let made = if is_empty(db)? {
            db.execute_batch(&format!(
                "{TABLES} PRAGMA application_id = {APPLICATION}; PRAGMA user_version = {VERSION};"
            ))
        } else {
            Ok(())
        };
        db.execute_batch(if made.is_ok() { "COMMIT" } else { "ROLLBACK" })?;
        made?;
    }
    check(db, path)
}

/// Refuses a file that has not the tables of this version.
pub(super) fn check(db: &Connection, path: &Path) -> Result<(), IndexError> {
    match version(db)? {
        (APPLICATION, VERSION) => Ok(()),
        (APPLICATION, version) => Err(IndexError::Version {
            path: path.into(),
            version,
        }),
        _ => Err(IndexError::Foreign(path.into())),
    }
}

fn version(db: &Connection) -> rusqlite::Result<(i32, i32)> {
    let read = |name| db.pragma_query_value(None, name, |row| row.get(0));
    Ok((read("application_id")?, read("user_version")?))
}

fn is_empty(db: &Connection) -> rusqlite::Result<bool> {
    db.query_row("SELECT count(*) = 0 FROM sqlite_schema", [], |row| {
        row.get(0)
    })
}

/// The number that stands for a kind.
pub(super) const fn kind_code(kind: Kind) -> i64 {
    match kind {
        Kind::Session => 0,
        Kind::Command => 1,
        Kind::Output => 2,
        Kind::Input => 3,
        Kind::File => 4,
        Kind::Refused => 5,
        Kind::Note => 6,
        Kind::Host => 7,
    }
}

/// The kind that a number stands for.
pub(super) const fn kind_of(code: i64) -> Kind {
    match code {
        0 => Kind::Session,
        1 => Kind::Command,
        3 => Kind::Input,
        4 => Kind::File,
        5 => Kind::Refused,
        6 => Kind::Note,
        7 => Kind::Host,
        _ => Kind::Output,
    }
}

/// A token of three characters that all texts of a kind have, so that a kind that is rare is found
/// as fast as a word that is.
pub(super) fn kind_token(kind: Kind) -> String {
    let letter = match kind {
        Kind::Session => 's',
        Kind::Command => 'c',
        Kind::Output => 'o',
        Kind::Input => 'i',
        Kind::File => 'f',
        Kind::Refused => 'r',
        Kind::Note => 'n',
        Kind::Host => 'h',
    };
    [MARK, letter, MARK].iter().collect()
}
