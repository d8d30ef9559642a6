//! The tar file around everything: framing entries, and finding them again.
//!
//! Only the framing that the format has is accepted: the headers must be byte for byte those that
//! [`frame`] makes, in the one order that a recording has. So a file that we read is also one that
//! every tar reads in the same way.

use std::fmt;
use std::io::{self, Read, Seek, SeekFrom};

use thiserror::Error;

use crate::info::MAX_INFO;
use crate::manifest::{MAX_MANIFEST, MAX_SIGNATURE};
use crate::segment::MAX_SEALED;
use crate::ustar;
pub(crate) use crate::ustar::{BLOCK, END};

/// The names that entries may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Name {
    /// `session.json`
    Session,
    /// `segments/000000.age`
    Segment(u32),
    /// `manifest.json`
    Manifest,
    /// `manifest.json.sig`
    Signature,
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Session => f.write_str("session.json"),
            Self::Segment(number) => write!(f, "segments/{number:06}.age"),
            Self::Manifest => f.write_str("manifest.json"),
            Self::Signature => f.write_str("manifest.json.sig"),
        }
    }
}

impl Name {
    fn limit(self) -> u64 {
        let limit = match self {
            Self::Session => MAX_INFO,
            Self::Segment(_) => MAX_SEALED,
            Self::Manifest => MAX_MANIFEST,
            Self::Signature => MAX_SIGNATURE,
        };
        limit as u64
    }
}

/// An entry as it is appended: header, content, and zeroes up to a whole block.
pub(crate) fn frame(name: Name, content: &[u8], seconds: u64) -> Vec<u8> {
    let mut entry = Vec::with_capacity(BLOCK + content.len().next_multiple_of(BLOCK));
    begin_entry(&mut entry);
    entry.extend_from_slice(content);
    end_entry(&mut entry, name, seconds);
    entry
}

/// Begins an entry in an emptied buffer. The content is to be appended, which spares a copy of it.
pub(crate) fn begin_entry(entry: &mut Vec<u8>) {
    entry.clear();
    entry.resize(BLOCK, 0);
}

/// The content so far of an entry that was begun.
pub(crate) fn content(entry: &[u8]) -> &[u8] {
    entry.get(BLOCK..).unwrap_or_default()
}

/// Ends an entry that was begun: its header, and zeroes up to a whole block.
pub(crate) fn end_entry(entry: &mut Vec<u8>, name: Name, seconds: u64) {
    let head = header(name, content(entry).len() as u64, seconds);
    if let Some(room) = entry.first_chunk_mut() {
        *room = head;
    }
    entry.resize(entry.len().next_multiple_of(BLOCK), 0);
}

fn header(name: Name, size: u64, seconds: u64) -> [u8; BLOCK] {
    ustar::header(&name.to_string(), size, seconds)
}

/// Where an entry's content is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) offset: u64,
    pub(crate) size: u64,
}

impl Span {
    /// Where the entry after this one begins.
    pub(crate) fn next_entry(self) -> u64 {
        self.offset + self.size.next_multiple_of(BLOCK as u64)
    }
}

/// What a file holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Index {
    pub(crate) session: Span,
    pub(crate) segments: Vec<Span>,
    pub(crate) manifest: Option<Span>,
    pub(crate) signature: Option<Span>,
    pub(crate) tail: Tail,
    /// How many bytes the file has.
    pub(crate) size: u64,
}

/// How a file ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tail {
    /// With everything that a finished recording has.
    Ended,
    /// After a whole entry that is not the last one of a finished recording.
    Cut,
    /// Within an entry; so many bytes belong to no whole entry.
    Torn {
        /// How many.
        bytes: u64,
    },
}

