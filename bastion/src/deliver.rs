//! Takes events from the spool to the CA, in order, until it has them.

use std::sync::Arc;
use std::time::Duration;

use portreeve_protocol::backoff::Backoff;
use portreeve_protocol::event::MAX_BATCH;
use portreeve_protocol::problem::Code;

use crate::ca::{Ca, CaError};
use crate::clock::Clock;
use crate::spool::{Reader, Spool};
use crate::trouble::Trouble;

/// The most bytes in one message; the CA takes 4 MiB.
const MAX_BYTES: usize = 3 * 1024 * 1024;
/// The pauses after failures.
const PAUSES: Backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(5));

/// Delivers for ever.
///
/// # Errors
/// When the spool's files cannot be read, which ends the program: events that cannot be delivered must not pile up unseen.
pub async fn deliver(
    spool: Spool,
    mut reader: Reader,
    ca: Arc<Ca>,
    clock: Clock,
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
        send(&ca, batch.payloads(), clock, &mut trouble).await;
        spool.delivered(&batch);
    }
}

/// Sends until the CA has each event or says that it never will.
async fn send(ca: &Ca, payloads: &[Vec<u8>], clock: Clock, trouble: &mut Trouble) {
    let mut pauses = PAUSES;
    let mut rest = payloads;
    // Halved when the CA does not understand the whole, until the event that it does not understand is alone.
    let mut size = payloads.len();
    while !rest.is_empty() {
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
