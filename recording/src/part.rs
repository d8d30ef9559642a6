//! Where a recording that is still growing can be cut into parts: at the ends of its entries.
//!
//! Used by whoever copies a recording elsewhere while it is written. It looks at headers only, and
//! proves nothing about what they frame.

use std::io::{self, Read, Seek, SeekFrom};

use crate::container::{BLOCK, END};

/// A place where a recording can be cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cut {
    /// Everything before is whole entries.
    pub end: u64,
    /// Whether nothing comes after it: the archive has its end.
    pub is_last: bool,
}

/// The first place after `from`, itself a place where an entry begins, with at least `enough` bytes before it;
/// or, where there is not so much yet, the last one there is. What is behind `within` does not count.
///
/// # Errors
/// When the file cannot be read.
pub fn cut<R: Read + Seek>(file: &mut R, from: u64, enough: u64, within: u64) -> io::Result<Cut> {
    let len = file.seek(SeekFrom::End(0))?.min(within);
    let mut end = from;
    while end.saturating_sub(from) < enough {
        match entry(file, end, len)? {
            Found::Entry(next) => end = next,
            Found::End(end) => return Ok(Cut { end, is_last: true }),
            Found::Nothing => break,
        }
    }
    // The end of the archive belongs to the part with the last entry, not to one of its own.
    let is_last = match entry(file, end, len)? {
        Found::End(last) => {
            end = last;
            true
        }
        Found::Entry(_) | Found::Nothing => false,
    };
    Ok(Cut { end, is_last })
}

enum Found {
    /// A whole entry, which ends here.
    Entry(u64),
    /// The end of the archive, and here the file's.
    End(u64),
    /// No whole entry yet, or none at all.
    Nothing,
}

fn entry<R: Read + Seek>(file: &mut R, at: u64, len: u64) -> io::Result<Found> {
    let left = len.saturating_sub(at);
    if left < BLOCK as u64 {
        return Ok(Found::Nothing);
    }
    let mut block = [0; BLOCK];
    file.seek(SeekFrom::Start(at))?;
    file.read_exact(&mut block)?;
    if block == [0; BLOCK] {
        let is_end = left == END.len() as u64;
        return Ok(if is_end {
            Found::End(len)
        } else {
            Found::Nothing
        });
    }
    let header = tar::Header::from_byte_slice(&block);
    let (Some(_), Ok(size)) = (header.as_ustar(), header.entry_size()) else {
        return Ok(Found::Nothing);
    };
    let end = size
        .checked_next_multiple_of(BLOCK as u64)
        .and_then(|size| at.checked_add(BLOCK as u64)?.checked_add(size));
    Ok(match end {
        Some(end) if end <= len => Found::Entry(end),
        _ => Found::Nothing,
    })
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;
    use crate::container::{Name, frame};

    fn archive(sizes: &[usize]) -> Vec<u8> {
        let entries = sizes
            .iter()
            .zip(0..)
            .flat_map(|(size, number)| frame(Name::Segment(number), &vec![7; *size], 0));
        entries.collect()
    }

    #[test]
    fn parts_end_where_entries_end() {
        let mut bytes = archive(&[100, 1000, 512]);
        let whole = bytes.len() as u64;
        for (from, enough, end) in [
            (0, 1, 1024),
            (0, 1024, 1024),
            (0, 1025, 2560),
            (1024, 1, 2560),
            (0, 1_000_000, whole),
            (whole, 1, whole),
        ] {
            let found = cut(&mut Cursor::new(&bytes), from, enough, u64::MAX).unwrap();
            assert_eq!((found.end, found.is_last), (end, false), "{from} {enough}");
        }
        // Half an entry is none.
        bytes.truncate(bytes.len() - 1);
        let found = cut(&mut Cursor::new(&bytes), 0, u64::MAX, u64::MAX).unwrap();
        assert_eq!(found.end, 2560);
    }

    #[test]
    fn the_end_of_the_archive_belongs_to_the_last_entry() {
        let mut bytes = archive(&[100, 1000]);
        bytes.extend([0; 512]);
        let half = cut(&mut Cursor::new(&bytes), 0, 2560, u64::MAX).unwrap();
        assert_eq!((half.end, half.is_last), (2560, false));
        bytes.extend([0; 512]);
        for enough in [2560, u64::MAX] {
            let found = cut(&mut Cursor::new(&bytes), 0, enough, u64::MAX).unwrap();
            assert_eq!((found.end, found.is_last), (3584, true), "{enough}");
        }
        let rest = cut(&mut Cursor::new(&bytes), 2560, 1, u64::MAX).unwrap();
        assert_eq!((rest.end, rest.is_last), (3584, true));
    }

    #[test]
    fn what_does_not_count_is_not_there() {
        let mut bytes = archive(&[100, 1000, 512]);
        bytes.extend([0; 1024]);
        for (within, end) in [
            (0, 0),
            (1023, 0),
            (1024, 1024),
            (2559, 1024),
            (2560, 2560),
            (3584, 3584),
            (4607, 3584),
        ] {
            let found = cut(&mut Cursor::new(&bytes), 0, u64::MAX, within).unwrap();
            assert_eq!((found.end, found.is_last), (end, false), "{within}");
        }
        let found = cut(&mut Cursor::new(&bytes), 0, 1, 4608).unwrap();
        assert_eq!((found.end, found.is_last), (1024, false));
        let found = cut(&mut Cursor::new(&bytes), 2560, 1, 4608).unwrap();
        assert_eq!((found.end, found.is_last), (4608, true));
    }

    #[test]
    fn what_is_no_archive_is_not_cut() {
        for bytes in [vec![], vec![1; 100], vec![1; 2048], vec![0; 4096]] {
            let found = cut(&mut Cursor::new(&bytes), 0, 1, u64::MAX).unwrap();
            assert_eq!(
                found,
                Cut {
                    end: 0,
                    is_last: false
                }
            );
        }
    }
}
