//! The red team: each file of `tests/redteam` is something that an agent could run to leave a trace of
//! itself behind. They run in sessions on a real host, several in one where that is no obstacle to any;
//! after each session the host is as before, or the receipt names what is left and why.
//!
//! A file's first line says what is tried. Of its other comments the host obeys these:
//!
//! ```text
//! # needs: COMMAND       not tried where this fails for root
//! # alone                needs a session of its own, as everything that has one of these:
//! # terminal             the login has a terminal
//! # accomplice: COMMAND  runs as `bob`, who has an account here, until the session is over
//! # left: TEXT           the receipt names this as left behind
//! # may-leave: TEXT      the receipt may name this
//! # named: TEXT          the receipt names this among what ran as root
//! # after: COMMAND       takes away what the receipt named
//! ```
//!
//! `PORTREEVE_REDTEAM=name,name` tries these alone.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use portreeve_protocol::attest::{EndCause, Receipt};
use portreeve_protocol::control::FromBastion;

use crate::bastion::{run, run_on_terminal, text};
use crate::ca::{Ca, Pass};
use crate::host::{self, Host, sh};
use crate::{open, sandbox};

/// Everything as root, and as somebody else: what no linter lets through.
const CARELESS: &str = r#"
name = "careless"
description = "Everything."
intent = "write"

[[command]]
path = "/usr/bin/bash"
args = "any"
noexec = false
reason = "the red team must reach everything"

[[command]]
path = "/usr/bin/bash"
args = "any"
noexec = false
run_as = "nobody"
reason = "the red team must reach everybody"

[[command]]
path = "/usr/bin/bash"
args = "any"
noexec = false
run_as = "bob"
reason = "the red team must reach everybody"
"#;

/// How much is told of each attempt that went wrong.
const MOST_COMPLAINTS: usize = 10;
/// How many attempts share a session.
const MOST_TOGETHER: usize = 10;

#[test]
fn nothing_that_the_red_team_tries_outlives_its_session() {
    sandbox::run(
        "redteam::nothing_that_the_red_team_tries_outlives_its_session",
        || {
            let ca = Ca::new();
            let host = Host::start(&ca);
            sh("useradd -m bob; touch /run/motd.dynamic");
            // What the first schedule, or use of sudo, on a host makes for good.
            sh("mkdir -p /srv /var/mail /var/spool/cron/atjobs /var/spool/cron/crontabs");
            sh("mkdir -p /var/lib/systemd/linger /var/lib/sudo/lectured /run/sudo/ts");
            let (able, unable): (Vec<_>, Vec<_>) =
                Attempt::all().into_iter().partition(Attempt::can_be_tried);
            for attempt in unable {
                println!(
                    "skipped: {}: `{}` fails here",
                    attempt.name,
                    attempt.needs.join("; ")
                );
            }
            let (together, alone): (Vec<_>, Vec<_>) = able.iter().partition(|one| one.is_modest());
            let mut failed = Vec::new();
            for few in together.chunks(MOST_TOGETHER).chain(alone.chunks(1)) {
                let wrong = carry_out(few, &ca, &host);
                let names: Vec<_> = few.iter().map(|attempt| attempt.name.as_str()).collect();
                for complaint in wrong.iter().take(MOST_COMPLAINTS) {
                    println!("{}: {complaint}", names.join(", "));
                }
                if !wrong.is_empty() {
                    let log = host::log();
                    let last = log.lines().rev().take(MOST_COMPLAINTS);
                    let last: Vec<_> = last.collect();
                    println!("the daemon said, the last first:\n{}", last.join("\n"));
                    failed.extend(names);
                }
            }
            assert!(failed.is_empty(), "{failed:?}");
        },
    );
}

/// Something that is tried.
#[derive(Default)]
struct Attempt {
    name: String,
    script: String,
    needs: Vec<String>,
    alone: bool,
    terminal: bool,
    accomplice: Option<String>,
    left: Vec<String>,
    may_leave: Vec<String>,
    named: Vec<String>,
    after: Vec<String>,
}

impl Attempt {
    fn all() -> Vec<Self> {
        let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/redteam");
        let only = std::env::var("PORTREEVE_REDTEAM").ok();
        let mut all: Vec<_> = fs::read_dir(directory)
            .unwrap()
            .map(|entry| Self::read(&entry.unwrap().path()))
            .collect();
        all.sort_by(|a, b| a.name.cmp(&b.name));
        match only.filter(|only| !only.is_empty()) {
            Some(only) => all.retain(|attempt| only.split(',').any(|name| name == attempt.name)),
            None => assert!(all.len() >= 40, "{}", all.len()),
        }
        all
    }

