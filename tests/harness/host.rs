//! One host of a lab: booting it, cutting its power, running things on it.

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};

use crate::command::{HostCommand, Output, in_control_group};
use crate::keeper::Keeper;
use crate::topology::{Network, Port};
use crate::wait::until;
use crate::wires;

const BOOT: &str = include_str!("boot.sh");
const INSTALL: &str = include_str!("install.sh");
/// Tells a host its own name, and the names of the others, which come on standard input.
const NAME: &str = "set -eu; hostname >/etc/hostname; cat >/etc/hosts; rm -f /etc/resolv.conf; : >/etc/resolv.conf";

/// How long the kernel may take to end what was killed.
const DYING: Duration = Duration::from_secs(10);

/// A host of a lab. Cloning gives another handle to the same host.
#[derive(Debug, Clone)]
pub struct Host {
    chassis: Arc<Chassis>,
}

/// What stays when the power goes.
#[derive(Debug)]
struct Chassis {
    name: String,
    /// The directory with the system that it is made of.
    root: PathBuf,
    ports: Vec<Port>,
    /// Directories of the machine that the host sees read-only.
    trees: Vec<PathBuf>,
    keeper: Arc<Keeper>,
    running: Mutex<Option<Machine>>,
    logs: AtomicU32,
}

/// A host that is switched on.
#[derive(Debug)]
struct Machine {
    /// The process that made the namespaces; it ends with the first process inside.
    maker: Child,
    /// The first process of the host, by the machine's number.
    init: u32,
}

impl Host {
    /// Makes the disk of a host and boots it for the first time. A copy of the machine gets a
    /// distribution's configuration, as another `root` has already.
    pub(crate) fn install(
        keeper: &Arc<Keeper>,
        name: &str,
        root: Option<&Path>,
        ports: &[Port],
        trees: &[PathBuf],
        names: &str,
    ) -> Result<Self> {
        let chassis = Chassis {
            name: name.to_owned(),
            root: root.unwrap_or(Path::new("/")).to_owned(),
            ports: ports.to_vec(),
            trees: trees.to_vec(),
            keeper: Arc::clone(keeper),
            running: Mutex::new(None),
            logs: AtomicU32::new(0),
        };
        fs::create_dir(keeper.control_group(name)).context("cannot make the control group")?;
        let host = Self {
            chassis: Arc::new(chassis),
        };
        host.boot()?;
        if root.is_none() {
            host.run(&["sh", "-c", INSTALL])?.ok()?;
        }
        host.command("sh")
            .args(["-c", NAME])
            .input(names.as_bytes())
            .run()?
            .ok()?;
        Ok(host)
    }

