//! A machine with one account and one sudo, made of mounts that nobody else sees.
//!
//! A thread enters it with a mount namespace of its own: `/etc` is another directory, and the
//! programs of the tests, sudo-rs among them, lie over those of the machine. Nothing of the real
//! machine changes. Needs root.

use std::ffi::OsString;
use std::fs;
use std::os::unix::ffi::OsStringExt as _;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};
use portreeve_sudo_policy::word::RunAs;
use tempfile::TempDir;

use crate::program::Program;

/// The account whose rules are asked about.
pub(crate) const ACCOUNT: &str = "pr-0123456789abcdef";
const ACCOUNT_ID: u32 = 65533;

/// Programs that exist on the machine besides its own; each says its own name.
pub(crate) const PROGRAMS: [&str; 6] = [
    "/usr/bin/pr-look",
    "/usr/bin/pr-see",
    "/usr/sbin/pr-admin",
    "/usr/lib/pr/helper",
    "/opt/tools/bin/app-1.0+x@y_z",
    "/usr/bin/pr-link",
];
/// A program that does not exist.
pub(crate) const MISSING: &str = "/usr/bin/pr-missing";
/// A program that is a link to another one of a different name.
const LINK: (&str, &str) = ("/usr/bin/pr-link", "pr-look");

const PASSWD: &str = "root:x:0:0::/root:/bin/sh\n\
    daemon:x:1:1::/nonexistent:/bin/sh\n\
    www-data:x:33:33::/nonexistent:/bin/sh\n\
    pr-0123456789abcdef:x:65533:65533::/nonexistent:/bin/sh\n";
const GROUP: &str =
    "root:x:0:\ndaemon:x:1:\nadm:x:4:\nwww-data:x:33:\npr-0123456789abcdef:x:65533:\n";
// Without an entry here PAM's account stage refuses everything.
const SHADOW: &str = "root:*:20000:0:99999:7:::\n\
    daemon:*:20000:0:99999:7:::\n\
    www-data:*:20000:0:99999:7:::\n\
    pr-0123456789abcdef:!:20000:0:99999:7:::\n";
/// What of the real `/etc` programs need to start.
const KEPT: [&str; 6] = [
    "ld.so.cache",
    "ld.so.conf",
    "ld.so.conf.d",
    "login.defs",
    "pam.d",
    "security",
];

/// A machine, not entered yet.
#[derive(Debug)]
pub(crate) struct Machine {
    files: TempDir,
    opt: bool,
}

impl Machine {
    /// Lays out the files of a machine with this sudo.
    pub(crate) fn new(program: &Program) -> Self {
        let machine = Self {
            files: TempDir::new().unwrap(),
            opt: Path::new("/opt").exists(),
        };
        assert!(machine.opt, "there is no `/opt` to mount programs on");
        for directory in ["etc", "usr/bin", "usr/sbin", "usr/lib/pr", "opt/tools/bin"] {
            fs::create_dir_all(machine.path(directory)).unwrap();
        }
        let hosts = format!(
            "127.0.0.1 localhost {}\n",
            nix::unistd::gethostname().unwrap().display()
        );
        for (name, text, mode) in [
            ("passwd", PASSWD, 0o644),
            ("group", GROUP, 0o644),
            ("shadow", SHADOW, 0o600),
            ("hosts", &hosts, 0o644),
            (
                "nsswitch.conf",
                "passwd: files\ngroup: files\nshadow: files\nhosts: files\nsudoers: files\n",
                0o644,
            ),
            ("sudoers", "", 0o440),
        ] {
            write(&machine.path("etc").join(name), text, mode);
        }
        for name in KEPT {
            let from = Path::new("/etc").join(name);
            if from.exists() {
                let copied = Command::new("cp")
                    .arg("-a")
                    .arg(&from)
                    .arg(machine.path("etc"))
                    .status();
                assert!(
                    copied.unwrap().success(),
                    "cannot copy `{}`",
                    from.display()
                );
            }
        }
        for path in PROGRAMS.iter().filter(|path| **path != LINK.0) {
            write(&machine.path(path), &text_of(path), 0o755);
        }
        symlink(LINK.1, machine.path(LINK.0)).unwrap();
        if let Some(directory) = &program.directory {
            for (name, folder, mode) in [("sudo", "usr/bin", 0o4755), ("visudo", "usr/sbin", 0o755)]
            {
                let copy = machine.path(folder).join(name);
                fs::copy(directory.join(name), &copy).unwrap();
                fs::set_permissions(&copy, fs::Permissions::from_mode(mode)).unwrap();
            }
        }
        machine
    }

