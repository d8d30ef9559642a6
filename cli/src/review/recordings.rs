//! Finding a recording and the keys that open it.

use std::fs::File;
use std::path::{Path, PathBuf};

use portreeve_protocol::age::Identity;
use portreeve_protocol::id::SessionId;
use portreeve_recording::event::{Channel, Event, Kind, Started};
use portreeve_recording::file_name;
use portreeve_recording::info::SessionInfo;
use portreeve_recording::manifest::Manifest;
use portreeve_recording::read::seek::Begin;
use portreeve_recording::read::{ReadError, Recording, Tail};

use crate::args::review::Recording as Args;
use crate::failure::Failure;
use crate::files::{self, FileError};
use crate::keys::log_key;
use crate::output::Printer;
use crate::review::fetch::Temporary;
use crate::review::sealed::{self, Metadata};
use crate::settings::Settings;
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
    /// Whether there was more to come, as far as the file itself says.
    pub is_cut: bool,
    /// Removes the file in the end, where it was fetched from the store.
    _fetched: Option<Temporary>,
}

/// Where what can be read without a key is shown, when there is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ShownSealed {
    /// In place of what was asked for.
    AsAnswer,
    /// Beside the output, which is for a program that expects something else; with `--json` in it all the same.
    AsTalk,
}

/// Opens the recording that the command line names: a file, or a session's, from the folder or else from the
/// store.
///
/// Without a key that opens it, what every holder of the file can read is shown.
///
/// # Errors
/// When there is none, or no key that was given opens it.
pub async fn open(
    args: &Args,
    shown: ShownSealed,
    settings: &Settings,
    printer: &mut Printer,
) -> Result<Opened, Failure> {
    // What is wrong with keys is said before anything is fetched.
    let identities = args.identity.as_deref().map(identities).transpose()?;
    let log = args.log_key.as_deref().map(log_key).transpose()?;
    let path = path_of(args);
    let elsewhere = match args.recording.parse::<SessionId>() {
        Ok(session) if !path.exists() && settings.ca().is_ok() => {
            Some(Temporary::fetch(session, log, settings, printer).await?)
        }
        _ => None,
    };
    let place = elsewhere
        .as_ref()
        .map_or_else(|| path.clone(), Temporary::path);
    let file = File::open(&place).map_err(|error| {
        Failure::from(FileError::Read(path.clone(), error))
            .within(format!(
                "the recording `{}` cannot be opened",
                args.recording
            ))
            .next(format!(
                "give its file, point {} to the folder of recordings, or set a CA that reads the store",
                variables::RECORDINGS
            ))
    })?;
    let mut recording = Recording::open(file).map_err(|error| {
        Failure::failed(format!("`{}` is no recording", path.display())).because(&error)
    })?;
    let given = args.identity.as_deref().zip(identities.as_deref());
    if !opens(&mut recording, given.map_or(&[], |(_, held)| held)) {
        let metadata = Metadata::of(&mut recording);
        match shown {
            ShownSealed::AsTalk if !printer.json() => printer.say(metadata.words().trim_end()),
            ShownSealed::AsTalk | ShownSealed::AsAnswer => {
                printer.data(&metadata, || metadata.words())?;
            }
        }
        return Err(sealed::without_key(recording.info(), given));
    }
    let is_cut = is_cut(&mut recording);
    if is_cut {
        printer.say(
            "THE END OF THIS RECORDING IS MISSING: the session still runs, the bastion stopped before it did, or somebody \
             cut the file; `portreeve verify` with the trail tells which",
        );
    }
    Ok(Opened {
        recording,
        identities: identities.unwrap_or_default(),
        path: place,
        is_cut,
        _fetched: elsewhere,
    })
}

/// Whether the keys open a recording, as far as its first segment tells: all are sealed to the same keys. What is
/// wrong with it otherwise is found by whoever reads it.
fn opens(recording: &mut Recording<File>, identities: &[Identity]) -> bool {
    !identities.is_empty()
        && !matches!(recording.events(identities).next(), Some(Err(error)) if sealed::is_sealed(&error))
}

/// Whether there was more to come, as far as the file itself says.
fn is_cut(recording: &mut Recording<File>) -> bool {
    let is_whole = |manifest: Manifest| !manifest.cut;
    recording.tail() != Tail::Ended
        || !recording
            .unverified_manifest()
            .is_ok_and(|manifest| manifest.is_some_and(is_whole))
}

/// The session that is named where a file is not there.
#[must_use]
pub fn session_without_file(named: &Path) -> Option<SessionId> {
    let session = named.to_str()?.parse().ok()?;
    (!named.exists()).then_some(session)
}

/// Whose session it was, where and why, as every view of a recording begins.
#[must_use]
pub fn whose(info: &SessionInfo) -> [(&'static str, String); 5] {
    [
        ("session", info.session.to_string()),
        ("human", info.pair.human.name.to_string()),
        ("agent", info.pair.agent.to_string()),
        ("host", format!("{} as {}", info.host, info.account)),
        (
            "task",
            format!("{} {}", info.task.ticket, info.task.purpose),
        ),
    ]
}

fn path_of(args: &Args) -> PathBuf {
    match args.recording.parse::<SessionId>() {
        Ok(session) => args.recordings.join(file_name::of(session)),
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
        .next("`portreeve verify` says what is wrong with it")
}

/// What runs at a moment, and the events from then on, of one channel or of all.
///
/// # Errors
/// When the recording cannot be read up to there.
#[expect(
    clippy::type_complexity,
    reason = "two things that are used at once and apart"
)]
pub fn part_from(
    opened: &mut Opened,
    begin_us: u64,
    channel: Option<u32>,
) -> Result<
    (
        Vec<(Channel, Started)>,
        impl Iterator<Item = Result<Event, ReadError>> + use<'_>,
    ),
    ReadError,
> {
    let begin = match begin_us {
        0 => Begin::FRONT,
        _ => opened.recording.begin_for(&opened.identities, begin_us)?,
    };
    let stood = begin.programs.into_iter();
    let stood = stood.filter(|program| channel.is_none_or(|only| only == program.channel.0));
    let mut running: Vec<_> = stood
        .map(|program| (program.channel, program.started))
        .collect();
    let events = opened
        .recording
        .events_from(&opened.identities, begin.segment)?;
    let mut events = of_channel(events, channel).peekable();
    while let Some(before) = events.next_if(|event| {
        let event = event.as_ref().ok();
        event.is_some_and(|event| event.at_us < begin_us)
    }) {
        let event = before?;
        if let Kind::Started(started) = &event.kind {
            running.push((event.channel, started.detached()));
        } else if event.kind == Kind::Closed {
            running.retain(|(channel, _)| *channel != event.channel);
        }
    }
    Ok((running, events))
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
