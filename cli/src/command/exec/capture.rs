//! A stream kept in memory for `exec --json`, up to a limit.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use base64ct::{Base64, Encoding as _};
use serde::ser::SerializeMap as _;
use serde::{Serialize, Serializer};
use tokio::io::AsyncWrite;

/// The most that is kept of one stream.
const MAX_KEPT: usize = 4 * 1024 * 1024;

/// What was written, up to [`MAX_KEPT`] bytes, and how much there was.
#[derive(Debug, Default)]
pub(super) struct Capture {
    kept: Vec<u8>,
    total: u64,
}

/// A captured stream under its name: text where it is text, base64 where it is not.
#[derive(Debug)]
pub(super) struct Named<'a> {
    name: &'static str,
    capture: &'a Capture,
}

impl Capture {
    pub(super) fn named(&self, name: &'static str) -> Named<'_> {
        Named {
            name,
            capture: self,
        }
    }
}

impl AsyncWrite for Capture {
    fn poll_write(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let room = MAX_KEPT.saturating_sub(self.kept.len());
        let fits = bytes.get(..room).unwrap_or(bytes);
        self.kept.extend_from_slice(fits);
        self.total = self
            .total
            .saturating_add(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

impl Serialize for Named<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (name, capture) = (self.name, self.capture);
        let mut map = serializer.serialize_map(None)?;
        match std::str::from_utf8(&capture.kept) {
            Ok(text) => map.serialize_entry(name, text)?,
            Err(_) => map.serialize_entry(
                &format!("{name}_base64"),
                &Base64::encode_string(&capture.kept),
            )?,
        }
        map.serialize_entry(&format!("{name}_bytes"), &capture.total)?;
        map.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use tokio::io::AsyncWriteExt as _;

    #[tokio::test]
    async fn text_is_text_bytes_are_base64_and_both_are_bounded() {
        let mut text = Capture::default();
        text.write_all("grüße".as_bytes()).await.unwrap();
        assert_eq!(
            serde_json::to_value(text.named("stdout")).unwrap(),
            json!({"stdout": "grüße", "stdout_bytes": 7})
        );
        let mut bytes = Capture::default();
        bytes.write_all(&[0xff, 0]).await.unwrap();
        assert_eq!(
            serde_json::to_value(bytes.named("stderr")).unwrap(),
            json!({"stderr_base64": "/wA=", "stderr_bytes": 2})
        );
        let mut long = Capture::default();
        long.write_all(&vec![b'x'; MAX_KEPT + 10]).await.unwrap();
        assert_eq!(long.kept.len(), MAX_KEPT);
        assert_eq!(long.total, 4 * 1024 * 1024 + 10);
    }
}
