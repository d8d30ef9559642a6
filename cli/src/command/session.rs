//! `session …`: ask for one, list, show, kill, end.

use std::time::Duration;

use portreeve_protocol::admin::Listing;
use portreeve_protocol::id::SessionId;
use portreeve_protocol::session::{SessionState, SessionSummary};
use portreeve_protocol::task::Purpose;

use crate::args::access::Session;
use crate::ca::client::Ca;
use crate::ca::exchange;
use crate::ca::trails::trail_of;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::identity::caller::Caller;
use crate::output::{self, Printer};
use crate::review::receipt;
use crate::review::words::{self, moment};
use crate::session::place::{KeyKept, Place, Runtime};
use crate::session::request::Granted;
use crate::session::{open, request};
use crate::settings::{Settings, TaskSettings};

/// How often `kill` and `end` look whether the host's receipt is there: for 15 seconds.
const LOOKS: u32 = 75;
const LOOK_AGAIN: Duration = Duration::from_millis(200);

/// Does what was asked.
///
/// # Errors
/// When the CA refuses.
pub async fn run(
    act: Session,
    settings: &Settings,
    printer: &mut Printer,
) -> Result<Exit, Failure> {
    match act {
        Session::Start {
            host,
            task,
            key_on_disk,
        } => {
            let task = TaskSettings::settle(&task)?;
            let ca = Ca::new(settings)?;
            let caller = exchange::pair(&ca, settings).await?;
            let kept = if key_on_disk {
                KeyKept::OnDisk
            } else {
                KeyKept::InMemory
            };
            let runtime = &Runtime::open(&settings.places().runtime)?;
            let (place, granted) = open::kept(&ca, &caller, &host, &task, runtime, kept).await?;
            started(&place, &granted, printer)?;
            Ok(Exit::Done)
        }
        Session::List {
            open,
            host,
            of_agent,
        } => {
            let ca = Ca::new(settings)?;
            let caller = exchange::caller(&ca, settings).await?;
            let mut listing: Listing<SessionSummary> = ca.get(&caller, "/v1/sessions").await?;
            listing.items.retain(|session| {
                (!open || !is_over(session.state))
                    && host.as_ref().is_none_or(|host| session.host == *host)
                    && of_agent
                        .as_ref()
                        .is_none_or(|agent| session.pair.agent == *agent)
            });
            printer.data(&listing, || table(&listing.items))?;
            Ok(Exit::Done)
        }
        Session::Show { session } => {
            let ca = Ca::new(settings)?;
            let caller = exchange::caller(&ca, settings).await?;
            let summary = request::show(&ca, &caller, session).await?;
            let receipt = if printer.json() || !is_over(summary.state) {
                Vec::new()
            } else {
                receipt_rows(&ca, &caller, &summary).await
            };
            printer.data(&summary, || fields(&summary) + &output::fields(receipt))?;
            Ok(Exit::Done)
        }
        Session::Kill { session, reason } => over(session, reason, settings, printer).await,
        Session::End { session } => over(session, done()?, settings, printer).await,
    }
}

fn started(place: &Place, granted: &Granted, printer: &mut Printer) -> Result<(), Failure> {
    let answer = granted.answer();
    printer.data(answer, || {
        output::fields([
            ("session", answer.session.to_string()),
            ("host", answer.host.to_string()),
            ("account", answer.account.to_string()),
            ("bundle", words::version(&answer.bundle)),
            (
                "task",
                format!("{} {}", answer.task.ticket, answer.task.purpose),
            ),
            ("connect by", moment(answer.connect_by)),
            ("until", moment(answer.expires_at)),
            ("files", place.folder().display().to_string()),
        ])
    })?;
    printer.say(&format!(
        "use it with `portreeve exec --session {} -- COMMAND` or `ssh -F {} {}`",
        answer.session,
        place.ssh_config().display(),
        answer.host
    ));
    Ok(())
}

/// Ends a session, and waits for the host to say that the account is gone.
async fn over(
    session: SessionId,
    reason: Purpose,
    settings: &Settings,
    printer: &mut Printer,
) -> Result<Exit, Failure> {
    let ca = Ca::new(settings)?;
    let caller = exchange::caller(&ca, settings).await?;
    let killed = request::kill(&ca, &caller, session, reason).await?;
    forget(settings, session);
    let (summary, confirmed) = confirmed(&ca, &caller, killed).await;
    printer.data(&summary, || fields(&summary))?;
    if confirmed {
        Ok(Exit::Done)
    } else {
        Err(Failure::new(
            Exit::Unavailable,
            "the session is over, and its host has not confirmed yet that the account is gone",
        )
        .next(format!(
            "look again with `portreeve session show {session}`"
        )))
    }
}

/// Looks at a killed session until its host says that the account is gone, for a while.
async fn confirmed(ca: &Ca, caller: &Caller, killed: SessionSummary) -> (SessionSummary, bool) {
    let is_gone = |state| matches!(state, SessionState::Ended | SessionState::Unused);
    let mut summary = killed;
    for _ in 0..LOOKS {
        if is_gone(summary.state) {
            break;
        }
        tokio::time::sleep(LOOK_AGAIN).await;
        match request::show(ca, caller, summary.session).await {
            Ok(now) => summary = now,
            // Whoever may kill need not be allowed to look.
            Err(_) => break,
        }
    }
    let is_gone = is_gone(summary.state);
    (summary, is_gone)
}

