//! A program that keeps running on a host, and can be killed and started again.

use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::command::HostCommand;
use crate::host::Host;
use crate::process::Process;
use crate::wait::until;

/// How long a service may take to be ready, and to end when it is asked to.
const PATIENCE: Duration = Duration::from_secs(20);

/// By what one sees that a service answers.
#[derive(Debug, Clone)]
pub enum Ready {
    /// It listens on this TCP port.
    Port(u16),
    /// Something is at this path, which is not there before.
    Path(String),
}

/// A service: how to start it, and its process while it runs.
#[derive(Debug)]
pub struct Service {
    name: String,
    host: Host,
    command: HostCommand,
    ready: Ready,
    process: Option<Process>,
}

impl Service {
    /// Starts a service and waits until it is ready.
    ///
    /// # Errors
    /// When it ends or is not ready in time, with what it wrote.
    pub fn start(host: &Host, name: &str, command: HostCommand, ready: Ready) -> Result<Self> {
        let mut service = Self {
            name: name.to_owned(),
            host: host.clone(),
            command,
            ready,
            process: None,
        };
        service.start_again()?;
        Ok(service)
    }

    /// Its process.
    ///
    /// # Errors
    /// When it does not run.
    pub fn process(&self) -> Result<&Process> {
        self.process
            .as_ref()
            .with_context(|| format!("`{}` was not started again", self.name))
    }

    /// What it wrote since it was last started.
    ///
    /// # Errors
    /// When it does not run.
    pub fn log(&self) -> Result<String> {
        self.process()?.log()
    }

    /// Kills it, as `kill -9` does, and waits until it is gone.
    ///
    /// # Errors
    /// When it had ended before.
    pub fn kill(&mut self) -> Result<()> {
        self.take()?.kill()
    }

    /// Asks it to end, as a service manager does, and waits.
    ///
    /// # Errors
    /// When it does not end, or not with success.
    pub fn stop(&mut self) -> Result<()> {
        let process = self.take()?;
        let log = process.log()?;
        let status = process.stop(PATIENCE)?;
        if !status.success() {
            bail!("`{}` ended with {status}:\n{log}", self.name);
        }
        Ok(())
    }

    /// Waits until it ends by itself.
    ///
    /// # Errors
    /// When it does not, or not with success.
    pub fn wait_for_end(&mut self) -> Result<()> {
        let mut process = self.take()?;
        let ended = process.wait(PATIENCE);
        let log = process.log().unwrap_or_default();
        let status = ended.with_context(|| format!("what it wrote:\n{log}"))?;
        if !status.success() {
            bail!("`{}` ended with {status}:\n{log}", self.name);
        }
        Ok(())
    }

    /// Starts it after it was killed or stopped, and waits until it is ready.
    ///
    /// # Errors
    /// As for [`Service::start`].
    pub fn start_again(&mut self) -> Result<()> {
        if let Ready::Path(path) = &self.ready {
            // A killed service leaves its socket behind, which would pass for that of the new one.
            self.host.run(&["rm", "-f", "--", path])?.ok()?;
        }
        let mut process = self.command.clone().spawn(&self.name)?;
        let what = format!("`{}` to be ready", self.name);
        let ready = until(&what, PATIENCE, || {
            if !process.is_running()? {
                bail!("`{}` ended", self.name);
            }
            let answers = match &self.ready {
                Ready::Port(port) => self.host.listens_on(*port)?,
                Ready::Path(path) => self.host.exists(path)?,
            };
            Ok(answers.then_some(()))
        });
        ready.with_context(|| format!("what it wrote:\n{}", process.log().unwrap_or_default()))?;
        self.process = Some(process);
        Ok(())
    }

    /// Forgets the process, which ended with its host.
    pub(crate) fn forget(&mut self) {
        self.process = None;
    }

    fn take(&mut self) -> Result<Process> {
        self.process
            .take()
            .with_context(|| format!("`{}` does not run", self.name))
    }
}
