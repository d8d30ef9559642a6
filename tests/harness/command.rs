//! A command that runs on a host: entering the host's namespaces, changing the user, and what came out.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::host::Host;
use crate::process::Process;

/// The status with which `timeout` says that it had to end the command.
const TIMED_OUT: i32 = 124;

/// A command for a host. Its environment is a fresh one; nothing of this process's leaks into the host.
#[derive(Debug, Clone)]
#[must_use = "a command does nothing until it is run or spawned"]
pub struct HostCommand {
    host: Host,
    argv: Vec<String>,
    user: Option<String>,
    environment: Vec<(String, String)>,
    input: Vec<u8>,
    limit: Duration,
}

impl HostCommand {
    pub(crate) fn new(host: Host, program: &str) -> Self {
        Self {
            host,
            argv: vec![program.to_owned()],
            user: None,
            environment: Vec::new(),
            input: Vec::new(),
            limit: Duration::from_secs(60),
        }
    }

    /// Adds an argument.
    pub fn arg(mut self, arg: impl AsRef<str>) -> Self {
        self.argv.push(arg.as_ref().to_owned());
        self
    }

    /// Adds arguments.
    pub fn args<A: AsRef<str>>(mut self, args: impl IntoIterator<Item = A>) -> Self {
        self.argv
            .extend(args.into_iter().map(|arg| arg.as_ref().to_owned()));
        self
    }

    /// Runs it as this account of the host instead of as root, in the account's home.
    pub fn user(mut self, name: &str) -> Self {
        self.user = Some(name.to_owned());
        self
    }

    /// Sets an environment variable.
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Gives it these bytes as standard input; without this it has none.
    pub fn input(mut self, bytes: &[u8]) -> Self {
        self.input = bytes.to_vec();
        self
    }

    /// How long [`HostCommand::run`] lets it take; a minute unless set.
    pub fn limit(mut self, limit: Duration) -> Self {
        self.limit = limit;
        self
    }

    /// Runs it to its end, which is when it has ended and nothing holds its output open any more: what it
    /// leaves in the background must write elsewhere.
    ///
    /// # Errors
    /// When it cannot be started or takes longer than the limit; its failure is in the output.
    pub fn run(self) -> Result<Output> {
        let said = self.argv.join(" ");
        let limit = self.limit.as_secs_f64().to_string();
        let mut child = self
            .entering(&["timeout", "--kill-after=2", &limit])?
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .with_context(|| format!("cannot start `{said}`"))?;
        let stdin = child.stdin.take();
        let output = std::thread::scope(|scope| {
            scope.spawn(move || {
                if let Some(mut stdin) = stdin {
                    // A command may end without reading its input; its output tells what it made of it.
                    let _ = stdin.write_all(&self.input);
                }
            });
            child.wait_with_output()
        })?;
        if output.status.code() == Some(TIMED_OUT) {
            bail!(
                "`{said}` on `{}` did not end within {limit} s",
                self.host.name()
            );
        }
        Ok(Output {
            said,
            status: output.status,
            stdout: output.stdout,
            stderr: output.stderr,
        })
    }

    /// Starts it and lets it run, with its output in a log of that name. It is killed when the guard goes.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn spawn(self, name: &str) -> Result<Process> {
        let log = self.host.new_log(name);
        let file = File::create(&log)?;
        let child = self
            .entering(&[])?
            .stdin(Stdio::null())
            .stdout(file.try_clone()?)
            .stderr(file)
            .spawn()
            .with_context(|| format!("cannot start `{name}`"))?;
        Process::new(self.host, name, child, log)
    }

    /// The whole as an ordinary command, for a caller that wants its pipes or a terminal.
    /// The bytes given as input are not part of it.
    ///
    /// # Errors
    /// When the host is off or does not know the user.
    pub fn to_std(&self) -> Result<Command> {
        self.entering(&[])
    }

    /// Into the host's control group, its namespaces, the user, the environment; then the command.
    fn entering(&self, before: &[&str]) -> Result<Command> {
        let init = self.host.init()?.to_string();
        let mut command = in_control_group(&self.host.join_path());
        command.args([
            "nsenter", "--target", &init, "--mount", "--uts", "--ipc", "--net", "--pid",
            "--cgroup", "--root",
        ]);
        let mut home = "/root".to_owned();
        let mut identity = Vec::new();
        if let Some(name) = &self.user {
            let user = self.host.user(name)?;
            home = user.home;
            identity = vec![
                "setpriv".to_owned(),
                format!("--reuid={}", user.uid),
                format!("--regid={}", user.gid),
            ];
            identity.push("--init-groups".to_owned());
        }
        let name = self.user.as_deref().unwrap_or("root");
        command.arg("--").args(before).args(identity);
        command.args([
            "env",
            "--ignore-environment",
            &format!("--chdir={home}"),
            "LANG=C.UTF-8",
            "SHELL=/bin/bash",
        ]);
        command.arg("PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
        command
            .arg(format!("HOME={home}"))
            .arg(format!("USER={name}"))
            .arg(format!("LOGNAME={name}"));
        command.args(
            self.environment
                .iter()
                .map(|(name, value)| format!("{name}={value}")),
        );
        command.args(&self.argv);
        Ok(command)
    }
}

/// What came out of a command.
#[derive(Debug, Clone)]
pub struct Output {
    said: String,
    /// How it ended.
    pub status: ExitStatus,
    /// Its standard output.
    pub stdout: Vec<u8>,
    /// Its standard error.
    pub stderr: Vec<u8>,
}

impl Output {
    /// The standard output as text, without the line end.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.stdout).trim_end().to_owned()
    }

    /// The standard error as text, without the line end.
    #[must_use]
    pub fn complaint(&self) -> String {
        String::from_utf8_lossy(&self.stderr).trim_end().to_owned()
    }

    /// Whether it ended with status 0.
    #[must_use]
    pub fn success(&self) -> bool {
        self.status.success()
    }

    /// The exit status, when it was not ended by a signal.
    #[must_use]
    pub fn code(&self) -> Option<i32> {
        self.status.code()
    }

    /// The output of a command that had to succeed.
    ///
    /// # Errors
    /// When it did not, with everything it said.
    pub fn ok(self) -> Result<Self> {
        if self.success() {
            return Ok(self);
        }
        bail!(
            "`{}` failed with {}\n{}\n{}",
            self.said,
            self.status,
            self.text(),
            self.complaint()
        )
    }
}

/// The beginning of a command line whose process joins a control group before it becomes the command.
pub(crate) fn in_control_group(join: &Path) -> Command {
    let mut command = Command::new("sh");
    command
        .args(["-c", r#"echo 0 >"$1" && shift && exec "$@""#, "join"])
        .arg(join);
    command
}
