//! `trail`: what happened in and around a session, with the proof that the log has it.

use portreeve_protocol::checkpoint::Trail as Proofs;
use portreeve_protocol::event::Event;

use crate::args::review::Trail;
use crate::ca::client::Ca;
use crate::ca::exchange;
use crate::ca::trails::trail_of;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::files;
use crate::keys::log_key;
use crate::output::{self, Printer};
use crate::review::judge;
use crate::review::known::{Keys, Known};
use crate::review::words;
use crate::safe;
use crate::settings::Settings;

/// Shows a trail, or saves it.
///
/// # Errors
/// When the CA refuses, or the trail does not verify.
pub async fn run(
    args: &Trail,
    settings: &Settings,
    printer: &mut Printer,
) -> Result<Exit, Failure> {
    let log = args.log_key.as_deref().map(log_key).transpose()?;
    let ca = Ca::new(settings)?;
    let caller = exchange::caller(&ca, settings).await?;
    let trail = trail_of(&ca, &caller, args.session).await?;
    if let Some(path) = &args.output {
        let text = serde_json::to_string_pretty(&trail)
            .map_err(|error| Failure::failed("the trail cannot be written").because(&error))?;
        files::write_private(path, text.as_bytes())?;
        printer.say(&format!("saved with its proofs in {}", path.display()));
    } else {
        printer.data(&trail, || table(&trail))?;
    }
    let keys = Keys {
        log: log.map(Known::brought),
        ..Keys::default()
    };
    let findings = judge::trail(&trail, &keys).findings;
    for fault in &findings.faults {
        printer.say(&format!("FAULT: {}", safe::line(fault)));
    }
    for unread in &findings.unread {
        printer.say(&format!("NOT READ: {}", safe::line(unread)));
    }
    match (findings.holds(), findings.unread.is_empty()) {
        (true, true) => Ok(Exit::Done),
        (true, false) => Err(Failure::outdated(
            "the trail has events that this version does not know",
        )),
        (false, _) => Err(
            Failure::new(Exit::VerificationFailed, "the trail does not verify")
                .next("keep it: save it with --output, and tell whoever answers for the audit log"),
        ),
    }
}

fn table(trail: &Proofs) -> String {
    output::table(
        ["time", "from", "who", "what"],
        trail.events.iter().flat_map(
            |logged| match serde_json::from_str::<Event>(&logged.event) {
                Ok(event) => rows(&event),
                Err(_) => vec![[
                    "?".into(),
                    "?".into(),
                    "?".into(),
                    format!("event {} is not understood by this version", logged.index),
                ]],
            },
        ),
    )
}

/// A row for each thing that an event tells of.
fn rows(event: &Event) -> Vec<[String; 4]> {
    let told = words::told(event);
    told.into_iter()
        .map(|(at, what)| {
            [
                at.to_string(),
                words::source(event),
                words::who(&event.body),
                what,
            ]
        })
        .collect()
}
