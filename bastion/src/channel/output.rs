//! From the host to the agent.

use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;
use portreeve_recording::event::{ExitSignal, Kind};
use russh::{ChannelMsg, ChannelReadHalf};

use super::agent::{AgentGone, AgentSide};
use super::input::signal_name;
use super::{Counts, Gone};
use crate::tap::{Tap, Unrecorded};

/// How long an end of output waits for the exit status, which clients expect first. sshd sends them in either order and
/// within a millisecond, unless the program goes on without output.
const STATUS_TIME: Duration = Duration::from_millis(20);
/// The longest message about a signal that is passed on.
const MAX_MESSAGE: usize = 1024;

/// How the two sides of a channel came apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Over {
    /// The host closed it: the program ended.
    Host,
    /// The host's connection broke.
    Lost,
    /// It can no longer be recorded.
    Unrecorded,
    /// The agent is gone.
    Agent(Gone),
    /// The session ends.
    Session,
}

/// Carries output, and remembers how the program ended.
pub(super) struct Carrier<'a> {
    host: ChannelReadHalf,
    agent: &'a AgentSide,
    tap: &'a Tap,
    is_strict: bool,
    counts: &'a Counts,
    exit_status: Option<u32>,
    exit_signal: Option<String>,
    eof: Eof,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Eof {
    NotYet,
    Pending,
    Sent,
}

impl From<AgentGone> for Over {
    fn from(_: AgentGone) -> Self {
        Self::Agent(Gone::Disconnected)
    }
}

impl From<Unrecorded> for Over {
    fn from(_: Unrecorded) -> Self {
        Self::Unrecorded
    }
}

impl<'a> Carrier<'a> {
    pub(super) const fn new(
        host: ChannelReadHalf,
        agent: &'a AgentSide,
        tap: &'a Tap,
        is_strict: bool,
        counts: &'a Counts,
    ) -> Self {
        Self {
            host,
            agent,
            tap,
            is_strict,
            counts,
            exit_status: None,
            exit_signal: None,
            eof: Eof::NotYet,
        }
    }

    /// Carries until the host closes or something fails.
    pub(super) async fn carry(&mut self) -> Over {
        loop {
            match self.step().await {
                Ok(None) => {}
                Ok(Some(over)) | Err(over) => return over,
            }
        }
    }

    /// Waits until the host closes, without passing anything on.
    pub(super) async fn drain(&mut self) {
        while !matches!(self.host.wait().await, None | Some(ChannelMsg::Close)) {}
    }

    pub(super) fn exit(&self) -> (Option<u32>, Option<String>) {
        (self.exit_status, self.exit_signal.clone())
    }

    pub(super) fn is_eof_sent(&self) -> bool {
        self.eof == Eof::Sent
    }

    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "most messages are for servers, and russh may add more"
    )]
    async fn step(&mut self) -> Result<Option<Over>, Over> {
        let message = match self.eof {
            Eof::Pending => match tokio::time::timeout(STATUS_TIME, self.host.wait()).await {
                Ok(message) => message,
                Err(_) => return self.send_eof().await.map(|()| None),
            },
            Eof::NotYet | Eof::Sent => self.host.wait().await,
        };
        let Some(message) = message else {
            return Ok(Some(Over::Lost));
        };
        match message {
            ChannelMsg::Data { data } => {
                self.record(Kind::Output(data.clone())).await?;
                self.count(&data);
                self.agent.output(data).await?;
            }
            ChannelMsg::ExtendedData { data, ext: 1 } => {
                self.record(Kind::ErrorOutput(data.clone())).await?;
                self.count(&data);
                self.agent.error_output(data).await?;
            }
            ChannelMsg::Eof => {
                self.record(Kind::EndOfOutput).await?;
                self.eof = Eof::Pending;
            }
            ChannelMsg::ExitStatus { exit_status } => {
                self.record(Kind::ExitStatus(exit_status)).await?;
                self.exit_status = Some(exit_status);
                self.agent.exit_status(exit_status).await?;
            }
            ChannelMsg::ExitSignal {
                signal_name: signal,
                core_dumped,
                error_message,
                ..
            } => {
                let name = signal_name(&signal).unwrap_or_else(|| "UNKNOWN".into());
                let message: String = error_message.chars().take(MAX_MESSAGE).collect();
                self.record(Kind::ExitSignal(ExitSignal {
                    name: name.clone(),
                    core_dumped,
                    message: message.clone(),
                }))
                .await?;
                self.exit_signal = Some(name);
                self.agent.exit_signal(signal, core_dumped, message).await?;
            }
            ChannelMsg::Close => {
                if self.eof != Eof::Sent {
                    self.send_eof().await?;
                }
                return Ok(Some(Over::Host));
            }
            // Windows and answers are russh's business.
            _ => {}
        }
        Ok(None)
    }

    async fn send_eof(&mut self) -> Result<(), Over> {
        self.eof = Eof::Sent;
        Ok(self.agent.end_of_output().await?)
    }

    /// Nothing is passed on that is not recorded; in strict mode, nothing that is not on disk.
    async fn record(&self, kind: Kind) -> Result<(), Over> {
        let position = self.tap.record(kind).await?;
        if self.is_strict {
            self.tap.durable(position).await?;
        }
        Ok(())
    }

    fn count(&self, data: &Bytes) {
        self.counts
            .to_agent
            .fetch_add(data.len() as u64, Ordering::Relaxed);
    }
}
