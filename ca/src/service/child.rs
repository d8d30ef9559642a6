//! The signer as a child process, started again when it ends.

use std::io;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tokio::process::{Child, ChildStdin, Command};
use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;

/// A running signer and what it lives by. Apart, because waiting for a [`Child`] closes the standard
/// input that it still holds.
struct Signer {
    child: Child,
    life: Option<ChildStdin>,
}

/// How long to wait before a signer that ended is started again.
const AGAIN_AFTER: Duration = Duration::from_secs(1);
/// How long a signer may take to end.
const FAREWELL: Duration = Duration::from_secs(3);

/// A signer that this process keeps running. It has our end of a pipe as its standard input, so it
/// ends when we do, however we end.
#[derive(Debug)]
pub(super) struct SignerProcess {
    stop: oneshot::Sender<()>,
    ends: watch::Receiver<u64>,
    keeper: JoinHandle<()>,
}

impl SignerProcess {
    /// Starts it from this very program.
    pub(super) fn start(config: &Path) -> io::Result<Self> {
        let program = std::env::current_exe()?;
        let config = config.to_owned();
        let signer = spawn(&program, &config)?;
        let (stop, stopped) = oneshot::channel();
        let (count, ends) = watch::channel(0);
        let keeper = tokio::spawn(keep(program, config, signer, stopped, count));
        Ok(Self { stop, ends, keeper })
    }

    /// Resolves once it ended by itself.
    pub(super) async fn ended(&mut self) {
        // The keeper is gone only if it panicked, and its child with it.
        let _ = self.ends.wait_for(|ends| *ends > 0).await;
    }

    /// Ends it.
    pub(super) async fn stop(self) {
        // The keeper is gone only if it panicked, and its child with it.
        let _ = self.stop.send(());
        if let Err(error) = self.keeper.await {
            tracing::error!(%error, "the signer's keeper failed");
        }
    }
}

async fn keep(
    program: PathBuf,
    config: PathBuf,
    mut signer: Signer,
    mut stopped: oneshot::Receiver<()>,
    ends: watch::Sender<u64>,
) {
    loop {
        tokio::select! {
            _ = &mut stopped => break end(signer).await,
            status = signer.child.wait() => {
                let status = status.map_or_else(|error| error.to_string(), |status| status.to_string());
                tracing::error!(status, "the signer ended by itself");
                ends.send_modify(|ends| *ends += 1);
            }
        }
        signer = loop {
            tokio::select! {
                _ = &mut stopped => return,
                () = tokio::time::sleep(AGAIN_AFTER) => {}
            }
            match spawn(&program, &config) {
                Ok(signer) => break signer,
                Err(error) => tracing::error!(%error, "the signer cannot be started"),
            }
        };
    }
}

/// Closes its standard input, at which it ends, and waits.
async fn end(signer: Signer) {
    let Signer { mut child, life } = signer;
    drop(life);
    if tokio::time::timeout(FAREWELL, child.wait()).await.is_err() {
        tracing::warn!("the signer does not end; it is killed");
        if let Err(error) = child.kill().await {
            tracing::error!(%error, "the signer could not be killed");
        }
    }
}

fn spawn(program: &Path, config: &Path) -> io::Result<Signer> {
    let mut child = Command::new(program)
        .arg("signer")
        .arg("--config")
        .arg(config)
        .arg("--until-stdin-closes")
        .stdin(Stdio::piped())
        .kill_on_drop(true)
        .spawn()?;
    let life = child.stdin.take();
    Ok(Signer { child, life })
}
