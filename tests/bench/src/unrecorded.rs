//! The bastion with a recorder that throws everything away: what recording costs is measured against it.
//!
//! It is the bastion's own library, so nothing else differs. No configuration and no option of the shipped program leads
//! here; what it needs is compiled for this crate only.

use std::path::Path;

use anyhow::{Context, Result, anyhow};
use portreeve_bastion::serve;
use portreeve_bastion::ssh::settings;
use portreeve_recording::write::PoolOptions;

/// Serves until it is told to stop. It writes the shipped program's log, because the measuring waits for lines of it.
pub(crate) fn serve(config: &Path) -> Result<()> {
    tracing_subscriber::fmt()
        .with_env_filter("info,russh=warn")
        .with_writer(std::io::stderr)
        .with_ansi(false)
        .init();
    rustls::crypto::aws_lc_rs::default_provider()
        .install_default()
        .map_err(|_| anyhow!("TLS was set up twice"))?;
    let discarding = PoolOptions {
        discards: true,
        ..PoolOptions::default()
    };
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .thread_stack_size(settings::STACK)
        .build()
        .context("the runtime does not start")?
        .block_on(serve::run_with(config, discarding))
}
