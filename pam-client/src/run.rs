//! Starting the distribution's tools: a fixed program, fixed arguments, an environment of our own,
//! and a time limit.

use std::ffi::OsStr;
use std::io::{self, Read};
use std::os::fd::AsFd;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use rustix::process::{Pid, PidfdFlags, pidfd_open};

/// The environment's search path; every tool is named by its whole path, this is for their helpers.
const SEARCH_PATH: &str = "/usr/sbin:/usr/bin:/sbin:/bin";
/// How much of a tool's output is kept: what a pipe holds. A tool that says more is stuck and ends
/// at its time limit, and needs no thread to drain it.
const MOST_OUTPUT: u64 = 64 * 1024;
/// How long what an ended tool said is waited for.
const AFTER_THE_END: Duration = Duration::from_secs(2);

/// What a tool said.
#[derive(Debug)]
pub(crate) struct Output {
    /// How it ended.
    pub(crate) status: ExitStatus,
    /// Standard output.
    pub(crate) stdout: String,
    /// Standard error.
    pub(crate) stderr: String,
}

/// Why a tool did not do its work.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ToolError {
    /// It cannot be started or awaited.
    #[error("cannot run `{program}`: {error}")]
    Start {
        /// Which.
        program: &'static str,
        /// Why.
        #[source]
        error: io::Error,
    },
    /// It did not end in time and was killed.
    #[error("`{program}` did not end within {} s; is a file of accounts locked?", limit.as_secs())]
    TooSlow {
        /// Which.
        program: &'static str,
        /// The limit.
        limit: Duration,
    },
    /// It says more than is read.
    #[error("`{program}` says more than {most} bytes")]
    TooMuch {
        /// Which.
        program: &'static str,
        /// The bound.
        most: u64,
    },
    /// It said no.
    #[error("`{program}` failed ({status}): {said}")]
    Failed {
        /// Which.
        program: &'static str,
        /// How it ended.
        status: ExitStatus,
        /// What it said on standard error, shortened.
        said: String,
    },
}

/// Runs a tool to its end, whatever that is.
///
/// # Errors
/// When it cannot be started or does not end in time.
pub(crate) fn run<S: AsRef<OsStr>>(
    program: &'static str,
    arguments: &[S],
    limit: Duration,
) -> Result<Output, ToolError> {
    run_with(program, arguments, Stdio::null(), limit)
}

/// Runs a tool to its end with something to hold as its standard input.
///
/// # Errors
/// When it cannot be started or does not end in time.
pub(crate) fn run_with<S: AsRef<OsStr>>(
    program: &'static str,
    arguments: &[S],
    input: Stdio,
    limit: Duration,
) -> Result<Output, ToolError> {
    let start = |error| ToolError::Start { program, error };
    let mut child = spawn(program, arguments, input).map_err(start)?;
    match ends_within(&mut child, limit) {
        Ok(Some(status)) => Ok(Output {
            status,
            stdout: child
                .stdout
                .take()
                .map_or_else(String::new, |pipe| rest_of(&pipe)),
            stderr: child
                .stderr
                .take()
                .map_or_else(String::new, |pipe| rest_of(&pipe)),
        }),
        Ok(None) => Err(ToolError::TooSlow { program, limit }),
        Err(error) => Err(start(error)),
    }
}

fn spawn<S: AsRef<OsStr>>(
    program: &'static str,
    arguments: &[S],
    input: Stdio,
) -> io::Result<Child> {
    Command::new(program)
        .args(arguments)
        .env_clear()
        .env("PATH", SEARCH_PATH)
        .env("LC_ALL", "C")
        .current_dir("/")
        .stdin(input)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
}

