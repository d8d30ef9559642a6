//! asciicast v2 and v3, as asciinema and its players read them.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::time::Duration;

use serde_json::{Value, json};

use super::{ExportError, json_line};
use crate::event::{Channel, Event, Kind, Program, Started, WindowSize};
use crate::info::SessionInfo;
use crate::printable::{Piece, Utf8Stream, one_line};

/// Which version of the format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AsciicastVersion {
    /// Times since the start.
    V2,
    /// Times since the event before; exit status.
    V3,
}

/// What to export.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AsciicastOptions {
    /// Which version.
    pub version: AsciicastVersion,
    /// One channel, or all of them in one picture.
    pub channel: Option<Channel>,
    /// Also what the agent typed, which may hold secrets.
    pub with_input: bool,
}

/// Writes what `events` show on a terminal.
///
/// # Errors
/// [`ExportError`], after everything before it was written.
pub fn asciicast<E>(
    info: &SessionInfo,
    events: impl IntoIterator<Item = Result<Event, E>>,
    options: AsciicastOptions,
    out: &mut impl Write,
) -> Result<(), ExportError<E>> {
    let mut cast = Cast {
        info,
        options,
        out,
        last_us: None,
        streams: BTreeMap::new(),
        channels: BTreeMap::new(),
    };
    for event in events {
        let event = event.map_err(ExportError::Read)?;
        if options
            .channel
            .is_none_or(|channel| channel == event.channel)
        {
            cast.event(&event)?;
        }
    }
    if cast.last_us.is_none() {
        cast.header(0, None)?;
    }
    Ok(())
}

struct Cast<'a, W> {
    info: &'a SessionInfo,
    options: AsciicastOptions,
    out: &'a mut W,
    /// The time that the next one is written against; set when the header is written.
    last_us: Option<u64>,
    streams: BTreeMap<(Channel, Code), Utf8Stream>,
    channels: BTreeMap<Channel, Started>,
}

/// The event codes that carry bytes of a stream.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Code {
    Input,
    Output,
}

impl<W: Write> Cast<'_, W> {
    fn event(&mut self, event: &Event) -> io::Result<()> {
        match &event.kind {
            Kind::Started(started) => self.started(event, started),
            Kind::Input(bytes) if self.options.with_input => self.bytes(event, Code::Input, bytes),
            Kind::Output(bytes) | Kind::ErrorOutput(bytes) => {
                self.bytes(event, Code::Output, bytes)
            }
            Kind::Window(size) => self.line(event.at_us, "r", &dimensions(size)),
            Kind::ExitStatus(status) if self.is_v3() && self.options.channel.is_some() => {
                self.line(event.at_us, "x", &status.to_string())
            }
            Kind::Refused { what, reason } => {
                let text = format!(
                    "refused: {}: {}",
                    one_line(what.as_bytes()),
                    one_line(reason.as_bytes())
                );
                self.line(event.at_us, "m", &text)
            }
            Kind::File(operation) if !operation.act.is_question() => {
                self.line(event.at_us, "m", &operation.line())
            }
            Kind::Closed => {
                self.streams
                    .retain(|(channel, _), _| *channel != event.channel);
                self.channels.remove(&event.channel);
                Ok(())
            }
            Kind::Input(_)
            | Kind::Signal(_)
            | Kind::EndOfInput
            | Kind::EndOfOutput
            | Kind::ExitStatus(_)
            | Kind::ExitSignal(_)
            | Kind::Note(_)
            | Kind::HostEvent(_)
            | Kind::File(_)
            | Kind::Omitted(_) => Ok(()),
        }
    }

    fn started(&mut self, event: &Event, started: &Started) -> io::Result<()> {
        let is_first = self.last_us.is_none();
        if is_first {
            self.header(event.at_us, Some(started))?;
        }
        let line = started.program.line();
        self.line(event.at_us, "m", &line)?;
        if self.options.channel.is_none() {
            if let (Some(terminal), false) = (&started.terminal, is_first) {
                self.line(event.at_us, "r", &dimensions(&terminal.size))?;
            }
            let kind = match &started.program {
                Program::Shell => "shell",
                Program::Exec(_) => "exec",
                Program::Sftp => "sftp",
            };
            let text = format!(
                "\x1b[0;2m[channel {}: {kind}] {line}\x1b[0m\r\n",
                event.channel.0
            );
            self.line(event.at_us, "o", &text)?;
        }
        self.channels.insert(event.channel, started.clone());
        Ok(())
    }

    fn bytes(&mut self, event: &Event, code: Code, bytes: &[u8]) -> io::Result<()> {
        // The packets of a file transfer are no text, and nothing shows them on a terminal.
        let started = self.channels.get(&event.channel);
        if started.is_some_and(|started| started.program == Program::Sftp) {
            return Ok(());
        }
        let has_terminal = started.is_some_and(|started| started.terminal.is_some());
        let mut text = String::with_capacity(bytes.len());
        self.streams
            .entry((event.channel, code))
            .or_default()
            .push(bytes, |piece| match piece {
                Piece::Text(valid) => text.push_str(valid),
                Piece::Invalid(_) => text.push(char::REPLACEMENT_CHARACTER),
            });
        // Without a terminal on the host nothing made line feeds into new lines.
        let text = if code == Code::Output && !has_terminal {
            text.replace('\n', "\r\n")
        } else {
            text
        };
        if text.is_empty() {
            return Ok(());
        }
        let code = match code {
            Code::Input => "i",
            Code::Output => "o",
        };
        self.line(event.at_us, code, &text)
    }

    fn line(&mut self, at_us: u64, code: &str, data: &str) -> io::Result<()> {
        if self.last_us.is_none() {
            self.header(at_us, None)?;
        }
        let base = self.last_us.unwrap_or(at_us);
        let time = at_us.saturating_sub(base);
        if self.is_v3() {
            self.last_us = Some(base.max(at_us));
        }
        let (code, data) = (Value::from(code), json_line(&Value::from(data)));
        writeln!(
            self.out,
            "[{}.{:06}, {code}, {data}]",
            time / 1_000_000,
            time % 1_000_000
        )
    }

    fn header(&mut self, at_us: u64, started: Option<&Started>) -> io::Result<()> {
        self.last_us = Some(at_us);
        let terminal = started.and_then(|started| started.terminal.as_ref());
        let size = terminal.map_or((80, 24), |terminal| {
            (terminal.size.columns.max(1), terminal.size.rows.max(1))
        });
        let term = terminal.map_or_else(|| "dumb".into(), |terminal| one_line(&terminal.term));
        let timestamp = self
            .info
            .started_at
            .plus(Duration::from_micros(at_us))
            .as_seconds();
        let info = self.info;
        let title = match self.options.channel {
            None => format!("{} on {}: {}", info.pair, info.host, info.task.ticket),
            Some(Channel(channel)) => format!(
                "{} on {}: {}, channel {channel}",
                info.pair, info.host, info.task.ticket
            ),
        };
        let header = match self.options.version {
            AsciicastVersion::V2 => json!({
                "version": 2, "width": size.0, "height": size.1, "timestamp": timestamp, "title": title,
                "env": { "TERM": term },
            }),
            AsciicastVersion::V3 => json!({
                "version": 3, "term": { "cols": size.0, "rows": size.1, "type": term }, "timestamp": timestamp, "title": title,
            }),
        };
        writeln!(self.out, "{}", json_line(&header))
    }

    fn is_v3(&self) -> bool {
        self.options.version == AsciicastVersion::V3
    }
}

fn dimensions(size: &WindowSize) -> String {
    format!("{}x{}", size.columns.max(1), size.rows.max(1))
}
