//! The processes of a session, and their end.
//!
//! A process is the session's when it is in its control group, when one of its user ids is the
//! session's, or when its login UID is (`/proc/<pid>/loginuid`, which survives sudo). Each mark
//! catches what escaped the others: a job of cron has the UID and another group; a daemon that
//! root started from the session may have neither but was logged in as the session.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use nix::unistd::{Gid, ResUid, Uid, getresuid, setgroups, setresgid, setresuid};
use portreeve_protocol::attest::KilledProcess;
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

use crate::cgroup;
use crate::counter::SessionUid;
use crate::receipt::Killed;
use crate::run;
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

/// The hidden command by which a process takes on a session's UID and kills all others of it.
pub(crate) const KILL_OWN: &str = "kill-own";

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
            broadcast(uid);
        }
        // What was killed needs a moment to be gone.
        std::thread::sleep(Duration::from_millis(u64::from(round.min(20))));
    }
}

/// What of a session lives still.
pub(crate) fn verify(uid: SessionUid, group: &Path) -> Vec<Left> {
    let in_group = cgroup::processes(group).into_iter().collect();
    named(&in_group, &strays(uid))
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
    let uid = uids_of(&status).map_or(u32::MAX, |uids| uids.real);
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
    let Some(uids) = uids_of(&status).filter(|uids| !uids.is_dead) else {
        return false;
    };
    uids.has(uid.as_raw())
        || fs::read_to_string(format!("/proc/{pid}/loginuid"))
            .is_ok_and(|login| login.trim().parse() == Ok(uid.as_raw()))
}

/// What `/proc/<pid>/status` says of a process.
#[derive(Debug, PartialEq, Eq)]
struct Uids {
    real: u32,
    others: [u32; 3],
    is_dead: bool,
}

impl Uids {
    fn has(&self, uid: u32) -> bool {
        self.real == uid || self.others.contains(&uid)
    }
}

fn uids_of(status: &[u8]) -> Option<Uids> {
    let text = String::from_utf8_lossy(status);
    let field = |name: &str| text.lines().find_map(|line| line.strip_prefix(name));
    let mut uids = field("Uid:")?
        .split_whitespace()
        .map(|number| number.parse::<u32>().ok());
    let mut next = || uids.next().flatten();
    Some(Uids {
        real: next()?,
        others: [next()?, next()?, next()?],
        is_dead: field("State:")?.trim_start().starts_with(['Z', 'X']),
    })
}

/// Starts a process that becomes the session's UID and kills all others of it in one system call,
/// which no fork can slip through.
///
/// It is root until it is our own program that runs: from then on it can be stopped by those whom
/// it is to kill, so it is not waited for without an end.
fn broadcast(uid: SessionUid) {
    let started = Command::new("/proc/self/exe")
        .arg(KILL_OWN)
        .arg(uid.as_raw().to_string())
        .env_clear()
        .current_dir("/")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
    if let Ok(mut child) = started {
        let _ = run::ends_within(&mut child, ROUND);
    }
}

/// Why the hidden command kills nobody.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NotKilled {
    /// Root would kill the machine, and a person their own work.
    #[error("`{0}` is no user of a session")]
    NotASession(u32),
    /// Nobody but the daemon starts it.
    #[error("this command is for the daemon: {0}")]
    NotTheDaemon(#[from] nix::errno::Errno),
}

/// The hidden command: becomes a session's UID and kills every process of it but this one.
///
/// # Errors
/// When the UID is none of a session, or it cannot be taken on.
pub(crate) fn kill_own(uid: u32, first_uid: u32) -> Result<(), NotKilled> {
    let (uid, gid) = session_ids(uid, first_uid)?;
    setgroups(&[])?;
    setresgid(gid, gid, gid)?;
    setresuid(uid, uid, uid)?;
    if getresuid()?
        != (ResUid {
            real: uid,
            effective: uid,
            saved: uid,
        })
    {
        return Err(NotKilled::NotTheDaemon(nix::errno::Errno::EPERM));
    }
    // Nothing left to kill is fine.
    let _ = nix::sys::signal::kill(
        nix::unistd::Pid::from_raw(-1),
        nix::sys::signal::Signal::SIGKILL,
    );
    Ok(())
}

fn session_ids(uid: u32, first_uid: u32) -> Result<(Uid, Gid), NotKilled> {
    if uid < first_uid || uid == u32::MAX {
        return Err(NotKilled::NotASession(uid));
    }
    Ok((Uid::from_raw(uid), Gid::from_raw(uid)))
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
        let status =
            b"Name:\tsh\nUmask:\t0022\nState:\tS (sleeping)\nUid:\t0\t7\t8\t9\nGid:\t1\t1\t1\t1\n";
        let uids = uids_of(status).unwrap();
        assert_eq!(
            uids,
            Uids {
                real: 0,
                others: [7, 8, 9],
                is_dead: false
            }
        );
        assert!([0, 7, 8, 9].into_iter().all(|uid| uids.has(uid)) && !uids.has(1));
        assert!(
            uids_of(b"Name:\tx\nState:\tZ (zombie)\nUid:\t1\t1\t1\t1\n")
                .unwrap()
                .is_dead
        );
        assert_eq!(uids_of(b"Name:\tx\n"), None);
    }

    /// The name of a process stands before its ids and may hold anything but a line feed, which
    /// the kernel escapes.
    #[test]
    fn a_name_cannot_forge_ids() {
        let status = b"Name:\tUid:\\n\t5\t5\t5\t5\nState:\tS\nUid:\t1\t1\t1\t1\n";
        assert_eq!(uids_of(status).unwrap().real, 1);
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
    fn only_the_processes_of_a_session_can_be_meant() {
        for uid in [0, 1000, 2_009_999_999, u32::MAX] {
            assert!(session_ids(uid, 2_010_000_000).is_err(), "{uid}");
            assert!(kill_own(uid, 2_010_000_000).is_err(), "{uid}");
        }
        assert!(session_ids(2_010_000_000, 2_010_000_000).is_ok());
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
