//! One recording's file: made, appended to, closed. Blocking; only threads of the pool call it, and
//! recovery.

use std::error::Error;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use portreeve_protocol::age::Recipient;
use portreeve_protocol::canonical::NotCanonical;
use portreeve_protocol::digest::Digest;
use portreeve_protocol::id::SessionId;
use portreeve_protocol::time::Timestamp;
use thiserror::Error;

use crate::container::{self, Name};
use crate::info::{Format, SessionInfo};
use crate::manifest::{End, Manifest, ManifestSigner, SegmentEntry, Totals};
use crate::segment::{Header, SealSegmentError, Sealed};

/// A recording that is whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finished {
    /// Where it is.
    pub path: PathBuf,
    /// The digest of its manifest, for the trail.
    pub manifest: Digest,
    /// The size of the file.
    pub bytes: u64,
}

/// Why a recording can no longer be written.
#[derive(Debug, Error)]
pub enum WriteError {
    /// The file cannot be made.
    #[error("cannot create the recording `{}`", path.display())]
    Create {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The file cannot be appended to.
    #[error("cannot write the recording `{}`; check the space left on its disk", path.display())]
    Append {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A segment cannot be sealed.
    #[error("cannot seal a segment of the recording")]
    Seal(#[from] SealSegmentError),
    /// The manifest or the session's metadata has no JSON form.
    #[error("cannot write the metadata of the recording")]
    Json(#[from] NotCanonical),
    /// The manifest cannot be signed.
    #[error("cannot sign the manifest of the recording")]
    Sign(#[source] Box<dyn Error + Send + Sync>),
    /// The session has more segments than can be numbered.
    #[error("the recording has too many segments")]
    TooManySegments,
    /// The threads that write recordings have ended.
    #[error("the recorder was closed")]
    Closed,
}

/// Why a recording failed, shared by everybody who asks.
#[derive(Debug, Clone, Error)]
#[error("the recording failed")]
pub struct RecordingFailed(#[source] Arc<WriteError>);

impl RecordingFailed {
    pub(super) fn new(why: WriteError) -> Self {
        Self(Arc::new(why))
    }

    /// What went wrong.
    #[must_use]
    pub fn cause(&self) -> &WriteError {
        &self.0
    }
}

/// An open recording.
pub(super) struct Tape {
    file: File,
    path: PathBuf,
    /// Everything before is whole and on disk.
    len: u64,
    session: SessionId,
    started_at: Timestamp,
    recipients: Vec<Recipient>,
    session_file: Digest,
    segments: Vec<SegmentEntry>,
}

impl Tape {
    /// Makes the file, which must not exist, and writes `session.json`.
    pub(super) fn create(folder: &Path, info: &SessionInfo) -> Result<Self, WriteError> {
        let json = info.to_json()?;
        let path = folder.join(format!("{}.tar", info.session));
        let created = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&path);
        let file = created.map_err(|source| WriteError::Create {
            path: path.clone(),
            source,
        })?;
        let mut tape = Self {
            file,
            path,
            len: 0,
            session: info.session,
            started_at: info.started_at,
            recipients: info.recipients.clone(),
            session_file: Digest::of(json.as_bytes()),
            segments: Vec::new(),
        };
        tape.write(&container::frame(
            Name::Session,
            json.as_bytes(),
            info.started_at.as_unsigned_seconds(),
        ))?;
        // A name is durable when its folder is.
        File::open(folder)
            .and_then(|folder| folder.sync_all())
            .map_err(|source| WriteError::Create {
                path: tape.path.clone(),
                source,
            })?;
        Ok(tape)
    }

    /// Where the next segment will belong.
    pub(super) fn next_header(&self) -> Header {
        Header {
            session: self.session,
            number: self.next_number(),
            previous: self
                .segments
                .last()
                .map_or(self.session_file, |segment| segment.digest),
        }
    }

    pub(super) fn recipients(&self) -> &[Recipient] {
        &self.recipients
    }

    /// Appends a sealed segment; on disk when this returns.
    pub(super) fn append(&mut self, sealed: Sealed<'_>) -> Result<(), WriteError> {
        let number = self.next_number();
        if number == u32::MAX {
            return Err(WriteError::TooManySegments);
        }
        let last = self
            .started_at
            .plus(std::time::Duration::from_micros(sealed.run.last_us));
        container::end_entry(
            sealed.entry,
            Name::Segment(number),
            last.as_unsigned_seconds(),
        );
        self.write(sealed.entry)?;
        self.segments.push(SegmentEntry {
            digest: sealed.digest,
            size: sealed.size,
            events: Some(sealed.run.events),
            first_us: Some(sealed.run.first_us),
            last_us: Some(sealed.run.last_us),
        });
        Ok(())
    }

    /// Writes manifest, signature and end. Without an `end` the recording is cut.
    pub(super) fn finish(
        &mut self,
        end: Option<End>,
        signer: &dyn ManifestSigner,
    ) -> Result<Finished, WriteError> {
        let segments = std::mem::take(&mut self.segments);
        let manifest = Manifest {
            format: Format,
            session: self.session,
            session_file: self.session_file,
            started_at: self.started_at,
            ended_at: end.map(|end| end.at),
            cause: end.map(|end| end.cause),
            cut: end.is_none(),
            totals: Totals::of(&segments),
            segments,
        };
        let (closing, digest) = close_archive(&manifest, signer)?;
        self.write(&closing)?;
        Ok(Finished {
            path: self.path.clone(),
            manifest: digest,
            bytes: self.len,
        })
    }

    fn next_number(&self) -> u32 {
        u32::try_from(self.segments.len()).unwrap_or(u32::MAX)
    }

    /// One write, then to the disk. After a failure the file is brought back to its last whole
    /// entry, if that can be done; recovery does the same for files that could not.
    fn write(&mut self, bytes: &[u8]) -> Result<(), WriteError> {
        match self
            .file
            .write_all(bytes)
            .and_then(|()| self.file.sync_data())
        {
            Ok(()) => {
                self.len += bytes.len() as u64;
                Ok(())
            }
            Err(source) => {
                let _ = self.file.set_len(self.len);
                Err(WriteError::Append {
                    path: self.path.clone(),
                    source,
                })
            }
        }
    }
}

/// The entries that close a recording, and the digest of the manifest among them.
pub(crate) fn close_archive(
    manifest: &Manifest,
    signer: &dyn ManifestSigner,
) -> Result<(Vec<u8>, Digest), WriteError> {
    let json = manifest.to_json()?;
    let signature = signer.sign(json.as_bytes()).map_err(WriteError::Sign)?;
    let last_us = manifest
        .segments
        .last()
        .and_then(|segment| segment.last_us)
        .unwrap_or(0);
    let seconds = manifest
        .started_at
        .plus(std::time::Duration::from_micros(last_us))
        .as_unsigned_seconds();
    let mut closing = container::frame(Name::Manifest, json.as_bytes(), seconds);
    closing.extend(container::frame(
        Name::Signature,
        signature.as_bytes(),
        seconds,
    ));
    closing.extend_from_slice(&container::END);
    Ok((closing, Digest::of(json.as_bytes())))
}
