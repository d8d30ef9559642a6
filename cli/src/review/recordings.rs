//! Finding a recording and the keys that open it.

use std::fs::File;
use std::path::{Path, PathBuf};

use portreeve_protocol::age::Identity;
use portreeve_protocol::id::SessionId;
use portreeve_recording::event::{Channel, Event, Kind, Started};
use portreeve_recording::info::SessionInfo;
use portreeve_recording::read::seek::Begin;
use portreeve_recording::read::{ReadError, Recording};

use crate::args::review::Recording as Args;
use crate::failure::Failure;
use crate::files::{self, FileError};
use crate::output::{self, Printer};
use crate::review::fetch::Temporary;
use crate::review::words;
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
    /// Removes the file in the end, where it was fetched from the store.
    _fetched: Option<Temporary>,
}

/// Opens the recording that the command line names: a file, or a session's, from the folder or else from the
/// store.
///
/// Without a key only what every holder of the file can read is shown.
///
/// # Errors
/// When there is none, or no key was given.
pub async fn open(
    args: &Args,
    settings: &Settings,
    printer: &mut Printer,
) -> Result<Opened, Failure> {
    let path = path_of(args);
    let elsewhere = match args.recording.parse::<SessionId>() {
        Ok(session) if !path.exists() && settings.ca().is_ok() => {
            Some(Temporary::fetch(session, settings, printer).await?)
        }
        _ => None,
    };
    let place = elsewhere.as_ref().map_or(&path, |fetched| &fetched.path);
    let file = File::open(place).map_err(|error| {
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
    let identities = match &args.identity {
        Some(file) => identities(file)?,
        None => {
            if !printer.json() {
                printer.text(&metadata(&mut recording))?;
            }
            return Err(without_key(recording.info()));
        }
    };
    Ok(Opened {
        recording,
        identities,
        path: place.clone(),
        _fetched: elsewhere,
    })
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

/// What is readable without a key: whose session it was, and how much there is of it.
fn metadata(recording: &mut Recording<File>) -> String {
    let info = recording.info().clone();
    let mut rows = Vec::from(whose(&info));
    rows.extend([
        ("bastion", info.bastion.to_string()),
        ("begun", words::moment(info.started_at)),
    ]);
    match recording.unverified_manifest() {
        Ok(Some(manifest)) => {
            if let Some(ended) = manifest.ended_at {
                rows.push(("ended", words::moment(ended)));
            }
            let events = manifest.totals.events;
            let events = events.map_or_else(String::new, |events| format!(", {events} events"));
            let cut = if manifest.cut { ", cut" } else { "" };
            rows.push((
                "holds",
                format!(
                    "{} segments, {} bytes{events}{cut}",
                    manifest.totals.segments, manifest.totals.bytes
                ),
            ));
        }
        Ok(None) | Err(_) => rows.push((
            "holds",
            format!("{} segments, no manifest", recording.segment_count()),
        )),
    }
    let sealed_to = info.recipients.iter().map(ToString::to_string);
    rows.extend(sealed_to.map(|recipient| ("sealed to", recipient)));
    output::fields(rows)
}

fn without_key(info: &SessionInfo) -> Failure {
    let sealed_to: Vec<String> = info.recipients.iter().map(ToString::to_string).collect();
    Failure::usage("a recording is sealed, and no review key is given").next(format!(
        "give --identity or set {} to the age identity file of {}; `portreeve verify` needs none",
        variables::REVIEW_KEY,
        sealed_to.join(" or ")
    ))
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
