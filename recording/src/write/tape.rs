//! One recording's file: made, appended to, closed. Blocking; only threads of the pool call it, and
//! recovery.

use std::error::Error;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use portreeve_protocol::age::Recipient;
use portreeve_protocol::canonical::NotCanonical;
use portreeve_protocol::digest::Digest;
use portreeve_protocol::id::SessionId;
use portreeve_protocol::time::Timestamp;
use thiserror::Error;

use super::disk::{Disk, Media};
use crate::container::{self, Name};
use crate::file_name;
use crate::head::{Chain, Head};
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
    /// The session has more segments than a manifest can name.
    #[error("the recording has too many segments")]
    TooManySegments,
    /// What was recorded is not on the disk long after it should be.
    #[error("the disk of the recordings does not answer")]
    Stalled,
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

/// How much of a manifest is kept for its end: some thousand segments.
const ROOM_TO_END: usize = 1024 * 1024;
/// What a manifest has beside its segments, at most.
const MANIFEST_FRAME: usize = 1024;

/// An open recording.
pub(super) struct Tape {
    file: Arc<dyn Media>,
    path: Arc<Path>,
    /// Everything before is whole.
    len: u64,
    session: SessionId,
    started_at: Timestamp,
    recipients: Vec<Recipient>,
    session_file: Digest,
    chain: Chain,
    segments: Vec<SegmentEntry>,
    /// How long the manifest would be now, and may become.
    manifest_bytes: usize,
    manifest_limit: usize,
}

impl Tape {
    /// Makes the file, which must not exist, and writes `session.json`; on disk when this returns.
    pub(super) fn create(
        disk: &dyn Disk,
        folder: &Path,
        info: &SessionInfo,
        manifest_limit: usize,
    ) -> Result<Self, WriteError> {
        let json = info.to_json()?;
        let path = folder.join(file_name::of(info.session));
        let failed = |source| WriteError::Create {
            path: path.clone(),
            source,
        };
        let file = disk.create(&path).map_err(failed)?;
        let session_file = Digest::of(json.as_bytes());
        let mut tape = Self {
            file,
            path: path.as_path().into(),
            len: 0,
            session: info.session,
            started_at: info.started_at,
            recipients: info.recipients.clone(),
            session_file,
            chain: Chain::begin(session_file),
            segments: Vec::new(),
            manifest_bytes: MANIFEST_FRAME,
            manifest_limit,
        };
        let begun = tape
            .write(&container::frame(
                Name::Session,
                json.as_bytes(),
                info.started_at.as_unsigned_seconds(),
            ))
            .and_then(|()| tape.file.sync().map_err(failed))
            // A name is durable when its folder is.
            .and_then(|()| disk.keep_names(folder).map_err(failed));
        match begun {
            Ok(()) => Ok(tape),
            Err(why) => {
                // Nothing was recorded in it, and it would be no recording.
                let _ = disk.remove(&path);
                Err(why)
            }
        }
    }

    /// The file.
    pub(super) fn file(&self) -> (&Arc<dyn Media>, &Arc<Path>) {
        (&self.file, &self.path)
    }

    /// What stands for everything in the file so far.
    pub(super) fn head(&self) -> Head {
        Head {
            segments: self.next_number(),
            digest: self.chain.digest(),
            bytes: self.len,
        }
    }

    /// Whether the session should end while its manifest can still name every segment.
    pub(super) fn is_nearly_full(&self) -> bool {
        self.manifest_bytes.saturating_add(ROOM_TO_END) > self.manifest_limit
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

    /// Appends a sealed segment.
    pub(super) fn append(&mut self, sealed: Sealed<'_>) -> Result<(), WriteError> {
        let number = self.next_number();
        let entry = SegmentEntry {
            digest: sealed.digest,
            size: sealed.size,
            events: Some(sealed.run.events),
            first_us: Some(sealed.run.first_us),
            last_us: Some(sealed.run.last_us),
        };
        // And the comma.
        let manifest_bytes = self.manifest_bytes + entry.to_json()?.len() + 1;
        if number == u32::MAX || manifest_bytes > self.manifest_limit {
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
        self.chain = self.chain.with(entry.digest);
        self.segments.push(entry);
        self.manifest_bytes = manifest_bytes;
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
            path: self.path.to_path_buf(),
            manifest: digest,
            bytes: self.len,
        })
    }

    fn next_number(&self) -> u32 {
        u32::try_from(self.segments.len()).unwrap_or(u32::MAX)
    }

    /// One write. After a failure the file is brought back to its last whole entry, if that can be
    /// done; recovery does the same for files that could not.
    fn write(&mut self, bytes: &[u8]) -> Result<(), WriteError> {
        match self.file.append(bytes) {
            Ok(()) => {
                self.len += bytes.len() as u64;
                Ok(())
            }
            Err(source) => {
                let _ = self.file.cut(self.len);
                Err(WriteError::Append {
                    path: self.path.to_path_buf(),
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
