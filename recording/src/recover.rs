//! What a bastion does at its start with recordings that its predecessor could not finish.
//!
//! A torn entry is removed with whatever follows it, and a manifest with `cut` set is written and
//! signed. Segments stay as they are: the bastion cannot open them. Not for files that a running
//! recorder writes.

use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Seek, SeekFrom, Write};
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

use portreeve_protocol::digest::Digest;
use thiserror::Error;

use crate::container::{BLOCK, END, Name};
use crate::info::Format;
use crate::manifest::{Manifest, ManifestSigner, SegmentEntry, Totals};
use crate::read::{ReadError, Recording, Tail};
use crate::write::{Finished, WriteError, close_archive};

/// How every age file begins.
const AGE_START: &[u8] = b"age-encryption.org/v1\n";
/// How long the tag is with which every age file ends.
const TAG: usize = 16;
/// How many zeroes at the end of a segment, in a block of their own, ciphertext never is.
const LEAST_ZEROES: usize = 4;

/// What was done with a recording.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Recovered {
    /// Nothing: it is whole.
    Whole,
    /// Only its last bytes were missing and have been added; its own manifest and signature stand.
    Completed(Finished),
    /// It was closed as cut.
    Cut {
        /// The recording as it is now.
        finished: Finished,
        /// What was removed from its end, if anything was.
        dropped: Option<Dropped>,
    },
}

/// What was removed from the end of a recording. It displays as words for a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dropped {
    /// How many bytes.
    pub bytes: u64,
    /// What they were.
    pub what: Torn,
}

/// What is torn, and all that followed it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Torn {
    /// The disk never had all of the first of these segments; the others follow it.
    Segments(RangeInclusive<u32>),
    /// The file ends inside this segment's entry, or has zeroes in the place of its header.
    Begun(u32),
    /// The segments are whole, and the manifest is not, or not signed.
    Manifest,
}

impl fmt::Display for Dropped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = self.bytes;
        match &self.what {
            Torn::Segments(numbers) => {
                let (first, last) = (numbers.start(), numbers.end());
                write!(
                    f,
                    "segments {first} to {last} ({bytes} bytes): the disk never had all of the first"
                )
            }
            Torn::Begun(number) => {
                write!(
                    f,
                    "segment {number} and what follows it ({bytes} bytes): its entry is not whole"
                )
            }
            Torn::Manifest => {
                write!(f, "the manifest ({bytes} bytes): it was not signed yet")
            }
        }
    }
}

