//! Connections from this process as if it were on a host: for tests that say on a wire what no client of
//! ours would say.

use std::fs::File;
use std::net::{SocketAddr, TcpStream};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use nix::sched::{CloneFlags, setns};

use crate::host::Host;

const PATIENCE: Duration = Duration::from_secs(5);

impl Host {
    /// Opens a TCP connection from the host's network.
    ///
    /// # Errors
    /// When the host is off, or nobody answers at the address.
    pub fn dial(&self, address: SocketAddr) -> Result<TcpStream> {
        let network = File::open(format!("/proc/{}/ns/net", self.init()?))?;
        // A namespace is a thread's, and a socket stays in the one that it was made in.
        let dialling = thread::spawn(move || -> Result<TcpStream> {
            setns(&network, CloneFlags::CLONE_NEWNET).context("cannot enter the host's network")?;
            Ok(TcpStream::connect_timeout(&address, PATIENCE)?)
        });
        let stream = dialling
            .join()
            .map_err(|_| anyhow!("the thread that dials ended early"))?;
        stream.with_context(|| format!("`{}` cannot reach {address}", self.name()))
    }
}