    /// A file of the machine, as it is seen from outside.
    pub(crate) fn path(&self, path: &str) -> PathBuf {
        self.files.path().join(path.trim_start_matches('/'))
    }

    /// Does something on the machine, in a thread of its own.
    pub(crate) fn within<T: Send>(&self, work: impl FnOnce(&Inside<'_>) -> T + Send) -> T {
        std::thread::scope(|scope| {
            let thread = scope.spawn(|| {
                self.enter();
                work(&Inside { machine: self })
            });
            match thread.join() {
                Ok(value) => value,
                Err(panic) => std::panic::resume_unwind(panic),
            }
        })
    }

    /// Puts the calling thread on the machine, for good.
    fn enter(&self) {
        unshare(CloneFlags::CLONE_NEWNS).expect("the tests with real programs need root");
        let none: Option<&str> = None;
        mount(none, "/", none, MsFlags::MS_REC | MsFlags::MS_PRIVATE, none).unwrap();
        for folder in ["/usr/bin", "/usr/sbin", "/usr/lib"] {
            let layers = format!("lowerdir={}:{folder}", self.path(folder).display());
            mount(
                Some("overlay"),
                folder,
                Some("overlay"),
                MsFlags::MS_RDONLY,
                Some(layers.as_str()),
            )
            .unwrap();
        }
        for folder in ["/etc", "/opt"] {
            mount(
                Some(&self.path(folder)),
                folder,
                none,
                MsFlags::MS_BIND,
                none,
            )
            .unwrap();
        }
        std::env::set_current_dir("/").unwrap();
    }
}

/// What stands in a program of the tests.
pub(crate) fn text_of(path: &str) -> String {
    format!("#!/bin/sh\necho {path}\n")
}

fn write(path: &Path, text: &str, mode: u32) {
    fs::write(path, text).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

/// A machine, as seen by a thread that is on it.
#[derive(Debug)]
pub(crate) struct Inside<'m> {
    machine: &'m Machine,
}

impl Inside<'_> {
    /// Puts rules in force beside those that every machine has.
    pub(crate) fn set_rules(&self, rules: &str) {
        let path = self.machine.path("etc/sudoers");
        fs::write(&path, format!("root ALL=(ALL:ALL) ALL\n{rules}")).unwrap();
    }

    /// What visudo says of rules in a file of their own; nothing when it takes them.
    pub(crate) fn visudo(&self, rules: &str) -> Option<String> {
        write(&self.machine.path("etc/checked"), rules, 0o440);
        let output = program("/usr/sbin/visudo")
            .args(["-c", "-f", "/etc/checked"])
            .output()
            .unwrap();
        (!output.status.success()).then(|| said(&output))
    }

    /// Whether `sudo -l` allows a command line, and what it says.
    pub(crate) fn may(&self, argv: &[Vec<u8>], run_as: &RunAs) -> (bool, String) {
        let mut command = program("/usr/bin/sudo");
        command.args(["-n", "-l"]);
        if let Some(user) = run_as.user() {
            command.args(["-u", user.as_str()]);
        }
        match run_as.group() {
            None => {
                command.args(["-U", ACCOUNT]);
            }
            // Asked by root, sudo takes root for the account that wants another group.
            Some(group) => {
                command.args(["-g", group.as_str()]);
                command.uid(ACCOUNT_ID).gid(ACCOUNT_ID);
            }
        }
        command.arg("--");
        command.args(argv.iter().cloned().map(OsString::from_vec));
        let output = command.output().unwrap();
        (output.status.success(), said(&output))
    }

    /// Runs something as the account.
    pub(crate) fn as_account(&self, argv: &[&str]) -> Output {
        let (name, arguments) = argv.split_first().unwrap();
        let mut command = program(name);
        command.args(arguments).uid(ACCOUNT_ID).gid(ACCOUNT_ID);
        command.output().unwrap()
    }
}

/// A program with an environment that is always the same.
fn program(name: &str) -> Command {
    let mut command = Command::new(name);
    command
        .env_clear()
        .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
        .env("LC_ALL", "C")
        .stdin(Stdio::null());
    command
}

pub(crate) fn said(output: &Output) -> String {
    let text = [output.stdout.as_slice(), output.stderr.as_slice()].concat();
    String::from_utf8_lossy(&text).into_owned()
}
