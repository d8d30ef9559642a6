//! Takes events from the spool to the CA, in order, until it has them.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use portreeve_protocol::backoff::Backoff;
use portreeve_protocol::event::MAX_BATCH;
use portreeve_protocol::problem::Code;
use portreeve_protocol::time::Timestamp;
use serde::Deserialize;

use crate::ca::{Ca, CaError};
use crate::clock::Clock;
use crate::spool::{Reader, Spool};
use crate::trouble::Trouble;

/// The most bytes in one message; the CA takes 4 MiB.
const MAX_BYTES: usize = 3 * 1024 * 1024;
/// The pauses after failures.
const PAUSES: Backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(5));

/// The event that waits longest for the CA, as far as delivery knows.
#[derive(Debug, Default)]
pub struct Oldest(Mutex<Option<Timestamp>>);

impl Oldest {
    /// When it happened; nothing when none waits.
    #[must_use]
    pub fn at(&self) -> Option<Timestamp> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// It is the first of these.
    fn is_first_of(&self, payloads: &[Vec<u8>]) {
        #[derive(Deserialize)]
        struct Event {
            at: Timestamp,
        }
        let first = payloads.first();
        let event: Option<Event> = first.and_then(|first| serde_json::from_slice(first).ok());
        let mut oldest = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *oldest = event.map(|event| event.at);
    }
}

/// Delivers for ever.
///
/// # Errors
/// When the spool's files cannot be read, which ends the program: events that cannot be delivered must not pile up unseen.
pub async fn deliver(
    spool: Spool,
    mut reader: Reader,
    ca: Arc<Ca>,
    clock: Clock,
    oldest: Arc<Oldest>,
) -> std::io::Result<()> {
    let mut written = spool.written();
    let mut trouble = Trouble::default();
    loop {
        let next = reader.next();
        let Ok(end) = written.wait_for(|end| *end > next).await.map(|end| *end) else {
            return Ok(());
        };
        let (batch, back) =
            tokio::task::spawn_blocking(move || (reader.read(end, MAX_BATCH, MAX_BYTES), reader))
                .await
                .map_err(std::io::Error::other)?;
        reader = back;
        let batch = batch?;
        send(&ca, batch.payloads(), clock, &mut trouble, &oldest).await;
        spool.delivered(&batch);
    }
}

/// Sends until the CA has each event or says that it never will.
async fn send(ca: &Ca, payloads: &[Vec<u8>], clock: Clock, trouble: &mut Trouble, oldest: &Oldest) {
    let mut pauses = PAUSES;
    let mut rest = payloads;
    // Halved when the CA does not understand the whole, until the event that it does not understand is alone.
    let mut size = payloads.len();
    loop {
        oldest.is_first_of(rest);
        if rest.is_empty() {
            return;
        }
        let (now, later) = rest.split_at(size.clamp(1, rest.len()));
        match ca.deliver(now).await {
            Ok(stored) => {
                if trouble.ends() {
                    tracing::info!("the CA takes events again");
                }
                for (event, reason) in stored.refused {
                    tracing::error!(%event, reason, "the CA refused an event");
                }
                rest = later;
                pauses.reset();
            }
            Err(CaError::Refused(problem)) if is_about_content(problem.code) => {
                if now.len() > 1 {
                    size = now.len() / 2;
                } else {
                    tracing::error!(
                        code = problem.code.as_str(),
                        detail = problem.detail,
                        "the CA does not understand an event; it is dropped"
                    );
                    rest = later;
                }
            }
            Err(error) => {
                if trouble.is_news(clock.now().steady) {
                    tracing::warn!(%error, "events are kept until the CA takes them");
                }
                tokio::time::sleep(pauses.pause()).await;
            }
        }
    }
}

const fn is_about_content(code: Code) -> bool {
    matches!(code, Code::Malformed | Code::TooLarge | Code::Invalid)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_first_event_that_the_ca_does_not_take_is_the_oldest() {
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let root = include_bytes!("../tests/component/root.pem");
        // Nobody listens there.
        let ca = Ca::new("http://127.0.0.1:1", root, None).unwrap();
        let (clock, oldest) = (Clock::start(), Oldest::default());
        let event = |second| {
            let at = Timestamp::from_seconds(second);
            serde_json::to_vec(&serde_json::json!({"id": 1, "at": at})).unwrap()
        };
        let payloads = [event(7), event(8)];
        let mut trouble = Trouble::default();
        let sending = send(&ca, &payloads, clock, &mut trouble, &oldest);
        let _ = tokio::time::timeout(Duration::from_millis(10), sending).await;
        assert_eq!(oldest.at(), Some(Timestamp::from_seconds(7)));
        send(&ca, &[], clock, &mut trouble, &oldest).await;
        assert_eq!(oldest.at(), None);
    }
}
