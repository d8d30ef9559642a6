//! What a host answers (draft-ietf-secsh-filexfer-02, section 7).

use bytes::Bytes;

use super::request::MAX_HANDLE;
use super::wire::{Fields, Read, packet};
use crate::files::Breach;

const VERSION: u8 = 2;
const STATUS: u8 = 101;
const HANDLE: u8 = 102;
const DATA: u8 = 103;
const NAME: u8 = 104;
const ATTRIBUTES: u8 = 105;
const EXTENDED: u8 = 201;

/// What stands at the beginning of an answer.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Head {
    /// How many more bytes the answer has.
    pub(super) rest: usize,
    /// Its type.
    pub(super) kind: u8,
    /// The number that comes first: the id of a request, or the version.
    pub(super) number: u32,
    /// What it says.
    pub(super) said: Said,
}

/// What an answer says, as far as it matters here.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Said {
    Version,
    Status(u32),
    Handle(Bytes),
    /// Content follows, and nothing else.
    Content,
    /// Something that says that it went well.
    Other,
}

/// Reads the beginning of what a host sent.
pub(super) fn head(bytes: &[u8]) -> Result<Read<Head>, Breach> {
    let Some((length, kind)) = packet(bytes)? else {
        return Ok(Read::Short(5));
    };
    let needed = match kind {
        VERSION | NAME | ATTRIBUTES | EXTENDED => 4 + 1 + 4,
        STATUS | HANDLE | DATA => 4 + 1 + 4 + 4,
        other => return Err(Breach::UnknownAnswer(other)),
    };
    if 4 + length < needed {
        return Err(Breach::Malformed(kind));
    }
    let Some(fields) = bytes.get(5..needed) else {
        return Ok(Read::Short(needed));
    };
    let mut from = Fields::of(kind, fields);
    let number = from.number()?;
    let mut read = needed;
    let said = match kind {
        VERSION => Said::Version,
        STATUS => Said::Status(from.number()?),
        HANDLE => {
            let handle = usize::try_from(from.number()?).unwrap_or(usize::MAX);
            if handle > MAX_HANDLE {
                return Err(Breach::HandleTooLong(handle));
            }
            read += handle;
            if read != 4 + length {
                return Err(Breach::Malformed(kind));
            }
            match bytes.get(needed..read) {
                Some(handle) => Said::Handle(Bytes::copy_from_slice(handle)),
                None => return Ok(Read::Short(read)),
            }
        }
        DATA => {
            let content = usize::try_from(from.number()?).unwrap_or(usize::MAX);
            if read.checked_add(content) != Some(4 + length) {
                return Err(Breach::Malformed(kind));
            }
            Said::Content
        }
        _ => Said::Other,
    };
    let head = Head {
        rest: 4 + length - read,
        kind,
        number,
        said,
    };
    Ok(Read::Done(head, read))
}

/// The answer that a request is refused with.
pub(super) fn status(id: u32, code: u32, message: &str) -> Vec<u8> {
    let text = message.as_bytes();
    let length = u32::try_from(1 + 4 + 4 + 4 + text.len() + 4).unwrap_or(u32::MAX);
    let size = u32::try_from(text.len()).unwrap_or(u32::MAX);
    let mut packet = length.to_be_bytes().to_vec();
    packet.push(STATUS);
    packet.extend_from_slice(&id.to_be_bytes());
    packet.extend_from_slice(&code.to_be_bytes());
    packet.extend_from_slice(&size.to_be_bytes());
    packet.extend_from_slice(text);
    packet.extend_from_slice(&0_u32.to_be_bytes());
    packet
}