/// Why a recording could not be recovered. The file is then as it was.
#[derive(Debug, Error)]
pub enum RecoverError {
    /// It cannot be read as a recording.
    #[error("`{}` cannot be recovered", path.display())]
    Read {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: ReadError,
    },
    /// It cannot be opened or changed.
    #[error("`{}` cannot be recovered", path.display())]
    Io {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The new manifest cannot be made.
    #[error("`{}` cannot be recovered", path.display())]
    Close {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: WriteError,
    },
}

/// Recovers every `.tar` file of a folder, one result each, in the order of their names.
///
/// # Errors
/// When the folder cannot be listed.
pub fn recover_folder(
    folder: &Path,
    signer: &dyn ManifestSigner,
) -> io::Result<Vec<(PathBuf, Result<Recovered, RecoverError>)>> {
    let entries: io::Result<Vec<_>> = fs::read_dir(folder)?
        .map(|entry| Ok(entry?.path()))
        .collect();
    let mut paths: Vec<_> = entries?
        .into_iter()
        .filter(|path| path.extension().is_some_and(|end| end == "tar"))
        .collect();
    paths.sort();
    Ok(paths
        .into_iter()
        .map(|path| {
            let recovered = recover(&path, signer);
            (path, recovered)
        })
        .collect())
}

/// Makes a recording whole again, as far as it goes.
///
/// # Errors
/// [`RecoverError`]; also when not even `session.json` is there.
pub fn recover(path: &Path, signer: &dyn ManifestSigner) -> Result<Recovered, RecoverError> {
    let io_error = |source| RecoverError::Io {
        path: path.to_owned(),
        source,
    };
    let read_error = |source| RecoverError::Read {
        path: path.to_owned(),
        source,
    };

    let mut file = OpenOptions::new()
        .read(true)
        .write(true)
        .open(path)
        .map_err(io_error)?;
    let mut recording = Recording::open(&file).map_err(read_error)?;
    if recording.tail() == Tail::Ended {
        return Ok(Recovered::Whole);
    }
    let found = survey(&mut recording).map_err(io_error)?;
    if let Some(signed) = found.signed {
        append(&mut file, signed.len, &END).map_err(io_error)?;
        return Ok(Recovered::Completed(Finished {
            path: path.to_owned(),
            manifest: signed.manifest,
            bytes: signed.len + END.len() as u64,
        }));
    }
    let dropped = dropped(&file, &found).map_err(io_error)?;
    let manifest = Manifest {
        format: Format,
        session: recording.info().session,
        session_file: recording.session_file(),
        started_at: recording.info().started_at,
        ended_at: None,
        cause: None,
        cut: true,
        totals: Totals::of(&found.segments),
        segments: found.segments,
    };
    let (closing, digest) =
        close_archive(&manifest, signer).map_err(|source| RecoverError::Close {
            path: path.to_owned(),
            source,
        })?;
    append(&mut file, found.whole_len, &closing).map_err(io_error)?;
    let finished = Finished {
        path: path.to_owned(),
        manifest: digest,
        bytes: found.whole_len + closing.len() as u64,
    };
    Ok(Recovered::Cut { finished, dropped })
}

/// What is behind the part that is kept.
fn dropped(mut file: &File, found: &Survey) -> io::Result<Option<Dropped>> {
    let len = file.seek(SeekFrom::End(0))?;
    let bytes = len.saturating_sub(found.whole_len);
    if bytes == 0 {
        return Ok(None);
    }
    let next = u32::try_from(found.segments.len()).unwrap_or(u32::MAX);
    let what = if next < found.in_file {
        Torn::Segments(next..=found.in_file.saturating_sub(1))
    } else if begins_manifest(file, found.whole_len)? {
        Torn::Manifest
    } else {
        Torn::Begun(next)
    };
    Ok(Some(Dropped { bytes, what }))
}

/// Whether the name in the header there is the manifest's.
fn begins_manifest(mut file: &File, at: u64) -> io::Result<bool> {
    let name = Name::Manifest.to_string();
    let mut begin = Vec::with_capacity(name.len());
    file.seek(SeekFrom::Start(at))?;
    file.take(name.len() as u64).read_to_end(&mut begin)?;
    Ok(begin == name.as_bytes())
}

/// What can be kept.
struct Survey {
    segments: Vec<SegmentEntry>,
    /// How many there are in the file, with those that are not kept.
    in_file: u32,
    /// The end of the last whole segment.
    whole_len: u64,
    /// A manifest that was written whole and fits, with its signature.
    signed: Option<SignedPart>,
}

struct SignedPart {
    /// The end of the signature.
    len: u64,
    manifest: Digest,
}

fn survey(recording: &mut Recording<&File>) -> io::Result<Survey> {
    let mut segments = Vec::new();
    let mut whole_len = recording.session_span().next_entry();
    let spans = recording.segment_spans().to_vec();
    for (number, span) in (0u32..).zip(&spans) {
        let Some(sealed) = recording.sealed_segment(number)? else {
            break;
        };
        // Under load many segments go to the disk at once, and it takes them in any order.
        if is_torn(&sealed) {
            break;
        }
        segments.push(SegmentEntry {
            digest: Digest::of(&sealed),
            size: span.size,
            events: None,
            first_us: None,
            last_us: None,
        });
        whole_len = span.next_entry();
    }
    let signed = signed_part(recording, &segments)?;
    Ok(Survey {
        segments,
        in_file: recording.segment_count(),
        whole_len,
        signed,
    })
}

/// Manifest and signature are written at once; after a loss of power either may be there in part.
fn signed_part(
    recording: &mut Recording<&File>,
    segments: &[SegmentEntry],
) -> io::Result<Option<SignedPart>> {
    let Some(span) = recording.signature_span() else {
        return Ok(None);
    };
    let signature = recording.signature()?.unwrap_or_default();
    let json = recording.manifest_bytes()?.unwrap_or_default();
    let is_whole = ssh_key::SshSig::from_pem(&signature).is_ok()
        && Manifest::from_json(&json).is_ok_and(|manifest| {
            let stated = manifest.segments.iter().map(|segment| segment.digest);
            stated.eq(segments.iter().map(|segment| segment.digest))
        });
    Ok(is_whole.then(|| SignedPart {
        len: span.next_entry(),
        manifest: Digest::of(&json),
    }))
}

pub(crate) fn is_torn(sealed: &[u8]) -> bool {
    let is_empty =
        |block: &[u8]| block.len() >= LEAST_ZEROES && block.iter().all(|byte| *byte == 0);
    !sealed.starts_with(AGE_START)
        || sealed.chunks(BLOCK).any(is_empty)
        || sealed.ends_with(&[0; TAG])
}

fn append(file: &mut File, at: u64, bytes: &[u8]) -> io::Result<()> {
    file.set_len(at)?;
    file.seek(SeekFrom::Start(at))?;
    file.write_all(bytes)?;
    file.sync_data()
}
