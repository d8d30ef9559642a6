//! A lab: hosts, the networks between them, and their end.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result, ensure};

use crate::host::Host;
use crate::keeper::Keeper;
use crate::topology::{Network, Topology};
use crate::{packages, programs, wires};

/// Hosts made of namespaces. Dropping it ends every process and removes everything it made; the same
/// happens when the process that holds it is killed.
#[derive(Debug)]
pub struct Lab {
    hosts: BTreeMap<String, Host>,
    /// Last, so that the hosts' guards are gone before what they stand on.
    keeper: Arc<Keeper>,
}

impl Lab {
    /// Makes the hosts `agent`, `bastion` and `prod`, switched on and wired as [`Topology::standard`] says.
    ///
    /// # Errors
    /// When this process is not root, when a tool is missing, or when the kernel refuses.
    pub fn new() -> Result<Self> {
        Self::with(&Topology::standard())
    }

    /// Makes the hosts of the topology, switched on and wired.
    ///
    /// # Errors
    /// As for [`Lab::new`].
    pub fn with(topology: &Topology) -> Result<Self> {
        ensure!(
            nix::unistd::geteuid().is_root(),
            "test hosts are made of namespaces and mounts, which needs root: run this as root"
        );
        packages::require(packages::HOSTS)?;
        topology.check()?;

        let keeper = Arc::new(Keeper::start()?);
        wires::lay(keeper.pid(), &topology.networks())?;
        let trees = programs::trees()?;
        let mut hosts = BTreeMap::new();
        for (name, ports) in topology.hosts() {
            let names = topology.names_seen_by(name);
            let root = topology.root_of(name);
            let host = Host::install(&keeper, name, root, ports, &trees, &names)
                .with_context(|| format!("cannot make the host `{name}`"))?;
            hosts.insert(name.clone(), host);
        }
        Ok(Self { hosts, keeper })
    }

    /// The host with this name.
    ///
    /// # Panics
    /// When the topology has no such host: that is a slip in the test, not an event to handle.
    #[must_use]
    #[expect(
        clippy::panic,
        reason = "a wrong name is a slip of the person who writes the test"
    )]
    pub fn host(&self, name: &str) -> &Host {
        match self.hosts.get(name) {
            Some(host) => host,
            None => panic!("the lab has no host `{name}`"),
        }
    }

    /// All hosts, in the order of their names.
    pub fn hosts(&self) -> impl Iterator<Item = &Host> {
        self.hosts.values()
    }

    /// Pulls a host's cable to a network, without a word to anyone.
    ///
    /// # Errors
    /// When the host is switched off.
    pub fn cut(&self, host: &str, network: &Network) -> Result<()> {
        self.host(host).switch(Some(network), false)
    }

    /// Puts the cable back.
    ///
    /// # Errors
    /// When the host is switched off.
    pub fn mend(&self, host: &str, network: &Network) -> Result<()> {
        self.host(host).switch(Some(network), true)
    }

    /// The directory with the log of every process that the lab started.
    #[must_use]
    pub fn logs(&self) -> PathBuf {
        self.keeper.state().join("log")
    }

    /// Copies the logs to where they outlive the lab, and says where that is.
    ///
    /// A lab does so itself when it is dropped by a panic; one that several tests share is never dropped.
    pub fn save_logs(&self) {
        save_logs(&self.logs());
    }

    /// Leaves the lab running after this process.
    ///
    /// # Errors
    /// When the lab is broken already.
    pub fn keep(self) -> Result<Kept> {
        let enter = self
            .hosts
            .iter()
            .map(|(name, host)| Ok((name.clone(), host.enter_line()?)))
            .collect::<Result<_>>()?;
        let logs = self.logs();
        let stop = format!("kill {}", self.keeper.outlive()?);
        Ok(Kept { enter, stop, logs })
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.save_logs();
        }
    }
}

/// How to get at a lab that was left running.
#[derive(Debug, Clone)]
pub struct Kept {
    /// The command that opens a root shell on each host.
    pub enter: BTreeMap<String, String>,
    /// The command that takes the lab down.
    pub stop: String,
    /// The directory with the log of every process.
    pub logs: PathBuf,
}

/// A failed test's logs are worth more than the test; they would go with the lab.
fn save_logs(logs: &Path) {
    let lab = logs.parent().and_then(Path::file_name);
    let name = lab.unwrap_or_default();
    let Ok(target) = programs::directory().map(|directory| directory.join("lab-logs").join(name))
    else {
        return;
    };
    let copied = std::fs::create_dir_all(&target).and_then(|()| {
        for entry in std::fs::read_dir(logs)? {
            let entry = entry?;
            std::fs::copy(entry.path(), target.join(entry.file_name()))?;
        }
        Ok(())
    });
    if copied.is_ok() {
        use std::io::Write;
        // Not the print macro: it panics when the error output is closed, and this is already a panic.
        let _ = writeln!(
            std::io::stderr(),
            "the logs of the lab are in {}",
            target.display()
        );
    }
}
