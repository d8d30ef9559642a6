//! One session's journal: what is to be done, on disk before it is done, and what was said about
//! it, on disk before it is said.
//!
//! Text and file are apart: [`encode`] and [`decode`] are pure and can stand a cut at any byte;
//! [`Journal`] appends and syncs. Which journals there are is the business of `spool.rs`.

mod shorter;

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use nix::libc;
use portreeve_protocol::attest::{Attestation, EndCause, HostEvent, Receipt};
use portreeve_protocol::digest::Digest;
use portreeve_protocol::signed::Signed;
use portreeve_protocol::time::Timestamp;
use serde::{Deserialize, Serialize};

use crate::chain::Told;
use crate::counter::SessionUid;
use crate::file;
use crate::log;
use crate::plan::Plan;
use crate::receipt::Tried;

pub(crate) use self::shorter::{UNFINISHED, WORTH_IT, fact_of};

/// The largest journal. A session's share of the spool is smaller (`share.rs`); this also bounds
/// what is read of a file.
pub(crate) const MAX_BYTES: u64 = 64 * 1024 * 1024;
/// How many hexadecimal digits of the digest stand in front of a line.
const CHECK: usize = 16;

/// One record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "record", rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum Record {
    /// What is to be done. Always the first.
    Plan {
        /// The plan.
        plan: Box<Plan>,
    },
    /// Something in the way, or an error, kept the session from being made.
    Failed {
        /// How many of the first steps may have been done and are taken back.
        reached: usize,
    },
    /// It was done.
    Ready {
        /// The proof.
        attestation: Signed<Attestation>,
    },
    /// Something happened in the session.
    Event {
        /// What.
        event: Signed<HostEvent>,
    },
    /// What the events before the next ones came to, which a bastion has and which are here no more.
    Settled {
        /// What is remembered of them.
        told: Told,
    },
    /// A bastion has these reports.
    Acknowledged {
        /// Their digests.
        reports: Vec<Digest>,
    },
    /// The removal begins.
    Ending {
        /// Why.
        cause: EndCause,
        /// When.
        at: Timestamp,
        /// What was not in its place then. After a crash nobody can tell it from what the removal took away.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        missing: Vec<String>,
    },
    /// The removal was done; a later one counts more.
    Gone {
        /// The proof.
        receipt: Signed<Receipt>,
        /// Whether something is left that is tried again.
        again: bool,
        /// What is left and no later try finds again.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        once: Vec<String>,
    },
    /// A removal that left something was tried again and left something too.
    Tried {
        /// What it did that was not told before.
        tried: Tried,
    },
    /// The session never became ready, and nothing is left of it.
    Undone {
        /// Since when.
        at: Timestamp,
    },
}

/// The line of a record.
pub(crate) fn encode(record: &Record) -> Result<Vec<u8>, serde_json::Error> {
    let json = serde_json::to_vec(record)?;
    let mut line = check_of(&json).into_bytes();
    line.push(b' ');
    line.extend(json);
    line.push(b'\n');
    Ok(line)
}

/// The records of a journal, and how many bytes of it they are.
///
/// Reading stops where a line is cut or does not fit its check: what follows was never relied upon,
/// because nothing is done before its record is whole on disk.
///
/// # Errors
/// When a whole line is no record that this version knows: another one wrote it, and relied on it.
pub(crate) fn decode(bytes: &[u8]) -> Result<(Vec<Record>, usize), serde_json::Error> {
    let mut records = Vec::new();
    let mut good = 0;
    for line in bytes.split_inclusive(|&byte| byte == b'\n') {
        let Some(json) = whole(line) else {
            break;
        };
        records.push(serde_json::from_slice(json)?);
        good += line.len();
    }
    Ok((records, good))
}

