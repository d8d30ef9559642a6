//! How requests and answers travel over the signer's socket: a length of four bytes, big endian,
//! and so many bytes of JSON. A frame carries a batch and the number by which it is answered, so
//! that a sender need not wait for one before it sends the next.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::{Request, Response};

/// The most bytes that a frame may have behind its length.
pub(crate) const MAX_FRAME: usize = 1024 * 1024;
/// The most requests that a batch may have.
pub(crate) const MAX_BATCH: usize = 64;

/// Requests that are answered together.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Ask {
    /// Comes back with the answers.
    pub(crate) number: u64,
    /// What is asked.
    pub(crate) requests: Vec<Request>,
}

/// The answers, in the order of the requests.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Answer {
    /// The number of the batch.
    pub(crate) number: u64,
    /// The answers.
    pub(crate) responses: Vec<Response>,
}

/// Why bytes are no frame.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NotAFrame {
    /// Longer than [`MAX_FRAME`].
    #[error("a frame has {MAX_FRAME} bytes at most")]
    TooLong,
    /// Not the JSON that is expected.
    #[error("the frame is not understood")]
    Content(#[source] serde_json::Error),
}

/// Length and JSON in one buffer.
pub(crate) fn encode<T: Serialize>(message: &T) -> Result<Vec<u8>, NotAFrame> {
    let mut frame = vec![0; 4];
    serde_json::to_writer(&mut frame, message).map_err(NotAFrame::Content)?;
    let body = checked(frame.len().saturating_sub(4))?;
    if let Some(head) = frame.first_chunk_mut::<4>() {
        *head = body.to_be_bytes();
    }
    Ok(frame)
}

/// How many bytes follow a length.
pub(crate) fn length(head: [u8; 4]) -> Result<usize, NotAFrame> {
    let body = usize::try_from(u32::from_be_bytes(head)).map_err(|_| NotAFrame::TooLong)?;
    checked(body).map(|_| body)
}

/// Reads the bytes behind a length.
pub(crate) fn decode<T: DeserializeOwned>(body: &[u8]) -> Result<T, NotAFrame> {
    serde_json::from_slice(body).map_err(NotAFrame::Content)
}

fn checked(body: usize) -> Result<u32, NotAFrame> {
    match u32::try_from(body) {
        Ok(length) if body <= MAX_FRAME => Ok(length),
        _ => Err(NotAFrame::TooLong),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_reads_back() {
        let ask = Ask {
            number: 7,
            requests: vec![Request::PublicKeys],
        };
        let frame = encode(&ask).unwrap();
        let (head, body) = frame.split_first_chunk::<4>().unwrap();
        assert_eq!(length(*head).unwrap(), body.len());
        let read: Ask = decode(body).unwrap();
        assert_eq!((read.number, read.requests.len()), (7, 1));
    }

    #[test]
    fn what_is_too_long_or_unknown_is_refused() {
        assert!(matches!(length([0xff; 4]), Err(NotAFrame::TooLong)));
        assert!(length([0, 0x10, 0, 0]).is_ok());
        assert!(length([0, 0x10, 0, 1]).is_err());
        for bad in [
            r#"{"number":1,"requests":[{"sign":"raw","bytes":"AAAA"}]}"#,
            r#"{"number":1,"requests":[],"uid":0}"#,
            r#"{"number":-1,"requests":[]}"#,
            "",
        ] {
            assert!(decode::<Ask>(bad.as_bytes()).is_err(), "{bad}");
        }
    }
}
