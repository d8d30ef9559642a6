//! The host: its daemon, its sshd, and what it is made of.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use portreeve_protocol::key::PublicKey;

use crate::bastion::until;
use crate::ca::Ca;

pub(crate) const PROGRAM: &str = "/usr/lib/portreeve/portreeve-host";
const LOG: &str = "/var/log/portreeve-host.log";

/// An enrolled host whose daemon and sshd run.
pub(crate) struct Host {
    pub(crate) identity: PublicKey,
    pub(crate) daemon: Child,
    _sshd: Child,
}

impl Host {
    /// Enrols this box at a CA and starts it.
    pub(crate) fn start(ca: &Ca) -> Self {
        sh("ssh-keygen -q -t ed25519 -N '' -f /etc/ssh/ssh_host_ed25519_key");
        let identity = ca.confirm(&enroll(ca));
        let daemon = start_daemon(&[], &[]);
        let sshd = Command::new("/usr/sbin/sshd")
            .args(["-D", "-E", "/var/log/sshd.log", "-o", "LogLevel=VERBOSE"])
            .spawn()
            .unwrap();
        until("sshd", || {
            std::net::TcpStream::connect("127.0.0.1:22").is_ok()
        });
        Self {
            identity,
            daemon,
            _sshd: sshd,
        }
    }

    /// `kill -9`.
    pub(crate) fn kill_daemon(&mut self) {
        self.daemon.kill().unwrap();
        self.daemon.wait().unwrap();
    }

    pub(crate) fn restart_daemon(&mut self) {
        self.daemon = start_daemon(&[], &[]);
    }

    /// The same without these capabilities, for good.
    pub(crate) fn restart_daemon_without(&mut self, capabilities: &str) {
        self.daemon = start_daemon(&["setpriv", "--bounding-set", capabilities, "--"], &[]);
    }

    /// Starts it as a service manager does that wants to hear from it within `allowed`.
    pub(crate) fn restart_watched_daemon(&mut self, socket: &str, allowed: Duration) {
        let allowed = allowed.as_micros().to_string();
        let environment = [("NOTIFY_SOCKET", socket), ("WATCHDOG_USEC", &allowed)];
        self.daemon = start_daemon(&[], &environment);
    }
}

/// Enrols; the proof.
pub(crate) fn enroll(ca: &Ca) -> String {
    let mut child = Command::new(PROGRAM)
        .arg("enroll")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let ticket = serde_json::to_vec(&ca.ticket()).unwrap();
    child.stdin.take().unwrap().write_all(&ticket).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap()
}

fn start_daemon(through: &[&str], environment: &[(&str, &str)]) -> Child {
    let log = fs::OpenOptions::new()
        .create(true)
        .append(true)
        .open(LOG)
        .unwrap();
    let words = [through, &[PROGRAM, "daemon"]].concat();
    let child = Command::new(words[0])
        .args(&words[1..])
        .envs(environment.iter().copied())
        .stderr(log)
        .spawn()
        .unwrap();
    until("the daemon", || status().0 != Some(3));
    child
}

/// `portreeve-host status --json`: exit status and output.
pub(crate) fn status() -> (Option<i32>, String) {
    let output = Command::new(PROGRAM)
        .args(["status", "--json"])
        .output()
        .unwrap();
    (
        output.status.code(),
        String::from_utf8(output.stdout).unwrap(),
    )
}

/// Runs a shell command as root; what it prints.
pub(crate) fn sh(script: &str) -> String {
    let output = Command::new("sh").args(["-euc", script]).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "`{script}`: {said}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// What of this host must be after a session as it was before.
pub(crate) fn snapshot() -> BTreeMap<String, String> {
    let mut seen = BTreeMap::new();
    for file in ["passwd", "shadow", "group", "gshadow", "subuid", "subgid"] {
        let path = format!("/etc/{file}");
        seen.insert(path.clone(), fs::read_to_string(&path).unwrap_or_default());
    }
    for directory in [
        "/etc/sudoers.d",
        "/etc/ssh/sshd_config.d",
        "/home",
        "/tmp",
        "/var/tmp",
        "/dev/shm",
        "/run/user",
        "/run/lock",
        "/var/mail",
        "/var/spool/cron/crontabs",
        "/var/lib/systemd/linger",
        "/var/lib/portreeve/sudo",
        "/sys/fs/cgroup/portreeve",
    ] {
        seen.insert(directory.into(), listing(Path::new(directory)));
    }
    for table in ["shm", "msg", "sem"] {
        let text = fs::read_to_string(format!("/proc/sysvipc/{table}")).unwrap();
        seen.insert(table.into(), text);
    }
    seen.insert(
        "lastlog".into(),
        fs::metadata("/var/log/lastlog").unwrap().len().to_string(),
    );
    seen.insert("who".into(), sh("who"));
    seen
}

fn listing(directory: &Path) -> String {
    let mut names: Vec<_> = fs::read_dir(directory)
        .into_iter()
        .flatten()
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        // The tests' own.
        .filter(|name| !name.starts_with(".tmp"))
        .collect();
    names.sort();
    names.join("\n")
}

/// Fails with the first thing that is not as before.
pub(crate) fn assert_as_before(before: &BTreeMap<String, String>) {
    for (what, now) in snapshot() {
        assert_eq!(
            now,
            before[&what],
            "{what} is not as before; the daemon says:\n{}",
            log()
        );
    }
}

/// Takes the lock that `vipw` holds while somebody edits; it is free when the file is dropped.
pub(crate) fn lock_account_files() -> fs::File {
    use nix::fcntl::{FcntlArg, fcntl};
    use nix::libc;
    let file = fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .open("/etc/.pwd.lock")
        .unwrap();
    let whole = libc::flock {
        l_type: libc::F_WRLCK.try_into().unwrap(),
        l_whence: libc::SEEK_SET.try_into().unwrap(),
        l_start: 0,
        l_len: 0,
        l_pid: 0,
    };
    fcntl(&file, FcntlArg::F_SETLK(&whole)).unwrap();
    file
}

/// What the daemon said.
pub(crate) fn log() -> String {
    fs::read_to_string(LOG).unwrap_or_default()
}

/// Whether a process with this in its command line lives.
pub(crate) fn runs(needle: &str) -> bool {
    let pids = fs::read_dir("/proc").unwrap().flatten();
    pids.filter_map(|entry| fs::read(entry.path().join("cmdline")).ok())
        .any(|line| {
            String::from_utf8_lossy(&line)
                .replace('\0', " ")
                .contains(needle)
        })
}

/// Whether a process of this user is exactly this command, and no longer one that is about to become it.
pub(crate) fn runs_as(uid: u32, command: &str) -> bool {
    let argv = command.replace(' ', "\0") + "\0";
    let user = format!("Uid:\t{uid}\t");
    let mut pids = fs::read_dir("/proc").unwrap().flatten();
    pids.any(|entry| {
        let read = |file: &str| fs::read(entry.path().join(file)).unwrap_or_default();
        read("cmdline") == argv.as_bytes()
            && String::from_utf8_lossy(&read("status")).contains(&user)
    })
}
