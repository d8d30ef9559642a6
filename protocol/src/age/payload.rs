//! The payload: chunks of 64 KiB, each sealed with its number, the last one marked.

use chacha20poly1305::{ChaCha20Poly1305, Nonce};
use zeroize::Zeroizing;

use super::wrap::{open_in_place, seal_in_place};

const CHUNK: usize = 64 * 1024;
const TAG: usize = 16;
pub(super) const NONCE_LEN: usize = 16;

/// Why a payload does not open.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum BadPayload {
    /// Cut, extended or altered.
    Damaged,
    /// It would open to more bytes than the caller takes.
    TooLarge,
}

/// The length of the sealed form of `plaintext_len` bytes, without the nonce.
pub(super) fn sealed_len(plaintext_len: usize) -> usize {
    plaintext_len + TAG * plaintext_len.div_ceil(CHUNK).max(1)
}

/// Appends the sealed form of `plaintext` to `out`.
pub(super) fn seal_onto(out: &mut Vec<u8>, cipher: &ChaCha20Poly1305, plaintext: &[u8]) {
    let mut rest = plaintext;
    let mut number = 0;
    loop {
        let (chunk, after) = rest.split_at(rest.len().min(CHUNK));
        let start = out.len();
        out.extend_from_slice(chunk);
        let (_, data) = out.split_at_mut(start);
        let tag = seal_in_place(cipher, &nonce(number, after.is_empty()), data);
        out.extend_from_slice(&tag);
        if after.is_empty() {
            return;
        }
        rest = after;
        number += 1;
    }
}

/// Opens a whole payload or nothing.
pub(super) fn open(
    cipher: &ChaCha20Poly1305,
    sealed: &[u8],
    limit: usize,
) -> Result<Zeroizing<Vec<u8>>, BadPayload> {
    let chunks = sealed.len().div_ceil(CHUNK + TAG);
    let len = sealed
        .len()
        .checked_sub(chunks * TAG)
        .ok_or(BadPayload::Damaged)?;
    if len > limit {
        return Err(BadPayload::TooLarge);
    }
    // Exact capacity: growing would leave copies of the plaintext behind, unwiped.
    let mut plaintext = Zeroizing::new(Vec::with_capacity(len));
    let mut pieces = sealed.chunks(CHUNK + TAG).peekable();
    let mut number = 0;
    while let Some(piece) = pieces.next() {
        let is_final = pieces.peek().is_none();
        let (data, tag) = piece
            .split_at_checked(piece.len().saturating_sub(TAG))
            .ok_or(BadPayload::Damaged)?;
        if data.is_empty() && number > 0 {
            return Err(BadPayload::Damaged);
        }
        let start = plaintext.len();
        plaintext.extend_from_slice(data);
        let (_, opened) = plaintext.split_at_mut(start);
        if !open_in_place(cipher, &nonce(number, is_final), opened, tag) {
            return Err(BadPayload::Damaged);
        }
        number += 1;
    }
    // No chunk at all means that the final one is missing.
    if number == 0 {
        Err(BadPayload::Damaged)
    } else {
        Ok(plaintext)
    }
}

/// Eleven bytes of chunk number, one byte that marks the final chunk.
fn nonce(number: u64, is_final: bool) -> Nonce {
    let mut bytes = [0; 12];
    let (_, low) = bytes.split_at_mut(3);
    let (count, last) = low.split_at_mut(8);
    count.copy_from_slice(&number.to_be_bytes());
    last.copy_from_slice(&[u8::from(is_final)]);
    bytes.into()
}
