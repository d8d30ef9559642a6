//! Opening the database: one process at a time, files that nobody else reads, the schema up to
//! date.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::time::Duration;

use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{ConnectOptions as _, SqlSafeStr as _, SqliteConnection, SqlitePool};

use super::StoreError;

/// How many questions are answered at the same time.
const READERS: u32 = 4;

/// The open database.
pub(super) struct Opened {
    /// For the writer alone.
    pub(super) writer: SqliteConnection,
    /// How the writer's connection was made, to make it once more.
    pub(super) options: SqliteConnectOptions,
    /// For everybody else.
    pub(super) readers: SqlitePool,
    /// Held as long as the database is open.
    pub(super) lock: File,
}

pub(super) async fn open(path: &Path) -> Result<Opened, StoreError> {
    if path.exists() {
        create(path).await
    } else {
        Err(failed(
            path,
            "it is not there; put it back from a backup, or make a new CA with `portreeve-ca init`"
                .into(),
        ))
    }
}

pub(super) async fn create(path: &Path) -> Result<Opened, StoreError> {
    let failed = |detail: String| failed(path, detail);
    let lock = lock(path).map_err(|error| failed(error.to_string()))?;
    private_file(path, true).map_err(|error| failed(error.to_string()))?;
    let options = options(path);
    let mut writer = options
        .connect()
        .await
        .map_err(|error| failed(error.to_string()))?;
    migrator()
        .run(&mut writer)
        .await
        .map_err(|error| failed(error.to_string()))?;
    let readers = SqlitePoolOptions::new()
        .max_connections(READERS)
        .min_connections(1)
        .acquire_timeout(Duration::from_secs(5))
        // A file does not go away as a server does, and asking costs as much as the question.
        .test_before_acquire(false)
        .connect_with(options.clone().pragma("query_only", "1"))
        .await
        .map_err(|error| failed(error.to_string()))?;
    Ok(Opened {
        writer,
        options,
        readers,
        lock,
    })
}

fn failed(path: &Path, detail: String) -> StoreError {
    StoreError::Open {
        path: path.display().to_string(),
        detail,
    }
}

fn options(path: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(path)
        .journal_mode(SqliteJournalMode::Wal)
        // What is acknowledged survives a power cut.
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        .busy_timeout(Duration::from_secs(5))
        .statement_cache_capacity(200)
        .disable_statement_logging()
}

/// The writer keeps the end of the log in memory, so a second process must not append.
fn lock(path: &Path) -> std::io::Result<File> {
    let lock = private_file(&path.with_extension("lock"), false)?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(std::fs::TryLockError::WouldBlock) => Err(std::io::Error::new(
            std::io::ErrorKind::ResourceBusy,
            "another process serves it",
        )),
        Err(std::fs::TryLockError::Error(error)) => Err(error),
    }
}

/// SQLite gives its other files the mode of the database.
fn private_file(path: &Path, read: bool) -> std::io::Result<File> {
    OpenOptions::new()
        .read(read)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(path)
}

fn migrator() -> Migrator {
    let step = |version, name: &'static str, sql: &'static str| {
        Migration::new(
            version,
            name.into(),
            MigrationType::Simple,
            sql.into_sql_str(),
            false,
        )
    };
    Migrator::with_migrations(vec![
        step(1, "first", include_str!("../../migrations/0001_first.sql")),
        step(
            2,
            "kill reason",
            include_str!("../../migrations/0002_kill_reason.sql"),
        ),
        step(
            3,
            "inventory",
            include_str!("../../migrations/0003_inventory.sql"),
        ),
        step(
            4,
            "uid floor",
            include_str!("../../migrations/0004_uid_floor.sql"),
        ),
        step(5, "look", include_str!("../../migrations/0005_look.sql")),
        step(
            6,
            "recordings",
            include_str!("../../migrations/0006_recordings.sql"),
        ),
        step(
            7,
            "session uid floor",
            include_str!("../../migrations/0007_session_uid_floor.sql"),
        ),
        step(
            8,
            "permitted to",
            include_str!("../../migrations/0008_permitted_to.sql"),
        ),
        step(
            9,
            "attested",
            include_str!("../../migrations/0009_attested.sql"),
        ),
        step(
            10,
            "unreported deletions",
            include_str!("../../migrations/0010_unreported_deletions.sql"),
        ),
        step(
            11,
            "lost recordings",
            include_str!("../../migrations/0011_lost_recordings.sql"),
        ),
        step(
            12,
            "trail room",
            include_str!("../../migrations/0012_trail_room.sql"),
        ),
        step(
            13,
            "accounts",
            include_str!("../../migrations/0013_accounts.sql"),
        ),
        step(
            14,
            "recordings of a bastion",
            include_str!("../../migrations/0014_recordings_of_a_bastion.sql"),
        ),
        step(
            15,
            "host room",
            include_str!("../../migrations/0015_host_room.sql"),
        ),
    ])
}
