//! strace on the daemon: which system calls it makes on some paths, and a fault in one of them.
//!
//! The program under test is the one that is shipped; faults come from outside of it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::bastion::until;
use crate::host::PROGRAM;

const NEEDED: &str = "strace is needed: install Debian's package `strace`";

/// What changes something, of what the daemon and the tools do on the paths of a session.
const CHANGES: &str = "openat,write,fdatasync,fsync,mkdir,rmdir,unlink,unlinkat,link,linkat,rename,fchown,fchmod,execve";

/// Starts the daemon under strace from its first instruction on, with a fault; what is seen goes to
/// the file. strace ends with it.
pub(crate) fn start_traced(paths: &[String], fault: Option<&str>, log: &Path) -> Child {
    let mut command = Command::new("strace");
    // With `-D` the daemon is our child, and strace beside it.
    command.args(["-D", "-f", "-qq", "-y", "-o"]).arg(log);
    see(&mut command, paths, fault);
    command.args([PROGRAM, "daemon"]);
    silent(&mut command).spawn().expect(NEEDED)
}

/// What is seen, and what fails.
fn see(command: &mut Command, paths: &[String], fault: Option<&str>) {
    command.args(["-e", &format!("trace={CHANGES}"), "-e", "signal=none"]);
    command.args(fault.iter().flat_map(|fault| ["-e", fault]));
    command.args(paths.iter().flat_map(|path| ["-P", path]));
}

fn silent(command: &mut Command) -> &mut Command {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
}

/// strace, attached.
pub(crate) struct Tracer {
    daemon: u32,
    strace: Child,
    log: PathBuf,
}

/// A system call on a path: the k-th of this name that one thread makes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Point {
    pub(crate) call: String,
    pub(crate) nth: usize,
    /// What strace shows of the call.
    pub(crate) shown: String,
}

impl Point {
    /// A fault in this call, for [`Tracer::attach`].
    pub(crate) fn fault(&self, fault: &str) -> String {
        format!("inject={}:{fault}:when={}", self.call, self.nth)
    }
}

impl Tracer {
    /// Attaches to a process, its threads and its children. Only calls on `paths` are seen, and
    /// only they have faults.
    pub(crate) fn attach(pid: u32, paths: &[String], fault: Option<&str>) -> Self {
        let log = PathBuf::from(format!("/var/log/strace-{pid}"));
        let _ = fs::remove_file(&log);
        let mut command = Command::new("strace");
        command.args(["-f", "-qq", "-y", "-o"]).arg(&log);
        see(&mut command, paths, fault);
        command.args(["-p", &pid.to_string()]);
        let strace = silent(&mut command).spawn().expect(NEEDED);
        until("strace to attach", || is_traced(pid));
        Self {
            daemon: pid,
            strace,
            log,
        }
    }

    /// Lets go of the daemon; what was seen.
    pub(crate) fn detach(mut self) -> Vec<String> {
        let pid = i32::try_from(self.strace.id()).unwrap();
        kill(Pid::from_raw(pid), Signal::SIGINT).unwrap();
        self.ended()
    }

    /// Waits until the daemon, which was to be killed, has died; says whether it has. strace then
    /// ends by itself, and would wait forever if it were told to let go of what is dead.
    pub(crate) fn outlive(self) -> bool {
        let patience = std::time::Instant::now() + std::time::Duration::from_secs(3);
        while lives(self.daemon) && std::time::Instant::now() < patience {
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
        let died = !lives(self.daemon);
        if died {
            let mut tracer = self;
            tracer.ended();
        } else {
            self.detach();
        }
        died
    }

    fn ended(&mut self) -> Vec<String> {
        until("strace to end", || {
            self.strace.try_wait().unwrap().is_some()
        });
        let log = fs::read_to_string(&self.log).unwrap_or_default();
        let _ = fs::remove_file(&self.log);
        log.lines().map(str::to_owned).collect()
    }
}

fn lives(pid: u32) -> bool {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    status.contains("State:") && !status.contains("State:\tZ") && !status.contains("State:\tX")
}

fn is_traced(pid: u32) -> bool {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    status
        .lines()
        .any(|line| line.starts_with("TracerPid:") && !line.ends_with("\t0"))
}

/// The calls that a log of strace shows, in order, each counted in its own thread.
pub(crate) fn points(log: &[String]) -> Vec<Point> {
    let mut seen = std::collections::BTreeMap::<(String, String), usize>::new();
    let mut points = Vec::new();
    for line in log {
        let Some((pid, shown)) = line.split_once(' ') else {
            continue;
        };
        let shown = shown.trim_start();
        let Some((call, _)) = shown.split_once('(') else {
            continue;
        };
        if call.is_empty() || call.contains(|c: char| !c.is_ascii_lowercase()) {
            continue;
        }
        let nth = seen.entry((pid.to_owned(), call.to_owned())).or_default();
        *nth += 1;
        points.push(Point {
            call: call.to_owned(),
            nth: *nth,
            shown: shown.to_owned(),
        });
    }
    points
}
