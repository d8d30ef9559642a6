//! A segment: a run of events, compressed and sealed as one piece.
//!
//! Pure: bytes in, bytes out. The writer decides when a segment is closed and where it goes; the
//! reader where it comes from.

use std::io;

use bytes::Bytes;
use portreeve_protocol::age::{self, Identity, OpenError, Recipient, SealError};
use portreeve_protocol::digest::Digest;
use portreeve_protocol::id::SessionId;
use thiserror::Error;

use crate::cbor::Reader;
use crate::container;
use crate::event::standing::Standing;
use crate::event::{self, DecodeError, Event, Item};
use crate::info::{Format, UnknownFormat};

/// The most bytes that a segment has before it is compressed.
pub const MAX_RAW: usize = 16 * 1024 * 1024;
/// The most bytes that a sealed segment has: incompressible content and the overhead of zstd and
/// age.
pub const MAX_SEALED: usize = MAX_RAW + 256 * 1024;
/// The length of the header item, which does not depend on its values.
const HEADER_LEN: usize = 79;

/// Where a segment belongs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// The session.
    pub session: SessionId,
    /// Its place, from 0.
    pub number: u32,
    /// The digest of the sealed segment before, or of `session.json`.
    pub previous: Digest,
}

/// What a run of events is, as the manifest states it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Run {
    /// How many events.
    pub events: u64,
    /// When the first one was.
    pub first_us: u64,
    /// When the last one was.
    pub last_us: u64,
}

/// Events that are not sealed yet, encoded. Empty, it holds no memory.
#[derive(Debug, Default)]
pub(crate) struct Pending {
    /// Room for the header, which is known only when the segment is sealed, then the events.
    raw: Vec<u8>,
    run: Run,
}

impl Pending {
    pub(crate) fn push(&mut self, event: &Event) {
        if self.raw.is_empty() {
            self.raw.resize(HEADER_LEN, 0);
        }
        if self.run.events == 0 {
            self.run.first_us = event.at_us;
        }
        self.run.events += 1;
        self.run.last_us = event.at_us;
        event::encode(event, &mut self.raw);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.run.events == 0
    }

    pub(crate) fn len(&self) -> usize {
        self.raw.len()
    }

    #[cfg(test)]
    pub(crate) fn capacity(&self) -> usize {
        self.raw.capacity()
    }

    /// When its first event was.
    pub(crate) fn first_us(&self) -> u64 {
        self.run.first_us
    }

    /// Puts where programs stand before everything else in it.
    pub(crate) fn begin_with(&mut self, standing: &Standing) {
        let mut item = Vec::new();
        event::encode_standing(standing, &mut item);
        let events = HEADER_LEN.min(self.raw.len());
        self.raw.splice(events..events, item);
    }

    /// Looks at all its events. They share its buffer, so none of them can be kept.
    pub(crate) fn each_event(&mut self, mut look: impl FnMut(&Event)) -> Result<(), DecodeError> {
        let raw = Bytes::from(std::mem::take(&mut self.raw));
        let looked = events_of(&raw).try_for_each(|event| event.map(|event| look(&event)));
        self.raw = raw.into();
        looked
    }

    /// Takes everything out and leaves `buffer`, which is to be empty, for the next segment.
    pub(crate) fn replace(&mut self, buffer: Vec<u8>) -> Self {
        std::mem::replace(
            self,
            Self {
                raw: buffer,
                run: Run::default(),
            },
        )
    }

    /// The buffer, emptied, for use by the next segment.
    pub(crate) fn into_buffer(mut self) -> Vec<u8> {
        self.raw.clear();
        self.raw
    }
}

/// The events of a segment that is not sealed.
fn events_of(raw: &Bytes) -> impl Iterator<Item = Result<Event, DecodeError>> {
    let mut events = Reader::new(raw.slice(HEADER_LEN.min(raw.len())..));
    std::iter::from_fn(move || next_event(&mut events))
}

/// A segment as it stands in the file.
#[derive(Debug)]
pub(crate) struct Sealed<'a> {
    /// An entry of the file that was begun with it.
    pub(crate) entry: &'a mut Vec<u8>,
    pub(crate) size: u64,
    pub(crate) digest: Digest,
    pub(crate) run: Run,
}

