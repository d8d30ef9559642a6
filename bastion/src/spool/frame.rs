//! One event in a spool file: its length (4 bytes, big endian), the first 8 bytes of its SHA-256 digest, its JSON. Pure.
//!
//! The digest tells a torn or rotten frame from a whole one; it keeps nobody out.

use portreeve_protocol::digest::Digest;
use portreeve_protocol::event::MAX_EVENT;

/// Length and digest.
const HEAD: usize = 12;

/// How much the frame of the largest event takes.
pub(super) const LARGEST: u64 = (HEAD + MAX_EVENT) as u64;

/// A frame around `payload`.
pub(super) fn encode(payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap_or(u32::MAX);
    let mut frame = Vec::with_capacity(HEAD + payload.len());
    frame.extend_from_slice(&length.to_be_bytes());
    frame.extend_from_slice(check(payload).as_slice());
    frame.extend_from_slice(payload);
    frame
}

/// What is at the start of some bytes.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Next<'a> {
    /// A whole frame, and how many bytes it takes.
    Frame(&'a [u8], usize),
    /// Nothing, or the beginning of a frame.
    Incomplete,
    /// Something that was never written by us.
    Damaged,
}

/// Looks at the first frame of `bytes`.
pub(super) fn next(bytes: &[u8]) -> Next<'_> {
    let Some((length, rest)) = bytes.split_first_chunk::<4>() else {
        return Next::Incomplete;
    };
    let Ok(length) = usize::try_from(u32::from_be_bytes(*length)) else {
        return Next::Damaged;
    };
    if length > MAX_EVENT {
        return Next::Damaged;
    }
    let Some((digest, rest)) = rest.split_first_chunk::<8>() else {
        return Next::Incomplete;
    };
    match rest.get(..length) {
        None => Next::Incomplete,
        Some(payload) if check(payload) == *digest => Next::Frame(payload, HEAD + length),
        Some(_) => Next::Damaged,
    }
}

fn check(payload: &[u8]) -> [u8; 8] {
    let digest = Digest::of(payload);
    let mut short = [0; 8];
    short
        .iter_mut()
        .zip(digest.as_bytes())
        .for_each(|(to, from)| *to = *from);
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_reads_back_whole_or_not_at_all() {
        let frame = encode(b"event");
        assert_eq!(next(&frame), Next::Frame(b"event", frame.len()));
        for cut in 0..frame.len() {
            assert_eq!(next(&frame[..cut]), Next::Incomplete, "{cut}");
        }
        for at in 4..frame.len() {
            let mut altered = frame.clone();
            altered[at] ^= 1;
            assert_eq!(next(&altered), Next::Damaged, "{at}");
        }
        assert_eq!(next(&[0xff; 64]), Next::Damaged);
    }
}
