//! The archive around a file of evidence: framing it, and finding its parts again.
//!
//! Nothing is unpacked: a part is a stretch of the file, and its name must be the one that stands at
//! its place. Every header must be byte for byte the one that [`write()`] makes.

use std::io::{self, Read, Seek, SeekFrom, Write};

use portreeve_recording::ustar::{BLOCK, END, Part, header, padding, stated};
use thiserror::Error;

use crate::review::exhibit::MAX_TRAIL;

/// The longest README and the longest lists of keys.
const MAX_TEXT: u64 = 64 * 1024;

/// The entries, in order.
const ENTRIES: [(&str, u64); 5] = [
    ("README.txt", 32 * 1024),
    ("keys.json", MAX_TEXT),
    ("allowed_signers", MAX_TEXT),
    ("trail.json", MAX_TRAIL as u64),
    ("recording.tar", u64::MAX / 4),
];

/// What stands before the recording.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Texts {
    /// `README.txt`
    pub readme: Vec<u8>,
    /// `keys.json`
    pub keys: Vec<u8>,
    /// `allowed_signers`
    pub signers: Vec<u8>,
    /// `trail.json`
    pub trail: Vec<u8>,
}

/// A file of evidence, taken apart.
#[derive(Debug)]
pub struct Parts<R> {
    /// What stands before the recording.
    pub texts: Texts,
    /// The recording.
    pub recording: Part<R>,
    /// The time that all entries have.
    pub seconds: u64,
}

/// Why a file is no evidence.
#[derive(Debug, Error)]
pub enum NotEvidence {
    /// It cannot be read.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// Another header than the format has there.
    #[error(
        "byte {offset} does not begin `{expected}`; this is not a file of evidence, or it has been altered"
    )]
    Unexpected {
        /// Where.
        offset: u64,
        /// What must stand there.
        expected: &'static str,
    },
    /// An entry that is larger than its kind may be.
    #[error("`{name}` has {size} bytes, more than it may have")]
    TooLarge {
        /// Which.
        name: &'static str,
        /// How many.
        size: u64,
    },
    /// The file ends too early.
    #[error("the file of evidence ends within `{0}`: it was cut")]
    Cut(&'static str),
    /// What fills an entry up is not zeroes.
    #[error("there is something between `{0}` and the next entry")]
    Between(&'static str),
    /// It has another end than the format has.
    #[error("the file of evidence does not end as one does")]
    End,
}

/// Writes a file of evidence. `recording` must have exactly `size` bytes.
///
/// # Errors
/// When something cannot be read or written, or the recording changed meanwhile.
pub(super) fn write(
    out: &mut impl Write,
    texts: &Texts,
    recording: &mut impl Read,
    size: u64,
    seconds: u64,
) -> io::Result<()> {
    let contents = [&texts.readme, &texts.keys, &texts.signers, &texts.trail];
    for ((name, _), content) in ENTRIES.iter().zip(contents) {
        let len = content.len() as u64;
        out.write_all(&header(name, len, seconds))?;
        out.write_all(content)?;
        write_padding(out, len)?;
    }
    let [.., (name, _)] = ENTRIES;
    out.write_all(&header(name, size, seconds))?;
    let copied = io::copy(&mut Read::by_ref(recording).take(size), out)?;
    if copied != size {
        return Err(io::Error::new(
            io::ErrorKind::UnexpectedEof,
            "the recording became shorter while it was read",
        ));
    }
    write_padding(out, size)?;
    out.write_all(&END)
}

fn write_padding(out: &mut impl Write, size: u64) -> io::Result<()> {
    let zeroes = [0; BLOCK];
    let count = usize::try_from(padding(size)).unwrap_or(0);
    out.write_all(zeroes.get(..count).unwrap_or_default())
}

/// Takes a file of evidence apart; the recording stays where it is.
///
/// # Errors
/// [`NotEvidence`]
pub(super) fn read<R: Read + Seek>(mut file: R) -> Result<Parts<R>, NotEvidence> {
    let len = file.seek(SeekFrom::End(0))?;
    let mut walk = Walk {
        file: &mut file,
        len,
        at: 0,
        seconds: None,
    };
    let [readme, keys, signers, trail, recording] = ENTRIES;
    let texts = Texts {
        readme: walk.text(readme)?,
        keys: walk.text(keys)?,
        signers: walk.text(signers)?,
        trail: walk.text(trail)?,
    };
    let (start, size) = walk.entry(recording)?;
    walk.skip_padding(recording.0, size)?;
    walk.end()?;
    let seconds = walk.seconds.unwrap_or_default();
    Ok(Parts {
        texts,
        recording: Part::new(file, start, size),
        seconds,
    })
}

struct Walk<'a, R> {
    file: &'a mut R,
    len: u64,
    at: u64,
    /// That of the first entry, which all others must have as well.
    seconds: Option<u64>,
}