/// Why a file is not a recording.
#[derive(Debug, Error)]
pub enum IndexError {
    /// It cannot be read.
    #[error("the recording cannot be read")]
    Io(#[from] io::Error),
    /// A header that a recording does not have at this place.
    #[error(
        "byte {offset} does not begin `{expected}`; this is not a recording, or it has been altered"
    )]
    Unexpected {
        /// Where.
        offset: u64,
        /// Which entry, or one of which entries, may stand there.
        expected: Name,
    },
    /// An entry larger than its kind may be.
    #[error("`{name}` has {size} bytes, more than it may have")]
    TooLarge {
        /// Which entry.
        name: Name,
        /// What its header says.
        size: u64,
    },
    /// There is something after the end.
    #[error("the recording goes on after its end")]
    AfterEnd,
    /// It ends before `session.json` does.
    #[error("the recording holds nothing: it ends within `session.json`")]
    Nothing,
}

/// Walks over all headers and leaves the contents unread.
pub(crate) fn index<R: Read + Seek>(file: &mut R) -> Result<Index, IndexError> {
    let len = file.seek(SeekFrom::End(0))?;
    let mut walk = Walk { file, len, at: 0 };
    let Step::Entry(session) = walk.step(&[Name::Session])? else {
        return Err(IndexError::Nothing);
    };
    let (session, _) = session;
    let mut index = Index {
        session,
        segments: Vec::new(),
        manifest: None,
        signature: None,
        tail: Tail::Cut,
        size: len,
    };
    loop {
        let number = u32::try_from(index.segments.len()).unwrap_or(u32::MAX);
        index.tail = match walk.step(&[Name::Segment(number), Name::Manifest])? {
            Step::Entry((span, Name::Manifest)) => {
                index.manifest = Some(span);
                break;
            }
            Step::Entry((span, _)) => {
                index.segments.push(span);
                continue;
            }
            Step::Stop(tail) => tail,
        };
        return Ok(index);
    }
    index.tail = match walk.step(&[Name::Signature])? {
        Step::Entry((span, _)) => {
            index.signature = Some(span);
            walk.end()?
        }
        Step::Stop(tail) => tail,
    };
    Ok(index)
}

struct Walk<'a, R> {
    file: &'a mut R,
    len: u64,
    at: u64,
}

enum Step {
    Entry((Span, Name)),
    Stop(Tail),
}

impl<R: Read + Seek> Walk<'_, R> {
    fn step(&mut self, expected: &[Name]) -> Result<Step, IndexError> {
        let left = self.len - self.at;
        if left == 0 {
            return Ok(Step::Stop(Tail::Cut));
        }
        let torn = Step::Stop(Tail::Torn { bytes: left });
        if left < BLOCK as u64 {
            return Ok(torn);
        }
        let block = self.block()?;
        // A file system that lost power may have grown the file without the content.
        if block.iter().all(|byte| *byte == 0) {
            return Ok(torn);
        }
        let (size, seconds) = ustar::stated(&block);
        let Some(name) = expected
            .iter()
            .copied()
            .find(|name| header(*name, size, seconds) == block)
        else {
            let expected = expected.first().copied().unwrap_or(Name::Session);
            return Err(IndexError::Unexpected {
                offset: self.at,
                expected,
            });
        };
        if size > name.limit() {
            return Err(IndexError::TooLarge { name, size });
        }
        let span = Span {
            offset: self.at + BLOCK as u64,
            size,
        };
        if span.next_entry() > self.len {
            return Ok(torn);
        }
        self.at = span.next_entry();
        Ok(Step::Entry((span, name)))
    }

    fn end(&mut self) -> Result<Tail, IndexError> {
        let left = self.len - self.at;
        if left > END.len() as u64 {
            return Err(IndexError::AfterEnd);
        }
        let mut rest = Vec::with_capacity(END.len());
        self.file.seek(SeekFrom::Start(self.at))?;
        self.file.take(left).read_to_end(&mut rest)?;
        match rest.len() {
            _ if rest.iter().any(|byte| *byte != 0) => Err(IndexError::AfterEnd),
            0 => Ok(Tail::Cut),
            len if len < END.len() => Ok(Tail::Torn { bytes: left }),
            _ => Ok(Tail::Ended),
        }
    }

    fn block(&mut self) -> Result<[u8; BLOCK], IndexError> {
        let mut block = [0; BLOCK];
        self.file.seek(SeekFrom::Start(self.at))?;
        self.file.read_exact(&mut block)?;
        Ok(block)
    }
}
