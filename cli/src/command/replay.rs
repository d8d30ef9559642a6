//! `replay`: a recording in the terminal, or the list of what was run.

use std::io::IsTerminal as _;
use std::time::Duration;

use portreeve_protocol::digest::Digest;
use portreeve_recording::event::{Channel, FileOperation};
use portreeve_recording::printable::one_line;
use portreeve_recording::transcript::{Command, Entry, Outcome, Transcript};
use serde::Serialize;

use crate::args::review::Replay;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::{self, Printer};
use crate::review::player::{self, Pace, PlayError, Player, Shown};
use crate::review::recordings::{self, Opened, ShownSealed};
use crate::review::replay::deck::{Deck, Setup};
use crate::review::replay::drive::{self, Ended, Source};
use crate::review::replay::secrets::Secrets;
use crate::review::replay::signals;
use crate::review::replay::when::Extent;
use crate::review::words::{self, moment};
use crate::safe;
use crate::settings::Settings;
use crate::variables;

/// Replays, or lists.
///
/// # Errors
/// When the recording cannot be opened or breaks off.
pub async fn run(
    args: &Replay,
    settings: &Settings,
    printer: &mut Printer,
) -> Result<Exit, Failure> {
    let mut opened =
        recordings::open(&args.source, ShownSealed::AsAnswer, settings, printer).await?;
    let secrets = if args.unredacted {
        printer.say("secrets are shown: passwords, keys and tokens as they were recorded");
        Secrets::Shown
    } else {
        Secrets::Redacted
    };
    let range = Range::of(args, &mut opened)?;
    if args.commands || printer.json() {
        return list(args, secrets, range, &mut opened, printer);
    }
    if is_watched(args) {
        return watch(args, secrets, range, opened);
    }
    print(args, secrets, range, &mut opened, printer)
}

/// Whether somebody looks at a terminal that can be painted, and has keys.
fn is_watched(args: &Replay) -> bool {
    let term = std::env::var_os(variables::TERM);
    !args.no_wait
        && !args.raw
        && std::io::stdin().is_terminal()
        && std::io::stdout().is_terminal()
        && term.is_some_and(|term| !term.is_empty() && term != "dumb")
}

/// The part of a recording that is shown.
#[derive(Debug, Clone, Copy)]
struct Range {
    extent: Extent,
    begin_us: u64,
    /// From when on the recording is missing, if it has no end.
    missing_from_us: Option<u64>,
}

impl Range {
    fn of(args: &Replay, opened: &mut Opened) -> Result<Self, Failure> {
        let started_at = opened.recording.info().started_at;
        let last_us = opened.recording.last_us(&opened.identities);
        let last_us = last_us.map_err(|error| recordings::broken(&error))?;
        let whole = Extent {
            started_at,
            last_us: last_us.unwrap_or(0),
        };
        let until = args.until.map(|until| until.within(&whole, 0));
        let extent = Extent {
            last_us: until.unwrap_or(whole.last_us),
            ..whole
        };
        let begin_us = args.at.map_or(0, |at| at.within(&whole, 0));
        Ok(Self {
            extent,
            begin_us,
            missing_from_us: opened.is_cut.then_some(whole.last_us),
        })
    }

    fn contains(&self, at_us: u64) -> bool {
        (self.begin_us..=self.extent.last_us).contains(&at_us)
    }
}

/// The player.
fn watch(args: &Replay, secrets: Secrets, range: Range, opened: Opened) -> Result<Exit, Failure> {
    let info = opened.recording.info();
    let title = format!(
        "{} via {}  {} as {}  {} {}",
        info.pair.human.name,
        info.pair.agent,
        info.host,
        info.account,
        info.task.ticket,
        info.task.purpose
    );
    let deck = Deck::new(Setup {
        title: secrets.one_line(&safe::line(&title)),
        extent: range.extent,
        missing_from_us: range.missing_from_us,
        begin_us: range.begin_us,
        speed: args.speed,
        max_pause: max_pause(args),
        lists_first: args.at.is_none(),
        only: args.channel.map(Channel),
        secrets,
    });
    let source = Source {
        path: &opened.path,
        identities: &opened.identities,
    };
    let stop = signals::stop()?;
    match drive::drive(source, deck, &stop) {
        Ok(Ended::Asked) => Ok(Exit::Done),
        Ok(Ended::Signal) => Ok(Exit::Interrupted),
        Err(error) => Err(Failure::failed("the player cannot go on")
            .because(&error)
            .next("`replay --no-wait` prints the recording without a player")),
    }
}

