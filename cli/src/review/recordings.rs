//! Finding a recording and the keys that open it.

use std::fs::File;
use std::path::{Path, PathBuf};

use portreeve_protocol::age::Identity;
use portreeve_protocol::id::SessionId;
use portreeve_recording::event::Event;
use portreeve_recording::read::{ReadError, Recording};

use crate::args::review::Recording as Args;
use crate::failure::Failure;
use crate::files::{self, FileError};
use crate::variables;

/// The longest identity file that is read.
const MAX_IDENTITIES: usize = 64 * 1024;

/// A recording that is open, with what opens its segments.
#[derive(Debug)]
pub struct Opened {
    /// The recording.
    pub recording: Recording<File>,
    /// The review keys.
    pub identities: Vec<Identity>,
    /// Its file.
    pub path: PathBuf,
}

/// Opens the recording that the command line names.
///
/// # Errors
/// When there is none, or no key was given.
pub fn open(args: &Args) -> Result<Opened, Failure> {
    let path = path_of(args);
    let file = File::open(&path).map_err(|error| {
        Failure::from(FileError::Read(path.clone(), error))
            .within(format!(
                "the recording `{}` cannot be opened",
                args.recording
            ))
            .next(format!(
                "give its file, or point {} to the folder of recordings",
                variables::RECORDINGS
            ))
    })?;
    let recording = Recording::open(file).map_err(|error| {
        Failure::failed(format!("`{}` is no recording", path.display())).because(&error)
    })?;
    let identities = match &args.identity {
        Some(file) => identities(file)?,
        None => {
            return Err(
                Failure::usage("a recording is sealed, and no review key is given").next(format!(
                    "give --identity or set {} to the age identity file",
                    variables::REVIEW_KEY
                )),
            );
        }
    };
    Ok(Opened {
        recording,
        identities,
        path,
    })
}

fn path_of(args: &Args) -> PathBuf {
    match args.recording.parse::<SessionId>() {
        Ok(session) => args.recordings.join(format!("{session}.tar")),
        Err(_) => PathBuf::from(&args.recording),
    }
}

/// Reads an age identity file: one key a line, comments begin with `#`.
///
/// # Errors
/// When it cannot be read or holds no key.
pub fn identities(path: &Path) -> Result<Vec<Identity>, Failure> {
    let text = files::read_text(path, MAX_IDENTITIES)?;
    let identities = Identity::all_in(&text).map_err(|error| {
        Failure::usage(format!("`{}` is no file of age identities", path.display())).because(&error)
    })?;
    if identities.is_empty() {
        return Err(
            Failure::usage(format!("`{}` holds no age identity", path.display())).next(
                "make one with `age-keygen`; recordings are sealed to its public half from then on",
            ),
        );
    }
    Ok(identities)
}

/// The failure when a recording breaks off while it is read.
#[must_use]
pub fn broken(error: &ReadError) -> Failure {
    Failure::failed("the recording cannot be read further")
        .because(error)
        .next("`portreeve verify` says what is wrong with it; a key that does not fit opens no segment")
}

/// The events of one channel and of the session as a whole, or all.
pub fn of_channel(
    events: impl Iterator<Item = Result<Event, ReadError>>,
    channel: Option<u32>,
) -> impl Iterator<Item = Result<Event, ReadError>> {
    events.filter(move |event| match (event, channel) {
        (Ok(event), Some(channel)) => event.channel.0 == channel || event.channel.0 == 0,
        _ => true,
    })
}
