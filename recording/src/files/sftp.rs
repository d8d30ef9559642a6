//! SFTP, version 3: requests of the agent matched with answers of the host.
//!
//! A request is held back until all of it is there, and only then passed on or answered from here;
//! content passes as it comes. Answers pass as they come, once their beginning was understood.

mod answer;
mod judge;
mod open;
mod pending;
mod request;
mod settle;
#[cfg(test)]
mod tests;
mod wire;

use std::collections::BTreeMap;

use bytes::Bytes;

use super::content::Direction;
use super::outgoing::Outgoing;
use super::recorded::Recording;
use super::{Breach, Passed, Rights};
use crate::event::FileOperation;
use open::{FileId, OpenFiles};
use pending::{Pending, unopened};
use wire::Read;

/// One channel of SFTP.
#[derive(Debug)]
pub struct Sftp {
    rights: Rights,
    versions: Versions,
    agent: AgentSide,
    host: HostSide,
    pending: BTreeMap<u32, Pending>,
    pending_bytes: usize,
    files: OpenFiles,
    /// What the agent is answered from here, until there is a place for it.
    answers: Vec<u8>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Versions {
    NotAsked,
    Asked,
    Agreed,
}

#[derive(Debug)]
enum AgentSide {
    /// The beginning of a request; what came of it is held back.
    Head(Vec<u8>),
    Content {
        left: usize,
        /// Into which file; nothing when the request was refused, and its content with it.
        to: Option<FileId>,
        offset: u64,
    },
}

#[derive(Debug)]
enum HostSide {
    /// The beginning of an answer; what came of it has passed.
    Head(Vec<u8>),
    Content {
        left: usize,
        from: FileId,
        offset: u64,
    },
    /// The part of an answer that does not matter here.
    Rest(usize),
}

impl Sftp {
    /// A channel on which so much is permitted.
    #[must_use]
    pub const fn new(rights: Rights, content_limit: Option<u64>) -> Self {
        Self {
            rights,
            versions: Versions::NotAsked,
            agent: AgentSide::Head(Vec::new()),
            host: HostSide::Head(Vec::new()),
            pending: BTreeMap::new(),
            pending_bytes: 0,
            files: OpenFiles::new(content_limit),
            answers: Vec::new(),
        }
    }

    /// Takes what the agent sent.
    ///
    /// # Errors
    /// [`Breach`]: nothing may pass any more.
    pub fn agent_sent(&mut self, chunk: Bytes) -> Result<Passed, Breach> {
        let mut out = Outgoing::of(chunk.clone());
        let mut recording = Recording::of(chunk.clone());
        let mut passed = Passed::default();
        let mut at = 0;
        while at < chunk.len() {
            match &mut self.agent {
                AgentSide::Head(held) => {
                    let mut held = std::mem::take(held);
                    let was_held = !held.is_empty();
                    let begin = at;
                    let rest = chunk.get(at..).unwrap_or_default();
                    let head = read_head(&mut held, rest, &mut at, request::head)?;
                    self.agent = match head {
                        None => AgentSide::Head(held),
                        Some(head) => {
                            let (passes, then) = self.request(head, &mut passed)?;
                            match (passes, was_held) {
                                (true, false) => out.pass(begin..at),
                                (true, true) => out.insert(&held),
                                (false, _) => {}
                            }
                            then
                        }
                    };
                }
                AgentSide::Content { left, to, offset } => {
                    let length = (*left).min(chunk.len() - at);
                    let part = at..at + length;
                    let bytes = chunk.get(part.clone()).unwrap_or_default();
                    let kept = match to {
                        Some(file) => {
                            out.pass(part.clone());
                            self.files.pass(*file, Direction::Written, *offset, bytes)
                        }
                        None => self.files.pass_of_nothing(length),
                    };
                    recording.omit(at + kept..part.end);
                    (*offset, *left) = (offset.saturating_add(length as u64), *left - length);
                    if *left == 0 {
                        self.agent = AgentSide::Head(Vec::new());
                    }
                    at = part.end;
                }
            }
        }
        passed.bytes = out.finish();
        passed.recorded = recording.finish(chunk.len());
        Ok(passed)
    }

