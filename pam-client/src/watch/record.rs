//! What our programs in the kernel write into a ring, read back. Pure.
//!
//! The programs are ours, but the session chooses the texts, and nobody but the kernel says that
//! the bytes are those of our programs: every length is checked.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

/// What a record begins with, and where each field is. All numbers as this processor stores them.
pub(crate) mod field {
    pub(crate) const KIND: i16 = 0;
    pub(crate) const PID: i16 = 4;
    pub(crate) const PARENT: i16 = 8;
    pub(crate) const UID: i16 = 12;
    pub(crate) const AT: i16 = 16;
    pub(crate) const GROUP: i16 = 24;
    /// Of a start: how long the program's name is. Of an end: the status. Of a connection: its family.
    pub(crate) const FIRST: i16 = 32;
    /// Of a start: how long its directory is. Of a connection: its protocol.
    pub(crate) const SECOND: i16 = 36;
    /// Of a start: how long the arguments are. Of a connection: its port, in the network's order.
    pub(crate) const THIRD: i16 = 40;
    pub(crate) const FLAGS: i16 = 44;
    /// Of a start: how long the arguments were.
    pub(crate) const WHOLE: i16 = 48;
    /// Of a start: the device of the file that runs, and its number there; 0 where that is not known.
    pub(crate) const DEVICE: i16 = 56;
    pub(crate) const INODE: i16 = 64;
    /// Here the texts of a start begin, or the address of a connection.
    pub(crate) const TEXT: i16 = 72;
}

/// The kinds of records.
pub(crate) const STARTED: i32 = 1;
pub(crate) const ENDED: i32 = 2;
pub(crate) const CONNECTED: i32 = 3;
/// A flag: the directory goes up to the root.
pub(crate) const WHOLE_DIRECTORY: i32 = 1;
/// A flag: the process is the session's by its ids only, outside of its control group.
pub(crate) const OUTSIDE: i32 = 2;

/// Something that a session did, as the kernel saw it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Seen {
    /// Since boot.
    pub(crate) at: Duration,
    /// Which control group it is about, by its number.
    pub(crate) group: u64,
    /// Which process.
    pub(crate) pid: i32,
    /// Whether it is outside of that group, and the session's by its ids.
    pub(crate) is_outside: bool,
    /// What.
    pub(crate) what: What,
}

/// What was seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum What {
    /// A program began in the process.
    Started(Started),
    /// The process ended, with what wait(2) would say.
    Ended {
        /// The status.
        status: u32,
    },
    /// The process asked for a connection, or sent a datagram.
    Connected {
        /// The number of the protocol.
        protocol: u32,
        /// To where.
        to: SocketAddr,
    },
}

/// A program that began.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Started {
    /// The process that it was started by.
    pub(crate) parent: i32,
    /// The user as whom it acts.
    pub(crate) uid: u32,
    /// The program, as it was asked for.
    pub(crate) program: Vec<u8>,
    /// The directory; nothing where it could not be followed up to the root.
    pub(crate) directory: Option<Vec<u8>>,
    /// Its arguments, each ended by a 0, as far as they were read.
    pub(crate) arguments: Vec<u8>,
    /// Whether there were more, or they could not be read.
    pub(crate) is_cut: bool,
    /// The file that the kernel runs, where that is known.
    pub(crate) file: Option<FileId>,
}

/// A file, by the numbers of its device and of itself there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FileId {
    /// The kind of device, and which one.
    pub(crate) device: (u32, u32),
    /// Which file.
    pub(crate) inode: u64,
}

impl FileId {
    /// From the kernel's own form of a device, which is not that of stat(2).
    const fn of_kernel(device: u32, inode: u64) -> Option<Self> {
        if inode == 0 {
            return None;
        }
        Some(Self {
            device: (device >> 20, device & 0x000f_ffff),
            inode,
        })
    }
}

impl fmt::Display for FileId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (major, minor) = self.device;
        write!(f, "{major}:{minor}:{}", self.inode)
    }
}

