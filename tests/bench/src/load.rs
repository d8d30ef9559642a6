//! Load on the CA, on its signer and on a host, from a host of the lab.

pub(crate) mod data;
mod mint;
pub(crate) mod programs;
mod signer;

use std::io::Write;
use std::path::PathBuf;

use anyhow::Result;
use clap::Subcommand;
use serde::{Deserialize, Serialize};

/// Which load.
#[derive(Debug, clap::Args)]
pub(crate) struct Load {
    #[command(subcommand)]
    kind: Kind,
}

#[derive(Debug, Subcommand)]
enum Kind {
    /// Ask for sessions
    Mint(mint::Mint),
    /// Ask the signer for access certificates
    Signer {
        /// Its socket
        socket: PathBuf,
        /// How many
        count: u32,
    },
    /// Start programs, here
    Programs {
        /// How many
        count: u32,
    },
}

/// How much was done in which time.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Rate {
    /// How many.
    pub(crate) count: u32,
    /// In how many seconds.
    pub(crate) seconds: f64,
}

impl Rate {
    /// How many in a second.
    pub(crate) fn per_second(self) -> f64 {
        f64::from(self.count) / self.seconds
    }
}

impl Load {
    /// Does it and prints the rate.
    pub(crate) fn run(&self) -> Result<()> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let rate = runtime.block_on(async {
            match &self.kind {
                Kind::Mint(mint) => mint.run().await,
                Kind::Signer { socket, count } => signer::run(socket, *count).await,
                Kind::Programs { count } => programs::run(*count),
            }
        })?;
        writeln!(std::io::stdout(), "{}", serde_json::to_string(&rate)?)?;
        Ok(())
    }
}
