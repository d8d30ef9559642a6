//! Which sessions are live, noted in one small file each, so that a successor after a crash can close their trails.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use portreeve_protocol::digest::Digest;
use portreeve_protocol::id::SessionId;
use portreeve_protocol::pair::Pair;
use portreeve_protocol::task::Task;
use portreeve_recording::head::Head;
use serde::{Deserialize, Serialize};

use crate::report::About;

/// What the names of noted heads end with.
const HEAD: &str = "head";
/// The longest note that is read.
const MAX_NOTE: u64 = 16 * 1024;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Note {
    pair: Pair,
    task: Task,
}

/// The head of a recording that was put into the trail last.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct HeadNote {
    segments: u32,
    head: Digest,
    bytes: u64,
}

/// Notes a session as live.
///
/// # Errors
/// When the file cannot be written.
pub fn note(folder: &Path, about: &About) -> io::Result<()> {
    let note = Note {
        pair: about.pair.clone(),
        task: about.task.clone(),
    };
    fs::write(path(folder, about.session), serde_json::to_vec(&note)?)
}

/// Whether a session is noted as live: its trail is not closed yet.
#[must_use]
pub fn is_live(folder: &Path, session: SessionId) -> bool {
    path(folder, session).exists()
}

/// Notes which head of a session's recording was put into the trail last. Not synced: after a power cut an older one may
/// be there, or none, and that is as good.
pub fn note_head(folder: &Path, session: SessionId, head: Head) {
    let note = HeadNote {
        segments: head.segments,
        head: head.digest,
        bytes: head.bytes,
    };
    let written = serde_json::to_vec(&note)
        .map_err(io::Error::other)
        .and_then(|json| fs::write(head_path(folder, session), json));
    if let Err(error) = written {
        tracing::warn!(%error, %session, "a recording's head is in the trail and not noted here");
    }
}

/// The head that was noted last, if one was.
#[must_use]
pub fn noted_head(folder: &Path, session: SessionId) -> Option<Head> {
    let path = head_path(folder, session);
    if fs::metadata(&path).ok()?.len() > MAX_NOTE {
        return None;
    }
    let note: HeadNote = serde_json::from_slice(&fs::read(path).ok()?).ok()?;
    Some(Head {
        segments: note.segments,
        digest: note.head,
        bytes: note.bytes,
    })
}

/// Forgets a session whose trail is closed.
pub fn forget(folder: &Path, session: SessionId) {
    // A head that was never noted is not there.
    let _ = fs::remove_file(head_path(folder, session));
    if let Err(error) = fs::remove_file(path(folder, session))
        && error.kind() != io::ErrorKind::NotFound
    {
        tracing::warn!(%error, %session, "the note of a session stays; its trail will be closed twice");
    }
}

/// The sessions that were live when the program stopped without closing them.
///
/// # Errors
/// When the folder cannot be read. A note that is not understood is left out.
pub fn left_behind(folder: &Path) -> io::Result<Vec<About>> {
    let mut left = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == HEAD) {
            continue;
        }
        match read(&path) {
            Some(about) => left.push(about),
            None => tracing::warn!(path = %path.display(), "not a note of a session"),
        }
    }
    Ok(left)
}

fn read(path: &Path) -> Option<About> {
    let session = path
        .file_name()?
        .to_str()?
        .strip_suffix(".json")?
        .parse()
        .ok()?;
    if fs::metadata(path).ok()?.len() > MAX_NOTE {
        return None;
    }
    let Note { pair, task } = serde_json::from_slice(&fs::read(path).ok()?).ok()?;
    Some(About {
        pair,
        task,
        session,
    })
}

fn path(folder: &Path, session: SessionId) -> PathBuf {
    folder.join(format!("{session}.json"))
}

fn head_path(folder: &Path, session: SessionId) -> PathBuf {
    folder.join(format!("{session}.{HEAD}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::accept::tests::mint::Mint;
    use portreeve_protocol::time::Timestamp;

    #[test]
    fn what_is_noted_and_not_forgotten_is_left_behind() {
        let folder = tempfile::tempdir().unwrap();
        let mint = Mint::new(Timestamp::from_seconds(1_790_000_000));
        let about = About {
            pair: mint.pair(),
            task: mint.task(),
            session: mint.session,
        };
        note(folder.path(), &about).unwrap();
        fs::write(folder.path().join("x.json"), "{}").unwrap();
        let left = left_behind(folder.path()).unwrap();
        assert_eq!(left.len(), 1);
        assert_eq!(left[0].pair, about.pair);
        let head = Head {
            segments: 3,
            digest: Digest::of(b"three"),
            bytes: 9000,
        };
        assert_eq!(noted_head(folder.path(), about.session), None);
        note_head(folder.path(), about.session, head);
        assert_eq!(noted_head(folder.path(), about.session), Some(head));
        assert_eq!(left_behind(folder.path()).unwrap().len(), 1);
        forget(folder.path(), about.session);
        assert_eq!(noted_head(folder.path(), about.session), None);
        assert!(left_behind(folder.path()).unwrap().is_empty());
    }
}
