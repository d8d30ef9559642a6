//! The old protocol of scp: lines and files in one direction, an answer to each in the other.
//!
//! One side waits for the other at every step. An agent that does not wait is made to: what it sends
//! too early stays where it was until its turn comes, so what it means never depends on a race.

mod command;
mod line;
mod reply;
#[cfg(test)]
mod tests;

use bytes::Bytes;

use super::content::{CHANNEL_WINDOW, Content, Direction, Lost};
use super::recorded::{Budget, Recording};
use super::{Breach, Passed};
use crate::event::{FileAct, FileOperation, Moved};
pub use command::ScpCommand;
use line::{Line, MAX_LINE};
use reply::{Replies, Reply};

/// The most directories inside each other.
const MAX_DEPTH: usize = 256;
/// The most that their names have together.
const MAX_NAMES: usize = 4096;
const OK: u32 = 0;
const FAILURE: u32 = 4;

/// One scp command.
#[derive(Debug)]
pub struct Scp {
    command: ScpCommand,
    content_limit: Option<u64>,
    stage: Stage,
    replies: Replies,
    directories: Vec<Bytes>,
}

/// Whose turn it is.
#[derive(Debug)]
enum Stage {
    /// The receiver says that it is there.
    Beginning,
    /// The sender says what comes.
    Line(Vec<u8>),
    /// The receiver says whether it takes it.
    Asked(Line),
    /// The sender sends a file.
    Content { file: File, left: u64 },
    /// The sender says how that went.
    Sent { file: File, text: Vec<u8> },
    /// The receiver says how it went.
    Received(File),
    /// Nothing comes any more.
    Over,
}

/// A file that passes.
#[derive(Debug)]
struct File {
    name: Bytes,
    mode: u32,
    content: Content,
    budget: Budget,
    passed: u64,
}

impl Scp {
    /// A command whose files are recorded up to a limit.
    #[must_use]
    pub fn new(command: ScpCommand, content_limit: Option<u64>) -> Self {
        Self {
            command,
            content_limit,
            stage: Stage::Beginning,
            replies: Replies::default(),
            directories: Vec::new(),
        }
    }

    /// Takes what the agent sent, as far as it is its turn; the rest stays in `sent`.
    ///
    /// # Errors
    /// [`Breach`]: nothing may pass any more.
    pub fn agent_sent(&mut self, sent: &mut Bytes) -> Result<Passed, Breach> {
        let mut recording = Recording::of(sent.clone());
        let mut passed = Passed::default();
        let taken = if self.command.host_sends {
            self.reply(sent, &mut passed.operations)?
        } else {
            self.send(sent, &mut recording, &mut passed.operations)?
        };
        passed.bytes = sent.split_to(taken);
        passed.recorded = recording.finish(taken);
        Ok(passed)
    }

    /// Takes what the host sent. It waits for its turn, so it has one.
    ///
    /// # Errors
    /// [`Breach`]: nothing may pass any more.
    pub fn host_sent(&mut self, sent: Bytes) -> Result<Passed, Breach> {
        let mut recording = Recording::of(sent.clone());
        let mut passed = Passed::default();
        let taken = if self.command.host_sends {
            self.send(&sent, &mut recording, &mut passed.operations)?
        } else {
            self.reply(&sent, &mut passed.operations)?
        };
        if taken < sent.len() {
            return Err(Breach::NotAsked);
        }
        passed.recorded = recording.finish(taken);
        passed.bytes = sent;
        Ok(passed)
    }

    /// What was still going on when the command ended.
    #[must_use]
    pub fn finish(&mut self) -> Vec<FileOperation> {
        match std::mem::replace(&mut self.stage, Stage::Over) {
            Stage::Asked(line @ (Line::File { .. } | Line::Directory { .. })) => {
                self.unanswered(line, None, None).into_iter().collect()
            }
            Stage::Content { file, .. } | Stage::Sent { file, .. } | Stage::Received(file) => {
                vec![self.moved(file, None, None)]
            }
            Stage::Beginning | Stage::Line(_) | Stage::Asked(_) | Stage::Over => vec![],
        }
    }

