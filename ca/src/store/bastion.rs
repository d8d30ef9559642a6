//! Bastions.

use std::net::IpAddr;

use portreeve_protocol::age::Recipient;
use portreeve_protocol::digest::Digest;
use portreeve_protocol::key::PublicKey;
use portreeve_protocol::name::BastionName;
use portreeve_protocol::time::Timestamp;
use sqlx::sqlite::SqliteRow;
use sqlx::{SqliteConnection, SqlitePool};

use super::apply::{Applied, Ticket, changed_or};
use super::row::{Columns as _, to_json};
use super::{Refusal, StoreError};

/// A bastion.
#[derive(Debug, Clone)]
pub struct Bastion {
    /// Its name.
    pub bastion: BastionName,
    /// Its address as agents reach it.
    pub address: String,
    /// The addresses from which it reaches hosts.
    pub egress: Vec<IpAddr>,
    /// When it was registered.
    pub created_at: Timestamp,
    /// Its keys and when it was enrolled; none while its token is out.
    pub enrolled: Option<(Timestamp, BastionEnrolled)>,
    /// When it was last heard, to the minute.
    pub seen_at: Option<Timestamp>,
}

/// What a bastion said of itself at enrolment.
#[derive(Debug, Clone)]
pub struct BastionEnrolled {
    /// The Ed25519 key that signs its client assertions and its recordings' manifests.
    pub identity: PublicKey,
    /// Its SSH host key.
    pub host_key: PublicKey,
    /// What grants are sealed to.
    pub recipient: Recipient,
}

pub(super) async fn add(
    db: &mut SqliteConnection,
    bastion: &BastionName,
    address: &str,
    egress: &[IpAddr],
    ticket: Ticket,
    at: Timestamp,
) -> Applied {
    let done = sqlx::query(
        "INSERT INTO bastion (bastion, address, egress, created_at, token, token_expires_at)
         VALUES ($1, $2, $3, $4, $5, $6)
         ON CONFLICT (bastion) DO UPDATE SET
             address = excluded.address, egress = excluded.egress,
             token = excluded.token, token_expires_at = excluded.token_expires_at
         WHERE bastion.enrolled_at IS NULL OR $7",
    )
    .bind(bastion.as_str())
    .bind(address)
    .bind(to_json(&egress)?)
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
    bastion: &BastionName,
    token: Digest,
    enrolled: &BastionEnrolled,
    at: Timestamp,
) -> Applied {
    let done = sqlx::query(
        "UPDATE bastion SET token = NULL, token_expires_at = NULL,
             enrolled_at = $1, identity = $2, host_key = $3, recipient = $4
         WHERE bastion = $5 AND token = $6 AND token_expires_at > $1",
    )
    .bind(at.as_micros())
    .bind(enrolled.identity.to_string())
    .bind(enrolled.host_key.to_string())
    .bind(enrolled.recipient.to_string())
    .bind(bastion.as_str())
    .bind(token.to_string())
    .execute(db)
    .await?;
    changed_or(&done, Refusal::Token)
}

pub(super) async fn see(
    db: &mut SqliteConnection,
    bastion: &BastionName,
    at: Timestamp,
) -> Applied {
    sqlx::query("UPDATE bastion SET seen_at = $1 WHERE bastion = $2")
        .bind(at.as_micros())
        .bind(bastion.as_str())
        .execute(db)
        .await?;
    Ok(())
}

pub(super) async fn one(
    db: &SqlitePool,
    bastion: &BastionName,
) -> Result<Option<Bastion>, StoreError> {
    let row = sqlx::query("SELECT * FROM bastion WHERE bastion = $1")
        .bind(bastion.as_str())
        .fetch_optional(db)
        .await?;
    row.as_ref().map(read).transpose()
}

pub(super) async fn all(db: &SqlitePool) -> Result<Vec<Bastion>, StoreError> {
    let rows = sqlx::query("SELECT * FROM bastion ORDER BY bastion")
        .fetch_all(db)
        .await?;
    rows.iter().map(read).collect()
}

fn read(row: &SqliteRow) -> Result<Bastion, StoreError> {
    let enrolled = match row.moment_if_any("enrolled_at")? {
        None => None,
        Some(at) => Some((
            at,
            BastionEnrolled {
                identity: row.parsed("identity")?,
                host_key: row.parsed("host_key")?,
                recipient: row.parsed("recipient")?,
            },
        )),
    };
    Ok(Bastion {
        bastion: row.parsed("bastion")?,
        address: row.raw("address")?,
        egress: row.json("egress")?,
        created_at: row.moment("created_at")?,
        enrolled,
        seen_at: row.moment_if_any("seen_at")?,
    })
}
