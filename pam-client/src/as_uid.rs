//! What only a process with a session's UID can do: the daemon starts its own program for it, which
//! takes the UID on and never has another one again.

use std::fs;
use std::process::{Command, Stdio};
use std::time::Duration;

use nix::errno::Errno;
use nix::unistd::{Gid, ResUid, Uid, getresuid, setgroups, setresgid, setresuid};

use crate::counter::SessionUid;
use crate::run;
use crate::sys::{self, Key, UserKeyring};

/// The hidden command that kills every other process of a session's UID.
pub(crate) const KILL_OWN: &str = "kill-own";
/// The hidden command that forgets a session's keys.
pub(crate) const FORGET_KEYS: &str = "forget-keys";

/// How long either may take.
const PATIENCE: Duration = Duration::from_millis(500);
/// The kernel's list of those who have keys.
const KEY_USERS: &str = "/proc/key-users";

/// Kills all processes of a UID in one system call, which no fork can slip through.
pub(crate) fn kill_others(uid: SessionUid) {
    start(KILL_OWN, uid);
}

/// Forgets the keys that a UID has in the kernel, which outlive its processes. Whether any is left is not
/// told: containers on one kernel see those of each other's sessions.
pub(crate) fn forget_its_keys(uid: SessionUid) {
    // A kernel without keys has no such list.
    let users = fs::read_to_string(KEY_USERS).unwrap_or_default();
    if has_keys(&users, uid.as_raw()) {
        start(FORGET_KEYS, uid);
    }
}

/// The numbers of a UID's keys in the kernel's list: `number flags usage timeout perm uid gid …`.
fn keys_of(list: &str, uid: u32) -> Vec<i32> {
    let number = |line: &str| {
        let mut fields = line.split_whitespace();
        let number = i32::from_str_radix(fields.next()?, 16).ok()?;
        (fields.nth(4)?.parse() == Ok(uid)).then_some(number)
    };
    list.lines().filter_map(number).collect()
}

fn has_keys(users: &str, uid: u32) -> bool {
    let mut users = users.lines().filter_map(|line| line.split(':').next());
    users.any(|user| user.trim().parse() == Ok(uid))
}

/// Runs one of the commands.
///
/// It is root until it is our own program that runs: from then on it can be stopped by those whom
/// it is to kill, so it is not waited for without an end.
fn start(command: &str, uid: SessionUid) {
    let started = Command::new("/proc/self/exe")
        .arg(command)
        .arg(uid.as_raw().to_string())
        .env_clear()
        .current_dir("/")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
    if let Ok(mut child) = started {
        let _ = run::ends_within(&mut child, PATIENCE);
    }
}

/// Why a hidden command does nothing.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NotDone {
    /// Root would kill the machine, and a person their own work.
    #[error("`{0}` is no user of a session")]
    NotASession(u32),
    /// Nobody but the daemon starts it.
    #[error("this command is for the daemon: {0}")]
    NotTheDaemon(#[from] Errno),
}

/// A hidden command: becomes a session's UID and kills every process of it but this one.
///
/// # Errors
/// When the UID is none of a session, or it cannot be taken on.
pub(crate) fn kill_own(uid: u32, first_uid: u32) -> Result<(), NotDone> {
    take_on(uid, first_uid)?;
    // Nothing left to kill is fine.
    let _ = nix::sys::signal::kill(
        nix::unistd::Pid::from_raw(-1),
        nix::sys::signal::Signal::SIGKILL,
    );
    Ok(())
}

/// A hidden command: becomes a session's UID and forgets its keys.
///
/// # Errors
/// When the UID is none of a session, or it cannot be taken on.
pub(crate) fn forget_keys(uid: u32, first_uid: u32) -> Result<(), NotDone> {
    take_on(uid, first_uid)?;
    // Both are asked for before one is forgotten, for the kernel makes those that are not there. What is
    // hidden from one way of looking is found by the other.
    let own = [UserKeyring::User, UserKeyring::Session].map(|which| sys::keyring(which).ok());
    let shown = fs::read_to_string("/proc/keys").unwrap_or_default();
    let shown = keys_of(&shown, uid).into_iter().map(Key::numbered);
    for key in own.into_iter().flatten().chain(shown) {
        // What cannot be forgotten was revoked, or goes with the keyring that it is in.
        let _ = sys::forget_key(key);
    }
    Ok(())
}

/// Makes this process a session's, for good.
fn take_on(uid: u32, first_uid: u32) -> Result<(), NotDone> {
    let (uid, gid) = session_ids(uid, first_uid)?;
    setgroups(&[])?;
    setresgid(gid, gid, gid)?;
    setresuid(uid, uid, uid)?;
    let wanted = ResUid {
        real: uid,
        effective: uid,
        saved: uid,
    };
    if getresuid()? == wanted {
        Ok(())
    } else {
        Err(NotDone::NotTheDaemon(Errno::EPERM))
    }
}

fn session_ids(uid: u32, first_uid: u32) -> Result<(Uid, Gid), NotDone> {
    if uid < first_uid || uid == u32::MAX {
        return Err(NotDone::NotASession(uid));
    }
    Ok((Uid::from_raw(uid), Gid::from_raw(uid)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_session_can_be_meant() {
        for uid in [0, 1000, 2_009_999_999, u32::MAX] {
            assert!(session_ids(uid, 2_010_000_000).is_err(), "{uid}");
            assert!(kill_own(uid, 2_010_000_000).is_err(), "{uid}");
            assert!(forget_keys(uid, 2_010_000_000).is_err(), "{uid}");
        }
        assert!(session_ids(2_010_000_000, 2_010_000_000).is_ok());
    }

    #[test]
    fn who_has_keys_is_read_as_the_kernel_writes_it() {
        let users =
            "    0:     9 8/8 3/1000000 736/25000000\n2010000000:     2 2/2 2/200 40/20000\n";
        assert!(has_keys(users, 2_010_000_000) && has_keys(users, 0));
        assert!(!has_keys(users, 2) && !has_keys("", 0));
        let list = "0657854f I--Q---     1 perm 1f3f0000     0 65534 keyring   _uid_ses.0: 1\n\
            12861d0f I--Q---     1 perm 1f3f0000 2010000000 65534 keyring   _uid.2010000000: empty\n";
        assert_eq!(keys_of(list, 2_010_000_000), [0x1286_1d0f]);
        assert_eq!(keys_of("x\n", 0), [] as [i32; 0]);
    }
}