impl<R: Read + Seek> Walk<'_, R> {
    /// Reads a header and leaves off behind the content that it announces.
    fn entry(&mut self, (name, most): (&'static str, u64)) -> Result<(u64, u64), NotEvidence> {
        if self.len - self.at < BLOCK as u64 {
            return Err(NotEvidence::Cut(name));
        }
        let mut block = [0; BLOCK];
        self.file.seek(SeekFrom::Start(self.at))?;
        self.file.read_exact(&mut block)?;
        let (size, seconds) = stated(&block);
        let seconds = *self.seconds.get_or_insert(seconds);
        if header(name, size, seconds) != block {
            return Err(NotEvidence::Unexpected {
                offset: self.at,
                expected: name,
            });
        }
        if size > most {
            return Err(NotEvidence::TooLarge { name, size });
        }
        let start = self.at + BLOCK as u64;
        if size + padding(size) > self.len - start {
            return Err(NotEvidence::Cut(name));
        }
        self.at = start + size;
        Ok((start, size))
    }

    fn text(&mut self, entry: (&'static str, u64)) -> Result<Vec<u8>, NotEvidence> {
        let (start, size) = self.entry(entry)?;
        let mut content = Vec::new();
        self.file.seek(SeekFrom::Start(start))?;
        Read::by_ref(self.file)
            .take(size)
            .read_to_end(&mut content)?;
        self.skip_padding(entry.0, size)?;
        Ok(content)
    }

    fn skip_padding(&mut self, name: &'static str, size: u64) -> Result<(), NotEvidence> {
        let mut zeroes = Vec::new();
        self.file.seek(SeekFrom::Start(self.at))?;
        Read::by_ref(self.file)
            .take(padding(size))
            .read_to_end(&mut zeroes)?;
        if zeroes.iter().any(|byte| *byte != 0) {
            return Err(NotEvidence::Between(name));
        }
        self.at += padding(size);
        Ok(())
    }

    fn end(&mut self) -> Result<(), NotEvidence> {
        let mut rest = Vec::new();
        self.file.seek(SeekFrom::Start(self.at))?;
        Read::by_ref(self.file)
            .take(END.len() as u64 + 1)
            .read_to_end(&mut rest)?;
        if rest == END {
            Ok(())
        } else {
            Err(NotEvidence::End)
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    fn texts() -> Texts {
        Texts {
            readme: b"read me".to_vec(),
            keys: vec![b'k'; BLOCK],
            signers: Vec::new(),
            trail: b"{}".to_vec(),
        }
    }

    fn made(recording: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        let size = recording.len() as u64;
        write(&mut out, &texts(), &mut { recording }, size, 1_769_860_800).unwrap();
        out
    }

    #[test]
    fn the_parts_are_those_that_were_put_in() {
        for recording in [&b"recording"[..], &[7; 3 * BLOCK], b""] {
            let mut parts = read(Cursor::new(made(recording))).unwrap();
            assert_eq!((&parts.texts, parts.seconds), (&texts(), 1_769_860_800));
            let mut found = Vec::new();
            parts.recording.read_to_end(&mut found).unwrap();
            assert_eq!(found, recording);
        }
    }

    #[test]
    fn no_byte_of_the_framing_can_be_another_one() {
        let whole = made(b"recording");
        let contents: Vec<_> = {
            let mut taken = vec![false; whole.len()];
            let mut at = 0;
            for size in [7, BLOCK, 0, 2, 9] {
                at += BLOCK;
                taken[at..at + size].fill(true);
                at += size.next_multiple_of(BLOCK);
            }
            taken
        };
        for (at, _) in contents.iter().enumerate().filter(|(_, is)| !**is) {
            for bit in [0, 5] {
                let mut altered = whole.clone();
                altered[at] ^= 1 << bit;
                assert!(read(Cursor::new(altered)).is_err(), "byte {at}, bit {bit}");
            }
        }
        for len in 0..whole.len() {
            assert!(read(Cursor::new(&whole[..len])).is_err(), "{len} bytes");
        }
        let mut longer = whole;
        longer.push(0);
        assert!(read(Cursor::new(longer)).is_err());
    }

    #[test]
    fn a_size_that_lies_allocates_nothing() {
        let mut whole = made(b"recording");
        whole[..BLOCK].copy_from_slice(&header("README.txt", 1 << 60, 1_769_860_800));
        assert!(matches!(
            read(Cursor::new(whole)),
            Err(NotEvidence::TooLarge { .. })
        ));
    }

    #[test]
    fn a_recording_that_became_shorter_makes_no_file() {
        let short = write(&mut Vec::new(), &texts(), &mut &b"short"[..], 9, 0);
        assert!(short.is_err());
    }
}
