//! Which request an answer belongs to, and what came of it.

use super::answer::{Head, Said};
use super::pending::{Pending, unopened};
use super::{HostSide, Sftp, Versions};
use crate::event::FileOperation;
use crate::files::Breach;

/// The version that is understood.
const VERSION: u32 = 3;

const OK: u32 = 0;
const END_OF_FILE: u32 = 1;

impl Sftp {
    /// Matches an answer with its request, and says what follows.
    pub(super) fn answer(
        &mut self,
        head: Head,
        operations: &mut Vec<FileOperation>,
    ) -> Result<HostSide, Breach> {
        let Head {
            rest,
            kind,
            number,
            said,
        } = head;
        let after = if rest == 0 {
            HostSide::Head(Vec::new())
        } else {
            HostSide::Rest(rest)
        };
        if said == Said::Version {
            return match (self.versions, number) {
                (Versions::Asked, VERSION) => {
                    self.versions = Versions::Agreed;
                    Ok(after)
                }
                (Versions::Asked, other) => Err(Breach::Version(other)),
                (Versions::NotAsked | Versions::Agreed, _) => Err(Breach::NotFirst),
            };
        }
        let pending = self.pending.remove(&number).ok_or(Breach::NotAsked)?;
        self.pending_bytes -= pending.size();
        match (pending, said) {
            (Pending::Open { path, what, detail }, Said::Handle(handle)) => {
                self.files.opened(handle, path, what, detail)?;
            }
            (Pending::Open { path, what, detail }, Said::Status(code)) => {
                operations.push(unopened(path, what, detail, Some(code)));
            }
            (Pending::Close(file), Said::Status(code)) => {
                operations.extend(self.files.closed(file, Some(code)));
            }
            (Pending::Read { file, offset }, Said::Content) => {
                return Ok(match rest {
                    0 => after,
                    left => HostSide::Content {
                        left,
                        from: file,
                        offset,
                    },
                });
            }
            (Pending::Read { file, offset }, Said::Status(END_OF_FILE)) => {
                self.files.ends_at(file, offset);
            }
            (Pending::Read { .. } | Pending::ReadDirectory, Said::Status(_))
            | (Pending::ReadDirectory, Said::Other) => {}
            (Pending::Write { file, bytes }, Said::Status(code)) => {
                self.files.wrote(file, bytes, code);
            }
            (
                Pending::Resize {
                    operation,
                    file,
                    fits,
                },
                Said::Status(code),
            ) => {
                if code == OK {
                    self.files.resized(file, fits);
                }
                operations.push(FileOperation {
                    result: Some(code),
                    ..operation
                });
            }
            (Pending::Other(operation), Said::Status(code)) => operations.push(FileOperation {
                result: Some(code),
                ..operation
            }),
            (Pending::Other(operation), Said::Other) => operations.push(FileOperation {
                result: Some(OK),
                ..operation
            }),
            _ => return Err(Breach::OtherAnswer(kind)),
        }
        Ok(after)
    }
}
