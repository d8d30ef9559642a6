//! Taking an archive apart and putting it together differently, as whoever alters one would.

use std::ops::Range;

use portreeve_recording::ustar::{BLOCK, END, header, padding, stated};

/// One entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) name: String,
    pub(super) content: Vec<u8>,
    pub(super) seconds: u64,
}

/// A stretch of bytes, and what it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Region {
    pub(super) kind: RegionKind,
    pub(super) name: String,
    pub(super) bytes: Range<usize>,
}

/// What a stretch of bytes is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RegionKind {
    Header,
    Content,
    Padding,
    End,
}

impl RegionKind {
    pub(super) const fn words(self) -> &'static str {
        match self {
            Self::Header => "one bit of a header",
            Self::Content => "one bit of a content",
            Self::Padding => "one bit of what fills a block up",
            Self::End => "one bit of the end",
        }
    }
}

/// The stretches of an archive that is whole.
pub(super) fn regions(archive: &[u8]) -> Vec<Region> {
    let mut regions = Vec::new();
    let mut at = 0;
    while let Some(block) = archive
        .get(at..)
        .and_then(|rest| rest.first_chunk::<BLOCK>())
        .filter(|block| block.iter().any(|byte| *byte != 0))
    {
        let (size, _) = stated(block);
        let (Ok(len), Ok(fill)) = (usize::try_from(size), usize::try_from(padding(size))) else {
            break;
        };
        let name = name_of(block);
        let content = at + BLOCK..at + BLOCK + len;
        let fill = content.end..content.end + fill;
        at = fill.end;
        for (kind, bytes) in [
            (RegionKind::Header, content.start - BLOCK..content.start),
            (RegionKind::Content, content),
            (RegionKind::Padding, fill),
        ] {
            if !bytes.is_empty() && bytes.end <= archive.len() {
                regions.push(Region {
                    kind,
                    name: name.clone(),
                    bytes,
                });
            }
        }
    }
    if at < archive.len() {
        regions.push(Region {
            kind: RegionKind::End,
            name: "the end".into(),
            bytes: at..archive.len(),
        });
    }
    regions
}

/// The entries of an archive.
pub(super) fn entries(archive: &[u8]) -> Vec<Entry> {
    let mut entries = Vec::new();
    let mut current = None;
    for region in regions(archive) {
        let bytes = archive.get(region.bytes).unwrap_or_default();
        match region.kind {
            RegionKind::Header => {
                entries.extend(current.take());
                let seconds = bytes.first_chunk().map_or(0, |block| stated(block).1);
                current = Some(Entry {
                    name: region.name,
                    content: Vec::new(),
                    seconds,
                });
            }
            RegionKind::Content => {
                if let Some(entry) = &mut current {
                    entry.content = bytes.to_vec();
                }
            }
            RegionKind::Padding | RegionKind::End => {}
        }
    }
    entries.extend(current);
    entries
}

/// An archive of entries, with its end.
pub(super) fn archive(entries: &[Entry]) -> Vec<u8> {
    let mut out = without_end(entries);
    out.extend(END);
    out
}

/// An archive that was never ended.
pub(super) fn without_end(entries: &[Entry]) -> Vec<u8> {
    let mut out = Vec::new();
    for entry in entries {
        let size = entry.content.len() as u64;
        out.extend(header(&entry.name, size, entry.seconds));
        out.extend(&entry.content);
        out.resize(out.len().next_multiple_of(BLOCK), 0);
    }
    out
}

fn name_of(block: &[u8; BLOCK]) -> String {
    let name = block.iter().take(100).take_while(|byte| **byte != 0);
    String::from_utf8_lossy(&name.copied().collect::<Vec<_>>()).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_archive_that_is_put_together_again_is_the_same() {
        let bytes = include_bytes!("../../../tests/vectors/recording/recording.tar");
        assert_eq!(archive(&entries(bytes)), bytes);
        let covered: usize = regions(bytes).iter().map(|region| region.bytes.len()).sum();
        assert_eq!(covered, bytes.len());
    }
}