/// The UID in the plan of a journal of which another version may understand the rest.
pub(crate) fn uid_in(bytes: &[u8]) -> Option<SessionUid> {
    /// What any version calls it.
    #[derive(Deserialize)]
    struct First {
        plan: OfPlan,
    }
    #[derive(Deserialize)]
    struct OfPlan {
        account: OfAccount,
    }
    #[derive(Deserialize)]
    struct OfAccount {
        uid: SessionUid,
    }
    let line = bytes.split_inclusive(|&byte| byte == b'\n').next()?;
    let first: First = serde_json::from_slice(whole(line)?).ok()?;
    Some(first.plan.account.uid)
}

/// The JSON of a line that is all there.
fn whole(line: &[u8]) -> Option<&[u8]> {
    let line = line.strip_suffix(b"\n")?;
    let (check, rest) = line.split_at_checked(CHECK)?;
    let json = rest.strip_prefix(b" ")?;
    (check == check_of(json).as_bytes()).then_some(json)
}

/// What stands in front of a line.
pub(crate) fn check_of(json: &[u8]) -> String {
    let mut digits = Digest::of(json).hex();
    digits.truncate(CHECK);
    digits
}

/// Why a journal cannot be written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum JournalError {
    /// The system refused.
    #[error("cannot write the journal `{path}`: {1}", path = .0.display())]
    Io(PathBuf, #[source] io::Error),
    /// It would be too large.
    #[error("the journal `{}` is full", .0.display())]
    Full(PathBuf),
    /// Another version of this program wrote it.
    #[error(
        "the journal `{path}` is of another version of this program, which must remove its \
        session: {1}",
        path = .0.display()
    )]
    OtherVersion(PathBuf, #[source] serde_json::Error),
    /// Its first line is whole and not what was written.
    #[error(
        "the journal `{path}` is damaged: its plan does not fit its check; look for what is left of \
        its session, then remove the file",
        path = .0.display()
    )]
    Damaged(PathBuf),
    /// A record does not serialise.
    #[error("a record of the journal does not serialise: {0}")]
    Format(#[from] serde_json::Error),
}

/// A journal that is open for appending.
#[derive(Debug)]
pub(crate) struct Journal {
    path: PathBuf,
    file: File,
    length: u64,
}

impl Journal {
    /// Makes the journal of a new session, with its plan on disk.
    ///
    /// # Errors
    /// When there is one already, or the system refuses; then there is none.
    pub(crate) fn create(path: PathBuf, plan: &Plan) -> Result<Self, JournalError> {
        let opened = OpenOptions::new()
            .append(true)
            .create_new(true)
            .mode(0o600)
            .open(&path);
        let mut journal = match opened {
            Ok(file) => Self {
                path,
                file,
                length: 0,
            },
            Err(error) => return Err(JournalError::Io(path, error)),
        };
        let record = Record::Plan {
            plan: Box::new(plan.clone()),
        };
        let written = journal
            .append(&record)
            .and_then(|()| file::sync_parent(&journal.path).map_err(|error| journal.io(error)));
        if written.is_err() {
            // A plan that is not durable was never begun.
            let _ = file::remove_if_there(&journal.path);
        }
        written.map(|()| journal)
    }

    /// The records of a journal, which stays as it is.
    ///
    /// # Errors
    /// When the system refuses, another version wrote it, or its plan is damaged.
    pub(crate) fn read(path: &Path) -> Result<Vec<Record>, JournalError> {
        let bytes = bytes_of(path).map_err(|error| JournalError::Io(path.to_owned(), error))?;
        understood(path, &bytes).map(|(records, _)| records)
    }

    /// The UID of a journal whose records cannot be read, where its plan says it all the same.
    pub(crate) fn uid(path: &Path) -> Option<SessionUid> {
        uid_in(&bytes_of(path).ok()?)
    }