    /// The host's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.chassis.name
    }

    /// Its file system, as this process can read it. Links that begin with `/` lead astray there.
    ///
    /// # Errors
    /// When the host is switched off.
    pub fn file_system(&self) -> Result<PathBuf> {
        Ok(PathBuf::from(format!("/proc/{}/root", self.init()?)))
    }

    /// The host's address in a network.
    ///
    /// # Errors
    /// When the host has no cable to that network.
    pub fn address(&self, network: &Network) -> Result<std::net::Ipv4Addr> {
        let port = self
            .chassis
            .ports
            .iter()
            .find(|port| port.network == *network);
        port.map(|port| port.address).with_context(|| {
            format!(
                "`{}` is not in the network `{}`",
                self.name(),
                network.name()
            )
        })
    }

    /// A command to run on the host, as root unless said otherwise.
    pub fn command(&self, program: &str) -> HostCommand {
        HostCommand::new(self.clone(), program)
    }

    /// Runs a command as root and waits for its end.
    ///
    /// # Errors
    /// When it cannot be started or does not end; its failure is in the output.
    pub fn run(&self, argv: &[&str]) -> Result<Output> {
        let (program, args) = argv.split_first().context("there is no command to run")?;
        self.command(program).args(args).run()
    }

    /// Runs a shell script as root, which stops at the first command that fails.
    ///
    /// # Errors
    /// As for [`Host::run`].
    pub fn sh(&self, script: &str) -> Result<Output> {
        self.run(&["sh", "-euc", script])
    }

    /// Switches the host on: same disk, fresh `/run` and `/tmp`, no process but the first.
    ///
    /// # Errors
    /// When it is on already, or does not come up.
    pub fn boot(&self) -> Result<()> {
        let chassis = &self.chassis;
        let mut running = self.running();
        ensure!(
            running.is_none(),
            "`{}` is switched on already",
            chassis.name
        );

        fs::write(self.boot_script(), BOOT)?;
        let console = File::create(self.log_path("console"))?;
        let mut maker = self
            .boot_command()
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(console)
            .spawn()?;
        let mut answer = String::new();
        if let Some(output) = maker.stdout.take() {
            BufReader::new(output).read_line(&mut answer)?;
        }
        let init = answer
            .strip_prefix("ready ")
            .and_then(|pid| pid.trim().parse().ok());
        let Some(init) = init else {
            maker.wait()?;
            let complaint = fs::read_to_string(self.log_path("console")).unwrap_or_default();
            bail!("`{}` does not boot: {}", chassis.name, complaint.trim());
        };
        *running = Some(Machine { maker, init });
        drop(running);
        wires::plug(chassis.keeper.pid(), &chassis.name, init, &chassis.ports)
    }

    /// Ends everything on the host at once and without a word on the network. What it wrote to its disk
    /// stays, also what it never flushed: the disk is in memory, so lost writes are not simulated.
    ///
    /// # Errors
    /// When it is off already, or something survives.
    pub fn power_cut(&self) -> Result<()> {
        self.switch(None, false)?;
        let Some(mut old) = self.running().take() else {
            bail!("`{}` is switched off already", self.name());
        };
        let group = self.chassis.keeper.control_group(self.name());
        fs::write(group.join("cgroup.kill"), "1")
            .context("cannot kill the host's control group")?;
        old.maker.wait()?;
        until("the last process of the host to end", DYING, || {
            let events = fs::read_to_string(group.join("cgroup.events"))?;
            Ok(events.contains("populated 0").then_some(()))
        })?;
        let chassis = &self.chassis;
        wires::unplug(chassis.keeper.pid(), &chassis.name, &chassis.ports)
    }

    /// The command line that opens a root shell on the host.
    pub(crate) fn enter_line(&self) -> Result<String> {
        let init = self.init()?;
        Ok(format!(
            "nsenter --target {init} --mount --uts --ipc --net --pid --cgroup --root -- bash -l"
        ))
    }

    /// Moves the host's cables, all or one, into or out of their bridges.
    pub(crate) fn switch(&self, network: Option<&Network>, up: bool) -> Result<()> {
        self.init()?;
        wires::switch(
            self.chassis.keeper.pid(),
            self.name(),
            &self.chassis.ports,
            network,
            up,
        )
    }

    /// The first process of the host, by the machine's number.
    pub(crate) fn init(&self) -> Result<u32> {
        let running = self.running();
        running
            .as_ref()
            .map(|running| running.init)
            .with_context(|| format!("`{}` is switched off", self.name()))
    }

    /// The file through which a process joins the host's control group.
    pub(crate) fn join_path(&self) -> PathBuf {
        self.chassis
            .keeper
            .control_group(self.name())
            .join("cgroup.procs")
    }

    /// A file for the log of a new process, never used before.
    pub(crate) fn new_log(&self, what: &str) -> PathBuf {
        let number = self.chassis.logs.fetch_add(1, Ordering::Relaxed);
        self.log_path(&format!("{what}-{number}"))
    }

    /// Whether the lab is to outlive this process.
    pub(crate) fn is_kept(&self) -> bool {
        self.chassis.keeper.is_kept()
    }

    fn log_path(&self, what: &str) -> PathBuf {
        self.chassis
            .keeper
            .state()
            .join("log")
            .join(format!("{}-{what}.log", self.name()))
    }

    fn boot_script(&self) -> PathBuf {
        self.chassis.keeper.state().join("boot.sh")
    }

    fn boot_command(&self) -> Command {
        let chassis = &self.chassis;
        let keeper = chassis.keeper.pid().to_string();
        let mut command = in_control_group(&self.join_path());
        command.args(["nsenter", "--target", &keeper, "--mount", "--"]);
        command.args([
            "unshare",
            "--mount",
            "--pid",
            "--fork",
            "--kill-child",
            "--uts",
            "--ipc",
            "--net",
            "--cgroup",
            "--",
        ]);
        command
            .arg("sh")
            .arg(self.boot_script())
            .arg(&chassis.name)
            .arg(chassis.keeper.disk(&chassis.name))
            .arg(&chassis.root);
        command.args(&chassis.trees).current_dir("/");
        command
    }

    fn running(&self) -> MutexGuard<'_, Option<Machine>> {
        // A thread that panicked with the lock left a host that is either on or off.
        self.chassis
            .running
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}
