//! Reading a recording back, one segment in memory at a time.
//!
//! Metadata needs no key. Events do, and are given out only while the segments belong together:
//! each must name its session, its place and the one before it. Whether the recording is what a
//! bastion signed is [`crate::verify`]'s matter. [`seek`] finds a moment without reading what was
//! before it.

pub mod seek;

use std::io::{self, Read, Seek, SeekFrom};

use portreeve_protocol::age::Identity;
use portreeve_protocol::digest::Digest;
use thiserror::Error;

use crate::container::{self, Index, Span};
pub use crate::container::{IndexError, Name, Tail};
use crate::event::{DecodeError, Event};
use crate::head::{Chain, Head};
use crate::info::SessionInfo;
use crate::manifest::Manifest;
use crate::segment::{self, Header, OpenSegmentError, Opened};

/// A recording, open for reading.
#[derive(Debug)]
pub struct Recording<R> {
    file: R,
    index: Index,
    info: SessionInfo,
    session_file: Digest,
    /// When each segment begins, as far as that was found out.
    times: seek::Times,
}

/// Why a recording cannot be read.
#[derive(Debug, Error)]
pub enum ReadError {
    /// It is no recording.
    #[error(transparent)]
    Index(#[from] IndexError),
    /// It cannot be read.
    #[error("the recording cannot be read")]
    Io(#[from] io::Error),
    /// `session.json` is not what it should be.
    #[error("`session.json` is not the metadata of a recording")]
    Info(#[source] serde_json::Error),
    /// `manifest.json` is not what it should be.
    #[error("`manifest.json` is not the manifest of a recording")]
    Manifest(#[source] serde_json::Error),
    /// A segment does not open.
    #[error("segment {number} does not open")]
    Segment {
        /// Which.
        number: u32,
        /// Why.
        source: OpenSegmentError,
    },
    /// A segment opens and belongs elsewhere.
    #[error("segment {number} {broken}")]
    Chain {
        /// Which.
        number: u32,
        /// What does not fit.
        broken: Broken,
    },
    /// A segment holds something that is no event.
    #[error("segment {number} holds something that is no event")]
    Event {
        /// Which.
        number: u32,
        /// What.
        source: DecodeError,
    },
}

/// Where a segment does not fit the ones around it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum Broken {
    /// It is of another session.
    #[error("belongs to another session")]
    Session,
    /// It stood in another place.
    #[error("was written in another place")]
    Number,
    /// Another one stood before it.
    #[error("does not follow the segment before it")]
    Previous,
}

impl<R: Read + Seek> Recording<R> {
    /// Finds everything in the file and reads `session.json`.
    ///
    /// # Errors
    /// When the file is not a recording. One that is cut or torn is.
    pub fn open(mut file: R) -> Result<Self, ReadError> {
        let index = container::index(&mut file)?;
        let json = content(&mut file, index.session)?;
        let info = SessionInfo::from_json(&json).map_err(ReadError::Info)?;
        Ok(Self {
            file,
            index,
            info,
            session_file: Digest::of(&json),
            times: seek::Times::default(),
        })
    }

    /// Whose session, where and why.
    pub fn info(&self) -> &SessionInfo {
        &self.info
    }

    /// The digest of `session.json`.
    pub fn session_file(&self) -> Digest {
        self.session_file
    }

    /// How many bytes the file has.
    pub fn size(&self) -> u64 {
        self.index.size
    }

    /// How the file ends.
    pub fn tail(&self) -> Tail {
        self.index.tail
    }

    /// How many whole segments there are.
    pub fn segment_count(&self) -> u32 {
        u32::try_from(self.index.segments.len()).unwrap_or(u32::MAX)
    }

    /// The bytes of `manifest.json`, if the recording has got so far.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn manifest_bytes(&mut self) -> io::Result<Option<Vec<u8>>> {
        self.index
            .manifest
            .map(|span| content(&mut self.file, span))
            .transpose()
    }

    /// The manifest, not verified.
    ///
    /// # Errors
    /// When it cannot be read or is no manifest.
    pub fn unverified_manifest(&mut self) -> Result<Option<Manifest>, ReadError> {
        self.manifest_bytes()?
            .map(|json| Manifest::from_json(&json).map_err(ReadError::Manifest))
            .transpose()
    }

    /// The armoured signature on the manifest; what is not UTF-8 cannot be one and becomes U+FFFD.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn signature(&mut self) -> io::Result<Option<String>> {
        let bytes = self
            .index
            .signature
            .map(|span| content(&mut self.file, span))
            .transpose()?;
        Ok(bytes.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()))
    }

