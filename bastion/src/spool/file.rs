//! The spool's files: one after the other, named by the number of their first event, and `delivered`, which says how far
//! the CA has them.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use super::frame::{self, Next};

/// A file this long is followed by another.
const FILE_BYTES: u64 = 4 * 1024 * 1024;
/// The name of the file that says how far the CA has the events.
const DELIVERED: &str = "delivered";

/// What there was when the spool was opened.
pub(super) struct Opened {
    pub(super) next: u64,
    pub(super) waiting: u64,
    pub(super) tail: Tail,
    pub(super) reader: Reader,
}

/// Opens or makes a spool. A torn end, which a crash leaves, is cut off.
pub(super) fn open(folder: &Path) -> io::Result<Opened> {
    std::fs::create_dir_all(folder)?;
    let files = numbered(folder)?;
    // Files are deleted only once delivered, so the oldest that is left says as much as a lost note.
    let noted = read_delivered(folder)?;
    let delivered = files.first().map_or(noted, |oldest| noted.max(*oldest));

    let mut end = files.first().copied().unwrap_or(delivered);
    let mut waiting = 0;
    for &first in &files {
        if first != end {
            return Err(missing(&path(folder, end)));
        }
        let is_last = files.last() == Some(&first);
        let whole = whole_frames(&path(folder, first), is_last)?;
        end += whole.len() as u64;
        waiting += (first..)
            .zip(&whole)
            .filter(|(number, _)| *number >= delivered)
            .map(|(_, size)| size)
            .sum::<u64>();
    }
    let next = end.max(delivered);
    let tail_first = files
        .last()
        .copied()
        .filter(|_| next == end)
        .unwrap_or(next);
    let read_first = files
        .iter()
        .copied()
        .rfind(|first| *first <= delivered)
        .unwrap_or(tail_first);
    Ok(Opened {
        next,
        waiting,
        tail: Tail::open(folder.to_owned(), tail_first, next)?,
        reader: Reader {
            folder: folder.to_owned(),
            file_first: read_first,
            offset: 0,
            skip_until: delivered,
            next: read_first,
        },
    })
}

/// The sizes of a file's frames. A torn end is cut off the last file; anywhere else it is damage.
fn whole_frames(path: &Path, is_last: bool) -> io::Result<Vec<u64>> {
    let bytes = std::fs::read(path)?;
    let mut sizes = Vec::new();
    let mut at = 0;
    while let Next::Frame(_, length) = frame::next(bytes.get(at..).unwrap_or(&[])) {
        sizes.push(length as u64);
        at += length;
    }
    if at < bytes.len() {
        if !is_last {
            return Err(damaged(path, at as u64));
        }
        let file = OpenOptions::new().write(true).open(path)?;
        file.set_len(at as u64)?;
        file.sync_all()?;
    }
    Ok(sizes)
}

fn damaged(path: &Path, at: u64) -> io::Error {
    io::Error::other(format!(
        "`{}` is damaged at byte {at}; move the spool away to go on without its events",
        path.display()
    ))
}

fn missing(path: &Path) -> io::Error {
    io::Error::other(format!(
        "`{}` is missing; move the spool away to go on without its events",
        path.display()
    ))
}

/// The file that is written.
#[derive(Debug)]
pub(super) struct Tail {
    folder: PathBuf,
    file: File,
    /// The number of the event that is written next.
    next: u64,
    length: u64,
}

impl Tail {
    fn open(folder: PathBuf, first: u64, next: u64) -> io::Result<Self> {
        let file = OpenOptions::new()
            .create(true)
            .append(true)
            .mode(0o600)
            .open(path(&folder, first))?;
        File::open(&folder)?.sync_all()?;
        let length = file.metadata()?.len();
        Ok(Self {
            folder,
            file,
            next,
            length,
        })
    }

    /// Appends frames and waits until they are on disk.
    pub(super) fn append(&mut self, frames: &[Vec<u8>]) -> io::Result<()> {
        if self.length >= FILE_BYTES {
            *self = Self::open(self.folder.clone(), self.next, self.next)?;
        }
        let bytes = frames.concat();
        self.file.write_all(&bytes)?;
        self.file.sync_data()?;
        self.length += bytes.len() as u64;
        self.next += frames.len() as u64;
        Ok(())
    }

    pub(super) const fn next(&self) -> u64 {
        self.next
    }

