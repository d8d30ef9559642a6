//! `log`: the audit log itself: what belongs to no session stands there too.

use portreeve_protocol::checkpoint::{Trail, Unread, VerifiedTrail};
use portreeve_protocol::event::{Body, Event};
use portreeve_protocol::id::EventId;
use portreeve_recording::printable;
use serde::Serialize;
use serde_json::Value;

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

/// Prints the log from a place on, or the events that were asked for. Those of a newer version are
/// printed as far as every version understands them.
///
/// # Errors
/// When the CA refuses, a part of the log does not verify, or this version does not know what was
/// asked for.
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
    let (mut found, mut is_unread) = (false, false);
    loop {
        let page = reader.page(place).await?;
        let entries = entries(&page);
        let wanted = args
            .event
            .map(|id| entries.iter().find(|entry| entry.id() == id));
        for entry in &entries {
            place = entry.index().saturating_add(1);
            let asked_for = match wanted {
                None => true,
                Some(None) => false,
                Some(Some(wanted)) => {
                    entry.id() == wanted.id() || (!printer.json() && entry.of_one_act(wanted))
                }
            };
            if asked_for {
                found = true;
                is_unread |= matches!(entry, Entry::Unread(_));
                entry.print(printer)?;
            }
        }
        let at_the_end = entries.len() < PAGE;
        match args.event {
            Some(event) if found || at_the_end => return outcome(event, found, is_unread),
            Some(_) => {}
            None if at_the_end => return read(is_unread),
            None => {}
        }
    }
}

/// An event of the log.
enum Entry<'a> {
    Known(u64, &'a Event),
    Unread(&'a Unread),
}

/// The events of a page in the order of the log.
fn entries(page: &VerifiedTrail) -> Vec<Entry<'_>> {
    let known = page.events().iter();
    let known = known.map(|(index, event)| Entry::Known(*index, event));
    let mut entries: Vec<_> = known
        .chain(page.unread().iter().map(Entry::Unread))
        .collect();
    entries.sort_by_key(Entry::index);
    entries
}

impl Entry<'_> {
    const fn index(&self) -> u64 {
        match self {
            Self::Known(index, _) => *index,
            Self::Unread(unread) => unread.index,
        }
    }

    const fn id(&self) -> EventId {
        match self {
            Self::Known(_, event) => event.id,
            Self::Unread(unread) => unread.id,
        }
    }

    fn of_one_act(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Known(_, one), Self::Known(_, other)) => of_one_act(one, other),
            (Self::Unread(_), _) | (_, Self::Unread(_)) => false,
        }
    }

    fn print(&self, printer: &mut Printer) -> Result<(), Failure> {
        match self {
            Self::Known(index, event) if printer.json() => print_json(*index, event, printer)?,
            Self::Known(index, event) => printer.text(&output::columns([
                (8, index.to_string()),
                (27, event.at.to_string()),
                (20, words::source(event)),
                (40, words::who(&event.body)),
                (0, words::what(&event.body)),
            ]))?,
            Self::Unread(unread) if printer.json() => {
                let event: Value = serde_json::from_str(&unread.text).map_err(unwritten)?;
                print_json(unread.index, &event, printer)?;
            }
            Self::Unread(unread) => printer.text(&output::columns([
                (8, unread.index.to_string()),
                (27, unread.at.to_string()),
                (
                    0,
                    "NOT READ: this version does not know what it says".into(),
                ),
            ]))?,
        }
        Ok(())
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

fn outcome(event: EventId, found: bool, is_unread: bool) -> Result<Exit, Failure> {
    if found {
        read(is_unread)
    } else {
        Err(Failure::new(
            Exit::NotPermitted,
            format!("there is no event {event} in the log"),
        ))
    }
}

fn read(is_unread: bool) -> Result<Exit, Failure> {
    if is_unread {
        Err(Failure::outdated(
            "the log has events that this version does not know",
        ))
    } else {
        Ok(Exit::Done)
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
struct Line<'a, E> {
    index: u64,
    #[serde(flatten)]
    event: &'a E,
}

fn print_json(index: u64, event: &impl Serialize, printer: &mut Printer) -> Result<(), Failure> {
    let text = serde_json::to_string(&Line { index, event }).map_err(unwritten)?;
    printer.text(&printable::json(&text))?;
    Ok(())
}

#[expect(clippy::needless_pass_by_value, reason = "for `map_err`")]
fn unwritten(error: serde_json::Error) -> Failure {
    Failure::failed("an event cannot be written").because(&error)
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