/// Runs a tool to its end that may say more than a pipe holds, up to `most` bytes.
///
/// # Errors
/// When it cannot be started, does not end in time, or says more.
pub(crate) fn run_long<S: AsRef<OsStr>>(
    program: &'static str,
    arguments: &[S],
    limit: Duration,
    most: u64,
) -> Result<Output, ToolError> {
    let start = |error| ToolError::Start { program, error };
    let mut child = spawn(program, arguments, Stdio::null()).map_err(start)?;
    let (said, hears) = mpsc::channel();
    if let Some(pipe) = child.stdout.take() {
        // Whoever says more than is read finds the pipe closed.
        thread::spawn(move || {
            let mut bytes = Vec::new();
            let read = pipe.take(most.saturating_add(1)).read_to_end(&mut bytes);
            // Nobody listens any more when the tool was too slow.
            let _ = said.send(read.map(|_| bytes));
        });
    }
    let status = ends_within(&mut child, limit)
        .map_err(start)?
        .ok_or(ToolError::TooSlow { program, limit })?;
    // A grandchild may hold the other end of the pipe for as long as it likes.
    let stdout = hears.recv_timeout(AFTER_THE_END);
    let stdout = stdout
        .map_err(|_| ToolError::TooSlow { program, limit })?
        .map_err(start)?;
    if u64::try_from(stdout.len()).unwrap_or(u64::MAX) > most {
        return Err(ToolError::TooMuch { program, most });
    }
    Ok(Output {
        status,
        stdout: String::from_utf8_lossy(&stdout).into_owned(),
        stderr: child
            .stderr
            .take()
            .map_or_else(String::new, |pipe| rest_of(&pipe)),
    })
}

/// Runs a tool that must succeed.
///
/// # Errors
/// When it cannot be started, does not end in time, or fails.
pub(crate) fn run_well<S: AsRef<OsStr>>(
    program: &'static str,
    arguments: &[S],
    limit: Duration,
) -> Result<Output, ToolError> {
    well(program, run(program, arguments, limit)?)
}

/// What a tool said, if it succeeded.
///
/// # Errors
/// When it failed.
pub(crate) fn well(program: &'static str, output: Output) -> Result<Output, ToolError> {
    if output.status.success() {
        return Ok(output);
    }
    let said: String = output.stderr.trim().chars().take(400).collect();
    Err(ToolError::Failed {
        program,
        status: output.status,
        said: crate::log::one_line(&said),
    })
}

/// Waits for the end of a child; kills it when it takes too long.
pub(crate) fn ends_within(child: &mut Child, limit: Duration) -> io::Result<Option<ExitStatus>> {
    let pid = i32::try_from(child.id())
        .ok()
        .and_then(Pid::from_raw)
        .ok_or(io::ErrorKind::Other)?;
    let pidfd = pidfd_open(pid, PidfdFlags::empty())?;
    let timeout = PollTimeout::try_from(limit).unwrap_or(PollTimeout::MAX);
    let mut fds = [PollFd::new(pidfd.as_fd(), PollFlags::POLLIN)];
    let ended = loop {
        match poll(&mut fds, timeout) {
            Err(nix::errno::Errno::EINTR) => {}
            other => break other?,
        }
    };
    if ended > 0 {
        return child.wait().map(Some);
    }
    child.kill()?;
    child.wait()?;
    Ok(None)
}

/// What is in a pipe now. A grandchild may still hold its other end, so nothing is waited for.
fn rest_of(pipe: &impl AsFd) -> String {
    let Ok(fd) = pipe.as_fd().try_clone_to_owned() else {
        return String::new();
    };
    let mut bytes = Vec::new();
    if rustix::io::ioctl_fionbio(&fd, true).is_ok() {
        // Would block means that nothing more is there, which is the end for us.
        let _ = std::fs::File::from(fd)
            .take(MOST_OUTPUT)
            .read_to_end(&mut bytes);
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_child_that_somebody_stopped_is_not_waited_for() {
        let mut child = Command::new("/bin/sleep").arg("1000").spawn().unwrap();
        let pid = Pid::from_child(&child);
        rustix::process::kill_process(pid, rustix::process::Signal::STOP).unwrap();
        let ended = ends_within(&mut child, Duration::from_millis(20)).unwrap();
        assert_eq!(ended, None);
        assert!(rustix::process::test_kill_process(pid).is_err());
    }

    #[test]
    fn a_tool_that_says_much_is_heard_up_to_a_bound() {
        let arguments = ["-c", "100000", "/dev/zero"];
        let limit = Duration::from_secs(30);
        let heard = run_long("/usr/bin/head", &arguments, limit, 100_000).unwrap();
        assert_eq!(heard.stdout.len(), 100_000);
        let more = run_long("/usr/bin/head", &arguments, limit, 99_999);
        assert!(matches!(more, Err(ToolError::TooMuch { .. })), "{more:?}");
    }

    #[test]
    fn what_a_tool_says_when_it_fails_is_told() {
        let failed = run_well("/bin/ls", &["/nonexistent"], Duration::from_secs(10));
        let told = failed.unwrap_err().to_string();
        assert!(told.contains("No such file"), "{told}");
    }
}
