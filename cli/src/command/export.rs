//! `export`: a recording in a form that other programs read.

use std::io::{IsTerminal as _, Write};

use portreeve_recording::event::{Channel, Event};
use portreeve_recording::export::{self, AsciicastOptions, AsciicastVersion, ExportError};
use portreeve_recording::info::SessionInfo;
use portreeve_recording::read::ReadError;

use crate::args::review::{Export, Format};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::files::WholeFile;
use crate::output::Printer;
use crate::review::recordings::{self, ShownSealed};
use crate::settings::Settings;

/// Converts a recording.
///
/// # Errors
/// When the recording cannot be opened or breaks off, or the output cannot be written.
pub async fn run(
    args: &Export,
    settings: &Settings,
    printer: &mut Printer,
) -> Result<Exit, Failure> {
    let cast = matches!(args.format, Format::AsciicastV2 | Format::AsciicastV3);
    if cast && args.output.is_none() && std::io::stdout().is_terminal() {
        return Err(
            Failure::usage("an asciicast holds what the host printed, control sequences and all: not for a terminal")
                .next("give --output FILE, or choose `--format transcript`"),
        );
    }
    let mut opened = recordings::open(&args.source, ShownSealed::AsTalk, settings, printer).await?;
    let info = opened.recording.info().clone();
    let events = recordings::of_channel(opened.recording.events(&opened.identities), args.channel);
    let events: Box<dyn Iterator<Item = _>> = if args.unredacted {
        printer.say("unredacted: secrets that passed stand in this export as they are");
        Box::new(events)
    } else {
        Box::new(export::redacted(events))
    };
    let written = match &args.output {
        Some(path) => {
            let mut out = WholeFile::create(path)?;
            let written = write(args, &info, events, &mut out);
            if written.is_ok() {
                out.commit()?;
            }
            written
        }
        None => write(args, &info, events, &mut Out(printer)),
    };
    match written {
        Ok(()) => Ok(Exit::Done),
        Err(ExportError::Read(error)) => Err(recordings::broken(&error)),
        Err(ExportError::Write(error)) => Err(error.into()),
    }
}

fn write(
    args: &Export,
    info: &SessionInfo,
    events: impl Iterator<Item = Result<Event, ReadError>>,
    out: &mut impl Write,
) -> Result<(), ExportError<ReadError>> {
    let options = |version| AsciicastOptions {
        version,
        channel: args.channel.map(Channel),
        with_input: args.with_input,
    };
    match args.format {
        Format::AsciicastV2 => export::asciicast(info, events, options(AsciicastVersion::V2), out),
        Format::AsciicastV3 => export::asciicast(info, events, options(AsciicastVersion::V3), out),
        Format::Transcript => export::plain(info.started_at, args.with_input, events, out),
        Format::Jsonl => export::json_lines(events, args.with_input, out),
    }
}

struct Out<'a>(&'a mut Printer);

impl Write for Out<'_> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.bytes(bytes)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
