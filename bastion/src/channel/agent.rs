//! The agent's side of a channel, for writing.

use std::time::Duration;

use bytes::Bytes;
use russh::server::{Handle, Msg};
use russh::{ChannelId, ChannelWriteHalf, Sig};

/// How long a word of ours may wait for an agent that does not read.
const PATIENCE: Duration = Duration::from_millis(300);
/// The type of extended data that is standard error (RFC 4254, section 5.2).
const STDERR: u32 = 1;

/// The agent's side of a channel.
pub struct AgentSide {
    id: ChannelId,
    write: ChannelWriteHalf<Msg>,
    handle: Handle,
}

/// The agent's connection is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct AgentGone;

impl AgentSide {
    /// The side of a channel that was just opened.
    #[must_use]
    pub const fn new(id: ChannelId, write: ChannelWriteHalf<Msg>, handle: Handle) -> Self {
        Self { id, write, handle }
    }

    pub(super) async fn output(&self, bytes: Bytes) -> Result<(), AgentGone> {
        self.write.data_bytes(bytes).await.map_err(|_| AgentGone)
    }

    pub(super) async fn error_output(&self, bytes: Bytes) -> Result<(), AgentGone> {
        self.write
            .extended_data_bytes(STDERR, bytes)
            .await
            .map_err(|_| AgentGone)
    }

    pub(super) async fn end_of_output(&self) -> Result<(), AgentGone> {
        self.write.eof().await.map_err(|_| AgentGone)
    }

    pub(super) async fn exit_status(&self, status: u32) -> Result<(), AgentGone> {
        self.write.exit_status(status).await.map_err(|_| AgentGone)
    }

    pub(super) async fn exit_signal(
        &self,
        signal: Sig,
        core_dumped: bool,
        message: String,
    ) -> Result<(), AgentGone> {
        let request =
            self.handle
                .exit_signal_request(self.id, signal, core_dumped, message, String::new());
        request.await.map_err(|()| AgentGone)
    }

    /// Says a last word, if there is one, and closes. An agent that does not read is not waited for.
    pub(super) async fn finish(&self, status: Option<u32>, text: Option<&str>, has_pty: bool) {
        let last_words = async {
            if let Some(text) = text {
                // A terminal in raw mode needs the return; without one it would be a stray character.
                let end = if has_pty { "\r\n" } else { "\n" };
                self.error_output(Bytes::from(format!("{text}{end}")))
                    .await?;
            }
            if let Some(status) = status {
                self.exit_status(status).await?;
            }
            self.end_of_output().await
        };
        let _ = tokio::time::timeout(PATIENCE, last_words).await;
        self.close().await;
    }

    /// Closes.
    pub(super) async fn close(&self) {
        let _ = tokio::time::timeout(PATIENCE, self.write.close()).await;
    }
}

impl std::fmt::Debug for AgentSide {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "AgentSide({})", self.id)
    }
}
