//! Lines out of bytes, with a bound. Pure: whoever has the bytes pushes them.

/// A line is longer than its bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a line is longer than {0} bytes")]
pub(crate) struct TooLong(pub(crate) usize);

/// Bytes that came, waiting to be lines.
#[derive(Debug)]
pub(crate) struct Lines {
    bytes: Vec<u8>,
    /// How far the bytes were searched for a line feed.
    searched: usize,
    longest: usize,
}

impl Lines {
    /// Lines of at most `longest` bytes, line feed included.
    pub(crate) fn new(longest: usize) -> Self {
        Self {
            bytes: Vec::new(),
            searched: 0,
            longest,
        }
    }

    /// Takes bytes.
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// The next whole line without its line feed, if there is one.
    ///
    /// # Errors
    /// When what is there is already longer than a line may be. There is no going on after that.
    pub(crate) fn next(&mut self) -> Result<Option<Vec<u8>>, TooLong> {
        let fresh = self.bytes.get(self.searched..).unwrap_or_default();
        match fresh.iter().position(|&byte| byte == b'\n') {
            Some(at) if self.searched + at < self.longest => {
                let rest = self.bytes.split_off(self.searched + at + 1);
                let mut line = std::mem::replace(&mut self.bytes, rest);
                line.pop();
                self.searched = 0;
                Ok(Some(line))
            }
            None if self.bytes.len() < self.longest => {
                self.searched = self.bytes.len();
                Ok(None)
            }
            Some(_) | None => Err(TooLong(self.longest)),
        }
    }

    /// What came after the last line that was taken.
    pub(crate) fn into_rest(self) -> Vec<u8> {
        self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(longest: usize, pushes: &[&str]) -> (Vec<String>, bool) {
        let mut lines = Lines::new(longest);
        let mut seen = Vec::new();
        for push in pushes {
            lines.push(push.as_bytes());
            loop {
                match lines.next() {
                    Ok(Some(line)) => seen.push(String::from_utf8(line).unwrap()),
                    Ok(None) => break,
                    Err(TooLong(_)) => return (seen, true),
                }
            }
        }
        (seen, false)
    }

    #[test]
    fn lines_come_out_however_the_bytes_came_in() {
        for pushes in [
            &["ab\n\ncd\n"][..],
            &["a", "b\n", "\nc", "d", "\n"],
            &["ab\n\nc", "d\nrest"],
        ] {
            assert_eq!(
                all(9, pushes),
                (vec!["ab".into(), String::new(), "cd".into()], false)
            );
        }
    }

    #[test]
    fn a_line_has_a_bound_with_or_without_its_end() {
        assert_eq!(all(3, &["ab\n"]), (vec!["ab".into()], false));
        assert_eq!(all(3, &["abc\n"]), (vec![], true));
        assert_eq!(all(3, &["ab", "c"]), (vec![], true));
        assert_eq!(all(3, &["a\nbcd"]), (vec!["a".into()], true));
    }
}
