//! POSIX ustar as this project writes it: one form of header, and parts of a file as files.
//!
//! Recordings and files of evidence are framed with it. A reader makes the header that must stand
//! at a place and compares, so that a file which we read is one that every tar reads in the same
//! way. No name in an archive ever becomes a path here.

use std::io::{self, Read, Seek, SeekFrom};

/// Everything in a tar file is a multiple of this.
pub const BLOCK: usize = 512;
/// What ends an archive.
pub const END: [u8; 2 * BLOCK] = [0; 2 * BLOCK];

/// The header of a regular file that belongs to root and that nobody may write. A size beyond
/// eleven octal digits is in base 256, as GNU tar writes it.
#[must_use]
pub fn header(path: &str, size: u64, seconds: u64) -> [u8; BLOCK] {
    let mut header = tar::Header::new_ustar();
    for (to, from) in header.as_old_mut().name.iter_mut().zip(path.bytes()) {
        *to = from;
    }
    header.set_entry_type(tar::EntryType::Regular);
    header.set_size(size);
    header.set_mode(0o400);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(seconds);
    header.set_cksum();
    *header.as_bytes()
}

/// The size and the time that a header states, for making it again; 0 where it states none.
#[must_use]
pub fn stated(block: &[u8; BLOCK]) -> (u64, u64) {
    let found = tar::Header::from_byte_slice(block);
    (found.entry_size().unwrap_or(0), found.mtime().unwrap_or(0))
}

/// How many zeroes follow `size` bytes up to the next whole block.
#[must_use]
pub const fn padding(size: u64) -> u64 {
    let over = size % BLOCK as u64;
    if over == 0 { 0 } else { BLOCK as u64 - over }
}

/// A part of a file, read as a file of its own.
#[derive(Debug)]
pub struct Part<R> {
    file: R,
    start: u64,
    size: u64,
    at: u64,
}

impl<R: Read + Seek> Part<R> {
    /// The `size` bytes from `start` on, which the file must have.
    pub fn new(file: R, start: u64, size: u64) -> Self {
        Self {
            file,
            start,
            size,
            at: 0,
        }
    }

    /// How long it is.
    pub fn size(&self) -> u64 {
        self.size
    }
}

impl<R: Read + Seek> Read for Part<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let left = self.size.saturating_sub(self.at);
        if left == 0 {
            return Ok(0);
        }
        self.file
            .seek(SeekFrom::Start(self.start.saturating_add(self.at)))?;
        let read = Read::by_ref(&mut self.file).take(left).read(out)?;
        self.at += read as u64;
        Ok(read)
    }
}

impl<R> Seek for Part<R> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let at = match to {
            SeekFrom::Start(at) => Some(at),
            SeekFrom::End(by) => self.size.checked_add_signed(by),
            SeekFrom::Current(by) => self.at.checked_add_signed(by),
        };
        self.at = at.ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.at)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    #[test]
    fn a_part_reads_and_seeks_within_itself_only() {
        let mut part = Part::new(Cursor::new(b"0123456789"), 3, 4);
        let mut text = String::new();
        part.read_to_string(&mut text).unwrap();
        assert_eq!((text.as_str(), part.size()), ("3456", 4));
        assert_eq!(part.seek(SeekFrom::End(-1)).unwrap(), 3);
        assert_eq!(part.seek(SeekFrom::Current(-1)).unwrap(), 2);
        let mut two = [0; 2];
        part.read_exact(&mut two).unwrap();
        assert_eq!(&two, b"56");
        assert_eq!(part.seek(SeekFrom::Start(9)).unwrap(), 9);
        assert_eq!(part.read(&mut two).unwrap(), 0);
        assert!(part.seek(SeekFrom::End(-5)).is_err());
    }

    #[test]
    fn what_a_header_states_makes_it_again_whatever_the_size() {
        for size in [0, 1, 0o77_777_777_777, 0o100_000_000_000, 1 << 45] {
            let made = header("recording.tar", size, 1_769_860_800);
            assert_eq!(stated(&made), (size, 1_769_860_800));
        }
    }

    #[test]
    fn padding_ends_a_block() {
        for (size, zeroes) in [(0, 0), (1, 511), (511, 1), (512, 0), (513, 511)] {
            assert_eq!(padding(size), zeroes);
        }
    }
}
