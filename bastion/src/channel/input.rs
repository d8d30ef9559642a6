//! From the agent to the host.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use bytes::Bytes;
use portreeve_recording::event::Kind;
use russh::{ChannelWriteHalf, Sig, client};

use super::Counts;
use super::files::Files;
use super::queue::{FromAgent, Receiver};
use super::setup::variable;
use crate::tap::{Tap, Unrecorded};

/// The longest name of a signal that is passed on.
const MAX_SIGNAL: usize = 32;
/// How much one wait for the disk may cover in strict mode: packets of 32 KiB.
const MOST_AT_ONCE: usize = 64;

/// Carries input until the agent is gone, the host does not take more, or it cannot be recorded.
pub(super) async fn carry(
    mut queue: Receiver,
    host: Arc<ChannelWriteHalf<client::Msg>>,
    tap: Tap,
    files: Option<Files>,
    is_strict: bool,
    counts: Arc<Counts>,
) {
    while let Some(item) = queue.pop().await {
        let passed = match (item, &files) {
            (FromAgent::Data(bytes), Some(files)) => {
                counts
                    .from_agent
                    .fetch_add(bytes.len() as u64, Ordering::Relaxed);
                carry_files(bytes, &host, &tap, files, is_strict).await
            }
            (item, files) => {
                // What follows may be part of a file, and then goes the other way.
                let more = (is_strict && files.is_none()).then_some(&mut queue);
                carry_others(item, more, &host, &tap, is_strict, &counts).await
            }
        };
        if passed.is_none() {
            return;
        }
    }
}

/// Carries what is part of a file transfer; nothing when it cannot go on.
async fn carry_files(
    mut bytes: Bytes,
    host: &ChannelWriteHalf<client::Msg>,
    tap: &Tap,
    files: &Files,
    is_strict: bool,
) -> Option<()> {
    loop {
        // Not recorded or not understood, not passed on. Whoever must know learns it from there.
        let recorded = files.agent_sent(&mut bytes, tap).await.ok()?;
        if let (true, Some(position)) = (is_strict, recorded.position) {
            tap.durable(position).await.ok()?;
        }
        if !recorded.bytes.is_empty() {
            host.data_bytes(recorded.bytes).await.ok()?;
        }
        if bytes.is_empty() {
            return Some(());
        }
        files.turned().await;
    }
}

/// Carries everything else, with what `more` holds already; nothing when it cannot go on.
async fn carry_others(
    item: FromAgent,
    more: Option<&mut Receiver>,
    host: &ChannelWriteHalf<client::Msg>,
    tap: &Tap,
    is_strict: bool,
    counts: &Counts,
) -> Option<()> {
    // Not recorded, not passed on. The session learns of the failure from the recorder itself.
    let recorded = record(item, more, tap, is_strict).await.ok()?;
    for item in recorded {
        pass_on(item, host, counts).await.ok()?;
    }
    Some(())
}

/// Records an item and what `more` holds already, and gives back what may be passed on now: one wait for the disk is for
/// all of it.
async fn record(
    first: FromAgent,
    mut more: Option<&mut Receiver>,
    tap: &Tap,
    is_strict: bool,
) -> Result<Vec<FromAgent>, Unrecorded> {
    let mut recorded = Vec::new();
    let mut last = None;
    let mut next = Some(first);
    while let Some(item) = next {
        if let Some(kind) = record_of(&item) {
            last = Some(tap.record(kind).await?);
            recorded.push(item);
        }
        next = match &mut more {
            Some(queue) if recorded.len() < MOST_AT_ONCE => queue.try_pop(),
            _ => None,
        };
    }
    if let Some(position) = last.filter(|_| is_strict) {
        tap.durable(position).await?;
    }
    Ok(recorded)
}

async fn pass_on(
    item: FromAgent,
    host: &ChannelWriteHalf<client::Msg>,
    counts: &Counts,
) -> Result<(), russh::Error> {
    match item {
        FromAgent::Data(bytes) => {
            counts
                .from_agent
                .fetch_add(bytes.len() as u64, Ordering::Relaxed);
            host.data_bytes(bytes).await
        }
        FromAgent::Window(size) => {
            host.window_change(size.columns, size.rows, size.pixel_width, size.pixel_height)
                .await
        }
        FromAgent::Signal(signal) => host.signal(signal).await,
        FromAgent::EndOfInput => host.eof().await,
        FromAgent::Terminal(_)
        | FromAgent::Variable(..)
        | FromAgent::Start(_)
        | FromAgent::Forward(_) => Ok(()),
    }
}

/// What the recording gets; nothing for a signal that is none.
fn record_of(item: &FromAgent) -> Option<Kind> {
    match item {
        FromAgent::Data(bytes) => Some(Kind::Input(bytes.clone())),
        FromAgent::Window(size) => Some(Kind::Window(*size)),
        FromAgent::Signal(signal) => Some(Kind::Signal(signal_name(signal)?)),
        FromAgent::EndOfInput => Some(Kind::EndOfInput),
        FromAgent::Forward(kind) => Some(Kind::Refused {
            what: format!("forwarding {kind}"),
            reason: "forwarding is not offered".into(),
        }),
        FromAgent::Terminal(_) => Some(too_late("a terminal".into())),
        FromAgent::Variable(name, _) => Some(too_late(variable(name))),
        FromAgent::Start(program) => Some(too_late(program.in_trail(false).to_string())),
    }
}

/// A request that has no meaning once a program runs.
fn too_late(what: String) -> Kind {
    Kind::Refused {
        what,
        reason: "a program runs on this channel already".into(),
    }
}

/// A signal's name without `SIG`; nothing when it is none that could be meant.
pub(super) fn signal_name(signal: &Sig) -> Option<String> {
    let Sig::Custom(name) = signal else {
        return Some(format!("{signal:?}"));
    };
    let is_plain = (1..=MAX_SIGNAL).contains(&name.len())
        && name
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'@' | b'.'));
    is_plain.then(|| name.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_that_comes_too_late_is_recorded_as_refused() {
        use crate::channel::window;
        use crate::request::Wanted;
        use portreeve_recording::event::Terminal;

        let terminal = Terminal {
            term: Bytes::from_static(b"xterm"),
            size: window(80, 24, 0, 0),
            modes: Vec::new(),
        };
        for (item, expected) in [
            (FromAgent::Terminal(terminal), "a terminal"),
            (
                FromAgent::Variable("LANG".into(), "C".into()),
                "variable LANG",
            ),
            (
                FromAgent::Start(Wanted::Exec(Bytes::from_static(b"id"))),
                "`id`",
            ),
            (FromAgent::Forward("agent"), "forwarding agent"),
        ] {
            match record_of(&item) {
                Some(Kind::Refused { what, .. }) => assert_eq!(what, expected),
                other => panic!("{expected}: {other:?}"),
            }
        }
    }

    #[test]
    fn signals_have_their_names() {
        assert_eq!(signal_name(&Sig::TERM).as_deref(), Some("TERM"));
        assert_eq!(
            signal_name(&Sig::Custom("WINCH".into())).as_deref(),
            Some("WINCH")
        );
        assert_eq!(signal_name(&Sig::Custom("a b".into())), None);
        assert_eq!(signal_name(&Sig::Custom(String::new())), None);
    }
}
