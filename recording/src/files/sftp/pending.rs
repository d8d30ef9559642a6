//! Requests that the host has not answered.

use bytes::Bytes;

use super::open::{FileId, What};
use crate::event::{FileAct, FileOperation};

/// A request without an answer.
#[derive(Debug)]
pub(super) enum Pending {
    Open {
        path: Bytes,
        what: What,
        detail: Option<String>,
    },
    Close(FileId),
    Read {
        file: FileId,
        offset: u64,
    },
    Write {
        file: FileId,
        bytes: u64,
    },
    ReadDirectory,
    /// A file gets another size: the one that was written so far, or not.
    Resize {
        operation: FileOperation,
        file: FileId,
        fits: bool,
    },
    Other(FileOperation),
}

impl Pending {
    /// How much it says.
    pub(super) fn size(&self) -> usize {
        let text = |text: &Option<String>| text.as_ref().map_or(0, String::len);
        match self {
            Self::Open { path, detail, .. } => path.len() + text(detail),
            Self::Other(operation) | Self::Resize { operation, .. } => {
                operation.path.len()
                    + operation.other.as_ref().map_or(0, Bytes::len)
                    + text(&operation.detail)
            }
            Self::Close(_) | Self::Read { .. } | Self::Write { .. } | Self::ReadDirectory => 0,
        }
    }
}

pub(super) fn plain(act: FileAct, path: Bytes) -> FileOperation {
    FileOperation {
        act,
        path,
        other: None,
        detail: None,
        result: None,
        content: None,
    }
}

pub(super) fn unopened(
    path: Bytes,
    what: What,
    detail: Option<String>,
    result: Option<u32>,
) -> FileOperation {
    let act = match what {
        What::File(_) => FileAct::Open,
        What::Directory => FileAct::List,
    };
    FileOperation {
        detail,
        result,
        ..plain(act, path)
    }
}
