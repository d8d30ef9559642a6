//! A long-running program on a host: its log, its signals, its end.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, ExitStatus};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use nix::sys::signal::{self, Signal};
use nix::unistd::Pid;

use crate::host::Host;
use crate::wait::until;

/// A running program. Dropping it kills the program, unless its lab is kept.
#[derive(Debug)]
pub struct Process {
    host: Host,
    name: String,
    /// What entered the host for it, and waits for it.
    porter: Child,
    /// The program itself, by the machine's number.
    pid: Pid,
    log: PathBuf,
}

impl Process {
    pub(crate) fn new(host: Host, name: &str, mut porter: Child, log: PathBuf) -> Result<Self> {
        let pid = until(
            "a process to enter the host",
            Duration::from_secs(10),
            || {
                ensure!(
                    porter.try_wait()?.is_none(),
                    "`{name}` ended at once: {}",
                    fs::read_to_string(&log)?.trim()
                );
                only_child(porter.id())
            },
        )?;
        Ok(Self {
            host,
            name: name.to_owned(),
            porter,
            pid,
            log,
        })
    }

    /// The program's process id, by the machine's number.
    #[must_use]
    pub fn pid(&self) -> i32 {
        self.pid.as_raw()
    }

    /// Sends it a signal.
    ///
    /// # Errors
    /// When it has ended.
    pub fn signal(&self, signal: Signal) -> Result<()> {
        signal::kill(self.pid, signal).with_context(|| format!("`{}` has ended", self.name))?;
        if matches!(signal, Signal::SIGCONT | Signal::SIGKILL) {
            // The porter stops when the program does, and would not see it go on or end.
            let porter = Pid::from_raw(i32::try_from(self.porter.id())?);
            let _ = signal::kill(porter, Signal::SIGCONT);
        }
        Ok(())
    }

    /// Kills it, as `kill -9` does, and waits until it is gone. Its children stay.
    ///
    /// # Errors
    /// When it ended before.
    pub fn kill(mut self) -> Result<()> {
        ensure!(
            self.is_running()?,
            "`{}` ended before it was killed:\n{}",
            self.name,
            self.log()?
        );
        self.signal(Signal::SIGKILL)?;
        self.porter.wait()?;
        Ok(())
    }

    /// Asks it to end, as a service manager does, and waits.
    ///
    /// # Errors
    /// When it does not end within `patience`.
    pub fn stop(mut self, patience: Duration) -> Result<ExitStatus> {
        self.signal(Signal::SIGTERM)?;
        self.wait(patience)
    }

    /// Waits for its end.
    ///
    /// # Errors
    /// When it does not end within `patience`.
    pub fn wait(&mut self, patience: Duration) -> Result<ExitStatus> {
        let name = self.name.clone();
        until(&format!("the end of `{name}`"), patience, || {
            Ok(self.porter.try_wait()?)
        })
    }

    /// Whether it still runs.
    ///
    /// # Errors
    /// When the kernel does not say.
    pub fn is_running(&mut self) -> Result<bool> {
        Ok(self.porter.try_wait()?.is_none())
    }

    /// Everything it has written so far, standard output and standard error in one.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub fn log(&self) -> Result<String> {
        let bytes = fs::read(&self.log)
            .with_context(|| format!("cannot read the log of `{}`", self.name))?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// The file that it writes to.
    #[must_use]
    pub fn log_path(&self) -> &Path {
        &self.log
    }

    /// Waits until it has written `text`.
    ///
    /// # Errors
    /// When it ends or the patience does, with what it wrote instead.
    pub fn wait_for_log(&mut self, text: &str, patience: Duration) -> Result<()> {
        let found = until(
            &format!("`{}` to write `{text}`", self.name),
            patience,
            || {
                if self.log()?.contains(text) {
                    return Ok(Some(()));
                }
                ensure!(self.is_running()?, "it ended");
                Ok(None)
            },
        );
        found.with_context(|| {
            format!(
                "the log of `{}`:\n{}",
                self.name,
                self.log().unwrap_or_default()
            )
        })
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if self.host.is_kept() {
            return;
        }
        // It may have ended by itself, or with its host.
        if let Ok(None) = self.porter.try_wait() {
            let _ = self.signal(Signal::SIGKILL);
            let _ = self.porter.wait();
        }
    }
}

/// The child of a process that has at most one.
fn only_child(parent: u32) -> Result<Option<Pid>> {
    let children =
        fs::read_to_string(format!("/proc/{parent}/task/{parent}/children")).unwrap_or_default();
    let pid = children
        .split_whitespace()
        .next()
        .map(str::parse)
        .transpose()?;
    Ok(pid.map(Pid::from_raw))
}
