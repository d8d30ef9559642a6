//! The part of CBOR (RFC 8949) that events use: definite lengths; unsigned numbers, bytes, text,
//! arrays, booleans, null.
//!
//! Written by hand because byte strings are the bulk of a recording: they are appended to a buffer
//! once when written and shared without a copy when read.

use bytes::Bytes;
use thiserror::Error;

const UNSIGNED: u8 = 0;
const BYTES: u8 = 2;
const TEXT: u8 = 3;
const ARRAY: u8 = 4;
const FALSE: u8 = 0xf4;
const TRUE: u8 = 0xf5;
const NULL: u8 = 0xf6;

/// The most bytes that stand before the content of an item.
pub(crate) const MAX_HEAD: usize = 9;

/// Appends items to a buffer.
pub(crate) struct Writer<'a>(pub(crate) &'a mut Vec<u8>);

impl Writer<'_> {
    pub(crate) fn unsigned(&mut self, value: u64) -> &mut Self {
        self.head(UNSIGNED, value)
    }

    /// A number in five bytes however small it is, so that its place can be known before its value.
    pub(crate) fn fixed_width(&mut self, value: u32) -> &mut Self {
        self.0.push(UNSIGNED << 5 | 26);
        self.0.extend_from_slice(&value.to_be_bytes());
        self
    }

    pub(crate) fn bytes(&mut self, value: &[u8]) -> &mut Self {
        self.head(BYTES, value.len() as u64)
            .0
            .extend_from_slice(value);
        self
    }

    pub(crate) fn text(&mut self, value: &str) -> &mut Self {
        self.head(TEXT, value.len() as u64)
            .0
            .extend_from_slice(value.as_bytes());
        self
    }

    pub(crate) fn array(&mut self, len: usize) -> &mut Self {
        self.head(ARRAY, len as u64)
    }

    pub(crate) fn boolean(&mut self, value: bool) -> &mut Self {
        self.0.push(if value { TRUE } else { FALSE });
        self
    }

    pub(crate) fn null(&mut self) -> &mut Self {
        self.0.push(NULL);
        self
    }

    /// The shortest form of a major type and its argument (RFC 8949, section 4.2.1).
    #[expect(
        clippy::cast_possible_truncation,
        reason = "each arm takes only values that fit"
    )]
    fn head(&mut self, major: u8, value: u64) -> &mut Self {
        let major = major << 5;
        match value {
            0..24 => self.0.push(major | value as u8),
            24..0x100 => self.0.extend_from_slice(&[major | 24, value as u8]),
            0x100..0x1_0000 => {
                self.0.push(major | 25);
                self.0.extend_from_slice(&(value as u16).to_be_bytes());
            }
            0x1_0000..0x1_0000_0000 => {
                self.0.push(major | 26);
                self.0.extend_from_slice(&(value as u32).to_be_bytes());
            }
            _ => {
                self.0.push(major | 27);
                self.0.extend_from_slice(&value.to_be_bytes());
            }
        }
        self
    }
}

/// Why bytes are not the items that were expected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum CborError {
    /// The bytes end inside an item.
    #[error("an item is cut short")]
    Short,
    /// Another type than the format has at this place.
    #[error("an item is not {0}")]
    Unexpected(&'static str),
    /// A number larger than its field.
    #[error("a number is too large for its field")]
    TooLarge,
    /// A text that is not UTF-8.
    #[error("a text is not UTF-8")]
    NotText,
}

/// Takes items from the front of shared bytes.
#[derive(Clone)]
pub(crate) struct Reader(Bytes);

