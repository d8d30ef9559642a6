//! Signals that ask a program to end, as a flag that the player looks at: it gives the terminal back
//! before it ends.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::signal::unix::{SignalKind, signal};

/// A flag that is raised when the program is to end. From now on these signals do nothing else.
///
/// # Errors
/// When they cannot be listened for.
pub fn stop() -> io::Result<Arc<AtomicBool>> {
    let stop = Arc::new(AtomicBool::new(false));
    for kind in [
        SignalKind::terminate(),
        SignalKind::hangup(),
        SignalKind::interrupt(),
        SignalKind::quit(),
    ] {
        let mut signal = signal(kind)?;
        let stop = Arc::clone(&stop);
        tokio::spawn(async move {
            if signal.recv().await.is_some() {
                stop.store(true, Ordering::SeqCst);
            }
        });
    }
    Ok(stop)
}
