//! `replay`: a recording in the terminal, or the list of what was run.

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
use crate::review::recordings::{self, Opened};
use crate::review::words::{self, moment};

/// Replays, or lists.
///
/// # Errors
/// When the recording cannot be opened or breaks off.
pub fn run(args: &Replay, printer: &mut Printer) -> Result<Exit, Failure> {
    let mut opened = recordings::open(&args.source)?;
    let info = opened.recording.info().clone();
    if args.commands || printer.json() {
        return list(args, &mut opened, printer);
    }
    printer.say(&output::fields([
        ("session", info.session.to_string()),
        ("human", info.pair.human.name.to_string()),
        ("agent", info.pair.agent.to_string()),
        ("host", format!("{} as {}", info.host, info.account)),
        (
            "task",
            format!("{} {}", info.task.ticket, info.task.purpose),
        ),
    ]));
    let shown = if args.raw {
        Shown::DangerouslyRaw
    } else {
        Shown::Safely
    };
    let pace = Pace {
        speed: args.speed,
        max_pause: Duration::from_secs_f64(args.max_pause.min(86_400.0)),
        waits: !args.no_wait,
    };
    let events = recordings::of_channel(opened.recording.events(&opened.identities), args.channel);
    let player = Player::new(info.started_at, shown);
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

fn list(args: &Replay, opened: &mut Opened, printer: &mut Printer) -> Result<Exit, Failure> {
    let started_at = opened.recording.info().started_at;
    let events = recordings::of_channel(opened.recording.events(&opened.identities), args.channel);
    let transcript = Transcript::of(events).map_err(|error| recordings::broken(&error))?;
    let at = |micros| started_at.plus(Duration::from_micros(micros));
    let rows: Vec<Row> = transcript
        .entries()
        .iter()
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
        .collect();
    printer.data(&rows, || table(&rows))?;
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
