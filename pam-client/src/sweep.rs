//! What a session leaves under its name or number: schedules, mail, timestamps, IPC objects. Files
//! that are merely its own are found by `stray_files.rs`.

use std::fs;
use std::path::{Path, PathBuf};

use portreeve_protocol::name::AccountName;
use rustix::io::Errno;

use crate::counter::SessionUid;
use crate::home;
use crate::step::{Account, Left};
use crate::sys::{self, Ipc};
use crate::tree;

/// Removes what belongs to the account by its name or number.
pub(crate) fn named(account: &Account) -> Vec<Left> {
    let mut left = Vec::new();
    let (by_name, by_number) = (by_name(&account.name), by_number(account.uid.as_raw()));
    for path in by_name.into_iter().chain(by_number) {
        if let Err(error) = tree::remove(&path)
            && error != Errno::NOTDIR
        {
            left.push(Left::must_go(format!("`{}`: {error}", path.display())));
        }
    }
    left.extend(home::remove(&runtime_directory(account.uid.as_raw())));
    left
}

/// Where Debian, Red Hat and SUSE keep things under an account's name.
pub(crate) fn by_name(account: &AccountName) -> Vec<PathBuf> {
    let places = [
        // Schedules.
        "/var/spool/cron/crontabs",
        "/var/spool/cron/tabs",
        "/var/spool/cron",
        // Services that outlive a login.
        "/var/lib/systemd/linger",
        // Mail.
        "/var/mail",
        "/var/spool/mail",
        // What sudo remembers.
        "/run/sudo/ts",
        "/run/sudo-rs/ts",
        "/var/lib/sudo/ts",
        "/var/lib/sudo/lectured",
        "/var/db/sudo/ts",
        "/var/db/sudo/lectured",
    ];
    under(&places, account.as_str())
}

/// Where they keep things under its number.
pub(crate) fn by_number(uid: u32) -> Vec<PathBuf> {
    let places = ["/run/sudo/ts", "/run/sudo-rs/ts", "/var/lib/sudo/lectured"];
    under(&places, &uid.to_string())
}

fn under(places: &[&str], name: &str) -> Vec<PathBuf> {
    let places = places.iter().map(|place| Path::new(place).join(name));
    places.collect()
}

/// Where its programs of this boot keep things.
pub(crate) fn runtime_directory(uid: u32) -> PathBuf {
    Path::new("/run/user").join(uid.to_string())
}

/// Removes the System V IPC objects that a UID owns or made.
pub(crate) fn ipc(uid: SessionUid) -> Vec<Left> {
    let mut left = Vec::new();
    for (file, kind, id_field) in [
        ("/proc/sysvipc/shm", Ipc::SharedMemory, "shmid"),
        ("/proc/sysvipc/msg", Ipc::Messages, "msqid"),
        ("/proc/sysvipc/sem", Ipc::Semaphores, "semid"),
    ] {
        // A kernel without System V IPC has none to remove.
        let table = fs::read_to_string(file).unwrap_or_default();
        for id in ipc_of(&table, id_field, uid.as_raw()) {
            if let Err(error) = sys::remove_ipc(kind, id) {
                left.push(Left::must_go(format!("IPC object {kind:?} {id}: {error}")));
            }
        }
    }
    left
}

/// The ids in a table of `/proc/sysvipc` whose owner or maker is `uid`.
fn ipc_of(table: &str, id_field: &str, uid: u32) -> Vec<i32> {
    let mut lines = table.lines();
    let header: Vec<_> = lines
        .next()
        .unwrap_or_default()
        .split_whitespace()
        .collect();
    let column = |name: &str| header.iter().position(|field| *field == name);
    let (Some(id), Some(owner), Some(maker)) = (column(id_field), column("uid"), column("cuid"))
    else {
        return Vec::new();
    };
    let uid = uid.to_string();
    lines
        .map(|line| line.split_whitespace().collect::<Vec<_>>())
        .filter(|fields| {
            [owner, maker]
                .iter()
                .any(|&at| fields.get(at) == Some(&uid.as_str()))
        })
        .filter_map(|fields| fields.get(id)?.parse().ok())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::tests::example;

    #[test]
    fn ipc_tables_are_read_by_their_header() {
        let table = "       key      shmid perms                  size  cpid  lpid nattch   uid   gid  cuid  cgid      atime\n\
                     0          3  1600                  4096    10    10      0  4711     0     0     0          0\n\
                     1          5  1600                  4096    10    10      0     0     0  4711     0          0\n\
                     2          7  1600                  4711  4711    10      0     0  4711     0  4711          0\n";
        assert_eq!(ipc_of(table, "shmid", 4711), [3, 5]);
        assert_eq!(ipc_of("", "shmid", 0), [] as [i32; 0]);
        assert_eq!(ipc_of("key uid\nx 1\n", "shmid", 1), [] as [i32; 0]);
    }

    #[test]
    fn nothing_is_looked_for_above_the_account() {
        let account = example().account;
        let (by_name, by_number) = (by_name(&account.name), by_number(account.uid.as_raw()));
        for place in by_name.into_iter().chain(by_number) {
            let last = place.file_name().unwrap().to_str().unwrap();
            assert!(last == account.name.as_str() || last == account.uid.as_raw().to_string());
        }
    }
}
