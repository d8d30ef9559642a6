//! The signer process: a unix socket, threads, and [`crate::sign`]'s core behind them. It reads no
//! network and runs no async runtime; whoever may connect is settled by the kernel.
//!
//! Caller: `portreeve-ca signer`, and `serve` through it.

mod harden;
mod serve;
mod socket;
#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::sync::Arc;

use nix::sys::signal::{SigSet, Signal};

use crate::clock::Clock;
use crate::config::SignerConfig;
use crate::sign::keys::{KeyFileError, KeyFiles};
use crate::sign::signatory::{Signatory, SignatoryError};

pub use harden::{HardenError, harden};

/// When the signer ends by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Until {
    /// Only when it is stopped.
    Stopped,
    /// When its standard input is closed: whoever started it with a pipe there is gone.
    StdinClosed,
}

/// Why the signer does not run.
#[derive(Debug, thiserror::Error)]
pub enum SignerFailure {
    /// The keys cannot be used.
    #[error("the keys cannot be used")]
    Keys(#[from] KeyFileError),
    /// The configuration does not fit the keys.
    #[error("the signer's configuration does not fit its keys")]
    Limits(#[source] SignatoryFailure),
    /// The socket cannot be used.
    #[error("the signer's socket `{}` cannot be used", path.display())]
    Socket {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

/// Why the configuration does not fit the keys.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct SignatoryFailure(SignatoryError);

/// Answers on the socket until `until`. Call [`harden()`] first.
///
/// # Errors
/// When keys or socket cannot be used.
pub fn run(config: &SignerConfig, clock: &Clock, until: Until) -> Result<(), SignerFailure> {
    if until == Until::StdinClosed {
        leave_signals_to_the_server();
    }
    let keys = KeyFiles::open(&config.keys)?;
    let signatory = Signatory::new(Box::new(keys), config.limits.clone())
        .map_err(|error| SignerFailure::Limits(SignatoryFailure(error)))?;
    let failed = |source| SignerFailure::Socket {
        path: config.socket.clone(),
        source,
    };
    let listener = socket::listen(&config.socket, config.server_uid).map_err(failed)?;
    tracing::info!(socket = %config.socket.display(), "signing");
    let allowed = config
        .server_uid
        .unwrap_or_else(|| nix::unistd::geteuid().as_raw());
    serve::serve(&listener, allowed, &Arc::new(signatory), clock, until).map_err(failed)
}

/// Whoever stops a whole group of processes would otherwise stop the signer before the server has
/// ended what it has begun. Blocked before there is a second thread, so in all of them.
fn leave_signals_to_the_server() {
    let signals: SigSet = [Signal::SIGTERM, Signal::SIGINT].into_iter().collect();
    if let Err(error) = signals.thread_block() {
        tracing::warn!(%error, "the signer ends at once when it is told to");
    }
}
