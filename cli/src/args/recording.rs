//! Recordings as files: which there are, getting one, keeping one.

use std::path::PathBuf;

use clap::Subcommand;
use portreeve_protocol::id::SessionId;
use portreeve_protocol::task::Purpose;

use crate::variables;

/// `recording …`.
#[derive(Debug, Subcommand)]
pub enum Recordings {
    /// List the recordings: where each is, how long it is kept, who holds it
    List,
    /// Fetch a recording from the store, verified against the trail
    Fetch {
        /// The session
        session: SessionId,
        /// Where to write; by default SESSION.tar
        #[arg(long, short, value_name = "FILE")]
        output: Option<PathBuf>,
        /// The audit log's key, or a file with it; without it the CA's word is taken
        #[arg(long, value_name = "KEY|FILE", env = variables::LOG_KEY, hide_env_values = true)]
        log_key: Option<String>,
    },
    /// Keep a recording whatever its retention says
    Hold {
        /// The session
        session: SessionId,
        /// Why; it stands in the trail
        #[arg(long, value_name = "TEXT")]
        reason: Purpose,
    },
    /// End a hold: from now on the retention decides again
    Release {
        /// The session
        session: SessionId,
        /// Why; it stands in the trail
        #[arg(long, value_name = "TEXT")]
        reason: Purpose,
    },
}