/// Why a segment could not be sealed.
#[derive(Debug, Error)]
pub enum SealSegmentError {
    /// zstd failed.
    #[error("the segment cannot be compressed")]
    Compress(#[source] io::Error),
    /// No recipient, or too many.
    #[error("the segment cannot be sealed")]
    Seal(#[from] SealError),
}

/// Compresses and seals; keeps the compressor and its buffers from one segment to the next.
pub(crate) struct Sealer {
    compressor: zstd::bulk::Compressor<'static>,
    compressed: Vec<u8>,
    entry: Vec<u8>,
}

impl Sealer {
    pub(crate) fn new(level: i32) -> io::Result<Self> {
        Ok(Self {
            compressor: zstd::bulk::Compressor::new(level)?,
            compressed: Vec::new(),
            entry: Vec::new(),
        })
    }

    pub(crate) fn seal(
        &mut self,
        pending: &mut Pending,
        header: &Header,
        recipients: &[Recipient],
        entropy: &mut impl FnMut(&mut [u8]),
    ) -> Result<Sealed<'_>, SealSegmentError> {
        let mut head = Vec::with_capacity(HEADER_LEN);
        event::write_header(
            &mut head,
            Format::NUMBER,
            &header.session,
            header.number,
            &header.previous,
        );
        pending
            .raw
            .iter_mut()
            .zip(head)
            .for_each(|(to, from)| *to = from);

        self.compressed.clear();
        self.compressed
            .reserve(zstd::zstd_safe::compress_bound(pending.raw.len()));
        self.compressor
            .compress_to_buffer(&pending.raw, &mut self.compressed)
            .map_err(SealSegmentError::Compress)?;
        container::begin_entry(&mut self.entry);
        age::seal_onto(&mut self.entry, recipients, &self.compressed, entropy)?;
        let sealed = container::content(&self.entry);
        Ok(Sealed {
            digest: Digest::of(sealed),
            size: sealed.len() as u64,
            run: pending.run,
            entry: &mut self.entry,
        })
    }
}

/// Why a segment does not open.
#[derive(Debug, Error)]
pub enum OpenSegmentError {
    /// age does not open it.
    #[error("the segment cannot be unsealed")]
    Unseal(#[from] OpenError),
    /// It does not decompress, or to more than a segment may hold.
    #[error("the segment does not decompress")]
    Decompress(#[source] io::Error),
    /// Its first item is no header.
    #[error("the segment has no header")]
    Header(#[source] DecodeError),
    /// It was written by another version.
    #[error(transparent)]
    Format(#[from] UnknownFormat),
}

/// An opened segment: its header, and its events one after the other.
pub struct Opened {
    /// Where it says that it belongs.
    pub header: Header,
    events: Reader,
}

/// Opens a sealed segment with any of `identities`.
///
/// # Errors
/// [`OpenSegmentError`]; the events themselves are decoded only when they are asked for.
pub fn open(sealed: &[u8], identities: &[Identity]) -> Result<Opened, OpenSegmentError> {
    let compressed = age::open(identities, sealed, MAX_SEALED)?;
    let raw = decompress(&compressed).map_err(OpenSegmentError::Decompress)?;
    let mut events = Reader::new(Bytes::from(raw));
    let header = event::read_header(&mut events).map_err(OpenSegmentError::Header)?;
    if header.version != u64::from(Format::NUMBER) {
        return Err(UnknownFormat(header.version).into());
    }
    let header = Header {
        session: header.session,
        number: header.number,
        previous: header.previous,
    };
    Ok(Opened { header, events })
}

/// Compresses what is to be sealed as a segment.
///
/// # Errors
/// When zstd fails.
pub fn compress(raw: &[u8]) -> io::Result<Vec<u8>> {
    zstd::bulk::compress(raw, 1)
}

/// Undoes [`compress`]. The frame states its size, so that a buffer of that size, if a segment may
/// have it, is enough.
///
/// # Errors
/// When it is no frame of zstd, or one of more than [`MAX_RAW`] bytes.
pub fn decompress(compressed: &[u8]) -> io::Result<Vec<u8>> {
    let stated = zstd::bulk::Decompressor::upper_bound(compressed).unwrap_or(MAX_RAW);
    zstd::bulk::decompress(compressed, stated.min(MAX_RAW))
}

impl Opened {
    /// Where programs stand, if the segment begins with that; to be asked before its events are.
    pub(crate) fn standing(&mut self) -> Result<Option<Standing>, DecodeError> {
        let mut ahead = self.events.clone();
        Ok(match event::decode_next(&mut ahead)? {
            Some(Item::Standing(standing)) => Some(standing),
            Some(Item::Event(_)) | None => None,
        })
    }
}

impl Iterator for Opened {
    type Item = Result<Event, DecodeError>;

    fn next(&mut self) -> Option<Self::Item> {
        next_event(&mut self.events)
    }
}

/// The next thing that passed; where programs stand is left out.
fn next_event(from: &mut Reader) -> Option<Result<Event, DecodeError>> {
    loop {
        return match event::decode_next(from).transpose()? {
            Ok(Item::Event(event)) => Some(Ok(event)),
            Ok(Item::Standing(_)) => continue,
            Err(error) => Some(Err(error)),
        };
    }
}

impl std::fmt::Debug for Opened {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Opened")
            .field("header", &self.header)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::event::tests::event;

    fn header(number: u32) -> Header {
        let session = "0190b8a2-7c1e-7000-8000-00000000002a".parse().unwrap();
        Header {
            session,
            number,
            previous: Digest::of(b"before"),
        }
    }

    proptest! {
        #[test]
        fn what_is_sealed_opens_to_the_same_events(
            events in proptest::collection::vec(event(), 1..20),
            number in any::<u32>(),
        ) {
            let identity = Identity::from_secret_bytes(&[7; 32]);
            let mut pending = Pending::default();
            events.iter().for_each(|event| pending.push(event));
            prop_assert_eq!(pending.run.events, events.len() as u64);
            let mut sealer = Sealer::new(1).unwrap();
            let sealed = sealer
                .seal(&mut pending, &header(number), &[identity.recipient()], &mut |bytes| bytes.fill(9))
                .unwrap();
            let mut opened = open(container::content(sealed.entry), &[identity]).unwrap();
            prop_assert_eq!(opened.header, header(number));
            let read: Result<Vec<_>, _> = opened.by_ref().collect();
            prop_assert_eq!(read.unwrap(), events);
        }
    }

    #[test]
    fn an_empty_run_holds_no_memory() {
        assert_eq!(Pending::default().raw.capacity(), 0);
    }

    #[test]
    fn a_segment_that_claims_to_be_huge_is_refused() {
        let identity = Identity::from_secret_bytes(&[7; 32]);
        let bomb = zstd::bulk::compress(&vec![0; MAX_RAW + 1], 1).unwrap();
        let sealed = age::seal(&[identity.recipient()], &bomb, &mut |bytes| bytes.fill(9)).unwrap();
        assert!(matches!(
            open(&sealed, &[identity]),
            Err(OpenSegmentError::Decompress(_))
        ));
    }
}
