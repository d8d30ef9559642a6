//! The files and directories that are open on one channel.

use std::collections::BTreeMap;

use bytes::Bytes;

use super::request::How;
use crate::event::{FileAct, FileOperation, Moved};
use crate::files::Breach;
use crate::files::content::{CHANNEL_WINDOW, Content, Direction, Lost};
use crate::files::recorded::Budget;

/// The most files and directories at a time.
const MAX_OPEN: usize = 1024;

/// An open file, whatever its handle is. Never used again on its channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct FileId(u64);

/// All that are open.
#[derive(Debug)]
pub(super) struct OpenFiles {
    /// Those that the client can name. One that is being closed is not among them.
    handles: BTreeMap<Bytes, FileId>,
    open: BTreeMap<FileId, OpenFile>,
    next: u64,
    /// What is left for content that comes early.
    room: usize,
    content_limit: Option<u64>,
}

#[derive(Debug)]
struct OpenFile {
    path: Bytes,
    what: What,
    detail: Option<String>,
    content: Content,
    budget: Budget,
    read: u64,
    written: u64,
    /// Where the host said that the file ends.
    end: Option<u64>,
    /// Requests to write without an answer.
    unanswered: u32,
    /// Whether nothing is left of what it may have held before.
    is_emptied: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum What {
    File(How),
    Directory,
}

impl OpenFiles {
    pub(super) const fn new(content_limit: Option<u64>) -> Self {
        Self {
            handles: BTreeMap::new(),
            open: BTreeMap::new(),
            next: 0,
            room: CHANNEL_WINDOW,
            content_limit,
        }
    }

    /// The host opened something under a handle.
    pub(super) fn opened(
        &mut self,
        handle: Bytes,
        path: Bytes,
        what: What,
        detail: Option<String>,
    ) -> Result<(), Breach> {
        if self.open.len() >= MAX_OPEN {
            return Err(Breach::TooManyFiles);
        }
        let id = FileId(self.next);
        self.next += 1;
        if self.handles.insert(handle, id).is_some() {
            return Err(Breach::HandleInUse);
        }
        let mut file = OpenFile {
            path,
            what,
            detail,
            content: Content::default(),
            budget: Budget::of(self.content_limit),
            read: 0,
            written: 0,
            end: None,
            unanswered: 0,
            is_emptied: matches!(what, What::File(how) if how.writes() && !how.keeps_content()),
        };
        if matches!(what, What::File(how) if how.appends()) {
            file.content.lose(Lost::Appended, &mut self.room);
        }
        self.open.insert(id, file);
        Ok(())
    }

    pub(super) fn find(&self, handle: &[u8]) -> Option<FileId> {
        self.handles.get(handle).copied()
    }

    /// The client closes it: from now on its handle names nothing, or something else.
    pub(super) fn close(&mut self, handle: &[u8]) -> Option<FileId> {
        self.handles.remove(handle)
    }

    pub(super) fn path(&self, id: FileId) -> Bytes {
        self.open
            .get(&id)
            .map(|file| file.path.clone())
            .unwrap_or_default()
    }

    /// Content passes. Says how much of it is recorded.
    pub(super) fn pass(
        &mut self,
        id: FileId,
        direction: Direction,
        offset: u64,
        bytes: &[u8],
    ) -> usize {
        let Some(file) = self.open.get_mut(&id) else {
            return self.pass_of_nothing(bytes.len());
        };
        file.content.take(direction, offset, bytes, &mut self.room);
        if direction == Direction::Read {
            file.read += bytes.len() as u64;
        }
        file.budget.take(bytes.len())
    }

    /// Content passes that is of no file. Says how much of it is recorded.
    pub(super) const fn pass_of_nothing(&self, bytes: usize) -> usize {
        if self.content_limit.is_some() {
            0
        } else {
            bytes
        }
    }

