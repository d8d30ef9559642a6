//! CBOR to events. Everything here may have been written by somebody else.

use bytes::Bytes;
use portreeve_protocol::digest::Digest;
use portreeve_protocol::id::SessionId;
use thiserror::Error;

use super::standing::{Display, MAX_PROGRAMS, Running, Shown, Standing};
use super::{
    Channel, Event, ExitSignal, FileAct, FileOperation, Kind, Moved, Omitted, Program, Started,
    Terminal, WindowSize, tag,
};
use crate::cbor::{CborError, Reader};

/// Why bytes are not an event of this format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum DecodeError {
    /// Not the items that the format has.
    #[error(transparent)]
    Cbor(#[from] CborError),
    /// A tag that this version of the format does not have.
    #[error("event tag {0} is unknown; a later version may have written it")]
    UnknownTag(u64),
    /// The number of fields does not fit the tag.
    #[error("an event of tag {0} has a wrong number of fields")]
    FieldCount(u8),
    /// A field with a value that the format does not have.
    #[error("an event has a wrong {0}")]
    Field(&'static str),
}

/// The first item of a segment, as it says of itself.
pub(crate) struct RawHeader {
    pub(crate) version: u64,
    pub(crate) session: SessionId,
    pub(crate) number: u32,
    pub(crate) previous: Digest,
}

pub(crate) fn read_header(from: &mut Reader) -> Result<RawHeader, DecodeError> {
    if from.array()? != 4 {
        return Err(DecodeError::Field("segment header"));
    }
    let version = from.unsigned()?;
    let session = from
        .text()?
        .parse()
        .map_err(|_| DecodeError::Field("session id"))?;
    let number = from.unsigned_32()?;
    let previous = read_digest(from)?;
    Ok(RawHeader {
        version,
        session,
        number,
        previous,
    })
}

/// What a segment holds after its header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Item {
    /// Something that passed.
    Event(Event),
    /// What the recorder wrote for readers that begin here.
    Standing(Standing),
}

/// Takes the next item; `None` at the end.
pub(crate) fn decode_next(from: &mut Reader) -> Result<Option<Item>, DecodeError> {
    if from.is_empty() {
        return Ok(None);
    }
    let len = from.array()?;
    let tag = from.unsigned()?;
    let tag = u8::try_from(tag)
        .ok()
        .filter(|tag| *tag <= tag::LAST)
        .ok_or(DecodeError::UnknownTag(tag))?;
    if len != 3 + field_count(tag) {
        return Err(DecodeError::FieldCount(tag));
    }
    let at_us = from.unsigned()?;
    let channel = Channel(from.unsigned_32()?);
    if tag == tag::STANDING {
        if channel != Channel::SESSION {
            return Err(DecodeError::Field("channel"));
        }
        return read_standing(from, at_us).map(|standing| Some(Item::Standing(standing)));
    }
    let kind = read_kind(from, tag)?;
    Ok(Some(Item::Event(Event {
        at_us,
        channel,
        kind,
    })))
}

fn read_standing(from: &mut Reader, at_us: u64) -> Result<Standing, DecodeError> {
    let count = from.array()?;
    if count > MAX_PROGRAMS {
        return Err(DecodeError::Field("number of programs"));
    }
    let programs = (0..count).map(|_| read_running(from));
    Ok(Standing {
        at_us,
        programs: programs.collect::<Result<_, _>>()?,
    })
}

fn read_running(from: &mut Reader) -> Result<Running, DecodeError> {
    if from.array()? != 4 {
        return Err(DecodeError::Field("program that runs"));
    }
    Ok(Running {
        channel: Channel(from.unsigned_32()?),
        started_us: from.unsigned()?,
        segment: from.unsigned_32()?,
        display: read_optional(from, |from| {
            if from.array()? != 3 {
                return Err(DecodeError::Field("terminal"));
            }
            Ok(Display {
                columns: from.unsigned_32()?,
                rows: from.unsigned_32()?,
                shown: if from.is_unsigned() {
                    Shown::NotSince(from.unsigned()?)
                } else {
                    Shown::Drawing(from.bytes()?)
                },
            })
        })?,
    })
}

fn field_count(tag: u8) -> usize {
    match tag {
        tag::STARTED => 5,
        tag::WINDOW => 4,
        tag::FILE => 6,
        tag::EXIT_SIGNAL | tag::OMITTED => 3,
        tag::REFUSED => 2,
        tag::END_OF_INPUT | tag::END_OF_OUTPUT | tag::CLOSED => 0,
        _ => 1,
    }
}