/// The reason that stands in the trail when an agent ends its own session.
pub(crate) fn done() -> Result<Purpose, Failure> {
    Purpose::new("the agent is done")
        .map_err(|error| Failure::failed("the end cannot be told").because(&error))
}

/// Forgets the key of a session that is over, if it is kept here.
fn forget(settings: &Settings, session: SessionId) {
    if let Ok(runtime) = Runtime::open(&settings.places().runtime) {
        Place::of(&runtime, session).remove();
    }
}

/// What the host signed at the end, as far as the trail has it and the caller may read that.
async fn receipt_rows(
    ca: &Ca,
    caller: &Caller,
    summary: &SessionSummary,
) -> Vec<(&'static str, String)> {
    let trail = trail_of(ca, caller, summary.session).await;
    let Ok(trail) = trail else { return Vec::new() };
    let events = trail.events.iter();
    let events: Vec<_> = events
        .filter_map(|logged| serde_json::from_str(&logged.event).ok())
        .collect();
    match receipt::last(&events) {
        Some(receipt) => receipt::rows(&receipt),
        None if summary.state == SessionState::NotConfirmed => {
            vec![(
                "receipt",
                "none: the host has NOT confirmed that the account is gone".into(),
            )]
        }
        None => Vec::new(),
    }
}

const fn is_over(state: SessionState) -> bool {
    match state {
        SessionState::Issued | SessionState::Claimed | SessionState::Open => false,
        SessionState::NotConfirmed | SessionState::Ended | SessionState::Unused => true,
    }
}

fn table(sessions: &[SessionSummary]) -> String {
    output::table(
        [
            "session", "state", "human", "agent", "host", "bundle", "ticket", "until",
        ],
        sessions.iter().map(|session| {
            [
                session.session.to_string(),
                words::state(session.state).to_owned(),
                session.pair.human.name.to_string(),
                session.pair.agent.to_string(),
                session.host.to_string(),
                words::version(&session.bundle),
                session.task.ticket.to_string(),
                moment(session.expires_at),
            ]
        }),
    )
}

fn fields(session: &SessionSummary) -> String {
    let mut rows = vec![
        ("session", session.session.to_string()),
        ("state", words::state(session.state).to_owned()),
        ("human", session.pair.human.name.to_string()),
        ("agent", session.pair.agent.to_string()),
        ("host", session.host.to_string()),
        ("account", session.account.to_string()),
        (
            "bundle",
            format!("{} {}", session.bundle.name, session.bundle.digest),
        ),
        ("ticket", session.task.ticket.to_string()),
        ("purpose", session.task.purpose.to_string()),
        ("task", session.task.id.to_string()),
        ("granted", moment(session.created_at)),
        ("until", moment(session.expires_at)),
    ];
    if let Some(bastion) = &session.bastion {
        rows.push(("bastion", bastion.to_string()));
    }
    if let Some(at) = session.ended_at {
        rows.push(("ended", moment(at)));
    }
    if let Some(cause) = session.cause {
        rows.push(("because", words::why(cause).to_owned()));
    }
    if let Some(by) = &session.killed_by {
        rows.push(("killed by", by.to_string()));
        if let Some(reason) = &session.kill_reason {
            rows.push(("reason", reason.clone()));
        }
    }
    output::fields(rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listing_names_both_and_the_purpose() {
        let summary: SessionSummary = serde_json::from_value(serde_json::json!({
            "session": "01890a5d-ac96-774b-8123-456789abcdef",
            "pair": {
                "human": {"issuer": "https://idp.example.com", "subject": "a", "name": "alice@example.com"},
                "agent": "soc/forensics",
            },
            "task": {"id": "01890a5d-ac96-774b-bcce-b302099a8057", "ticket": "INC-1", "purpose": "look here"},
            "host": "prod-1", "account": "pr-8123456789abcdef",
            "bundle": {"name": "look", "digest": portreeve_protocol::digest::Digest::of(b"")},
            "state": "open", "bastion": "b1", "created_at": "2026-01-01T00:00:00Z",
            "expires_at": "2026-01-01T00:15:00Z", "ended_at": null, "cause": null, "killed_by": null,
        }))
        .unwrap();
        let text = fields(&summary);
        assert!(text.contains("purpose  look here\n"), "{text}");
        let killed = SessionSummary {
            killed_by: Some("bob@example.com".parse().unwrap()),
            kill_reason: Some("it reads what it should not".into()),
            ..summary.clone()
        };
        let text = fields(&killed);
        assert!(
            text.contains("reason     it reads what it should not\n"),
            "{text}"
        );
        let text = table(&[summary]);
        assert!(
            text.contains("open   alice@example.com  soc/forensics  prod-1"),
            "{text}"
        );
    }
}
