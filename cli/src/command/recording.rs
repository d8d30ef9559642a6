//! `recording`: which there are, getting one, keeping one.

use std::path::PathBuf;

use portreeve_protocol::admin::Listing;
use portreeve_protocol::id::SessionId;
use portreeve_protocol::recording::{HoldRequest, RecordingRow, RecordingState};
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
