//! Events to CBOR.

use bytes::Bytes;
use portreeve_protocol::digest::Digest;
use portreeve_protocol::id::SessionId;

use super::standing::{Shown, Standing};
use super::{
    Channel, Event, ExitSignal, FileOperation, Kind, Moved, Omitted, Program, Started, Terminal,
    WindowSize, tag,
};
use crate::cbor::{MAX_HEAD, Writer};

/// Appends one event. The content is copied once, into `out`.
pub(crate) fn encode(event: &Event, out: &mut Vec<u8>) {
    out.reserve(encoded_bound(event));
    let mut to = Writer(out);
    let mut item = |tag: u8, fields: usize| {
        to.array(3 + fields)
            .unsigned(tag.into())
            .unsigned(event.at_us)
            .unsigned(event.channel.0.into());
    };
    match &event.kind {
        Kind::Started(started) => {
            item(tag::STARTED, 5);
            write_started(&mut to, started);
        }
        Kind::Input(bytes) => {
            item(tag::INPUT, 1);
            to.bytes(bytes);
        }
        Kind::Output(bytes) => {
            item(tag::OUTPUT, 1);
            to.bytes(bytes);
        }
        Kind::ErrorOutput(bytes) => {
            item(tag::ERROR_OUTPUT, 1);
            to.bytes(bytes);
        }
        Kind::Window(size) => {
            item(tag::WINDOW, 4);
            write_size(&mut to, size);
        }
        Kind::Signal(name) => {
            item(tag::SIGNAL, 1);
            to.text(name);
        }
        Kind::EndOfInput => item(tag::END_OF_INPUT, 0),
        Kind::EndOfOutput => item(tag::END_OF_OUTPUT, 0),
        Kind::ExitStatus(status) => {
            item(tag::EXIT_STATUS, 1);
            to.unsigned((*status).into());
        }
        Kind::ExitSignal(ExitSignal {
            name,
            core_dumped,
            message,
        }) => {
            item(tag::EXIT_SIGNAL, 3);
            to.text(name).boolean(*core_dumped).text(message);
        }
        Kind::Closed => item(tag::CLOSED, 0),
        Kind::Refused { what, reason } => {
            item(tag::REFUSED, 2);
            to.text(what).text(reason);
        }
        Kind::Note(text) => {
            item(tag::NOTE, 1);
            to.text(text);
        }
        Kind::HostEvent(json) => {
            item(tag::HOST_EVENT, 1);
            to.text(json);
        }
        Kind::File(operation) => {
            item(tag::FILE, 6);
            write_operation(&mut to, operation);
        }
        Kind::Omitted(Omitted {
            is_output,
            bytes,
            digest,
        }) => {
            item(tag::OMITTED, 3);
            to.boolean(*is_output)
                .unsigned(*bytes)
                .bytes(digest.as_bytes());
        }
    }
}

/// At least as many bytes as [`encode`] appends.
pub(crate) fn encoded_bound(event: &Event) -> usize {
    /// Array, tag, time and channel of every event, and the heads of up to twelve fields.
    const FIXED: usize = 16 * MAX_HEAD;
    const DIGEST: usize = 32;
    let content = match &event.kind {
        Kind::Started(Started {
            program,
            environment,
            terminal,
            ..
        }) => {
            let command = match program {
                Program::Exec(command) => command.len(),
                Program::Shell | Program::Sftp => 0,
            };
            let variables: usize = environment
                .iter()
                .map(|(name, value)| name.len() + value.len() + 2 * MAX_HEAD)
                .sum();
            let terminal = terminal.as_ref().map_or(0, |terminal| {
                terminal.term.len() + (6 + 2 * terminal.modes.len()) * MAX_HEAD
            });
            // A decision id is a UUID in text.
            command + variables + terminal + 36
        }
        Kind::Input(bytes) | Kind::Output(bytes) | Kind::ErrorOutput(bytes) => bytes.len(),
        Kind::Signal(text) | Kind::Note(text) | Kind::HostEvent(text) => text.len(),
        Kind::ExitSignal(ExitSignal { name, message, .. }) => name.len() + message.len(),
        Kind::Refused { what, reason } => what.len() + reason.len(),
        Kind::File(operation) => {
            let text = |text: &Option<String>| text.as_ref().map_or(0, String::len);
            let remark = operation
                .content
                .as_ref()
                .map_or(0, |moved| text(&moved.remark));
            operation.act.word().len()
                + operation.path.len()
                + operation.other.as_ref().map_or(0, Bytes::len)
                + text(&operation.detail)
                + remark
                + DIGEST
        }
        Kind::Omitted(_) => DIGEST,
        Kind::Window(_)
        | Kind::EndOfInput
        | Kind::EndOfOutput
        | Kind::ExitStatus(_)
        | Kind::Closed => 0,
    };
    FIXED + content
}