    /// Notes how far the CA has the events, and deletes files that hold none of the others.
    ///
    /// Not synced: after a power cut some events are delivered again, which the CA does not mind.
    pub(super) fn delivered(&self, up_to: u64) -> io::Result<()> {
        let new = self.folder.join("delivered.new");
        std::fs::write(&new, up_to.to_string())?;
        std::fs::rename(new, self.folder.join(DELIVERED))?;
        let files = numbered(&self.folder)?;
        for pair in files.windows(2) {
            if let [this, following] = pair
                && *following <= up_to
            {
                std::fs::remove_file(path(&self.folder, *this))?;
            }
        }
        Ok(())
    }
}

/// Reads events in order, from the first that the CA does not have.
#[derive(Debug)]
pub struct Reader {
    folder: PathBuf,
    file_first: u64,
    offset: u64,
    /// Events before this one are delivered.
    skip_until: u64,
    next: u64,
}

/// Some events in a row.
#[derive(Debug)]
pub struct Batch {
    payloads: Vec<Vec<u8>>,
    up_to: u64,
    size: u64,
}

impl Batch {
    /// The events, as JSON.
    #[must_use]
    pub fn payloads(&self) -> &[Vec<u8>] {
        &self.payloads
    }

    pub(super) const fn up_to(&self) -> u64 {
        self.up_to
    }

    pub(super) const fn size(&self) -> u64 {
        self.size
    }
}

impl Reader {
    /// The number of the event that is read next.
    #[must_use]
    pub fn next(&self) -> u64 {
        self.next.max(self.skip_until)
    }

    /// Reads at most `most` events with at most `bytes` bytes together, and none from number `end` on. At least one, if
    /// there is one. Blocks.
    ///
    /// # Errors
    /// When a file cannot be read or is damaged.
    pub fn read(&mut self, end: u64, most: usize, bytes: usize) -> io::Result<Batch> {
        let mut batch = Batch {
            payloads: Vec::new(),
            up_to: self.next(),
            size: 0,
        };
        let mut taken = 0;
        while self.next < end && batch.payloads.len() < most {
            let Some(content) = self.rest_of_file()? else {
                self.next_file()?;
                continue;
            };
            let mut at = 0;
            while self.next < end && batch.payloads.len() < most {
                let Next::Frame(payload, length) = frame::next(content.get(at..).unwrap_or(&[]))
                else {
                    break;
                };
                if self.next >= self.skip_until {
                    if taken + payload.len() > bytes && !batch.payloads.is_empty() {
                        self.offset += at as u64;
                        return Ok(batch);
                    }
                    taken += payload.len();
                    batch.payloads.push(payload.to_vec());
                    batch.size += length as u64;
                    batch.up_to = self.next + 1;
                }
                self.next += 1;
                at += length;
            }
            self.offset += at as u64;
            if self.next < end && batch.payloads.len() < most {
                self.next_file()?;
            }
        }
        Ok(batch)
    }

    /// Nothing when the file is gone: it was deleted because the CA has all of it, and so had we.
    fn rest_of_file(&self) -> io::Result<Option<Vec<u8>>> {
        let mut file = match File::open(path(&self.folder, self.file_first)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            opened => opened?,
        };
        file.seek(SeekFrom::Start(self.offset))?;
        let mut content = Vec::new();
        // A file ends a little after FILE_BYTES; what a group commit adds is bounded by what waits in memory.
        file.read_to_end(&mut content)?;
        Ok(Some(content))
    }

    fn next_file(&mut self) -> io::Result<()> {
        // What is to be read next begins a file, or this one is not what it was.
        if !path(&self.folder, self.next).exists() || self.next == self.file_first {
            return Err(damaged(&path(&self.folder, self.file_first), self.offset));
        }
        self.file_first = self.next;
        self.offset = 0;
        Ok(())
    }
}

fn path(folder: &Path, first: u64) -> PathBuf {
    folder.join(format!("{first:020}.events"))
}

/// The files' numbers, in order.
fn numbered(folder: &Path) -> io::Result<Vec<u64>> {
    let mut numbers = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let name = entry?.file_name();
        let number = name.to_str().and_then(|name| name.strip_suffix(".events"));
        numbers.extend(number.and_then(|digits| digits.parse::<u64>().ok()));
    }
    numbers.sort_unstable();
    Ok(numbers)
}

fn read_delivered(folder: &Path) -> io::Result<u64> {
    match std::fs::read_to_string(folder.join(DELIVERED)) {
        Ok(text) => Ok(text.trim().parse().unwrap_or(0)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(0),
        Err(error) => Err(error),
    }
}
