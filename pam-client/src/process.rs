//! The processes of a session, and their end.
//!
//! A process is the session's when it is in its control group, when one of its user or group ids is
//! the session's, or when its login UID is (`/proc/<pid>/loginuid`, which survives sudo). Each mark
//! catches what escaped the others: a job of cron has the UID and another group; a daemon that
//! root started from the session may have neither but was logged in as the session. Only root that
//! means to can take all of them off a process.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use portreeve_protocol::attest::KilledProcess;
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

use crate::as_uid;
use crate::cgroup;
use crate::counter::SessionUid;
use crate::receipt::Killed;
use crate::step::Left;

/// How long killing may take before the removal goes on; what survives is named at its end.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long one round waits for what it killed.
const ROUND: Duration = Duration::from_millis(500);
/// After how many rounds of killing one by one the UID's own power to kill is used.
const ROUNDS_BEFORE_BROADCAST: u32 = 3;
/// How many arguments of a killed process are kept, and how much of each.
const MOST_ARGUMENTS: usize = 16;
const MOST_ARGUMENT: usize = 256;

/// Kills everything of a session, as far as it can be killed within a few seconds.
pub(crate) fn kill_all(uid: SessionUid, group: &Path, killed: &mut Killed) {
    let deadline = Instant::now() + PATIENCE;
    let mut round = 0;
    loop {
        let survivors = kill_group(group, killed);
        let strays = strays(uid);
        for stray in &strays {
            if !survivors.contains(&stray.pid) {
                note(stray.pid, killed);
            }
            stray.kill();
        }
        if (survivors.is_empty() && strays.is_empty()) || Instant::now() >= deadline {
            return;
        }
        round += 1;
        if round > ROUNDS_BEFORE_BROADCAST {
            as_uid::kill_others(uid);
        }
        // What was killed needs a moment to be gone.
        std::thread::sleep(Duration::from_millis(u64::from(round.min(20))));
    }
}

/// Kills what is known to be a session's of which little is known: the members of its control
/// group, and those with its UID where that is known. Never more than a few seconds.
pub(crate) fn kill_known(uid: Option<SessionUid>, group: &Path, killed: &mut Killed) {
    match uid {
        Some(uid) => kill_all(uid, group, killed),
        None => {
            kill_group(group, killed);
        }
    }
}

/// What of a session lives still.
pub(crate) fn verify(uid: SessionUid, group: &Path) -> Vec<Left> {
    let in_group = cgroup::processes(group).into_iter().collect();
    let mut left = named(&in_group, &strays(uid));
    if !are_shown() {
        left.push(Left::must_go(
            "something is mounted on `/proc`: processes outside of the control group are not seen",
        ));
    }
    left
}

/// Whether `/proc` is what it should be: root may have mounted something over it.
fn are_shown() -> bool {
    rustix::fs::statfs("/proc").is_ok_and(|facts| facts.f_type == rustix::fs::PROC_SUPER_MAGIC)
}

/// Kills a control group; what of it is there after a moment.
fn kill_group(group: &Path, killed: &mut Killed) -> BTreeSet<i32> {
    if !cgroup::is_populated(group) {
        return BTreeSet::new();
    }
    cgroup::freeze(group);
    let pids = cgroup::processes(group);
    for &pid in &pids {
        note(pid, killed);
    }
    if !cgroup::kill(group) {
        // A frozen process cannot fork, and dies of this signal all the same.
        for &pid in &pids {
            send_kill(pid);
        }
    }
    if cgroup::empties(group, ROUND) {
        return BTreeSet::new();
    }
    cgroup::processes(group).into_iter().collect()
}

/// Puts a process on the receipt; its command line is read only while there is room for it.
fn note(pid: i32, killed: &mut Killed) {
    if !killed.has_room() {
        killed.count();
        return;
    }
    let status = fs::read(format!("/proc/{pid}/status")).unwrap_or_default();
    let uid = Ids::of(&status)
        .and_then(|ids| ids.real())
        .unwrap_or(u32::MAX);
    let command_line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    let mut argv = arguments_of(&command_line);
    if argv.is_empty() {
        argv = fs::read(format!("/proc/{pid}/comm"))
            .map(|name| arguments_of(&name))
            .unwrap_or_default();
    }
    killed.add(KilledProcess { pid, uid, argv });
}

fn arguments_of(command_line: &[u8]) -> Vec<String> {
    let trimmed = command_line
        .strip_suffix(b"\0")
        .unwrap_or(command_line)
        .trim_ascii_end();
    if trimmed.is_empty() {
        return Vec::new();
    }
    let arguments = trimmed.split(|&byte| byte == 0).take(MOST_ARGUMENTS);
    arguments
        .map(|argument| {
            let kept = argument.get(..MOST_ARGUMENT).unwrap_or(argument);
            String::from_utf8_lossy(kept).into_owned()
        })
        .collect()
}

/// A process that is the session's by one of its ids.
#[derive(Debug)]
struct Stray {
    pid: i32,
    uid: SessionUid,
}

impl Stray {
    /// Kills it, if the number has not become another process's meanwhile.
    fn kill(&self) {
        let Some(pid) = Pid::from_raw(self.pid) else {
            return;
        };
        if let Ok(fd) = pidfd_open(pid, PidfdFlags::empty())
            && is_of(self.pid, self.uid)
        {
            // It may be gone already, which is what we want.
            let _ = pidfd_send_signal(fd, Signal::KILL);
        }
    }
}

