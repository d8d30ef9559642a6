//! Which requests pass.

use bytes::Bytes;

use super::open::What;
use super::pending::{Pending, plain, unopened};
use super::request::{Asked, Attributes, Head, Need};
use super::{AgentSide, Sftp, Versions, answer};
use crate::event::{FileAct, FileOperation};
use crate::files::content::Lost;
use crate::files::{Breach, Passed, RefusedOperation};

/// The most requests without an answer. Some clients ask for a whole file at once.
const MAX_PENDING: usize = 65_536;
/// The most that those requests may say.
const MAX_PENDING_BYTES: usize = 4 * 1024 * 1024;

const PERMISSION_DENIED: u32 = 3;
const FAILURE: u32 = 4;
const UNSUPPORTED: u32 = 8;

/// What is done with a request.
enum Judged {
    Pass(Pending),
    Refuse {
        operation: FileOperation,
        code: u32,
        reason: &'static str,
    },
}

impl Sftp {
    /// Judges a request. Says whether it passes, and what comes after it.
    pub(super) fn request(
        &mut self,
        head: Head,
        passed: &mut Passed,
    ) -> Result<(bool, AgentSide), Breach> {
        let mut then = AgentSide::Head(Vec::new());
        let (id, judged) = match head {
            Head::Init => {
                if self.versions != Versions::NotAsked {
                    return Err(Breach::NotFirst);
                }
                self.versions = Versions::Asked;
                return Ok((true, then));
            }
            Head::Write {
                id,
                handle,
                offset,
                content,
            } => {
                let judged = self.write(&handle, content);
                let to = match &judged {
                    Judged::Pass(Pending::Write { file, .. }) => Some(*file),
                    Judged::Pass(_) | Judged::Refuse { .. } => None,
                };
                if content > 0 {
                    then = AgentSide::Content {
                        left: content,
                        to,
                        offset,
                    };
                }
                (id, judged)
            }
            Head::Request { id, asked } => (id, self.judge(asked)),
        };
        if self.versions == Versions::NotAsked {
            return Err(Breach::NotFirst);
        }
        if self.pending.contains_key(&id) {
            return Err(Breach::IdInUse(id));
        }
        match judged {
            Judged::Pass(pending) => {
                self.pending_bytes += pending.size();
                self.pending.insert(id, pending);
                if self.pending.len() > MAX_PENDING || self.pending_bytes > MAX_PENDING_BYTES {
                    return Err(Breach::TooManyRequests);
                }
                Ok((true, then))
            }
            Judged::Refuse {
                operation,
                code,
                reason,
            } => {
                if self.answers.len() > MAX_PENDING_BYTES {
                    return Err(Breach::TooManyRequests);
                }
                let message = format!("portreeve: {reason}");
                self.answers.extend(answer::status(id, code, &message));
                passed.refused.push(RefusedOperation {
                    what: operation.what(),
                    reason,
                });
                passed.operations.push(FileOperation {
                    result: Some(code),
                    ..operation
                });
                Ok((false, then))
            }
        }
    }

    fn judge(&mut self, asked: Asked) -> Judged {
        match asked {
            Asked::Open {
                path,
                how,
                attributes,
            } => {
                let detail = match attributes.words() {
                    Some(words) => format!("{}, {words}", how.words()),
                    None => how.words().to_owned(),
                };
                let (what, detail) = (What::File(how), Some(detail));
                if how.writes() && !self.rights.write {
                    refuse(unopened(path, what, detail, None), Need::Write)
                } else if how.reads() && !self.rights.read {
                    refuse(unopened(path, what, detail, None), Need::Read)
                } else {
                    Judged::Pass(Pending::Open { path, what, detail })
                }
            }
            Asked::OpenDirectory { path } => {
                let (what, detail) = (What::Directory, None);
                if self.rights.read {
                    Judged::Pass(Pending::Open { path, what, detail })
                } else {
                    refuse(unopened(path, what, detail, None), Need::Read)
                }
            }
            Asked::Close { handle } => match self.files.close(&handle) {
                Some(file) => Judged::Pass(Pending::Close(file)),
                None => no_such_handle(FileAct::Open),
            },
            Asked::Read { handle, offset } => match self.files.find(&handle) {
                Some(file) => Judged::Pass(Pending::Read { file, offset }),
                None => no_such_handle(FileAct::Get),
            },
            Asked::ReadDirectory { handle } => match self.files.find(&handle) {
                Some(_) => Judged::Pass(Pending::ReadDirectory),
                None => no_such_handle(FileAct::List),
            },
            Asked::OnPath {
                act,
                path,
                other,
                detail,
                need,
            } => {
                let operation = FileOperation {
                    act,
                    path,
                    other,
                    detail,
                    result: None,
                    content: None,
                };
                self.if_permitted(operation, need)
            }
            Asked::OnHandle {
                act,
                handle,
                attributes,
                need,
            } => {
                let Some(file) = self.files.find(&handle) else {
                    return no_such_handle(act);
                };
                let operation = FileOperation {
                    detail: attributes.as_ref().and_then(Attributes::words),
                    ..plain(act, self.files.path(file))
                };
                let size = attributes.and_then(|attributes| attributes.size);
                match (self.if_permitted(operation, need), size) {
                    (Judged::Pass(Pending::Other(operation)), Some(size)) => {
                        Judged::Pass(Pending::Resize {
                            operation,
                            file,
                            fits: self.files.fits(file, size),
                        })
                    }
                    (judged, _) => judged,
                }
            }
            Asked::Copy { from, to } => {
                let (Some(from), Some(to)) = (self.files.find(&from), self.files.find(&to)) else {
                    return no_such_handle(FileAct::Copy);
                };
                self.files.lose(to, Lost::Copied);
                let operation = FileOperation {
                    other: Some(self.files.path(to)),
                    ..plain(FileAct::Copy, self.files.path(from))
                };
                self.if_permitted(operation, Need::Write)
            }
            Asked::Unknown { extension } => Judged::Refuse {
                operation: FileOperation {
                    detail: Some(extension),
                    ..plain(FileAct::Extended, Bytes::new())
                },
                code: UNSUPPORTED,
                reason: "this extension is not known",
            },
        }
    }

    fn write(&mut self, handle: &[u8], content: usize) -> Judged {
        match self.files.find(handle) {
            // The host opened it for what was permitted, and refuses anything else by itself.
            Some(file) => {
                self.files.writing(file);
                Judged::Pass(Pending::Write {
                    file,
                    bytes: content as u64,
                })
            }
            None => no_such_handle(FileAct::Put),
        }
    }

    fn if_permitted(&self, operation: FileOperation, need: Need) -> Judged {
        let is_permitted = match need {
            Need::Nothing => true,
            Need::Read => self.rights.read,
            Need::Write => self.rights.write,
        };
        if is_permitted {
            Judged::Pass(Pending::Other(operation))
        } else {
            refuse(operation, need)
        }
    }
}

fn refuse(operation: FileOperation, need: Need) -> Judged {
    Judged::Refuse {
        operation,
        code: PERMISSION_DENIED,
        reason: match need {
            Need::Write => "the policy does not permit writing files in this session",
            Need::Read | Need::Nothing => {
                "the policy does not permit reading files in this session"
            }
        },
    }
}

fn no_such_handle(act: FileAct) -> Judged {
    Judged::Refuse {
        operation: plain(act, Bytes::new()),
        code: FAILURE,
        reason: "no file is open under this handle",
    }
}
