//! Server-sent events (HTML Living Standard, section 9.2): bytes in, events out. Pure.

/// The longest line, and the most data of one event. A policy of 256 KiB fits, escaped.
const MAX: usize = 2 * 1024 * 1024;
/// The longest id.
const MAX_ID: usize = 64;

/// One event with data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Item {
    pub(super) id: Option<String>,
    pub(super) data: String,
}

/// Not a stream of events, or one that is too large.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum BadStream {
    #[error("a line or an event of the feed has more than {MAX} bytes")]
    TooLong,
    #[error("the feed is not UTF-8")]
    NotText,
}

/// What was read of the stream so far and is not an event yet.
#[derive(Debug, Default)]
pub(super) struct Parser {
    line: Vec<u8>,
    after_return: bool,
    id: Option<String>,
    data: Option<String>,
}

impl Parser {
    /// Takes the next bytes.
    pub(super) fn push(&mut self, bytes: &[u8]) -> Result<Vec<Item>, BadStream> {
        let mut items = Vec::new();
        for &byte in bytes {
            let follows_return = std::mem::replace(&mut self.after_return, byte == b'\r');
            match byte {
                b'\n' if follows_return => {}
                b'\n' | b'\r' => {
                    let line = std::mem::take(&mut self.line);
                    let line = String::from_utf8(line).map_err(|_| BadStream::NotText)?;
                    items.extend(self.line(&line)?);
                }
                _ if self.line.len() >= MAX => return Err(BadStream::TooLong),
                _ => self.line.push(byte),
            }
        }
        Ok(items)
    }

    fn line(&mut self, line: &str) -> Result<Option<Item>, BadStream> {
        if line.is_empty() {
            let id = self.id.take();
            return Ok(self.data.take().map(|data| Item { id, data }));
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "data" => {
                let data = self.data.get_or_insert_default();
                if data.len() + value.len() > MAX {
                    return Err(BadStream::TooLong);
                }
                if !data.is_empty() {
                    data.push('\n');
                }
                data.push_str(value);
            }
            "id" if value.len() <= MAX_ID => self.id = Some(value.to_owned()),
            // Comments, event names and retry times mean nothing here.
            _ => {}
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(id: Option<&str>, data: &str) -> Item {
        Item {
            id: id.map(Into::into),
            data: data.into(),
        }
    }

    #[test]
    fn events_come_out_however_the_bytes_are_cut() {
        let stream = b": hello\n\nid: 7\ndata: {\"a\":1}\n\ndata:x\r\ndata: y\r\n\r\nevent: z\nretry: 5\n\nid: 8\rdata: \xc3\xa4\r\rdata: torn";
        let expected = vec![
            item(Some("7"), "{\"a\":1}"),
            item(None, "x\ny"),
            item(Some("8"), "ä"),
        ];
        assert_eq!(Parser::default().push(stream).unwrap(), expected);
        let mut parser = Parser::default();
        let one_by_one: Vec<_> = stream
            .iter()
            .flat_map(|byte| parser.push(&[*byte]).unwrap())
            .collect();
        assert_eq!(one_by_one, expected);
    }

    #[test]
    fn endless_lines_are_refused() {
        assert_eq!(
            Parser::default().push(&vec![b'x'; MAX + 1]),
            Err(BadStream::TooLong)
        );
        assert_eq!(Parser::default().push(b"\xff\n"), Err(BadStream::NotText));
    }
}
