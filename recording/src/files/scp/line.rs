//! The lines of whoever sends files.

use bytes::Bytes;

use crate::files::Breach;

/// The longest line.
pub(super) const MAX_LINE: usize = 8 * 1024;

/// What a sender says between files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Line {
    /// A file follows, when the other side takes it.
    File { mode: u32, size: u64, name: Bytes },
    /// A directory begins.
    Directory { mode: u32, name: Bytes },
    /// The directory ends.
    End,
    /// The times of what comes next.
    Times,
    /// Something could not be read; with `is_last`, nothing more comes.
    Trouble { text: String, is_last: bool },
}

impl Line {
    /// Reads a line without its end.
    pub(super) fn read(line: &[u8]) -> Result<Self, Breach> {
        let (kind, rest) = line.split_first().ok_or(Breach::NotScp)?;
        match kind {
            b'C' => {
                let (mode, size, name) = fields(rest)?;
                Ok(Self::File { mode, size, name })
            }
            b'D' => {
                let (mode, _, name) = fields(rest)?;
                Ok(Self::Directory { mode, name })
            }
            b'E' => Ok(Self::End),
            b'T' => Ok(Self::Times),
            1 | 2 => Ok(Self::Trouble {
                text: String::from_utf8_lossy(rest).into_owned(),
                is_last: *kind == 2,
            }),
            _ => Err(Breach::NotScp),
        }
    }
}

/// `0644 1234 name`.
fn fields(rest: &[u8]) -> Result<(u32, u64, Bytes), Breach> {
    let mut fields = rest.splitn(3, |byte| *byte == b' ');
    let mut field = || fields.next().ok_or(Breach::NotScp);
    let (mode, size, name) = (field()?, field()?, field()?);
    let number = |digits: &[u8], radix| {
        str::from_utf8(digits)
            .ok()
            .filter(|digits| digits.bytes().all(|digit| digit.is_ascii_digit()))
            .and_then(|digits| u64::from_str_radix(digits, radix).ok())
            .ok_or(Breach::NotScp)
    };
    let mode = u32::try_from(number(mode, 8)?).map_err(|_| Breach::NotScp)?;
    let is_name = !name.is_empty() && !name.contains(&b'/') && name != b"." && name != b"..";
    if !is_name {
        return Err(Breach::NotScp);
    }
    Ok((mode, number(size, 10)?, Bytes::copy_from_slice(name)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_those_of_the_protocol() {
        let name = |name: &'static str| Bytes::from_static(name.as_bytes());
        for (line, expected) in [
            (
                "C0644 1234 a b",
                Ok(Line::File {
                    mode: 0o644,
                    size: 1234,
                    name: name("a b"),
                }),
            ),
            (
                "D0755 0 d",
                Ok(Line::Directory {
                    mode: 0o755,
                    name: name("d"),
                }),
            ),
            ("E", Ok(Line::End)),
            ("T1 0 2 0", Ok(Line::Times)),
            (
                "\u{1}scp: no",
                Ok(Line::Trouble {
                    text: "scp: no".into(),
                    is_last: false,
                }),
            ),
            ("C0644 1234 a/b", Err(Breach::NotScp)),
            ("C0644 1234 ..", Err(Breach::NotScp)),
            ("C0644 -1 a", Err(Breach::NotScp)),
            ("C0644 +1 a", Err(Breach::NotScp)),
            ("C0844 1 a", Err(Breach::NotScp)),
            ("C0644 99999999999999999999 a", Err(Breach::NotScp)),
            ("C0644 1", Err(Breach::NotScp)),
            ("Welcome", Err(Breach::NotScp)),
            ("", Err(Breach::NotScp)),
        ] {
            assert_eq!(Line::read(line.as_bytes()), expected, "{line:?}");
        }
    }
}
