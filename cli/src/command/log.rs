//! `log`: the audit log itself: what belongs to no session stands there too.

use portreeve_protocol::checkpoint::{Trail, VerifiedTrail};
use portreeve_protocol::event::{Body, Event};
use portreeve_protocol::id::EventId;
use portreeve_recording::printable;
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
        let wanted = args
            .event
            .map(|id| page.events().iter().find(|(_, event)| event.id == id));
        for (index, event) in page.events() {
            place = index.saturating_add(1);
            let asked_for = match wanted {
                None => true,
                Some(None) => false,
                Some(Some((_, wanted))) => {
                    event.id == wanted.id || (!printer.json() && of_one_act(event, wanted))
                }
            };
            if asked_for {
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

/// Whether two events tell of one act in a session: what was asked and decided stands in one, what
/// came of it in another, and the CA writes both at one moment.
fn of_one_act(one: &Event, other: &Event) -> bool {
    let session = |event: &Event| match &event.body {
        Body::Access { session, .. } => *session,
        Body::Administration { .. } | Body::Refused { .. } | Body::Machine { .. } => None,
    };
    one.at == other.at && session(one).is_some() && session(one) == session(other)
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
        printer.text(&printable::json(&text))?;
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

#[cfg(test)]
mod tests {
    use super::*;

    fn event(session: Option<&str>, at: &str) -> Event {
        serde_json::from_value(serde_json::json!({
            "id": "01890a5d-ac96-774b-bcce-b302099a8057",
            "at": at,
            "source": "ca",
            "body": {
                "kind": "access",
                "pair": {
                    "human": {
                        "issuer": "https://idp.example.com",
                        "subject": "1",
                        "name": "alice@example.com"
                    },
                    "agent": "soc/forensics"
                },
                "session": session,
                "fact": {"fact": "session_refused", "code": "not_permitted", "detail": "-"}
            }
        }))
        .unwrap()
    }

    #[test]
    fn a_refusal_comes_with_the_decision_that_it_is_about() {
        const SESSION: &str = "01890a5d-ac96-774b-8123-456789abcdef";
        const THEN: &str = "2026-03-01T10:00:00Z";
        let refusal = event(Some(SESSION), THEN);
        assert!(of_one_act(&refusal, &event(Some(SESSION), THEN)));
        for other in [
            event(Some(SESSION), "2026-03-01T10:00:01Z"),
            event(Some("01890a5d-ac96-774b-8123-000000000000"), THEN),
            event(None, THEN),
        ] {
            assert!(!of_one_act(&refusal, &other));
        }
        assert!(!of_one_act(&event(None, THEN), &event(None, THEN)));
    }
}
