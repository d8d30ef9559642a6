//! Who logged in last, and when: `lastlog`, indexed by UID, and the end of `wtmp`.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::mem::{offset_of, size_of};
use std::os::unix::fs::FileExt;
use std::path::Path;

use nix::libc::{self, utmpx};
use portreeve_protocol::time::Timestamp;

/// `struct lastlog` (bits/utmp.h): a time of four bytes, a line of 32, a host of 256.
const LASTLOG_RECORD: u64 = 4 + 32 + 256;
/// How many records at the end of `wtmp` are read.
const MOST_RECORDS: u64 = 50_000;
const RECORD: usize = size_of::<utmpx>();

/// The last logins that are known.
#[derive(Debug, Default)]
pub(super) struct Logins {
    by_name: BTreeMap<String, Timestamp>,
    lastlog: Option<File>,
}

impl Logins {
    /// Opens the one and reads the other; a host need have neither.
    pub(super) fn read(lastlog: &Path, wtmp: &Path) -> Self {
        let plain = |path: &Path| {
            let file = File::open(path).ok()?;
            file.metadata().ok()?.is_file().then_some(file)
        };
        let by_name = plain(wtmp).and_then(|file| end_of(&file).ok());
        Self {
            by_name: by_name.unwrap_or_default(),
            lastlog: plain(lastlog),
        }
    }

    /// When an account last logged in.
    pub(super) fn of(&self, name: &str, uid: u32) -> Option<Timestamp> {
        let mut time = [0; 4];
        let at = u64::from(uid).saturating_mul(LASTLOG_RECORD);
        let by_uid = self
            .lastlog
            .as_ref()
            .and_then(|file| file.read_exact_at(&mut time, at).ok())
            .map(|()| u32::from_ne_bytes(time))
            .filter(|&seconds| seconds > 0)
            .map(|seconds| Timestamp::from_seconds(i64::from(seconds)));
        by_uid.max(self.by_name.get(name).copied())
    }
}

fn end_of(wtmp: &File) -> io::Result<BTreeMap<String, Timestamp>> {
    let size = u64::try_from(RECORD).unwrap_or(u64::MAX);
    let count = wtmp.metadata()?.len() / size;
    let mut logins = BTreeMap::new();
    let mut record = vec![0; RECORD];
    for index in count.saturating_sub(MOST_RECORDS)..count {
        wtmp.read_exact_at(&mut record, index.saturating_mul(size))?;
        if let Some((name, at)) = login(&record) {
            logins.insert(name, at);
        }
    }
    Ok(logins)
}

/// The login that a record tells of.
fn login(record: &[u8]) -> Option<(String, Timestamp)> {
    let field = |at: usize, length: usize| record.get(at..at + length);
    let kind = i16::from_ne_bytes(field(offset_of!(utmpx, ut_type), 2)?.try_into().ok()?);
    if kind != libc::USER_PROCESS {
        return None;
    }
    // `ut_user` has 32 bytes, the seconds four (utmp(5)).
    let name = field(offset_of!(utmpx, ut_user), 32)?;
    let name = name.split(|&byte| byte == 0).next().unwrap_or_default();
    let seconds = u32::from_ne_bytes(field(offset_of!(utmpx, ut_tv), 4)?.try_into().ok()?);
    let name = String::from_utf8_lossy(name).into_owned();
    (!name.is_empty()).then(|| (name, Timestamp::from_seconds(i64::from(seconds))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn record(kind: i16, user: &str, seconds: u32) -> Vec<u8> {
        let mut record = vec![0; RECORD];
        let mut put = |at: usize, bytes: &[u8]| record[at..at + bytes.len()].copy_from_slice(bytes);
        put(offset_of!(utmpx, ut_type), &kind.to_ne_bytes());
        put(offset_of!(utmpx, ut_user), user.as_bytes());
        put(offset_of!(utmpx, ut_tv), &seconds.to_ne_bytes());
        record
    }

    #[test]
    fn the_later_of_both_records_counts() {
        let directory = tempfile::tempdir().unwrap();
        let (lastlog, wtmp) = (directory.path().join("l"), directory.path().join("w"));
        let mut times = vec![0; usize::try_from(LASTLOG_RECORD).unwrap() * 2];
        let at = usize::try_from(LASTLOG_RECORD).unwrap();
        times[at..at + 4].copy_from_slice(&500_u32.to_ne_bytes());
        fs::write(&lastlog, times).unwrap();
        let mut records = record(libc::USER_PROCESS, "alice", 400);
        records.extend(record(libc::USER_PROCESS, "bob", 600));
        records.extend(record(libc::DEAD_PROCESS, "carol", 700));
        records.extend([1; 7]);
        fs::write(&wtmp, records).unwrap();
        let logins = Logins::read(&lastlog, &wtmp);
        let seconds = |name: &str, uid| logins.of(name, uid).map(Timestamp::as_seconds);
        assert_eq!(seconds("alice", 1), Some(500));
        assert_eq!(seconds("alice", 0), Some(400));
        assert_eq!(seconds("bob", 1), Some(600));
        assert_eq!(seconds("carol", u32::MAX), None);
    }

    #[test]
    fn a_host_without_records_knows_of_no_login() {
        let none = Logins::read(Path::new("/nonexistent"), Path::new("/dev/null"));
        assert_eq!(none.of("root", 0), None);
    }
}
