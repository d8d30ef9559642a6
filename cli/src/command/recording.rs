//! `recording`: which there are, getting one, keeping one.

use std::path::PathBuf;

use portreeve_protocol::admin::Listing;
use portreeve_protocol::id::SessionId;
use portreeve_protocol::recording::{HoldRequest, RecordingRow, RecordingState, StoredParts};
use portreeve_protocol::task::Purpose;
use portreeve_recording::file_name;
use serde::Serialize;

use crate::args::recording::Recordings;
use crate::ca::client::Ca;
use crate::ca::exchange;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::keys::log_key;
use crate::output::{self, Printer};
use crate::review::fetch;
use crate::review::words::moment;
use crate::safe;
use crate::settings::Settings;

/// Lists, fetches, holds, or releases.
///
/// # Errors
/// When the CA refuses, or what it sends is not the recording.
pub async fn run(
    act: Recordings,
    settings: &Settings,
    printer: &mut Printer,
) -> Result<Exit, Failure> {
    match act {
        Recordings::List => list(settings, printer).await,
        Recordings::Fetch {
            session,
            output,
            log_key: key,
        } => {
            let path = output.unwrap_or_else(|| PathBuf::from(file_name::of(session)));
            let log = key.as_deref().map(log_key).transpose()?;
            let bytes = fetch::into_file(session, &path, log, settings, printer).await?;
            let file = safe::line(&path.display().to_string());
            let words = format!("{file}: whole, and the recording that the trail names");
            if printer.json() {
                printer.json_data(&Fetched {
                    session,
                    file: path,
                    bytes,
                })?;
            } else {
                printer.say(&words);
            }
            Ok(Exit::Done)
        }
        Recordings::Hold { session, reason } => {
            keep(session, "hold", reason, settings, printer).await
        }
        Recordings::Release { session, reason } => {
            keep(session, "release", reason, settings, printer).await
        }
    }
}

/// What was fetched, for programs.
#[derive(Serialize)]
struct Fetched {
    session: SessionId,
    file: PathBuf,
    bytes: u64,
}

async fn list(settings: &Settings, printer: &mut Printer) -> Result<Exit, Failure> {
    let ca = Ca::new(settings)?;
    let caller = exchange::person(settings)?;
    let listing: Listing<RecordingRow> = ca.get(&caller, "/v1/recordings").await?;
    printer.data(&listing, || table(&listing.items))?;
    for words in listing.items.iter().filter_map(unsealed) {
        printer.say(&words);
    }
    Ok(Exit::Done)
}

async fn keep(
    session: SessionId,
    act: &str,
    reason: Purpose,
    settings: &Settings,
    printer: &mut Printer,
) -> Result<Exit, Failure> {
    let ca = Ca::new(settings)?;
    let caller = exchange::person(settings)?;
    let path = format!("/v1/sessions/{session}/recording/{act}");
    let row: RecordingRow = ca.post(&caller, &path, &HoldRequest { reason }).await?;
    printer.data(&row, || table(std::slice::from_ref(&row)))?;
    if row.hold.is_some() && row.state == RecordingState::Expiring {
        printer.say(
            "its deletion was permitted right before, so it may be gone; look again in a minute: where it is not `deleted` \
             then, the hold keeps it",
        );
    }
    Ok(Exit::Done)
}

fn table(rows: &[RecordingRow]) -> String {
    output::table(
        [
            "session",
            "state",
            "bytes",
            "human",
            "agent",
            "host",
            "begun",
            "kept until",
            "held",
        ],
        rows.iter().map(|row| {
            [
                row.session.to_string(),
                state(row),
                row.bytes
                    .map_or_else(String::new, |bytes| bytes.to_string()),
                row.pair.human.name.to_string(),
                row.pair.agent.to_string(),
                row.host.to_string(),
                moment(row.created_at),
                until(row),
                row.hold.as_ref().map_or_else(String::new, |hold| {
                    format!("by {}: {}", hold.by.name, hold.reason)
                }),
            ]
        }),
    )
}

/// What somebody must know of a recording that nobody sealed.
fn unsealed(row: &RecordingRow) -> Option<String> {
    let known = row.unsealed.as_ref()?;
    let bastion = row.bastion.as_ref()?;
    let heard = known.bastion_seen_at.map_or_else(
        || "was not heard since the CA notes that".to_owned(),
        |at| format!("was last heard {}", moment(at)),
    );
    let stored = match known.stored {
        None => "what the store has of it is not known".to_owned(),
        Some(StoredParts { parts: 0, .. }) => "the store has nothing of it".to_owned(),
        Some(StoredParts { parts, bytes }) => {
            format!("the store has {parts} parts of it, {bytes} bytes, which nobody deletes")
        }
    };
    Some(format!(
        "MISSING: no bastion sealed the recording of {}; bastion {bastion} {heard}; {stored}",
        row.session
    ))
}

/// Where a recording is, and whether its end is missing.
fn state(row: &RecordingRow) -> String {
    let is_told = matches!(row.state, RecordingState::Cut | RecordingState::Deleted);
    let cut = if row.cut && !is_told { ", cut" } else { "" };
    format!("{}{cut}", row.state)
}

fn until(row: &RecordingRow) -> String {
    match (row.deleted_at, &row.hold, row.expires_at) {
        (Some(at), ..) => format!("deleted {}", moment(at)),
        (None, Some(_), _) => "released".into(),
        (None, None, Some(at)) => moment(at),
        (None, None, None) => format!("{} after its end", row.retention),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn of_a_recording_that_nobody_sealed_it_is_said_what_is_left() {
        let row = |unsealed| {
            let row = json!({
                "session": "019a0000-0000-7000-8000-000000000000",
                "pair": {
                    "human": { "issuer": "https://idp.example.com", "subject": "1", "name": "lea@example.com" },
                    "agent": "soc/forensics",
                },
                "host": "web-1",
                "created_at": "2026-01-01T00:00:00Z",
                "bastion": "b1",
                "state": "missing",
                "cut": false,
                "retention": 86400,
                "rule": "configuration",
                "unsealed": unsealed,
            });
            unsealed_of(row)
        };
        assert_eq!(row(json!(null)), None);
        for (unsealed, expected) in [
            (
                json!({}),
                ["not heard since the CA notes that", "is not known"],
            ),
            (
                json!({ "bastion_seen_at": "2026-01-02T03:04:05Z", "stored": { "parts": 0, "bytes": 0 } }),
                [
                    "b1 was last heard 2026-01-02T03:04:05Z",
                    "has nothing of it",
                ],
            ),
            (
                json!({ "stored": { "parts": 3, "bytes": 60 } }),
                [
                    "MISSING: no bastion sealed",
                    "3 parts of it, 60 bytes, which nobody deletes",
                ],
            ),
        ] {
            let told = row(unsealed).unwrap();
            assert!(expected.iter().all(|words| told.contains(words)), "{told}");
        }
    }

    fn unsealed_of(row: serde_json::Value) -> Option<String> {
        unsealed(&serde_json::from_value(row).unwrap())
    }
}