fn send_kill(pid: i32) {
    if let Some(pid) = Pid::from_raw(pid) {
        let _ = rustix::process::kill_process(pid, Signal::KILL);
    }
}

/// Every process with one of the session's ids.
fn strays(uid: SessionUid) -> Vec<Stray> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .filter(|&pid| is_of(pid, uid))
        .map(|pid| Stray { pid, uid })
        .collect()
}

fn is_of(pid: i32, uid: SessionUid) -> bool {
    let Ok(status) = fs::read(format!("/proc/{pid}/status")) else {
        return false;
    };
    // A zombie holds nothing and waits for its parent only.
    let Some(ids) = Ids::of(&status).filter(|ids| !ids.is_dead) else {
        return false;
    };
    ids.any(uid.as_raw())
        || fs::read_to_string(format!("/proc/{pid}/loginuid"))
            .is_ok_and(|login| login.trim().parse() == Ok(uid.as_raw()))
}

/// What `/proc/<pid>/status` says of a process.
#[derive(Debug, PartialEq, Eq)]
struct Ids {
    /// The real UID, the others, the GIDs, the groups.
    all: Vec<u32>,
    is_dead: bool,
}

impl Ids {
    fn of(status: &[u8]) -> Option<Self> {
        let text = String::from_utf8_lossy(status);
        let field = |name: &str| text.lines().find_map(|line| line.strip_prefix(name));
        let mut all = numbers(field("Uid:")?);
        all.extend(numbers(field("Gid:").unwrap_or_default()));
        all.extend(numbers(field("Groups:").unwrap_or_default()));
        // The first thread may be gone and wait, as a zombie does, for others that live.
        let is_alone = field("Threads:").is_none_or(|threads| numbers(threads) <= vec![1]);
        let state = field("State:")?.trim_start();
        let is_dead = state.starts_with('X') || (state.starts_with('Z') && is_alone);
        (!all.is_empty()).then_some(Self { all, is_dead })
    }

    fn real(&self) -> Option<u32> {
        self.all.first().copied()
    }

    /// A session's group has the number of its UID, so that one question is enough.
    fn any(&self, id: u32) -> bool {
        self.all.contains(&id)
    }
}

fn numbers(field: &str) -> Vec<u32> {
    let numbers = field.split_whitespace();
    numbers.filter_map(|number| number.parse().ok()).collect()
}

fn named(in_group: &BTreeSet<i32>, strays: &[Stray]) -> Vec<Left> {
    let pids: BTreeSet<_> = in_group
        .iter()
        .copied()
        .chain(strays.iter().map(|stray| stray.pid))
        .collect();
    let pids = pids.into_iter().map(|pid| {
        let name = fs::read(format!("/proc/{pid}/comm")).unwrap_or_default();
        let name = String::from_utf8_lossy(name.trim_ascii_end()).into_owned();
        Left::must_go(format!("process {pid} (`{name}`) is alive"))
    });
    pids.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_read_as_the_kernel_writes_them() {
        let status = b"Name:\tsh\nUmask:\t0022\nState:\tS (sleeping)\n\
            Uid:\t0\t7\t8\t9\nGid:\t1\t1\t1\t2\nGroups:\t3 4 \nThreads:\t1\n";
        let ids = Ids::of(status).unwrap();
        assert_eq!((ids.real(), ids.is_dead), (Some(0), false));
        assert!([0, 7, 8, 9, 1, 2, 3, 4].into_iter().all(|id| ids.any(id)) && !ids.any(5));
        assert_eq!(Ids::of(b"Name:\tx\n"), None);
        assert_eq!(Ids::of(b"State:\tS\nUid:\t\n"), None);
    }

    #[test]
    fn a_zombie_whose_threads_live_is_no_zombie() {
        for (state, threads, is_dead) in [
            ("Z (zombie)", 1, true),
            ("Z (zombie)", 2, false),
            ("X (dead)", 0, true),
            ("T (stopped)", 1, false),
            ("D (disk sleep)", 1, false),
        ] {
            let status = format!("State:\t{state}\nUid:\t1\t1\t1\t1\nThreads:\t{threads}\n");
            assert_eq!(
                Ids::of(status.as_bytes()).unwrap().is_dead,
                is_dead,
                "{state}"
            );
        }
    }

    /// The name of a process stands before its ids and may hold anything but a line feed, which
    /// the kernel escapes.
    #[test]
    fn a_name_cannot_forge_ids() {
        let status = b"Name:\tUid:\\n\t5\t5\t5\t5\nState:\tS\nUid:\t1\t1\t1\t1\n";
        assert_eq!(Ids::of(status).unwrap().real(), Some(1));
    }

    #[test]
    fn command_lines_are_shortened() {
        assert_eq!(
            arguments_of(b"sh\0-c\0\xff x\0"),
            ["sh", "-c", "\u{FFFD} x"]
        );
        assert_eq!(arguments_of(b""), Vec::<String>::new());
        assert_eq!(arguments_of(b"kworker\n"), ["kworker"]);
        let long = [vec![b'a'; 5000], vec![0], b"b\0".repeat(99)].concat();
        let arguments = arguments_of(&long);
        assert_eq!((arguments.len(), arguments[0].len()), (16, 256));
    }

    #[test]
    fn a_uid_that_nobody_has_has_no_processes() {
        let nobody = SessionUid::for_test(2_147_000_001);
        let mut killed = Killed::default();
        kill_all(nobody, Path::new("/nonexistent"), &mut killed);
        assert_eq!(verify(nobody, Path::new("/nonexistent")), []);
        assert_eq!(killed, Killed::default());
    }
}
