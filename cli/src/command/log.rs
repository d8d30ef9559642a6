//! `log`: the audit log itself: what belongs to no session stands there too.

use portreeve_protocol::checkpoint::{Trail, VerifiedTrail};
use portreeve_protocol::event::Event;
use portreeve_protocol::id::EventId;
use serde::Serialize;

use crate::args::review::Log;
use crate::ca::client::Ca;
use crate::ca::exchange;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::identity::caller::Caller;
use crate::keys::{LogKey, log_key};
use crate::output::{self, Printer};
use crate::review::words;
use crate::safe;
use crate::settings::Settings;

/// An answer with fewer events reached the end of the log.
const PAGE: usize = 500;

/// Prints the log from a place on, or the events that were asked for.
///
/// # Errors
/// When the CA refuses, or a part of the log does not verify.
pub async fn run(args: &Log, settings: &Settings, printer: &mut Printer) -> Result<Exit, Failure> {
    let key = args.log_key.as_deref().map(log_key).transpose()?;
    let ca = Ca::new(settings)?;
    let caller = exchange::person(settings)?;
    let reader = Reader { ca, caller, key };
    let mut place = match (args.since, args.event) {
        (Some(since), _) => since,
        (None, Some(_)) => 0,
        (None, None) => reader.size().await?.saturating_sub(args.last),
    };
    let mut found = false;
    loop {
        let page = reader.page(place).await?;
        for (index, event) in page.events() {
            place = index.saturating_add(1);
            if args.event.is_none_or(|wanted| wanted == event.id) {
                found = true;
                print(*index, event, printer)?;
            }
        }
        let at_the_end = page.events().len() < PAGE;
        match args.event {
            Some(event) if found || at_the_end => return outcome(event, found),
            Some(_) => {}
            None if at_the_end => return Ok(Exit::Done),
            None => {}
        }
    }
}

fn outcome(event: EventId, found: bool) -> Result<Exit, Failure> {
    if found {
        Ok(Exit::Done)
    } else {
        Err(Failure::new(
            Exit::NotPermitted,
            format!("there is no event {event} in the log"),
        ))
    }
}

/// Reads the log page by page, each verified.
struct Reader {
    ca: Ca,
    caller: Caller,
    key: Option<LogKey>,
}

impl Reader {
    async fn page(&self, since: u64) -> Result<VerifiedTrail, Failure> {
        let path = format!("/v1/log/events?since={since}");
        let page: Trail = self.ca.get(&self.caller, &path).await?;
        let key = match &self.key {
            Some(key) => key.verifier(&page.checkpoint),
            // The CA's word: what is shown is consistent, whosever it is.
            None => page.log_key.parse(),
        }
        .map_err(|error| Failure::failed("the log has no key").because(&error))?;
        page.verify(&key).map_err(|error| {
            Failure::new(Exit::VerificationFailed, "the log does not verify")
                .because(&error)
                .next("tell whoever answers for the audit log")
        })
    }

    /// How many events the log says that it has. Only to know where to begin, so the checkpoint is
    /// not checked here.
    async fn size(&self) -> Result<u64, Failure> {
        let checkpoint = self.ca.text("/v1/log/checkpoint").await?;
        checkpoint
            .lines()
            .nth(1)
            .and_then(|size| size.parse().ok())
            .ok_or_else(|| Failure::failed("the log's checkpoint is not understood"))
    }
}

/// What `--json` prints for an event, on one line.
#[derive(Serialize)]
struct Line<'a> {
    index: u64,
    #[serde(flatten)]
    event: &'a Event,
}

fn print(index: u64, event: &Event, printer: &mut Printer) -> Result<(), Failure> {
    if printer.json() {
        let text = serde_json::to_string(&Line { index, event })
            .map_err(|error| Failure::failed("an event cannot be written").because(&error))?;
        printer.text(&safe::json(&text))?;
    } else {
        printer.text(&output::columns([
            (8, index.to_string()),
            (27, event.at.to_string()),
            (20, words::source(event)),
            (40, words::who(&event.body)),
            (0, words::what(&event.body)),
        ]))?;
    }
    Ok(())
}