/// Reads a record; nothing if it is none of ours.
pub(crate) fn read(record: &[u8]) -> Option<Seen> {
    let kind = word(record, field::KIND)?;
    let flags = word(record, field::FLAGS)?.cast_signed();
    let what = match i32::try_from(kind).ok()? {
        STARTED => What::Started(started(record)?),
        ENDED => What::Ended {
            status: word(record, field::FIRST)?,
        },
        CONNECTED => connected(record)?,
        _ => return None,
    };
    Some(Seen {
        at: Duration::from_nanos(double(record, field::AT)?),
        group: double(record, field::GROUP)?,
        pid: word(record, field::PID)?.cast_signed(),
        is_outside: flags & OUTSIDE != 0,
        what,
    })
}

fn started(record: &[u8]) -> Option<Started> {
    let texts = record.get(usize::try_from(field::TEXT).ok()?..)?;
    let (program, texts) = split(texts, word(record, field::FIRST)?)?;
    let (names, texts) = split(texts, word(record, field::SECOND)?)?;
    let (arguments, _) = split(texts, word(record, field::THIRD)?)?;
    let whole = double(record, field::WHOLE)?;
    let flags = word(record, field::FLAGS)?.cast_signed();
    Some(Started {
        parent: word(record, field::PARENT)?.cast_signed(),
        uid: word(record, field::UID)?,
        program: until_zero(program).to_vec(),
        directory: (flags & WHOLE_DIRECTORY != 0).then(|| path_of(names)),
        arguments: arguments.to_vec(),
        is_cut: u64::try_from(arguments.len()).ok()? < whole,
        file: FileId::of_kernel(word(record, field::DEVICE)?, double(record, field::INODE)?),
    })
}

/// A path out of the names on the way up to the root, each ended by a 0.
fn path_of(names: &[u8]) -> Vec<u8> {
    let mut path = Vec::with_capacity(names.len() + 1);
    let names: Vec<_> = names.split(|&byte| byte == 0).collect();
    for name in names.into_iter().rev().filter(|name| !name.is_empty()) {
        path.push(b'/');
        path.extend_from_slice(name);
    }
    if path.is_empty() {
        path.push(b'/');
    }
    path
}

fn connected(record: &[u8]) -> Option<What> {
    let at = usize::try_from(field::TEXT).ok()?;
    let address: [u8; 16] = record.get(at..at.checked_add(16)?)?.try_into().ok()?;
    let address = match word(record, field::FIRST)? {
        4 => {
            let [a, b, c, d, ..] = address;
            IpAddr::V4(Ipv4Addr::new(a, b, c, d))
        }
        // An address of IPv4 in that of IPv6 is the former, whatever socket it was asked of.
        6 => Ipv6Addr::from(address).to_canonical(),
        _ => return None,
    };
    let port = u16::try_from(word(record, field::THIRD)? & 0xffff).ok()?;
    Some(What::Connected {
        protocol: word(record, field::SECOND)?,
        to: SocketAddr::new(address, u16::from_be(port)),
    })
}

fn split(bytes: &[u8], length: u32) -> Option<(&[u8], &[u8])> {
    bytes.split_at_checked(usize::try_from(length).ok()?)
}

fn until_zero(bytes: &[u8]) -> &[u8] {
    bytes.split(|&byte| byte == 0).next().unwrap_or_default()
}

fn word(record: &[u8], at: i16) -> Option<u32> {
    let at = usize::try_from(at).ok()?;
    let bytes = record.get(at..at.checked_add(4)?)?;
    Some(u32::from_ne_bytes(bytes.try_into().ok()?))
}

