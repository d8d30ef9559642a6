//! Everything that passed as plain text, safe for any terminal.

use std::io::Write;

use portreeve_protocol::time::Timestamp;

use super::ExportError;
use crate::event::{Channel, Event, Kind};
use crate::printable::{Printable, one_line};

/// Writes all `events` under headings: which channel, which stream, since when.
///
/// Bytes of one stream follow each other without a heading until another stream speaks. Of what the
/// agent sent only how much it was is told, unless `with_input`.
///
/// # Errors
/// [`ExportError`], after everything before it was written.
pub fn plain<E>(
    started_at: Timestamp,
    with_input: bool,
    events: impl IntoIterator<Item = Result<Event, E>>,
    out: &mut impl Write,
) -> Result<(), ExportError<E>> {
    let mut writer = Plain {
        started_at,
        with_input,
        out,
        speaking: None,
        untold: None,
        at_line_start: true,
    };
    for event in events {
        writer.event(&event.map_err(ExportError::Read)?)?;
    }
    writer.silence()?;
    writer.tell_input()?;
    Ok(())
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stream {
    Input,
    Output,
    ErrorOutput,
}

/// The stream whose bytes are being written.
struct Speaking {
    channel: Channel,
    stream: Stream,
    printable: Printable,
}

/// Input that is only counted.
struct Untold {
    at_us: u64,
    channel: Channel,
    bytes: u64,
}

struct Plain<'a, W> {
    started_at: Timestamp,
    with_input: bool,
    out: &'a mut W,
    speaking: Option<Speaking>,
    untold: Option<Untold>,
    at_line_start: bool,
}

impl<W: Write> Plain<'_, W> {
    fn event(&mut self, event: &Event) -> std::io::Result<()> {
        let heading = match &event.kind {
            Kind::Input(bytes) if !self.with_input => return self.count(event, bytes.len()),
            Kind::Input(bytes) => return self.data(event, Stream::Input, bytes),
            Kind::Output(bytes) => return self.data(event, Stream::Output, bytes),
            Kind::ErrorOutput(bytes) => return self.data(event, Stream::ErrorOutput, bytes),
            Kind::Started(started) => format!("started: {}", started.program.line()),
            Kind::Window(size) => format!("window: {} x {}", size.columns, size.rows),
            Kind::Signal(name) => format!("signal from the agent: {}", one_line(name.as_bytes())),
            Kind::EndOfInput => "end of input".into(),
            Kind::EndOfOutput => "end of output".into(),
            Kind::ExitStatus(status) => format!("exit status {status}"),
            Kind::ExitSignal(exit) => {
                let core = if exit.core_dumped {
                    ", core dumped"
                } else {
                    ""
                };
                format!(
                    "ended by signal {}{core}: {}",
                    one_line(exit.name.as_bytes()),
                    one_line(exit.message.as_bytes())
                )
            }
            Kind::Closed => "closed".into(),
            Kind::Refused { what, reason } => {
                format!(
                    "refused: {}: {}",
                    one_line(what.as_bytes()),
                    one_line(reason.as_bytes())
                )
            }
            Kind::Note(text) => format!("note: {}", one_line(text.as_bytes())),
            Kind::HostEvent(json) => format!("host: {}", one_line(json.as_bytes())),
            Kind::File(operation) => format!("file: {}", operation.line()),
            Kind::Omitted(omitted) => omitted.line(),
        };
        self.silence()?;
        self.tell_input()?;
        self.heading(event.at_us, event.channel, &heading)
    }

    /// Counts input; it is told when something else is, so that not each key has a line.
    fn count(&mut self, event: &Event, bytes: usize) -> std::io::Result<()> {
        let bytes = bytes as u64;
        match &mut self.untold {
            Some(untold) if untold.channel == event.channel => untold.bytes += bytes,
            _ => {
                self.tell_input()?;
                self.untold = Some(Untold {
                    at_us: event.at_us,
                    channel: event.channel,
                    bytes,
                });
            }
        }
        Ok(())
    }

    fn tell_input(&mut self) -> std::io::Result<()> {
        let Some(untold) = self.untold.take() else {
            return Ok(());
        };
        self.silence()?;
        let text = format!("input: {} bytes, not shown", untold.bytes);
        self.heading(untold.at_us, untold.channel, &text)
    }

    fn data(&mut self, event: &Event, stream: Stream, bytes: &[u8]) -> std::io::Result<()> {
        let mut speaking = match self.speaking.take() {
            Some(speaking) if speaking.channel == event.channel && speaking.stream == stream => {
                speaking
            }
            other => {
                self.speaking = other;
                self.silence()?;
                self.tell_input()?;
                self.heading(
                    event.at_us,
                    event.channel,
                    match stream {
                        Stream::Input => "input",
                        Stream::Output => "output",
                        Stream::ErrorOutput => "error output",
                    },
                )?;
                Speaking {
                    channel: event.channel,
                    stream,
                    printable: Printable::default(),
                }
            }
        };
        let mut text = String::with_capacity(bytes.len());
        speaking.printable.push(bytes, &mut text);
        self.speaking = Some(speaking);
        self.text(&text)
    }

    /// Ends the text of the stream that speaks, so that a heading begins a line. Half a character
    /// that it has said so far is shown as the bytes that it is.
    fn silence(&mut self) -> std::io::Result<()> {
        if let Some(mut speaking) = self.speaking.take() {
            let mut text = String::new();
            speaking.printable.finish(&mut text);
            self.text(&text)?;
        }
        if !self.at_line_start {
            self.out.write_all(b"\n")?;
            self.at_line_start = true;
        }
        Ok(())
    }

    fn heading(&mut self, at_us: u64, channel: Channel, text: &str) -> std::io::Result<()> {
        let at = self
            .started_at
            .plus(std::time::Duration::from_micros(at_us));
        match channel {
            Channel::SESSION => writeln!(self.out, "== {at} session: {text}"),
            Channel(channel) => writeln!(self.out, "== {at} channel {channel}: {text}"),
        }
    }

    /// What passed. A line of it that would read like a heading of ours begins with an escape.
    fn text(&mut self, text: &str) -> std::io::Result<()> {
        for line in text.split_inclusive('\n') {
            match line.strip_prefix('=') {
                Some(rest) if self.at_line_start => {
                    write!(self.out, "\\x3d{rest}")?;
                }
                _ => self.out.write_all(line.as_bytes())?,
            }
            self.at_line_start = line.ends_with('\n');
        }
        Ok(())
    }
}
