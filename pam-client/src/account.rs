//! The session's account: made, locked and removed by the distribution's own tools, so that their
//! locks, their shadow files and their caches are respected.
//!
//! Nothing is done to an account whose name, UID and full-name field are not those of the journal.

mod half;

use std::ffi::OsString;
use std::fs::{self, File};
use std::io;
use std::path::Path;
use std::process::Stdio;
use std::sync::{Mutex, MutexGuard, OnceLock, TryLockError};
use std::time::{Duration, Instant};

use crate::apply::StepError;
use crate::nss;
use crate::run::{self, ToolError};
use crate::step::{Account, Left};

pub(crate) use self::half::Half;

const USERADD: &str = "/usr/sbin/useradd";
const USERMOD: &str = "/usr/sbin/usermod";
const USERDEL: &str = "/usr/sbin/userdel";
const GROUPADD: &str = "/usr/sbin/groupadd";
const GROUPDEL: &str = "/usr/sbin/groupdel";

/// The tools wait 15 s for the lock of the account files themselves.
const PATIENCE: Duration = Duration::from_secs(20);
/// How long a tool of an earlier daemon may take: as long as the tools themselves wait, and again.
const LAST_TOOL: Duration = Duration::from_secs(40);
/// Locking is a precaution on the way to killing, which must not wait for an open editor.
const SHORT_PATIENCE: Duration = Duration::from_secs(2);

/// The tools take one lock on the account files; queueing here is fairer than inside them, where a
/// waiting process gives up after a while. Nobody queues for longer than the tool may then take:
/// whoever begins many sessions at once must not hold up the end of one.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// What the tools hold open while they run, so that it stays locked when the daemon is killed: a
/// tool that outlives its daemon may still make the account that the next daemon is to remove.
static HELD: OnceLock<File> = OnceLock::new();

/// Waits until no tool of an earlier daemon runs, and has ours hold `lock` from now on.
///
/// # Errors
/// When the lock cannot be had, or a tool does not end.
pub(crate) fn settle(lock: &Path) -> io::Result<()> {
    let lock = File::create(lock)?;
    let deadline = Instant::now() + LAST_TOOL;
    loop {
        match lock.try_lock() {
            Ok(()) => break,
            Err(fs::TryLockError::Error(error)) => return Err(error),
            Err(fs::TryLockError::WouldBlock) if Instant::now() >= deadline => {
                return Err(io::ErrorKind::TimedOut.into());
            }
            Err(fs::TryLockError::WouldBlock) => std::thread::sleep(Duration::from_millis(5)),
        }
    }
    // A process has one daemon, so there is none yet.
    let _ = HELD.set(lock);
    Ok(())
}

/// Makes the account and its group.
pub(crate) fn make(account: &Account) -> Result<(), StepError> {
    tool(USERADD, &useradd_arguments(account), PATIENCE)?;
    match find(account) {
        Ok(Found::Ours) => Ok(()),
        Ok(Found::Nobody) => Err(wrong(account, "does not exist")),
        Ok(Found::Foreign) => Err(wrong(account, "has another number or field")),
        Err(error) => Err(wrong(account, &format!("cannot be looked up: {error}"))),
    }
}

fn wrong(account: &Account, what: &str) -> StepError {
    StepError::Wrong(format!(
        "account `{}` {what} after it was made",
        account.name
    ))
}

/// The limits of the range of system accounts are set to the one number, for then the group gets
/// the same, which no other option says. A system account has no subordinate ids and no mail spool;
/// without `--password` its password is locked.
fn useradd_arguments(account: &Account) -> Vec<OsString> {
    let uid = account.uid.as_raw().to_string();
    let mut arguments: Vec<OsString> = [
        "--system",
        "--user-group",
        "--no-create-home",
        "--no-log-init",
    ]
    .map(OsString::from)
    .into();
    for key in ["SYS_UID_MIN", "SYS_UID_MAX", "SYS_GID_MIN", "SYS_GID_MAX"] {
        arguments.extend(["--key".into(), format!("{key}={uid}").into()]);
    }
    arguments.extend(["--uid".into(), uid.into()]);
    arguments.extend(["--comment".into(), account.full_name.clone().into()]);
    arguments.extend(["--home-dir".into(), account.home.clone().into_os_string()]);
    arguments.extend(["--shell", "/bin/bash", "--", account.name.as_str()].map(OsString::from));
    arguments
}

/// Keeps everything that asks PAM or cron from using the account any further.
pub(crate) fn end_use(account: &Account) -> Vec<Left> {
    let locked = match find(account) {
        Ok(Found::Ours) => {
            let arguments = ["--lock", "--expiredate", "1", "--", account.name.as_str()];
            tool(USERMOD, &arguments, SHORT_PATIENCE).map_err(|error| error.to_string())
        }
        Ok(Found::Nobody | Found::Foreign) => Ok(()),
        Err(error) => Err(error.to_string()),
    };
    match locked {
        Ok(()) => Vec::new(),
        // It is removed later on, or that is tried again; until then no lease means no login.
        Err(error) => vec![Left::stays(format!(
            "account `{}` was not locked: {error}",
            account.name
        ))],
    }
}

/// Removes the account and its group.
pub(crate) fn remove(account: &Account) -> Vec<Left> {
    match try_remove(account) {
        Ok(left) => left,
        Err(why) => vec![Left::must_go(format!("account `{}`: {why}", account.name))],
    }
}

