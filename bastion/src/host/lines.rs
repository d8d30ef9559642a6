//! Bytes of a control connection into lines, each of bounded length. Pure.

use portreeve_protocol::control::MAX_LINE;

/// A line longer than the protocol allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a line has more than {MAX_LINE} bytes")]
pub(super) struct TooLong;

/// What was read and is not a whole line yet.
#[derive(Debug, Default)]
pub(super) struct Lines(Vec<u8>);

impl Lines {
    /// Takes bytes and gives out the lines that are whole, without their line feeds.
    pub(super) fn push(&mut self, bytes: &[u8]) -> Result<Vec<Vec<u8>>, TooLong> {
        let mut lines = Vec::new();
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            if self.0.len() + piece.len() > MAX_LINE {
                return Err(TooLong);
            }
            self.0.extend_from_slice(piece);
            if self.0.last() == Some(&b'\n') {
                self.0.pop();
                lines.push(std::mem::take(&mut self.0));
            }
        }
        Ok(lines)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_come_out_however_the_bytes_are_cut() {
        let text = b"one\n\ntwo\nrest";
        let expected: Vec<Vec<u8>> = vec![b"one".into(), b"".into(), b"two".into()];
        assert_eq!(Lines::default().push(text).unwrap(), expected);
        let mut lines = Lines::default();
        let one_by_one: Vec<_> = text
            .iter()
            .flat_map(|byte| lines.push(&[*byte]).unwrap())
            .collect();
        assert_eq!(one_by_one, expected);
    }

    #[test]
    fn a_line_is_as_long_as_the_protocol_allows() {
        let mut longest = vec![b'x'; MAX_LINE - 1];
        longest.push(b'\n');
        assert_eq!(Lines::default().push(&longest).unwrap().len(), 1);
        longest.insert(0, b'x');
        assert_eq!(Lines::default().push(&longest), Err(TooLong));
        let mut lines = Lines::default();
        lines.push(&vec![b'x'; MAX_LINE]).unwrap();
        assert_eq!(lines.push(b"x"), Err(TooLong));
    }
}