    /// A request to write was passed on.
    pub(super) fn writing(&mut self, id: FileId) {
        if let Some(file) = self.open.get_mut(&id) {
            file.unanswered += 1;
        }
    }

    /// The host answered a request to write.
    pub(super) fn wrote(&mut self, id: FileId, bytes: u64, code: u32) {
        if let Some(file) = self.open.get_mut(&id) {
            file.unanswered = file.unanswered.saturating_sub(1);
            if code == 0 {
                file.written += bytes;
            } else {
                file.content.lose(Lost::NotTaken, &mut self.room);
            }
        }
    }

    /// The host said that there is nothing at this offset.
    pub(super) fn ends_at(&mut self, id: FileId, offset: u64) {
        if let Some(file) = self.open.get_mut(&id) {
            file.end = Some(file.end.map_or(offset, |end| end.min(offset)));
        }
    }

    /// Something changes the content that does not pass here.
    pub(super) fn lose(&mut self, id: FileId, why: Lost) {
        if let Some(file) = self.open.get_mut(&id) {
            file.content.lose(why, &mut self.room);
        }
    }

    /// The size is set: to that of what passed, so that nothing else is left, or to another.
    pub(super) fn resized(&mut self, id: FileId, fits: bool) {
        if let Some(file) = self.open.get_mut(&id) {
            if fits {
                file.is_emptied = true;
            } else {
                file.content.lose(Lost::Resized, &mut self.room);
            }
        }
    }

    /// Whether a size is that of what was written from the beginning without a gap.
    pub(super) fn fits(&self, id: FileId, size: u64) -> bool {
        let file = self.open.get(&id);
        file.is_some_and(|file| file.content.in_order() == size)
    }

    /// The host closed it, or nothing was heard of that.
    pub(super) fn closed(&mut self, id: FileId, result: Option<u32>) -> Option<FileOperation> {
        let file = self.open.remove(&id)?;
        Some(file.finish(result, &mut self.room))
    }

    /// The channel ended.
    pub(super) fn finish(&mut self) -> Vec<FileOperation> {
        self.handles.clear();
        std::mem::take(&mut self.open)
            .into_values()
            .map(|file| file.finish(None, &mut self.room))
            .collect()
    }
}

impl OpenFile {
    fn finish(self, result: Option<u32>, room: &mut usize) -> FileOperation {
        let unknown = self.unknown(result);
        let (act, moved) = match (self.what, self.read, self.written, self.unanswered) {
            (What::Directory, ..) => (FileAct::List, false),
            // A file that was made or emptied, and then left so.
            (What::File(_), 0, 0, 0) if self.is_emptied => (FileAct::Put, true),
            (What::File(_), 0, 0, 0) if self.end.is_none() => (FileAct::Open, false),
            (What::File(_), _, 0, 0) => (FileAct::Get, true),
            (What::File(_), 0, ..) => (FileAct::Put, true),
            (What::File(_), ..) => (FileAct::Update, true),
        };
        let content = moved.then(|| {
            let (digest, remark) = match self.content.finish(room) {
                Ok(digest) => (Some(digest), unknown),
                Err(lost) => (None, Some(lost.words())),
            };
            Moved {
                read: self.read,
                written: self.written,
                digest,
                remark: remark.map(str::to_owned),
            }
        });
        FileOperation {
            act,
            path: self.path,
            other: None,
            detail: self.detail,
            result,
            content,
        }
    }

    /// What a digest does not say.
    fn unknown(&self, result: Option<u32>) -> Option<&'static str> {
        if self.what == What::Directory {
            None
        } else if result.is_none() {
            Some("the channel ended before it was closed")
        } else if self.unanswered > 0 {
            Some("the host did not confirm all of it")
        } else if self.written > 0 && !self.is_emptied {
            Some("what the file may have held before was not removed")
        } else if self.read > 0 && self.end.is_none_or(|end| end > self.content.in_order()) {
            Some("its end was not read")
        } else {
            None
        }
    }
}