    /// Takes what the sender sent while it is its turn, and says how much that was.
    fn send(
        &mut self,
        bytes: &[u8],
        recording: &mut Recording,
        operations: &mut Vec<FileOperation>,
    ) -> Result<usize, Breach> {
        let mut at = 0;
        while let Some(rest) = bytes.get(at..).filter(|rest| !rest.is_empty()) {
            match std::mem::replace(&mut self.stage, Stage::Over) {
                stage @ (Stage::Beginning | Stage::Asked(_) | Stage::Received(_)) => {
                    self.stage = stage;
                    return Ok(at);
                }
                Stage::Over => return Err(Breach::AfterTheEnd),
                Stage::Line(text) => {
                    let (taken, line) = read_line(text, rest)?;
                    at += taken;
                    self.stage = match line {
                        Progress::Part(text) => Stage::Line(text),
                        Progress::Whole(text) => self.said(Line::read(&text)?, operations)?,
                    };
                }
                Stage::Content { mut file, left } => {
                    let length = usize::try_from(left).unwrap_or(usize::MAX).min(rest.len());
                    let part = rest.get(..length).unwrap_or(rest);
                    let kept = file.pass(self.direction(), part);
                    recording.omit(at + kept..at + length);
                    at += length;
                    self.stage = Stage::content(file, left - length as u64);
                }
                Stage::Sent { file, text } => match rest.first() {
                    Some(0) if text.is_empty() => {
                        at += 1;
                        self.stage = Stage::Received(file);
                    }
                    _ => {
                        let (taken, line) = read_line(text, rest)?;
                        at += taken;
                        self.stage = match line {
                            Progress::Part(text) => Stage::Sent { file, text },
                            Progress::Whole(text) => file.not_sent(&text)?,
                        };
                    }
                },
            }
        }
        Ok(at)
    }

    /// Takes what the receiver said while it is its turn, and says how much that was.
    fn reply(
        &mut self,
        bytes: &[u8],
        operations: &mut Vec<FileOperation>,
    ) -> Result<usize, Breach> {
        let mut at = 0;
        while let Some(rest) = bytes.get(at..).filter(|rest| !rest.is_empty()) {
            let is_its_turn = matches!(
                self.stage,
                Stage::Beginning | Stage::Asked(_) | Stage::Received(_)
            );
            if !is_its_turn {
                return if matches!(self.stage, Stage::Over) {
                    Err(Breach::AfterTheEnd)
                } else {
                    Ok(at)
                };
            }
            let (taken, reply) = self.replies.take(rest)?;
            at += taken;
            if let Some(reply) = reply {
                self.replied(reply, operations)?;
            }
        }
        Ok(at)
    }

    /// What follows a line.
    fn said(&mut self, line: Line, operations: &mut Vec<FileOperation>) -> Result<Stage, Breach> {
        if line == Line::End && self.directories.is_empty() {
            return Err(Breach::NotScp);
        }
        let Line::Trouble { text, is_last } = line else {
            return Ok(Stage::Asked(line));
        };
        operations.push(self.operation(FileAct::Open, None, Some(text), Some(FAILURE)));
        Ok(if is_last {
            Stage::Over
        } else {
            Stage::Line(Vec::new())
        })
    }

    fn replied(&mut self, reply: Reply, operations: &mut Vec<FileOperation>) -> Result<(), Breach> {
        let next = Stage::Line(Vec::new());
        self.stage = match (std::mem::replace(&mut self.stage, Stage::Over), reply) {
            (Stage::Asked(Line::File { mode, size, name }), Reply::Taken) => {
                let file = File {
                    name,
                    mode,
                    content: Content::default(),
                    budget: Budget::of(self.content_limit),
                    passed: 0,
                };
                Stage::content(file, size)
            }
            (Stage::Asked(Line::Directory { mode, name }), Reply::Taken) => {
                let made = Line::Directory {
                    mode,
                    name: name.clone(),
                };
                operations.extend(self.unanswered(made, Some(OK), None));
                let names: usize = self.directories.iter().map(Bytes::len).sum();
                if self.directories.len() >= MAX_DEPTH || names + name.len() > MAX_NAMES {
                    return Err(Breach::TooDeep);
                }
                self.directories.push(name);
                next
            }
            (Stage::Asked(line @ (Line::File { .. } | Line::Directory { .. })), reply) => {
                operations.extend(self.unanswered(line, Some(FAILURE), reply.words()));
                next
            }
            (Stage::Asked(Line::End), _) => {
                self.directories.pop();
                next
            }
            (Stage::Beginning, Reply::Refused(text)) => {
                operations.push(self.operation(FileAct::Open, None, Some(text), Some(FAILURE)));
                next
            }
            (Stage::Received(file), reply) => {
                let result = match reply {
                    Reply::Taken => OK,
                    Reply::Refused(_) => FAILURE,
                };
                operations.push(self.moved(file, Some(result), reply.words()));
                next
            }
            (
                Stage::Beginning
                | Stage::Asked(_)
                | Stage::Line(_)
                | Stage::Content { .. }
                | Stage::Sent { .. }
                | Stage::Over,
                _,
            ) => next,
        };
        Ok(())
    }

