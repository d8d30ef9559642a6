//! The textual header: written in one form, read by the grammar and nothing looser.

use base64ct::{Base64Unpadded, Encoding};

use super::wrap::{BODY_LEN, Wrapped};
use super::{MAX_HEADER_BYTES, MAX_RECIPIENTS};

const VERSION_START: &[u8] = b"age-encryption.org/";
const VERSION: &str = "age-encryption.org/v1";
const STANZA_START: &[u8] = b"-> ";
const END_START: &[u8] = b"--- ";
/// The part of the last line that the MAC still covers.
const COVERED_OF_END: usize = 3;
const COLUMNS: usize = 64;

/// A header that obeys the grammar; nothing in it is authenticated yet.
pub(super) struct Header<'a> {
    /// The X25519 stanzas; those of other kinds are checked for form and left out.
    pub(super) stanzas: Vec<Wrapped>,
    /// What the MAC is over.
    pub(super) covered: &'a [u8],
    pub(super) mac: [u8; 32],
    /// Everything after the header.
    pub(super) payload: &'a [u8],
}

/// Why a header was refused.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum BadHeader {
    NotAge,
    Version,
    Grammar(&'static str),
    TooLarge,
}

/// Writes the header for `stanzas`; `mac` computes the MAC over what has been written so far.
pub(super) fn write(stanzas: &[Wrapped], mac: impl FnOnce(&[u8]) -> [u8; 32]) -> String {
    let mut text = format!("{VERSION}\n");
    for stanza in stanzas {
        text.push_str("-> X25519 ");
        text.push_str(&Base64Unpadded::encode_string(&stanza.share));
        text.push('\n');
        // A body of 32 bytes is 43 characters: one line, and a short one.
        text.push_str(&Base64Unpadded::encode_string(&stanza.body));
        text.push('\n');
    }
    text.push_str("---");
    let mac = mac(text.as_bytes());
    text.push(' ');
    text.push_str(&Base64Unpadded::encode_string(&mac));
    text.push('\n');
    text
}

/// Splits a sealed value into header and payload.
pub(super) fn parse(sealed: &[u8]) -> Result<Header<'_>, BadHeader> {
    let mut lines = Lines { sealed, at: 0 };
    if !sealed.starts_with(VERSION_START) {
        return Err(BadHeader::NotAge);
    }
    if lines.next()? != VERSION.as_bytes() {
        return Err(BadHeader::Version);
    }
    let mut stanzas = Vec::new();
    let mut count = 0;
    let mut has_scrypt = false;
    loop {
        let line_at = lines.at;
        let line = lines.next()?;
        if let Some(arguments) = line.strip_prefix(STANZA_START) {
            count += 1;
            if count > MAX_RECIPIENTS {
                return Err(BadHeader::TooLarge);
            }
            let arguments = split_arguments(arguments)?;
            let body = read_body(&mut lines)?;
            match arguments.as_slice() {
                [b"X25519", rest @ ..] => stanzas.push(x25519(rest, &body)?),
                [b"scrypt", ..] => has_scrypt = true,
                _ => {}
            }
        } else if let Some(mac) = line.strip_prefix(END_START) {
            if count == 0 {
                return Err(BadHeader::Grammar("it has no stanza"));
            }
            if has_scrypt && count > 1 {
                return Err(BadHeader::Grammar("a `scrypt` stanza is not alone"));
            }
            let mac = fixed(mac).ok_or(BadHeader::Grammar(
                "the MAC is not 32 bytes of canonical base64",
            ))?;
            let (covered, _) = sealed.split_at(line_at + COVERED_OF_END);
            let (_, payload) = sealed.split_at(lines.at);
            return Ok(Header {
                stanzas,
                covered,
                mac,
                payload,
            });
        } else {
            return Err(BadHeader::Grammar("a line is neither a stanza nor the end"));
        }
    }
}

/// The lines of the header, never looking further than a header may reach.
struct Lines<'a> {
    sealed: &'a [u8],
    at: usize,
}

impl<'a> Lines<'a> {
    fn next(&mut self) -> Result<&'a [u8], BadHeader> {
        let reach = self.sealed.len().min(MAX_HEADER_BYTES);
        let window = self.sealed.get(self.at..reach).unwrap_or_default();
        let Some(len) = window.iter().position(|byte| *byte == b'\n') else {
            return Err(if self.sealed.len() > MAX_HEADER_BYTES {
                BadHeader::TooLarge
            } else {
                BadHeader::Grammar("it ends too early")
            });
        };
        self.at += len + 1;
        Ok(window.get(..len).unwrap_or_default())
    }
}

fn split_arguments(line: &[u8]) -> Result<Vec<&[u8]>, BadHeader> {
    let arguments: Vec<_> = line.split(|byte| *byte == b' ').collect();
    let all_good = arguments
        .iter()
        .all(|argument| !argument.is_empty() && argument.iter().all(u8::is_ascii_graphic));
    if all_good {
        Ok(arguments)
    } else {
        Err(BadHeader::Grammar(
            "a stanza argument is empty or not printable",
        ))
    }
}

/// Full lines of 64 columns, then one that is shorter, and may be empty.
fn read_body(lines: &mut Lines<'_>) -> Result<Vec<u8>, BadHeader> {
    const WRONG: BadHeader =
        BadHeader::Grammar("a stanza body is not canonical base64 in lines of 64 columns");
    let mut body = Vec::new();
    loop {
        let line = lines.next()?;
        if line.len() > COLUMNS {
            return Err(WRONG);
        }
        let mut decoded = [0; COLUMNS];
        body.extend_from_slice(Base64Unpadded::decode(line, &mut decoded).map_err(|_| WRONG)?);
        if line.len() < COLUMNS {
            return Ok(body);
        }
    }
}

fn x25519(arguments: &[&[u8]], body: &[u8]) -> Result<Wrapped, BadHeader> {
    let [share] = arguments else {
        return Err(BadHeader::Grammar(
            "an `X25519` stanza does not have two arguments",
        ));
    };
    let share = fixed(share).ok_or(BadHeader::Grammar(
        "an `X25519` share is not 32 bytes of canonical base64",
    ))?;
    let body: [u8; BODY_LEN] = body
        .try_into()
        .map_err(|_| BadHeader::Grammar("an `X25519` body is not 32 bytes"))?;
    Ok(Wrapped { share, body })
}

/// Decodes canonical base64 of exactly 32 bytes.
fn fixed(text: &[u8]) -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    let len = Base64Unpadded::decode(text, &mut bytes).ok()?.len();
    (len == bytes.len()).then_some(bytes)
}