impl Reader {
    pub(crate) fn new(bytes: Bytes) -> Self {
        Self(bytes)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether the next item is an unsigned number.
    pub(crate) fn is_unsigned(&self) -> bool {
        self.0.first().is_some_and(|first| first >> 5 == UNSIGNED)
    }

    pub(crate) fn unsigned(&mut self) -> Result<u64, CborError> {
        self.head(UNSIGNED, "an unsigned number")
    }

    pub(crate) fn unsigned_32(&mut self) -> Result<u32, CborError> {
        self.unsigned()?.try_into().map_err(|_| CborError::TooLarge)
    }

    pub(crate) fn unsigned_8(&mut self) -> Result<u8, CborError> {
        self.unsigned()?.try_into().map_err(|_| CborError::TooLarge)
    }

    pub(crate) fn bytes(&mut self) -> Result<Bytes, CborError> {
        let len = self.head(BYTES, "a byte string")?;
        self.take(len)
    }

    pub(crate) fn text(&mut self) -> Result<String, CborError> {
        let len = self.head(TEXT, "a text")?;
        String::from_utf8(self.take(len)?.into()).map_err(|_| CborError::NotText)
    }

    /// The length of an array; never more than bytes are left, so that it may size an allocation.
    pub(crate) fn array(&mut self) -> Result<usize, CborError> {
        let len = self.head(ARRAY, "an array")?;
        usize::try_from(len)
            .ok()
            .filter(|len| *len <= self.0.len())
            .ok_or(CborError::Short)
    }

    pub(crate) fn boolean(&mut self) -> Result<bool, CborError> {
        match self.byte()? {
            TRUE => Ok(true),
            FALSE => Ok(false),
            _ => Err(CborError::Unexpected("a boolean")),
        }
    }

    /// Takes a null if there is one.
    pub(crate) fn null(&mut self) -> bool {
        let is_null = self.0.first() == Some(&NULL);
        if is_null {
            let _ = self.0.split_to(1);
        }
        is_null
    }

    fn head(&mut self, major: u8, expected: &'static str) -> Result<u64, CborError> {
        let first = self.byte()?;
        if first >> 5 != major {
            return Err(CborError::Unexpected(expected));
        }
        let width = match first & 0x1f {
            small @ 0..24 => return Ok(u64::from(small)),
            24 => 1,
            25 => 2,
            26 => 4,
            27 => 8,
            _ => return Err(CborError::Unexpected(expected)),
        };
        Ok(self
            .take(width)?
            .iter()
            .fold(0, |value, byte| value << 8 | u64::from(*byte)))
    }

    fn byte(&mut self) -> Result<u8, CborError> {
        let first = *self.0.first().ok_or(CborError::Short)?;
        let _ = self.0.split_to(1);
        Ok(first)
    }

    fn take(&mut self, len: u64) -> Result<Bytes, CborError> {
        let len = usize::try_from(len).map_err(|_| CborError::Short)?;
        if len > self.0.len() {
            Err(CborError::Short)
        } else {
            Ok(self.0.split_to(len))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_back_and_are_as_short_as_ciborium_writes_them() {
        for value in [
            0,
            1,
            23,
            24,
            255,
            256,
            65_535,
            65_536,
            u64::from(u32::MAX),
            1 << 32,
            u64::MAX,
        ] {
            let mut ours = Vec::new();
            Writer(&mut ours).unsigned(value);
            let mut theirs = Vec::new();
            ciborium::into_writer(&value, &mut theirs).unwrap();
            assert_eq!(ours, theirs);
            assert_eq!(Reader::new(ours.into()).unsigned(), Ok(value));
        }
    }

    #[test]
    fn a_fixed_width_number_is_still_a_number() {
        let mut bytes = Vec::new();
        Writer(&mut bytes).fixed_width(7);
        assert_eq!(bytes.len(), 5);
        assert_eq!(Reader::new(bytes.into()).unsigned(), Ok(7));
    }

    #[test]
    fn bytes_are_shared_and_not_copied() {
        let mut written = Vec::new();
        Writer(&mut written).bytes(&[7; 1000]);
        let written = Bytes::from(written);
        let read = Reader::new(written.clone()).bytes().unwrap();
        assert_eq!(read.as_ptr(), written.slice(3..).as_ptr());
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let read = |bytes: &'static [u8]| Reader::new(Bytes::from_static(bytes));
        assert_eq!(read(&[]).unsigned(), Err(CborError::Short));
        assert_eq!(read(&[0x18]).unsigned(), Err(CborError::Short));
        assert_eq!(read(&[0x41]).bytes(), Err(CborError::Short));
        assert_eq!(
            read(&[0x5b, 255, 255, 255, 255, 255, 255, 255, 255]).bytes(),
            Err(CborError::Short)
        );
        assert_eq!(
            read(&[0x9a, 255, 255, 255, 255]).array(),
            Err(CborError::Short)
        );
        assert_eq!(
            read(&[0x5f, 0x41, 1, 0xff]).bytes(),
            Err(CborError::Unexpected("a byte string"))
        );
        assert_eq!(read(&[0x61, 0xff]).text(), Err(CborError::NotText));
        assert_eq!(
            read(&[0x20]).unsigned(),
            Err(CborError::Unexpected("an unsigned number"))
        );
        assert_eq!(
            read(&[0x1b, 0, 0, 0, 1, 0, 0, 0, 0]).unsigned_32(),
            Err(CborError::TooLarge)
        );
        assert_eq!(
            read(&[0xf6]).boolean(),
            Err(CborError::Unexpected("a boolean"))
        );
    }
}