/// Appends where programs stand.
pub(crate) fn encode_standing(standing: &Standing, out: &mut Vec<u8>) {
    let mut to = Writer(out);
    to.array(4)
        .unsigned(tag::STANDING.into())
        .unsigned(standing.at_us)
        .unsigned(Channel::SESSION.0.into())
        .array(standing.programs.len());
    for program in &standing.programs {
        to.array(4)
            .unsigned(program.channel.0.into())
            .unsigned(program.started_us)
            .unsigned(program.segment.into());
        let Some(display) = &program.display else {
            to.null();
            continue;
        };
        to.array(3)
            .unsigned(display.columns.into())
            .unsigned(display.rows.into());
        match &display.shown {
            Shown::Drawing(bytes) => to.bytes(bytes),
            Shown::NotSince(at_us) => to.unsigned(*at_us),
        };
    }
}

/// Appends a segment's header, which has the same length whatever the number is.
pub(crate) fn write_header(
    out: &mut Vec<u8>,
    version: u32,
    session: &SessionId,
    number: u32,
    previous: &Digest,
) {
    Writer(out)
        .array(4)
        .unsigned(version.into())
        .text(&session.to_string())
        .fixed_width(number)
        .bytes(previous.as_bytes());
}

fn write_started(to: &mut Writer<'_>, started: &Started) {
    match &started.program {
        Program::Shell => to.unsigned(tag::SHELL.into()).null(),
        Program::Exec(command) => to.unsigned(tag::EXEC.into()).bytes(command),
        Program::Sftp => to.unsigned(tag::SFTP.into()).null(),
    };
    to.array(2 * started.environment.len());
    for (name, value) in &started.environment {
        to.bytes(name).bytes(value);
    }
    match &started.terminal {
        None => {
            to.null();
        }
        Some(Terminal { term, size, modes }) => {
            to.array(6).bytes(term);
            write_size(to, size);
            to.array(2 * modes.len());
            for (opcode, value) in modes {
                to.unsigned((*opcode).into()).unsigned((*value).into());
            }
        }
    }
    match &started.decision {
        None => to.null(),
        Some(decision) => to.text(&decision.to_string()),
    };
}

fn write_operation(to: &mut Writer<'_>, operation: &FileOperation) {
    to.text(operation.act.word()).bytes(&operation.path);
    match &operation.other {
        None => to.null(),
        Some(other) => to.bytes(other),
    };
    write_text(to, operation.detail.as_deref());
    match operation.result {
        None => to.null(),
        Some(code) => to.unsigned(code.into()),
    };
    match &operation.content {
        None => {
            to.null();
        }
        Some(Moved {
            read,
            written,
            digest,
            remark,
        }) => {
            to.array(4).unsigned(*read).unsigned(*written);
            match digest {
                None => to.null(),
                Some(digest) => to.bytes(digest.as_bytes()),
            };
            write_text(to, remark.as_deref());
        }
    }
}

fn write_text(to: &mut Writer<'_>, text: Option<&str>) {
    match text {
        None => to.null(),
        Some(text) => to.text(text),
    };
}

fn write_size(to: &mut Writer<'_>, size: &WindowSize) {
    to.unsigned(size.columns.into())
        .unsigned(size.rows.into())
        .unsigned(size.pixel_width.into())
        .unsigned(size.pixel_height.into());
}