    const fn direction(&self) -> Direction {
        if self.command.host_sends {
            Direction::Read
        } else {
            Direction::Written
        }
    }

    /// The act of moving a file, from the agent's side.
    const fn moving(&self) -> FileAct {
        if self.command.host_sends {
            FileAct::Get
        } else {
            FileAct::Put
        }
    }

    /// A line to which the answer was no, or none.
    fn unanswered(
        &self,
        line: Line,
        result: Option<u32>,
        words: Option<String>,
    ) -> Option<FileOperation> {
        let (act, mode, name) = match line {
            Line::File { mode, name, .. } => (self.moving(), mode, name),
            Line::Directory { mode, name } if self.command.host_sends => {
                (FileAct::List, mode, name)
            }
            Line::Directory { mode, name } => (FileAct::MakeDirectory, mode, name),
            Line::End | Line::Times | Line::Trouble { .. } => return None,
        };
        let detail = words.unwrap_or_else(|| mode_words(mode));
        Some(self.operation(act, Some(&name), Some(detail), result))
    }

    fn moved(&self, file: File, result: Option<u32>, words: Option<String>) -> FileOperation {
        let mut content = file.content;
        let mut room = CHANNEL_WINDOW;
        if result == Some(FAILURE) {
            content.lose(Lost::NotTaken, &mut room);
        }
        let (digest, remark) = match content.finish(&mut room) {
            Ok(digest) => (
                Some(digest),
                result
                    .is_none()
                    .then_some("the channel ended before it was closed"),
            ),
            Err(lost) => (None, Some(lost.words())),
        };
        let (read, written) = match self.direction() {
            Direction::Read => (file.passed, 0),
            Direction::Written => (0, file.passed),
        };
        let detail = words.unwrap_or_else(|| mode_words(file.mode));
        FileOperation {
            content: Some(Moved {
                read,
                written,
                digest,
                remark: remark.map(str::to_owned),
            }),
            ..self.operation(self.moving(), Some(&file.name), Some(detail), result)
        }
    }

    fn operation(
        &self,
        act: FileAct,
        name: Option<&Bytes>,
        detail: Option<String>,
        result: Option<u32>,
    ) -> FileOperation {
        let other = name.map(|name| {
            let parts: Vec<&[u8]> = self
                .directories
                .iter()
                .chain([name])
                .map(|part| part.as_ref())
                .collect();
            Bytes::from(parts.join(&b'/'))
        });
        FileOperation {
            act,
            path: self.command.target.clone(),
            other,
            detail,
            result,
            content: None,
        }
    }
}

impl Stage {
    /// What is left of a file, or what follows it.
    const fn content(file: File, left: u64) -> Self {
        match left {
            0 => Self::Sent {
                file,
                text: Vec::new(),
            },
            left => Self::Content { file, left },
        }
    }
}

impl File {
    /// Takes content, and says how much of it is recorded.
    fn pass(&mut self, direction: Direction, bytes: &[u8]) -> usize {
        let mut room = CHANNEL_WINDOW;
        self.content.take(direction, self.passed, bytes, &mut room);
        self.passed += bytes.len() as u64;
        self.budget.take(bytes.len())
    }

    /// The sender says that it could not read what it sent.
    fn not_sent(mut self, text: &[u8]) -> Result<Stage, Breach> {
        match Line::read(text)? {
            Line::Trouble { .. } => {
                self.content.lose(Lost::NotSent, &mut 0);
                Ok(Stage::Received(self))
            }
            Line::File { .. } | Line::Directory { .. } | Line::End | Line::Times => {
                Err(Breach::NotScp)
            }
        }
    }
}

impl Reply {
    fn words(self) -> Option<String> {
        match self {
            Self::Taken => None,
            Self::Refused(words) => Some(words),
        }
    }
}

/// A line so far, or all of it.
enum Progress {
    Part(Vec<u8>),
    Whole(Vec<u8>),
}

/// Takes bytes up to the end of a line, and says how many.
fn read_line(mut text: Vec<u8>, bytes: &[u8]) -> Result<(usize, Progress), Breach> {
    let end = bytes.iter().position(|byte| *byte == b'\n');
    let part = bytes.get(..end.unwrap_or(bytes.len())).unwrap_or_default();
    if text.len() + part.len() > MAX_LINE {
        return Err(Breach::LineTooLong);
    }
    text.extend_from_slice(part);
    Ok(match end {
        Some(end) => (end + 1, Progress::Whole(text)),
        None => (bytes.len(), Progress::Part(text)),
    })
}

fn mode_words(mode: u32) -> String {
    format!("mode {mode:04o}")
}
