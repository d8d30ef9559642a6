//! The machine that everything is measured on, and what its processes use of it.

use std::fmt;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};
use serde::Serialize;

/// Kernel ticks in a second, as `/proc` counts on every Linux of today.
const TICKS: f64 = 100.0;

/// What the figures depend on.
#[derive(Debug, Serialize)]
pub(crate) struct Machine {
    processors: usize,
    model: String,
    kernel: String,
    openssh: String,
    optimised: bool,
}

/// Looks at this machine.
pub(crate) fn describe() -> Result<Machine> {
    let model = fs::read_to_string("/proc/cpuinfo")?;
    let model = model
        .lines()
        .find_map(|line| line.strip_prefix("model name"));
    let openssh = Command::new("ssh")
        .arg("-V")
        .output()
        .context("cannot run ssh")?;
    Ok(Machine {
        processors: std::thread::available_parallelism()?.get(),
        model: model
            .unwrap_or_default()
            .trim_start_matches(['\t', ' ', ':'])
            .to_owned(),
        kernel: fs::read_to_string("/proc/sys/kernel/osrelease")?
            .trim()
            .to_owned(),
        openssh: String::from_utf8_lossy(&openssh.stderr).trim().to_owned(),
        optimised: !cfg!(debug_assertions),
    })
}

impl fmt::Display for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{} × {}, Linux {}, {}",
            self.processors, self.model, self.kernel, self.openssh
        )?;
        if !self.optimised {
            writeln!(
                f,
                "A debug build: these figures say nothing about the programs."
            )?;
        }
        writeln!(
            f,
            "The CA's and the bastion's state is on this machine's disk; the hosts' own disks are in memory."
        )
    }
}

/// The seconds of processor time that a process and the children that it waited for have used.
pub(crate) fn processor_seconds(pid: i32) -> Result<f64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    // The program's name may hold anything, so what follows it begins behind the last parenthesis.
    let (_, fields) = stat.rsplit_once(") ").context("no process status")?;
    let ticks = fields.split(' ').skip(11).take(4).map(str::parse::<f64>);
    Ok(ticks.sum::<Result<f64, _>>()? / TICKS)
}

/// The same of a process and all its descendants that are alive.
pub(crate) fn processor_seconds_of_tree(pid: i32) -> Result<f64> {
    let mut sum = processor_seconds(pid)?;
    for child in children(pid) {
        // It may have ended since, and then its parent has its time.
        sum += processor_seconds_of_tree(child).unwrap_or(0.0);
    }
    Ok(sum)
}

/// Counts the processor time of a process of a host and of everything that it starts from now on, also of what nobody
/// waits for: sshd leaves its children to the kernel, which then adds their time to nobody's.
#[derive(Debug)]
pub(crate) struct Meter(PathBuf);

impl Meter {
    /// Puts a process into a control group of its own, on its host.
    pub(crate) fn around(pid: i32) -> Result<Self> {
        let group = PathBuf::from(format!("/proc/{pid}/root/sys/fs/cgroup/bench-{pid}"));
        fs::create_dir(&group)
            .and_then(|()| fs::write(group.join("cgroup.procs"), pid.to_string()))
            .with_context(|| format!("cannot use the control group `{}`", group.display()))?;
        Ok(Self(group))
    }

    /// The seconds so far.
    pub(crate) fn seconds(&self) -> Result<f64> {
        let stat = fs::read_to_string(self.0.join("cpu.stat"))?;
        let usage = stat
            .lines()
            .find_map(|line| line.strip_prefix("usage_usec "));
        let micros: f64 = usage.context("no `usage_usec` in cpu.stat")?.parse()?;
        Ok(micros / 1e6)
    }
}

/// The memory that is a process's own, and its part of what it shares, in KiB.
pub(crate) fn memory_kib(pid: i32) -> Result<f64> {
    let rollup = fs::read_to_string(format!("/proc/{pid}/smaps_rollup"))?;
    let line = rollup.lines().find_map(|line| line.strip_prefix("Pss:"));
    let number = line.and_then(|line| line.split_whitespace().next());
    Ok(number.context("no `Pss` in smaps_rollup")?.parse()?)
}

/// The same of a process and all its descendants.
pub(crate) fn memory_kib_of_tree(pid: i32) -> Result<f64> {
    let own = memory_kib(pid)?;
    Ok(children(pid)
        .into_iter()
        .filter_map(|child| memory_kib_of_tree(child).ok())
        .sum::<f64>()
        + own)
}

/// The children of a process, whichever of its threads started them.
pub(crate) fn children(pid: i32) -> Vec<i32> {
    let Ok(threads) = fs::read_dir(format!("/proc/{pid}/task")) else {
        return Vec::new();
    };
    let lists =
        threads.filter_map(|thread| fs::read_to_string(thread.ok()?.path().join("children")).ok());
    lists
        .flat_map(|list| {
            list.split_whitespace()
                .filter_map(|pid| pid.parse().ok())
                .collect::<Vec<_>>()
        })
        .collect()
}

/// Whether a process is alive, a zombie not counted.
pub(crate) fn is_alive(pid: u32) -> bool {
    fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| {
        stat.rsplit_once(") ")
            .is_some_and(|(_, rest)| !rest.starts_with(['Z', 'X']))
    })
}