    fn read(path: &Path) -> Self {
        let script = fs::read_to_string(path).unwrap();
        let mut attempt = Self {
            name: path.file_stem().unwrap().to_str().unwrap().to_owned(),
            ..Self::default()
        };
        for line in script.lines().filter_map(|line| line.strip_prefix("# ")) {
            let (key, value) = line.split_once(": ").unwrap_or((line, ""));
            let value = value.to_owned();
            match key {
                "needs" => attempt.needs.push(value),
                "alone" => attempt.alone = true,
                "terminal" => attempt.terminal = true,
                "accomplice" => attempt.accomplice = Some(value),
                "left" => attempt.left.push(value),
                "may-leave" => attempt.may_leave.push(value),
                "named" => attempt.named.push(value),
                "after" => attempt.after.push(value),
                _ => {}
            }
        }
        attempt.script = script;
        attempt
    }

    fn can_be_tried(&self) -> bool {
        let works = |need: &String| {
            let done = Command::new("bash")
                .args(["-c", need])
                .stderr(Stdio::null())
                .status();
            done.unwrap().success()
        };
        self.needs.iter().all(works)
    }

    /// Whether it can share a session.
    fn is_modest(&self) -> bool {
        let lists = [&self.left, &self.may_leave, &self.named, &self.after];
        let asks_for_nothing = lists.into_iter().all(Vec::is_empty);
        asks_for_nothing && !self.alone && !self.terminal && self.accomplice.is_none()
    }

    /// Tries it in a session; what is wrong.
    fn try_in(&self, pass: &Pass) -> Option<String> {
        let login = if self.terminal { run_on_terminal } else { run };
        let done = login(pass, &self.script);
        (!done.status.success()).then(|| {
            let said = text(&done.stderr) + &text(&done.stdout);
            format!("{} does not work: {}: {said}", self.name, done.status)
        })
    }

    fn clean_up(&self, pass: &Pass) -> Vec<String> {
        let account = pass.order.account.as_str();
        let cleaned = self.after.iter().filter_map(|after| {
            let mut command = Command::new("bash");
            let done = command
                .args(["-c", after])
                .env("ACCOUNT", account)
                .output()
                .unwrap();
            let said = text(&done.stderr);
            (!done.status.success() && !said.is_empty()).then(|| format!("afterwards: {said}"))
        });
        cleaned.collect()
    }

    fn judge(&self, receipt: &Receipt) -> Vec<String> {
        let mut wrong = Vec::new();
        for text in &self.left {
            if !receipt.left.iter().any(|left| left.contains(text)) {
                wrong.push(format!(
                    "the receipt does not name `{text}`: {:?}",
                    receipt.left
                ));
            }
        }
        for left in &receipt.left {
            let expected = self.left.iter().chain(&self.may_leave);
            if self.left.is_empty() && !expected.clone().any(|text| left.contains(text)) {
                wrong.push(format!("left behind: {left}"));
            }
        }
        let commands = receipt.commands.as_ref().unwrap();
        for text in &self.named {
            let names = |argv: &[String]| argv.iter().any(|argument| argument.contains(text));
            if !commands.commands.iter().any(|command| names(&command.argv)) {
                wrong.push(format!(
                    "what ran as root does not name `{text}`: {commands:?}"
                ));
            }
        }
        wrong
    }
}

/// Tries these in one session; what is wrong.
fn carry_out(few: &[&Attempt], ca: &Ca, host: &Host) -> Vec<String> {
    let before = Standing::look();
    let pass = ca.pass(CARELESS, 300);
    let (mut control, attestation) = open(&pass, host);
    let uid = attestation.verify(&host.identity).unwrap().into_inner().uid;
    let mut wrong = Vec::new();
    for attempt in few {
        // A bastion that says nothing for long has lost its lease.
        let said = std::thread::scope(|scope| {
            let tried = scope.spawn(|| attempt.try_in(&pass));
            while !tried.is_finished() {
                control.say(&FromBastion::Renew);
                std::thread::sleep(std::time::Duration::from_millis(20));
            }
            tried.join().unwrap()
        });
        wrong.extend(said);
    }
    let accomplices = few
        .iter()
        .filter_map(|attempt| attempt.accomplice.as_deref());
    let accomplices: Vec<_> = accomplices.map(Accomplice::start).collect();
    let (_, receipt) = control.end(EndCause::Asked);
    // The host ends the connection when it knows that the receipt has arrived.
    while control.hear().is_some() {}
    drop((control, accomplices));
    let receipt = receipt.verify(&host.identity).unwrap().into_inner();
    wrong.extend(few.iter().flat_map(|attempt| attempt.judge(&receipt)));
    wrong.extend(few.iter().flat_map(|attempt| attempt.clean_up(&pass)));
    // What is named as left may hold the keys.
    let uid = receipt.left.is_empty().then_some(uid);
    wrong.extend(before.differs(uid));
    wrong
}