    /// Opens a journal that is there: its records, and the file cut back to them.
    ///
    /// # Errors
    /// When the system refuses, another version wrote it, or its plan is damaged; it stays as it is
    /// then.
    pub(crate) fn open(path: &Path) -> Result<(Self, Vec<Record>), JournalError> {
        let io = |error| JournalError::Io(path.to_owned(), error);
        let mut file = OpenOptions::new()
            .read(true)
            .append(true)
            .custom_flags(libc::O_NOFOLLOW)
            .open(path)
            .map_err(io)?;
        let mut bytes = Vec::new();
        Read::by_ref(&mut file)
            .take(MAX_BYTES)
            .read_to_end(&mut bytes)
            .map_err(io)?;
        let (records, good) = understood(path, &bytes)?;
        let length = u64::try_from(good).unwrap_or(u64::MAX);
        if good < bytes.len() {
            file.set_len(length)
                .and_then(|()| file.sync_all())
                .map_err(io)?;
        }
        Ok((
            Self {
                path: path.to_owned(),
                file,
                length,
            },
            records,
        ))
    }

    /// Appends a record, and returns when it is on disk.
    ///
    /// # Errors
    /// When it is full or the system refuses.
    pub(crate) fn append(&mut self, record: &Record) -> Result<(), JournalError> {
        self.write(record)?;
        self.file.sync_data().map_err(|error| self.io(error))
    }

    /// Appends a record whose loss costs only that something is said twice.
    ///
    /// # Errors
    /// When it is full or the system refuses.
    pub(crate) fn note(&mut self, record: &Record) -> Result<(), JournalError> {
        self.write(record)
    }

    /// How large it is.
    pub(crate) const fn length(&self) -> u64 {
        self.length
    }

    /// Gives back the room of events that a bastion has. What cannot be made shorter now stays as
    /// long as it is.
    ///
    /// # Errors
    /// When it is shorter, and nobody knows whether it will be after a crash.
    pub(crate) fn shorten(&mut self) -> Result<(), JournalError> {
        let (file, length) = match shorter::write(&self.path) {
            Ok(written) => written,
            Err(error) => {
                log::warning!("the journal stays as long as it is: {error}");
                return Ok(());
            }
        };
        shorter::replace(&self.path).map_err(|error| self.io(error))?;
        (self.file, self.length) = (file, length);
        Ok(())
    }

    fn write(&mut self, record: &Record) -> Result<(), JournalError> {
        let line = encode(record)?;
        let after = self
            .length
            .saturating_add(u64::try_from(line.len()).unwrap_or(u64::MAX));
        // The end of a session must find room, so the limit is for what precedes it.
        let ends = matches!(
            record,
            Record::Failed { .. }
                | Record::Ending { .. }
                | Record::Gone { .. }
                | Record::Undone { .. }
        );
        if after > MAX_BYTES / 2 && !ends {
            return Err(JournalError::Full(self.path.clone()));
        }
        if let Err(error) = self.file.write_all(&line) {
            // Half a line in the middle would hide every later one.
            let _ = self.file.set_len(self.length);
            return Err(self.io(error));
        }
        self.length = after;
        Ok(())
    }

    fn io(&self, error: io::Error) -> JournalError {
        JournalError::Io(self.path.clone(), error)
    }
}

/// The records of a journal that tells of something.
///
/// A crash leaves a first line that is cut, and then nothing was made. One that is whole was on
/// disk, and relied upon: where it is not what was written, nobody knows what the session left.
fn understood(path: &Path, bytes: &[u8]) -> Result<(Vec<Record>, usize), JournalError> {
    let (records, good) =
        decode(bytes).map_err(|error| JournalError::OtherVersion(path.to_owned(), error))?;
    let has_plan = matches!(records.first(), Some(Record::Plan { .. }));
    if !has_plan && bytes.contains(&b'\n') {
        return Err(JournalError::Damaged(path.to_owned()));
    }
    Ok((records, good))
}

fn bytes_of(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    OpenOptions::new()
        .read(true)
        .custom_flags(libc::O_NOFOLLOW)
        .open(path)
        .and_then(|file| file.take(MAX_BYTES).read_to_end(&mut bytes))?;
    Ok(bytes)
}

#[cfg(test)]
mod tests;
