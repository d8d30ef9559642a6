//! From the host to the agent.

use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;
use portreeve_recording::event::{ExitSignal, Kind};
use russh::{ChannelMsg, ChannelReadHalf};

use super::agent::{AgentGone, AgentSide};
use super::files::{Files, Recorded, Stopped};
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
    /// It is a file transfer that cannot be read.
    Broken,
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
    files: Option<&'a Files>,
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

impl From<Stopped> for Over {
    fn from(stopped: Stopped) -> Self {
        match stopped {
            Stopped::Unrecorded => Self::Unrecorded,
            Stopped::Broken => Self::Broken,
        }
    }
}

/// What comes next.
enum Next {
    Message(Option<ChannelMsg>),
    /// No exit status came in time.
    NoStatus,
    /// There may be answers for the agent that are not the host's.
    Answers,
}

impl<'a> Carrier<'a> {
    pub(super) const fn new(
        host: ChannelReadHalf,
        agent: &'a AgentSide,
        tap: &'a Tap,
        files: Option<&'a Files>,
        is_strict: bool,
        counts: &'a Counts,
    ) -> Self {
        Self {
            host,
            agent,
            tap,
            files,
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
        loop {
            match (self.host.wait().await, self.files) {
                (None | Some(ChannelMsg::Close), _) => return,
                (Some(ChannelMsg::Data { data }), Some(files)) => files.drain(data, self.tap).await,
                (Some(_), _) => {}
            }
        }
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
        let message = match self.next().await {
            Next::Message(Some(message)) => message,
            Next::Message(None) => return Ok(Some(Over::Lost)),
            Next::NoStatus => return self.send_eof().await.map(|()| None),
            Next::Answers => return self.send_answers().await.map(|()| None),
        };
        match message {
            ChannelMsg::Data { data } => match self.files {
                None => {
                    self.record(Kind::Output(data.clone())).await?;
                    self.count(&data);
                    self.agent.output(data).await?;
                }
                Some(files) => {
                    let recorded = files.host_sent(data, self.tap).await?;
                    self.send(recorded).await?;
                    files.host_was_heard();
                }
            },
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

    /// Waits for the host, or for what the agent is to be answered without it.
    async fn next(&mut self) -> Next {
        match (self.eof, self.files) {
            (Eof::Pending, _) => tokio::time::timeout(STATUS_TIME, self.host.wait())
                .await
                .map_or(Next::NoStatus, Next::Message),
            (Eof::NotYet | Eof::Sent, None) => Next::Message(self.host.wait().await),
            (Eof::NotYet | Eof::Sent, Some(files)) => tokio::select! {
                message = self.host.wait() => Next::Message(message),
                () = files.answered() => Next::Answers,
            },
        }
    }

    async fn send_answers(&self) -> Result<(), Over> {
        if let Some(files) = self.files
            && let Some(answers) = files.answers(self.tap).await?
        {
            self.send(answers).await?;
        }
        Ok(())
    }

    /// Passes on what was recorded.
    async fn send(&self, recorded: Recorded) -> Result<(), Over> {
        if let (true, Some(position)) = (self.is_strict, recorded.position) {
            self.tap.durable(position).await?;
        }
        self.count(&recorded.bytes);
        Ok(self.agent.output(recorded.bytes).await?)
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