fn read_kind(from: &mut Reader, tag: u8) -> Result<Kind, DecodeError> {
    Ok(match tag {
        tag::STARTED => Kind::Started(read_started(from)?),
        tag::INPUT => Kind::Input(from.bytes()?),
        tag::OUTPUT => Kind::Output(from.bytes()?),
        tag::ERROR_OUTPUT => Kind::ErrorOutput(from.bytes()?),
        tag::WINDOW => Kind::Window(read_size(from)?),
        tag::SIGNAL => Kind::Signal(from.text()?),
        tag::END_OF_INPUT => Kind::EndOfInput,
        tag::END_OF_OUTPUT => Kind::EndOfOutput,
        tag::EXIT_STATUS => Kind::ExitStatus(from.unsigned_32()?),
        tag::EXIT_SIGNAL => Kind::ExitSignal(ExitSignal {
            name: from.text()?,
            core_dumped: from.boolean()?,
            message: from.text()?,
        }),
        tag::CLOSED => Kind::Closed,
        tag::REFUSED => Kind::Refused {
            what: from.text()?,
            reason: from.text()?,
        },
        tag::NOTE => Kind::Note(from.text()?),
        tag::HOST_EVENT => Kind::HostEvent(from.text()?),
        tag::FILE => Kind::File(read_operation(from)?),
        tag::OMITTED => Kind::Omitted(Omitted {
            is_output: from.boolean()?,
            bytes: from.unsigned()?,
            digest: read_digest(from)?,
        }),
        other => return Err(DecodeError::UnknownTag(other.into())),
    })
}

fn read_started(from: &mut Reader) -> Result<Started, DecodeError> {
    let kind = from.unsigned_8()?;
    let command = read_optional(from, |from| Ok(from.bytes()?))?;
    let program = match (kind, command) {
        (tag::SHELL, None) => Program::Shell,
        (tag::EXEC, Some(command)) => Program::Exec(command),
        (tag::SFTP, None) => Program::Sftp,
        _ => return Err(DecodeError::Field("program")),
    };
    let environment = read_pairs(from, "environment", |from| -> Result<(Bytes, Bytes), _> {
        Ok((from.bytes()?, from.bytes()?))
    })?;
    let terminal = read_optional(from, read_terminal)?;
    let decision = read_optional(from, |from| {
        from.text()?
            .parse()
            .map_err(|_| DecodeError::Field("decision id"))
    })?;
    Ok(Started {
        program,
        environment,
        terminal,
        decision,
    })
}

fn read_terminal(from: &mut Reader) -> Result<Terminal, DecodeError> {
    if from.array()? != 6 {
        return Err(DecodeError::Field("terminal"));
    }
    Ok(Terminal {
        term: from.bytes()?,
        size: read_size(from)?,
        modes: read_pairs(from, "terminal modes", |from| {
            Ok((from.unsigned_8()?, from.unsigned_32()?))
        })?,
    })
}

fn read_operation(from: &mut Reader) -> Result<FileOperation, DecodeError> {
    Ok(FileOperation {
        act: FileAct::of_word(&from.text()?).ok_or(DecodeError::Field("file operation"))?,
        path: from.bytes()?,
        other: read_optional(from, |from| Ok(from.bytes()?))?,
        detail: read_optional(from, |from| Ok(from.text()?))?,
        result: read_optional(from, |from| Ok(from.unsigned_32()?))?,
        content: read_optional(from, read_moved)?,
    })
}

fn read_moved(from: &mut Reader) -> Result<Moved, DecodeError> {
    if from.array()? != 4 {
        return Err(DecodeError::Field("file content"));
    }
    Ok(Moved {
        read: from.unsigned()?,
        written: from.unsigned()?,
        digest: read_optional(from, read_digest)?,
        remark: read_optional(from, |from| Ok(from.text()?))?,
    })
}

fn read_digest(from: &mut Reader) -> Result<Digest, DecodeError> {
    let bytes: [u8; 32] = from
        .bytes()?
        .as_ref()
        .try_into()
        .map_err(|_| DecodeError::Field("digest"))?;
    Ok(Digest::from_bytes(bytes))
}

fn read_size(from: &mut Reader) -> Result<WindowSize, DecodeError> {
    Ok(WindowSize {
        columns: from.unsigned_32()?,
        rows: from.unsigned_32()?,
        pixel_width: from.unsigned_32()?,
        pixel_height: from.unsigned_32()?,
    })
}

fn read_optional<T>(
    from: &mut Reader,
    read: impl FnOnce(&mut Reader) -> Result<T, DecodeError>,
) -> Result<Option<T>, DecodeError> {
    if from.null() {
        Ok(None)
    } else {
        read(from).map(Some)
    }
}

/// An array that holds pairs one after the other.
fn read_pairs<T>(
    from: &mut Reader,
    what: &'static str,
    mut read: impl FnMut(&mut Reader) -> Result<T, DecodeError>,
) -> Result<Vec<T>, DecodeError> {
    let len = from.array()?;
    if len % 2 != 0 {
        return Err(DecodeError::Field(what));
    }
    (0..len / 2).map(|_| read(from)).collect()
}
