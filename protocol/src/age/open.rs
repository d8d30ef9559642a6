//! Opening a sealed value.

use thiserror::Error;
use zeroize::Zeroizing;

use super::header::{self, BadHeader, Header};
use super::key::Identity;
use super::payload::{self, BadPayload, NONCE_LEN};
use super::wrap::{self, FileKey, WeakShare};

/// Why a sealed value did not open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum OpenError {
    /// It does not begin like an age file.
    #[error("this is not a binary age file")]
    NotAge,
    /// An age file of a later version of the format.
    #[error("this age file has a version other than v1")]
    Version,
    /// The header breaks the grammar.
    #[error("the age header is malformed: {0}")]
    Header(&'static str),
    /// The header is longer than [`super::MAX_HEADER_BYTES`] or has more than
    /// [`super::MAX_RECIPIENTS`] stanzas.
    #[error("the age header is too large")]
    HeaderTooLarge,
    /// A stanza whose share is a weak point of the curve: somebody made it by hand.
    #[error("a stanza of the age header holds a weak share")]
    WeakShare,
    /// None of the given identities is a recipient.
    #[error("this is not sealed to any of the keys given")]
    NotForUs,
    /// The header was altered after it was made.
    #[error("the age header has been altered")]
    HeaderAltered,
    /// The payload was cut, extended or altered.
    #[error("the sealed content is damaged or cut short")]
    Damaged,
    /// The content is larger than the caller takes.
    #[error("the sealed content is larger than {limit} bytes")]
    TooLarge {
        /// The limit that the caller gave.
        limit: usize,
    },
}

/// Opens `sealed` with whichever of `identities` it was sealed to, if its content has at most
/// `limit` bytes.
///
/// # Errors
/// [`OpenError`]; no part of the content is given out when any part of it is wrong.
pub fn open(
    identities: &[Identity],
    sealed: &[u8],
    limit: usize,
) -> Result<Zeroizing<Vec<u8>>, OpenError> {
    let header = header::parse(sealed)?;
    let file_key = unwrap(&header, identities)?;
    if !file_key.header_mac_is(header.covered, &header.mac) {
        return Err(OpenError::HeaderAltered);
    }
    let (nonce, body) = header
        .payload
        .split_at_checked(NONCE_LEN)
        .ok_or(OpenError::Damaged)?;
    payload::open(&file_key.payload_cipher(nonce), body, limit).map_err(|bad| match bad {
        BadPayload::Damaged => OpenError::Damaged,
        BadPayload::TooLarge => OpenError::TooLarge { limit },
    })
}

fn unwrap(header: &Header<'_>, identities: &[Identity]) -> Result<FileKey, OpenError> {
    for stanza in &header.stanzas {
        for identity in identities {
            match wrap::unwrap(stanza, identity) {
                Ok(Some(file_key)) => return Ok(file_key),
                Ok(None) => {}
                Err(WeakShare) => return Err(OpenError::WeakShare),
            }
        }
    }
    Err(OpenError::NotForUs)
}

impl From<BadHeader> for OpenError {
    fn from(bad: BadHeader) -> Self {
        match bad {
            BadHeader::NotAge => Self::NotAge,
            BadHeader::Version => Self::Version,
            BadHeader::Grammar(rule) => Self::Header(rule),
            BadHeader::TooLarge => Self::HeaderTooLarge,
        }
    }
}