    /// A sealed segment as it stands in the file; `None` beyond the last one.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn sealed_segment(&mut self, number: u32) -> io::Result<Option<Vec<u8>>> {
        let span = usize::try_from(number)
            .ok()
            .and_then(|number| self.index.segments.get(number))
            .copied();
        span.map(|span| content(&mut self.file, span)).transpose()
    }

    /// What stood for the file after each of its segments, from none on.
    pub fn heads(&mut self) -> Heads<'_, R> {
        Heads {
            chain: Chain::begin(self.session_file),
            next: 0,
            recording: self,
        }
    }

    pub(crate) fn session_span(&self) -> Span {
        self.index.session
    }

    pub(crate) fn segment_spans(&self) -> &[Span] {
        &self.index.segments
    }

    pub(crate) fn signature_span(&self) -> Option<Span> {
        self.index.signature
    }

    /// Every event from the first, opened with any of `identities`. Ends at the first error.
    pub fn events<'a>(&'a mut self, identities: &'a [Identity]) -> Events<'a, R> {
        let previous = self.session_file;
        Events {
            recording: self,
            identities,
            next: 0,
            previous,
            current: None,
            is_over: false,
        }
    }

    /// Every event from the beginning of a segment, opened with any of `identities`. Ends at the
    /// first error; past the last segment there is none.
    ///
    /// # Errors
    /// When the segment before it cannot be read.
    pub fn events_from<'a>(
        &'a mut self,
        identities: &'a [Identity],
        segment: u32,
    ) -> io::Result<Events<'a, R>> {
        let previous = self.digest_before(segment)?;
        Ok(Events {
            next: segment,
            previous,
            ..self.events(identities)
        })
    }

    /// What a segment must name as the one before it.
    fn digest_before(&mut self, segment: u32) -> io::Result<Digest> {
        let Some(before) = segment.checked_sub(1) else {
            return Ok(self.session_file);
        };
        let sealed = self.sealed_segment(before)?;
        Ok(sealed.map_or(self.session_file, |sealed| Digest::of(&sealed)))
    }

    /// Opens one segment; nothing past the last one.
    fn open_segment(
        &mut self,
        identities: &[Identity],
        number: u32,
    ) -> Result<Option<Opened>, ReadError> {
        let previous = self.digest_before(number)?;
        let Some(sealed) = self.sealed_segment(number)? else {
            return Ok(None);
        };
        open_in_chain(&sealed, identities, number, &self.info, previous).map(Some)
    }
}

/// The events of a recording in order.
#[derive(Debug)]
pub struct Events<'a, R> {
    recording: &'a mut Recording<R>,
    identities: &'a [Identity],
    next: u32,
    previous: Digest,
    current: Option<Opened>,
    is_over: bool,
}

impl<R: Read + Seek> Iterator for Events<'_, R> {
    type Item = Result<Event, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.is_over {
            return None;
        }
        let step = self.step().transpose();
        self.is_over = !matches!(step, Some(Ok(_)));
        step
    }
}

impl<R> Events<'_, R> {
    /// The segment that the next event is taken from, or the one after it.
    #[must_use]
    pub fn segment(&self) -> u32 {
        self.next
    }
}

impl<R: Read + Seek> Events<'_, R> {
    fn step(&mut self) -> Result<Option<Event>, ReadError> {
        loop {
            if let Some(event) = self.current.as_mut().and_then(Iterator::next) {
                let number = self.next.saturating_sub(1);
                return event
                    .map(Some)
                    .map_err(|source| ReadError::Event { number, source });
            }
            let number = self.next;
            let Some(sealed) = self.recording.sealed_segment(number)? else {
                return Ok(None);
            };
            let opened = open_in_chain(
                &sealed,
                self.identities,
                number,
                &self.recording.info,
                self.previous,
            )?;
            self.previous = Digest::of(&sealed);
            self.next += 1;
            self.current = Some(opened);
        }
    }
}

/// The heads of a recording in order, made from the file.
#[derive(Debug)]
pub struct Heads<'a, R> {
    recording: &'a mut Recording<R>,
    chain: Chain,
    /// How many segments the next one stands for.
    next: u32,
}

impl<R: Read + Seek> Iterator for Heads<'_, R> {
    type Item = io::Result<Head>;

    fn next(&mut self) -> Option<Self::Item> {
        let segments = self.next;
        self.next = segments.checked_add(1)?;
        let Some(number) = segments.checked_sub(1) else {
            return Some(Ok(self.head(0, self.recording.session_span())));
        };
        let span = usize::try_from(number)
            .ok()
            .and_then(|number| self.recording.segment_spans().get(number).copied())?;
        match self.recording.sealed_segment(number) {
            Ok(sealed) => {
                let digest = Digest::of(&sealed.unwrap_or_default());
                self.chain = self.chain.with(digest);
                Some(Ok(self.head(segments, span)))
            }
            Err(error) => Some(Err(error)),
        }
    }
}

impl<R> Heads<'_, R> {
    fn head(&self, segments: u32, last: Span) -> Head {
        Head {
            segments,
            digest: self.chain.digest(),
            bytes: last.next_entry(),
        }
    }
}

/// Opens a segment that must be `number` of this session and follow `previous`.
pub(crate) fn open_in_chain(
    sealed: &[u8],
    identities: &[Identity],
    number: u32,
    info: &SessionInfo,
    previous: Digest,
) -> Result<Opened, ReadError> {
    let opened = segment::open(sealed, identities)
        .map_err(|source| ReadError::Segment { number, source })?;
    let expected = Header {
        session: info.session,
        number,
        previous,
    };
    let broken = if opened.header.session != expected.session {
        Broken::Session
    } else if opened.header.number != expected.number {
        Broken::Number
    } else if opened.header.previous != expected.previous {
        Broken::Previous
    } else {
        return Ok(opened);
    };
    Err(ReadError::Chain { number, broken })
}

/// Reads one entry. Its size was checked against the limit of its kind when the file was indexed.
///
/// What fills its last block up must be zeroes, so that no byte of a recording is outside what is
/// checked.
fn content<R: Read + Seek>(file: &mut R, span: Span) -> io::Result<Vec<u8>> {
    let padded = span.next_entry().saturating_sub(span.offset);
    let mut bytes = Vec::with_capacity(usize::try_from(padded).unwrap_or(0));
    file.seek(SeekFrom::Start(span.offset))?;
    file.take(padded).read_to_end(&mut bytes)?;
    if bytes.len() as u64 != padded {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    let padding = bytes.split_off(
        usize::try_from(span.size)
            .unwrap_or(usize::MAX)
            .min(bytes.len()),
    );
    if padding.iter().any(|byte| *byte != 0) {
        return Err(io::Error::new(
            io::ErrorKind::InvalidData,
            "there is something between two entries",
        ));
    }
    Ok(bytes)
}