fn try_remove(account: &Account) -> Result<Vec<Left>, String> {
    let text = |error: &dyn std::error::Error| error.to_string();
    match find(account).map_err(|error| text(&error))? {
        Found::Foreign => {
            let what = format!(
                "account `{}` is not the one that was made any more and was not touched",
                account.name
            );
            return Ok(vec![Left::stays(what)]);
        }
        // With `--force` a process that cannot die does not keep the account, whose UID is not
        // used again anyway; without `--remove` no file is touched.
        Found::Ours => {
            tool(USERDEL, &["--force", "--", account.name.as_str()], PATIENCE)
                .map_err(|error| text(&error))?;
        }
        Found::Nobody => {}
    }
    if group_is_ours(account).map_err(|error| text(&error))? {
        tool(GROUPDEL, &["--", account.name.as_str()], PATIENCE).map_err(|error| text(&error))?;
    }
    // The lines of somebody else's group of this name are theirs.
    let group = nss::group(account.name.as_str()).map_err(|error| text(&error))?;
    if group.is_none() {
        let half = Half::of(account.name.as_str()).map_err(|error| text(&error))?;
        remove_half(account, half).map_err(|error| text(&error))?;
    }
    Ok(Vec::new())
}

fn group_is_ours(account: &Account) -> Result<bool, nix::errno::Errno> {
    Ok(nss::group(account.name.as_str())? == Some(account.uid.as_raw()))
}

/// Removes lines that a tool left when it failed. The tools remove only what is whole, so it is
/// made whole first.
fn remove_half(account: &Account, half: Half) -> Result<(), ToolError> {
    let name = account.name.as_str();
    if half.account {
        tool(USERADD, &useradd_arguments(account), PATIENCE)?;
        tool(USERDEL, &["--force", "--", name], PATIENCE)?;
    }
    // The removal of an account removes its group, and both of its lines.
    if half.group && !half.account {
        let uid = account.uid.as_raw().to_string();
        tool(GROUPADD, &["--gid", &uid, "--", name], PATIENCE)?;
        tool(GROUPDEL, &["--", name], PATIENCE)?;
    }
    Ok(())
}

/// Whether the account or its group is there still.
pub(crate) fn verify(account: &Account) -> Vec<Left> {
    let name = &account.name;
    let there = [
        (matches!(find(account), Ok(Found::Ours)), "account"),
        (group_is_ours(account) == Ok(true), "group"),
    ];
    let there = there.into_iter().filter(|(is_there, _)| *is_there);
    let mut left: Vec<_> = there
        .map(|(_, kind)| Left::must_go(format!("{kind} `{name}` is still there")))
        .chain(others(account))
        .collect();
    // Those of somebody else's account of this name are theirs.
    if matches!(find(account), Ok(Found::Nobody)) && nss::group(name.as_str()) == Ok(None) {
        match Half::of(name.as_str()) {
            Ok(half) => left.extend(
                half.files()
                    .map(|file| Left::must_go(format!("`{name}` is still in `{file}`"))),
            ),
            Err(error) => left.push(Left::must_go(format!("account `{name}`: {error}"))),
        }
    }
    left
}

/// Names that somebody with root gave to the session's numbers. They are not ours to remove.
fn others(account: &Account) -> Option<Left> {
    let number = account.uid.as_raw();
    let names = [nss::account_of(number), nss::group_of(number)];
    let other = names
        .into_iter()
        .flatten()
        .flatten()
        .find(|name| *name != account.name.as_str())?;
    let other = other.escape_debug();
    Some(Left::stays(format!(
        "`{other}` has the session's number {number}: made by root and not touched"
    )))
}

/// Whose an account of this name is.
enum Found {
    Nobody,
    Ours,
    Foreign,
}

fn find(account: &Account) -> Result<Found, nix::errno::Errno> {
    Ok(match nss::account(account.name.as_str())? {
        None => Found::Nobody,
        Some(known)
            if known.uid == account.uid.as_raw() && known.full_name == account.full_name =>
        {
            Found::Ours
        }
        Some(_) => Found::Foreign,
    })
}

fn tool<S: AsRef<std::ffi::OsStr>>(
    program: &'static str,
    arguments: &[S],
    limit: Duration,
) -> Result<(), ToolError> {
    let _turn = turn(limit).ok_or(ToolError::TooSlow { program, limit })?;
    let held = match HELD.get() {
        Some(lock) => lock.try_clone().map(Stdio::from),
        None => Ok(Stdio::null()),
    };
    let held = held.map_err(|error| ToolError::Start { program, error })?;
    let output = run::run_with(program, arguments, held, limit)?;
    run::well(program, output).map(drop)
}

fn turn(limit: Duration) -> Option<MutexGuard<'static, ()>> {
    let deadline = Instant::now() + limit;
    loop {
        match ONE_AT_A_TIME.try_lock() {
            Ok(turn) => return Some(turn),
            // There is nothing behind the lock that a panic could leave half changed.
            Err(TryLockError::Poisoned(turn)) => return Some(turn.into_inner()),
            Err(TryLockError::WouldBlock) if Instant::now() >= deadline => return None,
            Err(TryLockError::WouldBlock) => std::thread::sleep(Duration::from_millis(2)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::tests::example;

    #[test]
    fn useradd_is_told_everything_and_the_name_is_no_option() {
        let account = example().account;
        let arguments = useradd_arguments(&account);
        let text: Vec<_> = arguments.iter().map(|a| a.to_str().unwrap()).collect();
        for wanted in [
            "--no-log-init",
            "SYS_GID_MAX=2010000000",
            "--uid",
            account.full_name.as_str(),
        ] {
            assert!(text.contains(&wanted), "{wanted} in {text:?}");
        }
        assert_eq!(text[text.len() - 2..], ["--", account.name.as_str()]);
    }

    #[test]
    fn nobody_waits_longer_for_a_turn_than_they_may() {
        let held = turn(Duration::ZERO).unwrap();
        assert!(turn(Duration::from_millis(10)).is_none());
        drop(held);
        assert!(turn(Duration::ZERO).is_some());
    }
}
