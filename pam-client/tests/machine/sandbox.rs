//! Runs a test inside a copy of this machine of its own, so that the distribution's sshd, sudo and
//! useradd do what they do.

use std::fs;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

const INSIDE: &str = "PORTREEVE_BOX";
const SCRIPT: &str = include_str!("box.sh");

/// Runs `body` inside a box; outside, runs this very test again inside of one.
///
/// # Panics
/// When the test fails, or this process is not root.
pub(crate) fn run(test: &str, body: impl FnOnce()) {
    if std::env::var_os(INSIDE).is_some() {
        return body();
    }
    assert!(
        nix::unistd::geteuid().is_root(),
        "a machine of its own needs root: run this as root"
    );
    let group = Group::new(test);
    let procs = group.0.join("cgroup.procs");
    let build = build_directory();
    let mut command = Command::new("sh");
    // The shell joins the group before the namespaces are made, so the group is the box's root.
    command
        .args(["-c", "echo $$ >\"$0\"; exec \"$@\""])
        .arg(&procs);
    command.args([
        "unshare",
        "--mount",
        "--pid",
        "--fork",
        "--kill-child",
        "--net",
        "--uts",
        "--ipc",
    ]);
    command.args(["--cgroup", "--", "sh", "-c", SCRIPT, "box", "box"]);
    command.arg(std::env::current_exe().unwrap());
    command.args(["--exact", test, "--nocapture"]);
    command
        .env(INSIDE, "1")
        .env("BOX_BUILD", &build)
        .stdin(Stdio::null());
    command.env("BOX_PROGRAM", env!("CARGO_BIN_EXE_portreeve-host"));
    command
        .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
        .current_dir("/")
        .process_group(0);
    let output = command.output().unwrap();
    assert!(
        output.status.success(),
        "{test} failed in its box:\n{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}

fn build_directory() -> PathBuf {
    let program = Path::new(env!("CARGO_BIN_EXE_portreeve-host"));
    program.parent().unwrap().to_owned()
}

/// A control group of this test, which ends with it.
struct Group(PathBuf);

impl Group {
    fn new(test: &str) -> Self {
        let mounts = fs::read_to_string("/proc/self/mounts").unwrap();
        let mount = mounts
            .lines()
            .map(|line| line.split(' ').collect::<Vec<_>>())
            .find(|fields| fields[2] == "cgroup2")
            .expect("there is no cgroup2 mount");
        let name = format!("portreeve-box-{test}-{}", std::process::id());
        let path = Path::new(mount[1]).join(name);
        fs::create_dir(&path).unwrap();
        Self(path)
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        let _ = fs::write(self.0.join("cgroup.kill"), "1");
        for _ in 0..200 {
            let _ = Command::new("find")
                .arg(&self.0)
                .args([
                    "-mindepth",
                    "1",
                    "-depth",
                    "-type",
                    "d",
                    "-exec",
                    "rmdir",
                    "{}",
                    ";",
                ])
                .stderr(Stdio::null())
                .status();
            if fs::remove_dir(&self.0).is_ok() {
                return;
            }
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
    }
}