fn double(record: &[u8], at: i16) -> Option<u64> {
    let at = usize::try_from(at).ok()?;
    let bytes = record.get(at..at.checked_add(8)?)?;
    Some(u64::from_ne_bytes(bytes.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(kind: i32, words: [u32; 4], whole: u64) -> Vec<u8> {
        let mut record = Vec::new();
        for word in [kind.cast_unsigned(), 7, 6, 0] {
            record.extend(word.to_ne_bytes());
        }
        for double in [5_000_000_000_u64, 99] {
            record.extend(double.to_ne_bytes());
        }
        for word in words {
            record.extend(word.to_ne_bytes());
        }
        record.extend(whole.to_ne_bytes());
        for double in [8 << 20 | 17, 4711_u64] {
            record.extend(double.to_ne_bytes());
        }
        record
    }

    fn start(names: &[u8], flags: i32, arguments: &[u8], whole: u64) -> Vec<u8> {
        let lengths = [4, names.len(), arguments.len()].map(|n| u32::try_from(n).unwrap());
        let words = [lengths[0], lengths[1], lengths[2], flags.cast_unsigned()];
        let mut record = head(STARTED, words, whole);
        for text in [b"/a\0\0", names, arguments] {
            record.extend(text);
        }
        record
    }

    fn started_of(record: &[u8]) -> Started {
        let What::Started(started) = read(record).unwrap().what else {
            panic!("no start");
        };
        started
    }

    #[test]
    fn a_start_has_its_program_directory_and_arguments() {
        let record = start(b"b\0a\0", WHOLE_DIRECTORY, b"sh\0-c\0", 6);
        let seen = read(&record).unwrap();
        assert_eq!((seen.pid, seen.group, seen.is_outside), (7, 99, false));
        assert_eq!(seen.at, Duration::from_secs(5));
        let started = started_of(&record);
        assert_eq!(started.program, b"/a");
        assert_eq!(started.directory.as_deref(), Some(&b"/a/b"[..]));
        assert_eq!(started.file.unwrap().to_string(), "8:17:4711");
        assert_eq!(
            (started.arguments.as_slice(), started.is_cut),
            (&b"sh\0-c\0"[..], false)
        );
    }

    #[test]
    fn who_is_outside_of_the_group_is_said_to_be() {
        let flags = WHOLE_DIRECTORY | OUTSIDE;
        let record = start(b"b\0a\0", flags, b"sh\0", 3);
        assert!(read(&record).unwrap().is_outside);
        assert!(started_of(&record).directory.is_some());
    }

    #[test]
    fn what_was_cut_or_not_read_is_said_to_be() {
        assert!(started_of(&start(b"", WHOLE_DIRECTORY, b"sh\0", 9000)).is_cut);
        let unread = started_of(&start(b"x\0", 0, b"", 10));
        assert!(unread.is_cut && unread.directory.is_none());
        let root = started_of(&start(b"", WHOLE_DIRECTORY, b"sh\0", 3));
        assert_eq!(root.directory.as_deref(), Some(&b"/"[..]));
    }

    #[test]
    fn a_connection_has_its_address() {
        let port = u32::from(443_u16.to_be());
        let mut record = head(CONNECTED, [4, 6, port, 0], 0);
        record.extend([192, 0, 2, 7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        let to = |record: &[u8]| {
            let What::Connected { protocol: 6, to } = read(record).unwrap().what else {
                panic!("no connection");
            };
            to.to_string()
        };
        assert_eq!(to(&record), "192.0.2.7:443");
        let mut record = head(CONNECTED, [6, 6, port, 0], 0);
        record.extend(Ipv6Addr::from([0, 0, 0, 0, 0, 0xffff, 0xc000, 0x0207]).octets());
        assert_eq!(to(&record), "192.0.2.7:443");
    }

    #[test]
    fn records_that_are_cut_are_none() {
        let whole = start(b"b\0a\0", WHOLE_DIRECTORY, b"sh\0-c\0", 6);
        for length in 0..whole.len() {
            assert_eq!(read(&whole[..length]), None, "{length}");
        }
        assert_eq!(read(&head(9, [0; 4], 0)), None);
    }
}