    /// Takes what the host sent.
    ///
    /// # Errors
    /// [`Breach`]: nothing may pass any more.
    pub fn host_sent(&mut self, chunk: Bytes) -> Result<Passed, Breach> {
        let mut recording = Recording::of(chunk.clone());
        let mut passed = Passed::default();
        let mut between = self.is_between_answers().then_some(0);
        let mut at = 0;
        while at < chunk.len() {
            match &mut self.host {
                HostSide::Head(held) => {
                    let mut held = std::mem::take(held);
                    let rest = chunk.get(at..).unwrap_or_default();
                    self.host = match read_head(&mut held, rest, &mut at, answer::head)? {
                        None => HostSide::Head(held),
                        Some(head) => self.answer(head, &mut passed.operations)?,
                    };
                }
                HostSide::Content { left, from, offset } => {
                    let length = (*left).min(chunk.len() - at);
                    let part = at..at + length;
                    let bytes = chunk.get(part.clone()).unwrap_or_default();
                    let kept = self.files.pass(*from, Direction::Read, *offset, bytes);
                    recording.omit(at + kept..part.end);
                    (*offset, *left) = (offset.saturating_add(length as u64), *left - length);
                    if *left == 0 {
                        self.host = HostSide::Head(Vec::new());
                    }
                    at = part.end;
                }
                HostSide::Rest(left) => {
                    let length = (*left).min(chunk.len() - at);
                    (*left, at) = (*left - length, at + length);
                    if *left == 0 {
                        self.host = HostSide::Head(Vec::new());
                    }
                }
            }
            if self.is_between_answers() {
                between = Some(at);
            }
        }
        passed.bytes = match between {
            Some(place) if !self.answers.is_empty() => {
                let answers = Bytes::from(std::mem::take(&mut self.answers));
                let mut out = Outgoing::of(chunk.clone());
                out.pass(0..place);
                out.insert(&answers);
                out.pass(place..chunk.len());
                recording.insert(place, answers);
                out.finish()
            }
            _ => chunk.clone(),
        };
        passed.recorded = recording.finish(chunk.len());
        Ok(passed)
    }

    /// Answers that are not the host's, if there is a place for them now.
    #[must_use]
    pub fn answers(&mut self) -> Option<Bytes> {
        (!self.answers.is_empty() && self.is_between_answers())
            .then(|| std::mem::take(&mut self.answers).into())
    }

    /// What was still going on when the channel ended: requests without an answer, open files.
    #[must_use]
    pub fn finish(&mut self) -> Vec<FileOperation> {
        let mut operations = Vec::new();
        for pending in std::mem::take(&mut self.pending).into_values() {
            match pending {
                Pending::Open { path, what, detail } => {
                    operations.push(unopened(path, what, detail, None));
                }
                Pending::Other(operation) | Pending::Resize { operation, .. } => {
                    operations.push(operation);
                }
                Pending::Close(_)
                | Pending::Read { .. }
                | Pending::Write { .. }
                | Pending::ReadDirectory => {}
            }
        }
        operations.extend(self.files.finish());
        operations
    }

    fn is_between_answers(&self) -> bool {
        matches!(&self.host, HostSide::Head(held) if held.is_empty())
    }
}

/// Reads a head from `held` and what follows it in `rest`, moves `at` behind what was taken, and
/// leaves in `held` what is to be read again with more. A head that is whole in `rest` is not copied.
fn read_head<T>(
    held: &mut Vec<u8>,
    rest: &[u8],
    at: &mut usize,
    read: impl Fn(&[u8]) -> Result<Read<T>, Breach>,
) -> Result<Option<T>, Breach> {
    if held.is_empty() {
        return Ok(match read(rest)? {
            Read::Done(head, length) => {
                *at += length;
                Some(head)
            }
            Read::Short(_) => {
                held.extend_from_slice(rest);
                *at += rest.len();
                None
            }
        });
    }
    let mut rest = rest;
    loop {
        let needed = match read(held)? {
            Read::Done(head, _) => return Ok(Some(head)),
            Read::Short(needed) => needed,
        };
        let missing = needed.saturating_sub(held.len()).min(rest.len());
        let (more, after) = rest.split_at(missing);
        if more.is_empty() {
            return Ok(None);
        }
        held.extend_from_slice(more);
        *at += more.len();
        rest = after;
    }
}
