//! The bastion's own file of a recording, as far as it is needed here. Blocking.

use std::fs::File;
use std::io::{self, Read, Seek as _, SeekFrom};
use std::ops::Range;
use std::path::Path;

use bytes::Bytes;
use portreeve_protocol::digest::Digest;
use portreeve_recording::part::{Cut, cut};
use sha2::{Digest as _, Sha256};

/// How much is read at a time where nothing is kept.
const BUFFER: usize = 256 * 1024;

/// What is to be stored next.
#[derive(Debug)]
pub(crate) struct Piece {
    pub(crate) content: Bytes,
    pub(crate) is_last: bool,
}

/// The next piece from `from` on: `enough` bytes, or what there is of it when the archive has its end or it is
/// wanted anyway. Empty at the end of an archive of which everything was taken. What it holds is on the disk, and
/// within `on_disk`.
pub(crate) fn next_piece(
    path: &Path,
    from: u64,
    enough: u64,
    wanted_anyway: bool,
    on_disk: u64,
) -> io::Result<Option<Piece>> {
    let mut file = File::open(path)?;
    let Cut { end, is_last } = cut(&mut file, from, enough, on_disk)?;
    let size = end.saturating_sub(from);
    if size == 0 {
        let content = Bytes::new();
        return Ok(is_last.then_some(Piece { content, is_last }));
    }
    if size < enough && !is_last && !wanted_anyway {
        return Ok(None);
    }
    // An earlier program may not have come to this, and the store must never know more than the disk.
    file.sync_data()?;
    let size = usize::try_from(size).map_err(io::Error::other)?;
    let mut content = vec![0; size];
    file.seek(SeekFrom::Start(from))?;
    file.read_exact(&mut content)?;
    Ok(Some(Piece {
        content: content.into(),
        is_last,
    }))
}

/// The digest of a range of a file; the same bytes also go into `whole`.
pub(crate) fn digest_of(path: &Path, range: Range<u64>, whole: &mut Sha256) -> io::Result<Digest> {
    let mut file = File::open(path)?;
    file.seek(SeekFrom::Start(range.start))?;
    let mut content = file.take(range.end.saturating_sub(range.start));
    let mut own = Sha256::new();
    let mut buffer = vec![0; BUFFER];
    let mut left = range.end.saturating_sub(range.start);
    while left > 0 {
        let read = content.read(&mut buffer)?;
        let some = buffer.get(..read).unwrap_or_default();
        if some.is_empty() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        own.update(some);
        whole.update(some);
        left = left.saturating_sub(read as u64);
    }
    Ok(Digest::from_bytes(own.finalize().into()))
}
