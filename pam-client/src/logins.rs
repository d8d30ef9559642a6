//! Records of logins that would outlive the account: in utmp, which `who` shows, because a killed
//! sshd does not sign off; and in lastlog, a file indexed by UID, which one login of a session
//! stretches to hundreds of gigabytes of hole.
//!
//! Logs proper (wtmp, btmp, the journal) are history and stay.

use std::fs::{File, OpenOptions};
use std::io;
use std::mem::{offset_of, size_of};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;

use nix::libc::{self, utmpx};
use rustix::fs::{SeekFrom, seek};

use crate::step::{Account, Left};

const UTMP: &str = "/run/utmp";
const LASTLOG: &str = "/var/log/lastlog";
/// `struct lastlog` (bits/utmp.h): a time of four bytes, a line of 32, a host of 256.
const LASTLOG_RECORD: u64 = 4 + 32 + 256;
/// The most records of utmp that are looked at.
const MOST_RECORDS: u64 = 100_000;

/// Removes the records of an account.
pub(crate) fn remove(account: &Account) -> Vec<Left> {
    let done = [
        ("utmp", sign_off(Path::new(UTMP), account.name.as_str())),
        ("lastlog", forget(Path::new(LASTLOG), account.uid.as_raw())),
    ];
    done.into_iter()
        .filter_map(|(what, done)| Some(Left::stays(format!("record in {what}: {}", done.err()?))))
        .collect()
}

/// Opens a file for changing; none, or none that is a plain file, is nothing to do.
fn open(path: &Path) -> io::Result<Option<File>> {
    let opened = OpenOptions::new()
        .read(true)
        .write(true)
        .custom_flags(libc::O_NOFOLLOW)
        .open(path);
    match opened {
        Ok(file) => Ok(file.metadata()?.is_file().then_some(file)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Marks the records of a user in utmp as over, as a logout does.
///
/// utmp's own lock is not taken: anybody may hold it for as long as they like, and a record is
/// changed by one write.
fn sign_off(path: &Path, user: &str) -> io::Result<()> {
    let Some(file) = open(path)? else {
        return Ok(());
    };
    let size = size_of::<utmpx>();
    let mut record = vec![0; size];
    for index in 0..MOST_RECORDS {
        let at = index.saturating_mul(u64::try_from(size).unwrap_or(u64::MAX));
        match file.read_exact_at(&mut record, at) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(()),
            Err(error) => return Err(error),
        }
        if is_login_of(&record, user) {
            sign_off_record(&mut record);
            file.write_all_at(&record, at)?;
        }
    }
    Ok(())
}

const TYPE: usize = offset_of!(utmpx, ut_type);
const USER: usize = offset_of!(utmpx, ut_user);
/// Length of `ut_user` (utmp(5)).
const USER_LENGTH: usize = 32;

fn is_login_of(record: &[u8], user: &str) -> bool {
    let field = record.get(USER..USER + USER_LENGTH).unwrap_or_default();
    let name = field.split(|&byte| byte == 0).next().unwrap_or_default();
    name == user.as_bytes()
}

fn sign_off_record(record: &mut [u8]) {
    if let Some(kind) = record.get_mut(TYPE..TYPE + 2) {
        kind.copy_from_slice(&libc::DEAD_PROCESS.to_ne_bytes());
    }
    if let Some(user) = record.get_mut(USER..USER + USER_LENGTH) {
        user.fill(0);
    }
}

/// Wipes a UID's record in lastlog and, if it was the last one, makes the file as short as it was.
fn forget(path: &Path, uid: u32) -> io::Result<()> {
    let Some(file) = open(path)? else {
        return Ok(());
    };
    let at = u64::from(uid).saturating_mul(LASTLOG_RECORD);
    let length = file.metadata()?.len();
    if length <= at {
        return Ok(());
    }
    if length > at.saturating_add(LASTLOG_RECORD) {
        let nothing = vec![0; usize::try_from(LASTLOG_RECORD).unwrap_or(0)];
        return file.write_all_at(&nothing, at);
    }
    file.set_len(end_of_data(&file, at)?)
}

/// Where the last record before `limit` ends that is not wiped. Holes are passed over.
fn end_of_data(file: &File, limit: u64) -> io::Result<u64> {
    let (mut at, mut end) = (0, 0);
    let mut chunk = vec![0; 64 * 1024];
    while at < limit {
        at = match seek(file, SeekFrom::Data(at)) {
            Ok(data) => data,
            Err(rustix::io::Errno::NXIO) => break,
            Err(error) => return Err(error.into()),
        };
        let hole = seek(file, SeekFrom::Hole(at))?.min(limit);
        while at < hole {
            let room = usize::try_from(hole - at)
                .unwrap_or(usize::MAX)
                .min(chunk.len());
            let read = file.read_at(chunk.get_mut(..room).unwrap_or_default(), at)?;
            let bytes = chunk.get(..read).unwrap_or_default();
            if bytes.is_empty() {
                return Ok(end);
            }
            if let Some(last) = bytes.iter().rposition(|&byte| byte != 0) {
                end = at
                    .saturating_add(u64::try_from(last).unwrap_or(0))
                    .saturating_add(1);
            }
            at = at.saturating_add(u64::try_from(read).unwrap_or(0));
        }
    }
    Ok(end.next_multiple_of(LASTLOG_RECORD))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn utmp_record(user: &str) -> Vec<u8> {
        let mut record = vec![0; size_of::<utmpx>()];
        record[TYPE..TYPE + 2].copy_from_slice(&libc::USER_PROCESS.to_ne_bytes());
        record[USER..USER + user.len()].copy_from_slice(user.as_bytes());
        record
    }

    #[test]
    fn a_session_is_signed_off_and_nobody_else() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("utmp");
        let users = ["alice", "pr-0123456789abcdef", "pr-0123456789abcde"];
        let records: Vec<_> = users.map(utmp_record).concat();
        fs::write(&path, &records).unwrap();
        sign_off(&path, users[1]).unwrap();
        let after = fs::read(&path).unwrap();
        let size = size_of::<utmpx>();
        assert_eq!(after[..size], records[..size]);
        assert_eq!(after[2 * size..], records[2 * size..]);
        assert!(!is_login_of(&after[size..2 * size], users[1]));
        assert_eq!(
            after[size + TYPE],
            u8::try_from(libc::DEAD_PROCESS).unwrap()
        );
    }

    #[test]
    fn lastlog_is_as_short_as_before() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("lastlog");
        let people = vec![1; usize::try_from(LASTLOG_RECORD).unwrap() * 3];
        fs::write(&path, &people).unwrap();
        let record = vec![7; usize::try_from(LASTLOG_RECORD).unwrap()];
        let file = OpenOptions::new().write(true).open(&path).unwrap();
        let (one, other) = (2_010_000_000, 2_010_000_001);
        for uid in [one, other] {
            file.write_all_at(&record, u64::from(uid) * LASTLOG_RECORD)
                .unwrap();
        }
        forget(&path, one).unwrap();
        assert_eq!(
            fs::metadata(&path).unwrap().len(),
            (u64::from(other) + 1) * LASTLOG_RECORD
        );
        forget(&path, other).unwrap();
        assert_eq!(fs::read(&path).unwrap(), people);
        forget(&path, one).unwrap();
        assert_eq!(fs::read(&path).unwrap(), people);
    }
}
