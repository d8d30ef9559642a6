//! The bytes of the SSH agent protocol: framing, and the strings and numbers of RFC 4251,
//! section 5.

use std::io::{self, Read};

/// The longest message in either direction; OpenSSH allows as many.
pub const MAX_MESSAGE: usize = 256 * 1024;

/// Why a message is not understood.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the message is cut short or has something behind its end")]
pub struct Malformed;

/// Reads one message without its length; none at the end of the stream.
///
/// # Errors
/// When the stream breaks or the message is longer than [`MAX_MESSAGE`].
pub fn read_message(from: &mut impl Read) -> io::Result<Option<Vec<u8>>> {
    let mut length = [0; 4];
    match from.read_exact(&mut length) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        Err(error) => return Err(error),
    }
    let length = usize::try_from(u32::from_be_bytes(length)).unwrap_or(usize::MAX);
    if length == 0 || length > MAX_MESSAGE {
        return Err(io::Error::new(
            io::ErrorKind::InvalidData,
            "a message of the agent protocol has 1 to 262144 bytes",
        ));
    }
    let mut message = vec![0; length];
    from.read_exact(&mut message)?;
    Ok(Some(message))
}

/// A message with its length in front, as it is sent.
#[must_use]
pub fn framed(message: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(message.len().saturating_add(4));
    put_string(&mut out, message);
    out
}

/// Appends a string: its length and its bytes.
pub fn put_string(out: &mut Vec<u8>, bytes: &[u8]) {
    // INVARIANT: what is sent is far below 4 GiB.
    let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
    out.extend_from_slice(&length.to_be_bytes());
    out.extend_from_slice(bytes);
}

/// Takes a message apart from front to back.
#[derive(Debug, Clone, Copy)]
pub struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    /// Starts at the front.
    #[must_use]
    pub const fn new(message: &'a [u8]) -> Self {
        Self(message)
    }

    /// The next byte.
    ///
    /// # Errors
    /// At the end.
    pub fn byte(&mut self) -> Result<u8, Malformed> {
        let (first, rest) = self.0.split_first().ok_or(Malformed)?;
        self.0 = rest;
        Ok(*first)
    }

    /// The next number.
    ///
    /// # Errors
    /// When fewer than four bytes are left.
    pub fn number(&mut self) -> Result<u32, Malformed> {
        let (bytes, rest) = self.0.split_first_chunk().ok_or(Malformed)?;
        self.0 = rest;
        Ok(u32::from_be_bytes(*bytes))
    }

    /// The next string.
    ///
    /// # Errors
    /// When it is cut short.
    pub fn string(&mut self) -> Result<&'a [u8], Malformed> {
        let length = usize::try_from(self.number()?).map_err(|_| Malformed)?;
        let (string, rest) = self.0.split_at_checked(length).ok_or(Malformed)?;
        self.0 = rest;
        Ok(string)
    }

    /// That nothing is left.
    ///
    /// # Errors
    /// When something is.
    pub fn end(self) -> Result<(), Malformed> {
        if self.0.is_empty() {
            Ok(())
        } else {
            Err(Malformed)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_read_one_by_one_and_bounded() {
        let mut stream = [framed(b"one"), framed(b"two")].concat();
        let mut from = stream.as_slice();
        assert_eq!(read_message(&mut from).unwrap().unwrap(), b"one");
        assert_eq!(read_message(&mut from).unwrap().unwrap(), b"two");
        assert_eq!(read_message(&mut from).unwrap(), None);
        stream.pop();
        assert!(read_message(&mut &stream[7..]).is_err());
        assert!(read_message(&mut [0, 4, 0, 1, 0].as_slice()).is_err());
        assert!(read_message(&mut [0, 0, 0, 0].as_slice()).is_err());
    }

    #[test]
    fn a_string_longer_than_its_message_is_refused() {
        let mut reader = Reader::new(&[0, 0, 0, 9, b'a']);
        assert_eq!(reader.string(), Err(Malformed));
        let mut reader = Reader::new(&[255, 255, 255, 255]);
        assert_eq!(reader.string(), Err(Malformed));
        let mut reader = Reader::new(&[0, 0, 0, 1, b'a', 7]);
        assert_eq!(reader.string().unwrap(), b"a");
        assert_eq!(reader.end(), Err(Malformed));
        assert_eq!(reader.byte(), Ok(7));
        assert_eq!(reader.end(), Ok(()));
    }
}
