//! From the agent to the host.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use portreeve_recording::event::Kind;
use russh::{ChannelWriteHalf, Sig, client};

use super::Counts;
use super::queue::{FromAgent, Receiver};
use crate::tap::Tap;

/// The longest name of a signal that is passed on.
const MAX_SIGNAL: usize = 32;

/// Carries input until the agent is gone, the host does not take more, or it cannot be recorded.
pub(super) async fn carry(
    mut queue: Receiver,
    host: Arc<ChannelWriteHalf<client::Msg>>,
    tap: Tap,
    counts: Arc<Counts>,
) {
    while let Some(item) = queue.pop().await {
        let Some(kind) = record_of(&item) else {
            continue;
        };
        // Not recorded, not passed on. The session learns of the failure from the recorder itself.
        if tap.record(kind).await.is_err() {
            return;
        }
        let passed = match item {
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
        };
        if passed.is_err() {
            return;
        }
    }
}

/// What the recording gets; nothing for what has no meaning once a program runs.
fn record_of(item: &FromAgent) -> Option<Kind> {
    match item {
        FromAgent::Data(bytes) => Some(Kind::Input(bytes.clone())),
        FromAgent::Window(size) => Some(Kind::Window(*size)),
        FromAgent::Signal(signal) => Some(Kind::Signal(signal_name(signal)?)),
        FromAgent::EndOfInput => Some(Kind::EndOfInput),
        FromAgent::Forward(kind) => Some(Kind::Refused {
            what: (*kind).to_owned(),
            reason: "forwarding is not offered".into(),
        }),
        FromAgent::Terminal(_) | FromAgent::Variable(..) | FromAgent::Start(_) => None,
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