/// Somebody with an account of their own here who helps the agent.
struct Accomplice(Child);

impl Accomplice {
    fn start(script: &str) -> Self {
        let mut command = Command::new("runuser");
        command
            .args(["-u", "bob", "--", "bash", "-c", script])
            .process_group(0);
        let child = command.stdin(Stdio::null()).spawn().unwrap();
        std::thread::sleep(std::time::Duration::from_millis(50));
        Self(child)
    }
}

impl Drop for Accomplice {
    fn drop(&mut self) {
        sh("pkill -KILL -u bob || true");
        self.0.wait().unwrap();
    }
}

/// What of the host must be the same again.
struct Standing {
    facts: BTreeMap<&'static str, BTreeSet<String>>,
    processes: BTreeSet<i32>,
}

/// Where a session could leave something, but for logs, and what is the daemon's and the test's own.
const FILES: &str = r"
    find /etc /home /media /mnt /opt /run /srv /tmp /var/tmp /var/mail /var/spool /var/crash /var/lib/systemd /var/lib/sudo \
        /var/lib/portreeve /dev/shm /sys/fs/cgroup \
        -ignore_readdir_race \( -path /run/portreeve -o -path /var/lib/portreeve/journal -o -path '/tmp/.tmp*' \) -prune -o \
        -printf '%p %y %m %U %G %l\n' 2>/dev/null |
        grep -v -e ' s ' -e ^/var/lib/portreeve/counter -e '^/etc/[^ ]*[-] ' -e '^/sys/fs/cgroup/.*[ ]f ' || true";
const CONTENT: &str = "find /etc /home -type f ! -name '*-' ! -name .pwd.lock -exec sha256sum {} +";

impl Standing {
    fn look() -> Self {
        let lines = |script: &str| sh(script).lines().map(str::to_owned).collect();
        let facts = [
            ("a file", lines(FILES)),
            ("a file's content", lines(CONTENT)),
            ("a mount", lines("cut -d' ' -f3- /proc/self/mountinfo")),
            ("an IPC object", lines("tail -qn +2 /proc/sysvipc/*")),
            (
                "a message queue",
                lines(
                    "mkdir -p /run/portreeve/mq; mount -t mqueue x /run/portreeve/mq; ls /run/portreeve/mq; umount /run/portreeve/mq",
                ),
            ),
            ("a login record", lines("who; stat -c %s /var/log/lastlog")),
        ];
        Self {
            facts: facts.into(),
            processes: processes(),
        }
    }

    /// What is not as it was, or is this UID's.
    fn differs(&self, uid: Option<u32>) -> Vec<String> {
        let has_keys = || uid.is_some_and(has_keys);
        let mut wrong = Vec::new();
        let mut new = BTreeSet::new();
        for _ in 0..200 {
            new = &processes() - &self.processes;
            if new.is_empty() && !has_keys() {
                break;
            }
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
        for pid in new {
            let name = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            wrong.push(format!(
                "process {pid} `{}`",
                text(&name).replace('\0', " ")
            ));
        }
        if has_keys() {
            wrong.push("keys in the kernel".to_owned());
        }
        let now = Self::look();
        for (what, before) in &self.facts {
            let now = &now.facts[what];
            wrong.extend(
                now.difference(before)
                    .map(|line| format!("{what} more: {line}")),
            );
            wrong.extend(
                before
                    .difference(now)
                    .map(|line| format!("{what} less: {line}")),
            );
        }
        wrong
    }
}

/// Whether the user has a key that an attempt made. Other boxes on this kernel have users of the same
/// number.
fn has_keys(uid: u32) -> bool {
    let look =
        format!("setpriv --reuid {uid} --regid {uid} --clear-groups grep -q mine- /proc/keys");
    let mut looking = Command::new("sh");
    let looking = looking.args(["-c", &look]).stderr(Stdio::null());
    looking.status().unwrap().success()
}

fn processes() -> BTreeSet<i32> {
    let entries = fs::read_dir("/proc").unwrap().flatten();
    entries
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .collect()
}
