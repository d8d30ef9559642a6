//! What the journals tell somebody who only looks: nothing is cut, removed or delivered.

use std::collections::BTreeSet;
use std::fs;
use std::io;

use portreeve_protocol::id::OrderId;

use super::Story;
use crate::counter::SessionUid;
use crate::journal::Journal;
use crate::paths::Paths;

/// What all journals tell.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Seen {
    /// Orders that were seen and could still be fresh.
    pub(crate) orders: BTreeSet<OrderId>,
    /// How many sessions are live or not wholly removed.
    pub(crate) unfinished: usize,
    /// The size of all journals.
    pub(crate) bytes: u64,
    /// The highest UID in any journal.
    pub(crate) highest_uid: Option<SessionUid>,
}

/// Looks at all journals. One that cannot be read is a session that is not finished.
///
/// # Errors
/// When the directory cannot be read.
pub(crate) fn look(paths: &Paths) -> io::Result<Seen> {
    let mut seen = Seen::default();
    let entries = match fs::read_dir(paths.journals()) {
        Ok(entries) => entries,
        // A daemon never ran here.
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(seen),
        Err(error) => return Err(error),
    };
    for entry in entries {
        let entry = entry?;
        let path = entry.path();
        if path.extension().is_none_or(|kind| kind != "journal") {
            continue;
        }
        // A journal that goes meanwhile has no size any more.
        let bytes = entry.metadata().map_or(0, |facts| facts.len());
        seen.bytes = seen.bytes.saturating_add(bytes);
        match Journal::read(&path).map(Story::of) {
            Ok(Some(story)) => {
                seen.orders.insert(story.plan.order);
                seen.highest_uid = seen.highest_uid.max(Some(story.plan.account.uid));
                seen.unfinished += usize::from(!story.is_finished());
            }
            Ok(None) => {}
            Err(_) => {
                seen.highest_uid = seen.highest_uid.max(Journal::uid(&path));
                seen.unfinished += 1;
            }
        }
    }
    Ok(seen)
}