fn max_pause(args: &Replay) -> Duration {
    Duration::from_secs_f64(args.max_pause.min(86_400.0))
}

/// Prints what happened, line by line.
fn print(
    args: &Replay,
    secrets: Secrets,
    range: Range,
    opened: &mut Opened,
    printer: &mut Printer,
) -> Result<Exit, Failure> {
    let info = opened.recording.info().clone();
    printer.say(&output::fields(recordings::whose(&info)));
    let shown = if args.raw {
        Shown::DangerouslyRaw
    } else {
        Shown::Safely(secrets)
    };
    let pace = Pace {
        speed: args.speed,
        max_pause: max_pause(args),
        waits: !args.no_wait,
    };
    let mut player = Player::new(info.started_at, shown);
    let part = recordings::part_from(opened, range.begin_us, args.channel);
    let (running, events) = part.map_err(|error| recordings::broken(&error))?;
    for (channel, started) in running {
        printer.bytes(&player.stands(range.begin_us, channel, &started))?;
    }
    let until_us = range.extent.last_us;
    let events = events.take_while(|event| {
        let event = event.as_ref().ok();
        event.is_none_or(|event| event.at_us <= until_us)
    });
    match player::play(
        events,
        player,
        pace,
        |bytes| printer.bytes(bytes),
        std::thread::sleep,
    ) {
        Ok(()) => Ok(Exit::Done),
        Err(PlayError::Recording(error)) => Err(recordings::broken(&error)),
        Err(PlayError::Output(error)) => Err(error.into()),
    }
}

/// The list for programs.
#[derive(Serialize)]
struct Answer<'a> {
    /// Whether the end of the recording is missing, as far as its file tells.
    cut: bool,
    entries: &'a [Row],
}

#[derive(Serialize)]
struct Row {
    at: portreeve_protocol::time::Timestamp,
    channel: u32,
    /// `command`, `file`, `refused`, `note` or `host`.
    kind: &'static str,
    text: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    exit_status: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    exit_signal: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    duration_us: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    input_bytes: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    output_bytes: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error_bytes: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<FileRow>,
}

/// A file operation, for programs.
#[derive(Serialize)]
struct FileRow {
    operation: &'static str,
    /// Printable; `export` has the bytes.
    path: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    other: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    result: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    read: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    written: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    digest: Option<Digest>,
    #[serde(skip_serializing_if = "Option::is_none")]
    remark: Option<String>,
}

impl FileRow {
    fn redacted(self, secrets: Secrets) -> Self {
        let over = |text: Option<String>| text.map(|text| secrets.one_line(&text));
        Self {
            path: secrets.one_line(&self.path),
            other: over(self.other),
            detail: over(self.detail),
            remark: over(self.remark),
            ..self
        }
    }
}

