//! Sealing a value to recipients.

use thiserror::Error;

use super::MAX_RECIPIENTS;
use super::header;
use super::key::Recipient;
use super::payload::{self, NONCE_LEN};
use super::wrap::FileKey;

/// Why nothing was sealed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum SealError {
    /// The list of recipients is empty: nobody could open the result.
    #[error("there is no recipient; name at least one")]
    NoRecipient,
    /// The list is longer than a reader accepts.
    #[error("{count} recipients are more than the {MAX_RECIPIENTS} a reader accepts")]
    TooManyRecipients {
        /// How many there were.
        count: usize,
    },
}

/// Seals `plaintext` so that each of `recipients` can open it.
///
/// `entropy` fills a slice with bytes of a cryptographic generator, or with fixed bytes where a
/// vector is made.
///
/// # Errors
/// [`SealError`] when the number of recipients is zero or above [`MAX_RECIPIENTS`].
pub fn seal(
    recipients: &[Recipient],
    plaintext: &[u8],
    entropy: &mut impl FnMut(&mut [u8]),
) -> Result<Vec<u8>, SealError> {
    let mut sealed = Vec::new();
    seal_onto(&mut sealed, recipients, plaintext, entropy)?;
    Ok(sealed)
}

/// As [`seal`], appended to `out`: whoever seals much keeps one buffer for it.
///
/// # Errors
/// As for [`seal`]; `out` is as it was.
pub fn seal_onto(
    out: &mut Vec<u8>,
    recipients: &[Recipient],
    plaintext: &[u8],
    entropy: &mut impl FnMut(&mut [u8]),
) -> Result<(), SealError> {
    match recipients.len() {
        0 => return Err(SealError::NoRecipient),
        count if count > MAX_RECIPIENTS => return Err(SealError::TooManyRecipients { count }),
        _ => {}
    }
    let file_key = FileKey::draw(entropy);
    let stanzas: Vec<_> = recipients
        .iter()
        .map(|to| file_key.wrap(to, entropy))
        .collect();
    let header = header::write(&stanzas, |covered| file_key.header_mac(covered));
    let mut nonce = [0; NONCE_LEN];
    entropy(&mut nonce);

    // Exact: what grows is copied.
    out.reserve_exact(header.len() + NONCE_LEN + payload::sealed_len(plaintext.len()));
    out.extend_from_slice(header.as_bytes());
    out.extend_from_slice(&nonce);
    payload::seal_onto(out, &file_key.payload_cipher(&nonce), plaintext);
    Ok(())
}
