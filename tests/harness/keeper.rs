//! The keeper of a lab as this side sees it: a process that owns what the hosts share and cleans up.
//!
//! What it does is written in `keeper.sh`. It ends when our end of its input closes, so a lab ends with
//! the process that made it even when that process is killed. A keeper that is killed itself leaves a
//! state directory whose lock nobody holds; the next lab on the machine takes that down first.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use anyhow::{Context, Result, ensure};

const SCRIPT: &str = include_str!("keeper.sh");
/// Held by the keeper as long as it lives.
const LOCK: &str = "lock";
const STATE_ROOT: &str = "/run/portreeve-lab";

/// A running keeper.
#[derive(Debug)]
pub(crate) struct Keeper {
    name: String,
    process: Child,
    /// Closing it is the order to take everything down.
    life: Option<ChildStdin>,
    kept: AtomicBool,
}

impl Keeper {
    /// Starts the keeper of a new lab, after taking down what dead ones left.
    pub(crate) fn start() -> Result<Self> {
        let root = Path::new(STATE_ROOT);
        fs::create_dir_all(root).with_context(|| format!("cannot make `{STATE_ROOT}`"))?;
        // Held until the new keeper has its own lock: otherwise two labs that start together could
        // take each other for dead.
        let start = File::create(root.join("start.lock"))?;
        start.lock().context("cannot lock the start of a lab")?;
        reap_the_dead(root)?;

        let name = new_name(root)?;
        let state = root.join(&name);
        for directory in ["disk", "cgroup", "log"] {
            fs::create_dir_all(state.join(directory))?;
        }
        let mut process = script("hold", &name)?
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let life = process.stdin.take();
        let mut answer = String::new();
        if let Some(output) = process.stdout.take() {
            BufReader::new(output).read_line(&mut answer)?;
        }
        let keeper = Self {
            name,
            process,
            life,
            kept: AtomicBool::new(false),
        };
        ensure!(
            answer == "ready\n",
            "the keeper of the lab did not start; its complaint is above"
        );
        Ok(keeper)
    }

    /// The keeper's process id, whose mount and network namespaces are the lab's own.
    pub(crate) fn pid(&self) -> u32 {
        self.process.id()
    }

    /// The directory of the lab: `disk/`, `cgroup/` (both seen by the keeper only) and `log/`.
    pub(crate) fn state(&self) -> PathBuf {
        Path::new(STATE_ROOT).join(&self.name)
    }

    /// The control group of a host, as a path that this process can open.
    pub(crate) fn control_group(&self, host: &str) -> PathBuf {
        let seen_by_keeper = self
            .state()
            .join("cgroup")
            .join(group(&self.name))
            .join(host);
        let relative = seen_by_keeper
            .strip_prefix("/")
            .map(Path::to_path_buf)
            .unwrap_or(seen_by_keeper);
        PathBuf::from(format!("/proc/{}/root", self.pid())).join(relative)
    }

    /// The directory in which a host keeps its disk, as the keeper sees it.
    pub(crate) fn disk(&self, host: &str) -> PathBuf {
        self.state().join("disk").join(host)
    }

    /// Lets the lab outlive this process. Returns the process to send SIGTERM to when it is to end.
    pub(crate) fn outlive(&self) -> Result<u32> {
        let mut life = self
            .life
            .as_ref()
            .context("the keeper of the lab is gone")?;
        life.write_all(b"keep\n")
            .context("the keeper of the lab is gone")?;
        self.kept.store(true, Ordering::Relaxed);
        Ok(self.pid())
    }

    /// Whether the lab is to outlive this process.
    pub(crate) fn is_kept(&self) -> bool {
        self.kept.load(Ordering::Relaxed)
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        drop(self.life.take());
        if !self.is_kept() {
            // Nothing can be done here about a keeper that fails; the next lab takes down its rest.
            let _ = self.process.wait();
        }
    }
}

fn group(name: &str) -> String {
    format!("portreeve-lab-{name}")
}

fn script(verb: &str, name: &str) -> Result<Command> {
    let state = Path::new(STATE_ROOT).join(name);
    let path = state.join("keeper.sh");
    fs::write(&path, SCRIPT)?;
    let mut command = Command::new("unshare");
    command
        .args(["--mount", "--net", "--", "sh"])
        .arg(path)
        .arg(verb)
        .arg(state)
        .arg(group(name));
    command
        .stdin(Stdio::null())
        .current_dir("/")
        .process_group(0);
    Ok(command)
}

/// Makes the state directory of a new lab, whose name no lab of this process had before.
fn new_name(root: &Path) -> Result<String> {
    static LABS: AtomicU32 = AtomicU32::new(0);
    loop {
        let name = format!(
            "{}-{}",
            std::process::id(),
            LABS.fetch_add(1, Ordering::Relaxed)
        );
        match fs::create_dir(root.join(&name)) {
            Ok(()) => {
                File::create(root.join(&name).join(LOCK))?;
                return Ok(name);
            }
            // A kept lab of an earlier process that had our number.
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error).context("cannot make the directory of the lab"),
        }
    }
}

fn reap_the_dead(root: &Path) -> Result<()> {
    for entry in fs::read_dir(root)? {
        let entry = entry?;
        if !entry.file_type()?.is_dir() {
            continue;
        }
        let name = entry.file_name().to_string_lossy().into_owned();
        // Without a lock it is just being removed; so it is when the lock was held until now and it is gone.
        let Ok(lock) = File::open(entry.path().join(LOCK)) else {
            continue;
        };
        if lock.try_lock().is_err() || !entry.path().exists() {
            continue;
        }
        fs::create_dir_all(entry.path().join("cgroup"))?;
        let status = script("reap", &name)?.status()?;
        ensure!(
            status.success(),
            "cannot take down the lab that a killed run left in `{}`",
            entry.path().display()
        );
    }
    Ok(())
}
