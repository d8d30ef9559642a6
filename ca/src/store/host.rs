//! Hosts.

use portreeve_protocol::admin::HostRecord;
use portreeve_protocol::attest::HostWatch;
use portreeve_protocol::digest::Digest;
use portreeve_protocol::key::PublicKey;
use portreeve_protocol::name::HostName;
use portreeve_protocol::time::Timestamp;
use sqlx::sqlite::SqliteRow;
use sqlx::{SqliteConnection, SqlitePool};

use super::apply::{Applied, Ticket, changed_or};
use super::row::{Columns as _, to_json};
use super::{Refusal, StoreError};

/// A host with everything that a grant needs.
#[derive(Debug, Clone)]
pub struct Host {
    /// What administrators see.
    pub record: HostRecord,
    /// The host keys of its sshd; empty while it is not enrolled.
    pub host_keys: Vec<PublicKey>,
    /// One past the highest UID to which it attested since it has its identity.
    pub uid_floor: Option<u32>,
    /// By what it watched the last session of which it attested since it was enrolled, if it said so.
    pub watch: Option<HostWatch>,
}

/// What a host said of itself at enrolment.
#[derive(Debug, Clone)]
pub struct HostEnrolled {
    /// The key that signs its attestations, receipts and events.
    pub identity: PublicKey,
    /// The host keys of its sshd.
    pub host_keys: Vec<PublicKey>,
    /// sudo's dialect and version.
    pub sudo: String,
}

pub(super) async fn add(
    db: &mut SqliteConnection,
    host: &HostName,
    address: &str,
    labels: &[String],
    ticket: Ticket,
    at: Timestamp,
) -> Applied {
    let done = sqlx::query(
        "INSERT INTO host (host, address, labels, created_at, token, token_expires_at)
         VALUES ($1, $2, $3, $4, $5, $6)
         ON CONFLICT (host) DO UPDATE SET
             address = excluded.address, labels = excluded.labels,
             token = excluded.token, token_expires_at = excluded.token_expires_at
         WHERE host.enrolled_at IS NULL OR $7",
    )
    .bind(host.as_str())
    .bind(address)
    .bind(to_json(&labels)?)
    .bind(at.as_micros())
    .bind(ticket.token.to_string())
    .bind(ticket.expires_at.as_micros())
    .bind(ticket.again)
    .execute(db)
    .await?;
    changed_or(&done, Refusal::Exists)
}

pub(super) async fn enrol(
    db: &mut SqliteConnection,
    host: &HostName,
    token: Digest,
    enrolled: &HostEnrolled,
    at: Timestamp,
) -> Applied {
    let done = sqlx::query(
        "UPDATE host SET token = NULL, token_expires_at = NULL,
             uid_floor = CASE WHEN identity = $2 THEN uid_floor END, watch = NULL, watch_at = NULL,
             enrolled_at = $1, identity = $2, host_keys = $3, sudo = $4
         WHERE host = $5 AND token = $6 AND token_expires_at > $1",
    )
    .bind(at.as_micros())
    .bind(enrolled.identity.to_string())
    .bind(to_json(&enrolled.host_keys)?)
    .bind(&enrolled.sudo)
    .bind(host.as_str())
    .bind(token.to_string())
    .execute(db)
    .await?;
    changed_or(&done, Refusal::Token)
}

pub(super) async fn one(db: &SqlitePool, host: &HostName) -> Result<Option<Host>, StoreError> {
    let row = sqlx::query("SELECT * FROM host WHERE host = $1")
        .bind(host.as_str())
        .fetch_optional(db)
        .await?;
    row.as_ref().map(read).transpose()
}

pub(super) async fn all(db: &SqlitePool) -> Result<Vec<Host>, StoreError> {
    let rows = sqlx::query("SELECT * FROM host ORDER BY host")
        .fetch_all(db)
        .await?;
    rows.iter().map(read).collect()
}

fn read(row: &SqliteRow) -> Result<Host, StoreError> {
    let enrolled_at = row.moment_if_any("enrolled_at")?;
    let host_keys = match enrolled_at {
        Some(_) => row.json("host_keys")?,
        None => Vec::new(),
    };
    let record = HostRecord {
        host: row.parsed("host")?,
        address: row.raw("address")?,
        labels: row.json("labels")?,
        enrolled_at,
        identity: row.parsed_if_any("identity")?,
        sudo: row.raw("sudo")?,
    };
    // One host's number must not keep anybody from reading about the others.
    let uid_floor: Option<i64> = row.raw("uid_floor")?;
    let uid_floor = uid_floor.map(|floor| u32::try_from(floor).unwrap_or(u32::MAX));
    let watch: Option<&str> = row.raw("watch")?;
    let watch = watch.map(|_| row.json("watch")).transpose()?;
    Ok(Host {
        record,
        host_keys,
        uid_floor,
        watch,
    })
}