fn list(
    args: &Replay,
    secrets: Secrets,
    range: Range,
    opened: &mut Opened,
    printer: &mut Printer,
) -> Result<Exit, Failure> {
    let events = recordings::of_channel(opened.recording.events(&opened.identities), args.channel);
    let transcript = Transcript::of(events).map_err(|error| recordings::broken(&error))?;
    let at = |micros| range.extent.time_of(micros);
    let rows: Vec<Row> = transcript
        .entries()
        .iter()
        .filter(|entry| range.contains(entry.at_us()))
        .flat_map(|entry| match entry {
            Entry::Command(command) => vec![of_command(command, at(command.at_us))],
            Entry::Refused {
                at_us,
                channel,
                what,
                reason,
            } => vec![Row {
                reason: Some(reason.clone()),
                ..Row::plain(
                    "refused",
                    at(*at_us),
                    channel.0,
                    format!("{what}: {reason}"),
                )
            }],
            Entry::Note {
                at_us,
                channel,
                text,
            } => vec![Row::plain("note", at(*at_us), channel.0, text.clone())],
            // What a client asks by itself is in the export; here it would hide what was done.
            Entry::File { operation, .. } if operation.act.is_question() => vec![],
            Entry::File {
                at_us,
                channel,
                operation,
            } => vec![of_file(operation, at(*at_us), *channel)],
            Entry::Host { at_us, json } => {
                let told = words::reported(json).into_iter();
                told.map(|text| Row::plain("host", at(*at_us), 0, text))
                    .collect()
            }
        })
        .map(|row| row.redacted(secrets))
        .collect();
    let answer = Answer {
        cut: opened.is_cut,
        entries: &rows,
    };
    printer.data(&answer, || table(&rows))?;
    Ok(Exit::Done)
}

fn of_command(command: &Command, at: portreeve_protocol::time::Timestamp) -> Row {
    let (status, signal) = match &command.outcome {
        Some(Outcome::Status(status)) => (Some(*status), None),
        Some(Outcome::Signal(name)) => (None, Some(name.clone())),
        None => (None, None),
    };
    Row {
        exit_status: status,
        exit_signal: signal,
        duration_us: command.duration_us(),
        input_bytes: Some(command.input_bytes),
        output_bytes: Some(command.output_bytes),
        error_bytes: Some(command.error_bytes),
        ..Row::plain("command", at, command.channel.0, command.line())
    }
}

fn of_file(
    operation: &FileOperation,
    at: portreeve_protocol::time::Timestamp,
    channel: Channel,
) -> Row {
    let moved = operation.content.as_ref();
    let safe = |text: &String| one_line(text.as_bytes());
    Row {
        file: Some(FileRow {
            operation: operation.act.word(),
            path: one_line(&operation.path),
            other: operation.other.as_ref().map(|other| one_line(other)),
            detail: operation.detail.as_ref().map(safe),
            result: operation.result,
            read: moved.map(|moved| moved.read),
            written: moved.map(|moved| moved.written),
            digest: moved.and_then(|moved| moved.digest),
            remark: moved.and_then(|moved| moved.remark.as_ref()).map(safe),
        }),
        ..Row::plain("file", at, channel.0, operation.line())
    }
}

impl Row {
    fn plain(
        kind: &'static str,
        at: portreeve_protocol::time::Timestamp,
        channel: u32,
        text: String,
    ) -> Self {
        Self {
            at,
            channel,
            kind,
            text,
            reason: None,
            exit_status: None,
            exit_signal: None,
            duration_us: None,
            input_bytes: None,
            output_bytes: None,
            error_bytes: None,
            file: None,
        }
    }

    fn redacted(self, secrets: Secrets) -> Self {
        Self {
            text: secrets.one_line(&self.text),
            reason: self.reason.map(|reason| secrets.one_line(&reason)),
            file: self.file.map(|file| file.redacted(secrets)),
            ..self
        }
    }

    fn end(&self) -> String {
        match (self.exit_status, &self.exit_signal, &self.reason) {
            (Some(status), ..) => status.to_string(),
            (None, Some(signal), _) => signal.clone(),
            (None, None, Some(_)) => "REFUSED".into(),
            (None, None, None) => String::new(),
        }
    }
}

fn table(rows: &[Row]) -> String {
    output::table(
        ["time", "channel", "end", "took", "out", "err", "", "what"],
        rows.iter().map(|row| {
            let number =
                |value: Option<u64>| value.map(|value| value.to_string()).unwrap_or_default();
            [
                moment(row.at),
                row.channel.to_string(),
                row.end(),
                row.duration_us
                    .map(|micros| format!("{:?}", Duration::from_millis(micros / 1000)))
                    .unwrap_or_default(),
                number(row.output_bytes),
                number(row.error_bytes),
                row.kind.to_owned(),
                row.text.clone(),
            ]
        }),
    )
}
