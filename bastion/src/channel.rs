//! One channel of the agent, from its opening to its close.
//!
//! Three tasks: a reader takes everything off the agent's side at once and never waits ([`queue`]); the channel's own task
//! collects what is asked for, has it decided and opened by the session, and then carries the host's output; a third
//! carries the agent's input. Whatever blocks, closing does not wait for it.

mod agent;
mod environment;
mod files;
mod input;
mod output;
pub mod queue;
mod setup;

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use portreeve_recording::event::{Kind, WindowSize};
use portreeve_recording::files::Tracker;
use tokio::sync::{mpsc, oneshot, watch};

use crate::drive::Message;
use crate::host::HostChannel;
use crate::request::Asked;
use crate::session::{ChannelEnd, ChannelNumber, Input, Notice};
use crate::tap::{Tap, Unrecorded};

pub use agent::AgentSide;
pub use environment::is_passed_on;
use files::Files;
pub use output::Over;
pub use queue::{Gauge, Gone};
pub use setup::{LeftOut, Setup};

/// How long a channel takes to be asked something once it is open. Longer than any client needs, shorter than a leak.
const SETUP_TIME: Duration = Duration::from_secs(60);
/// How long what the agent sent before it closed may still take to reach the host.
const LAST_INPUT_TIME: Duration = Duration::from_secs(1);
/// How long a channel that can no longer be recorded waits for its session to say why it ends.
const LAST_WORDS_TIME: Duration = Duration::from_millis(500);
/// The exit status of what the policy refused: the shell's for a command that cannot be executed.
const REFUSED_STATUS: u32 = 126;

/// How a channel reaches its session.
#[derive(Debug, Clone)]
pub struct SessionLink {
    /// Where the session takes messages.
    pub inbox: mpsc::Sender<Message>,
    /// What the session says when it ends.
    pub ending: watch::Receiver<Option<Notice>>,
    /// The number of the last channel.
    pub numbers: Arc<AtomicU32>,
    /// What waits for the session's programs on all channels together.
    pub queued: queue::Total,
    /// Held by every channel: connections are closed when none has anything to say any more.
    pub presence: mpsc::WeakSender<Infallible>,
}

/// The session's answer to a channel.
#[derive(Debug)]
pub enum Answer {
    /// It is open on the host.
    Open {
        /// The host's side.
        host: HostChannel,
        /// Where everything is recorded.
        tap: Tap,
        /// What follows the files that pass, where some do.
        files: Option<Tracker>,
        /// Whether nothing may reach the agent that is not yet durable.
        is_strict: bool,
    },
    /// It is not.
    Refused {
        /// What the agent reads.
        text: String,
    },
}

/// Bytes that passed.
#[derive(Debug, Default)]
struct Counts {
    from_agent: AtomicU64,
    to_agent: AtomicU64,
}

impl SessionLink {
    /// A number for a new channel.
    #[must_use]
    pub fn next_number(&self) -> ChannelNumber {
        ChannelNumber(self.numbers.fetch_add(1, Ordering::Relaxed) + 1)
    }

    async fn tell(&self, message: Message) {
        // A session that is gone has told this channel so, or is about to.
        let _ = self.inbox.send(message).await;
    }
}

/// Lives one channel.
pub async fn run(agent: AgentSide, mut queue: queue::Receiver, mut link: SessionLink) {
    let _presence = link.presence.upgrade();
    let gone = queue.gone();
    let setup = tokio::select! {
        setup = tokio::time::timeout(SETUP_TIME, setup::collect(&mut queue)) => setup.ok().flatten(),
        () = ended(&mut link.ending) => None,
    };
    let Some((setup, program)) = setup else {
        return agent
            .finish(None, ending_text(&link).as_deref(), false)
            .await;
    };
    let number = link.next_number();
    let has_pty = setup.terminal.is_some();
    let (answer, answered) = oneshot::channel();
    let asked = Asked {
        program,
        pty: has_pty,
    };
    link.tell(Message::Asked {
        channel: number,
        asked,
        setup: Box::new(setup),
        answer,
    })
    .await;
    let answer = tokio::select! {
        biased;
        answer = answered => answer.ok(),
        _ = gone.wait() => None,
        () = ended(&mut link.ending) => None,
    };
    let end = match answer {
        Some(Answer::Open {
            host,
            tap,
            files,
            is_strict,
        }) => {
            let files = files.map(|files| Files::new(files, number, link.inbox.clone()));
            let opened = Opened {
                host,
                tap,
                files,
                is_strict,
            };
            carry(agent, queue, opened, has_pty, &mut link).await
        }
        Some(Answer::Refused { text }) => {
            agent
                .finish(Some(REFUSED_STATUS), Some(&text), has_pty)
                .await;
            ChannelEnd::default()
        }
        None => {
            agent
                .finish(None, ending_text(&link).as_deref(), has_pty)
                .await;
            ChannelEnd::default()
        }
    };
    link.tell(Message::Input(Input::ChannelEnded {
        channel: number,
        end,
    }))
    .await;
}

/// What was opened on the host, and what everything that passes goes through.
struct Opened {
    host: HostChannel,
    tap: Tap,
    files: Option<Files>,
    is_strict: bool,
}

/// Carries both directions until one side closes or the session ends.
async fn carry(
    agent: AgentSide,
    queue: queue::Receiver,
    opened: Opened,
    has_pty: bool,
    link: &mut SessionLink,
) -> ChannelEnd {
    let Opened {
        host,
        tap,
        files,
        is_strict,
    } = opened;
    let counts = Arc::new(Counts::default());
    let gone = queue.gone();
    let (from_host, to_host, connection) = host.into_parts();
    let to_host = Arc::new(to_host);
    let carrying = input::carry(
        queue,
        Arc::clone(&to_host),
        tap.clone(),
        files.clone(),
        is_strict,
        Arc::clone(&counts),
    );
    let mut input = tokio::spawn(carrying);
    let mut output =
        output::Carrier::new(from_host, &agent, &tap, files.as_ref(), is_strict, &counts);
    let over = tokio::select! {
        over = output.carry() => over,
        gone = gone.wait() => Over::Agent(gone),
        () = broken(files.as_ref()) => Over::Broken,
        () = ended(&mut link.ending) => Over::Session,
    };
    if over == Over::Agent(Gone::Closed) {
        // What it sent before it closed still counts: a program that is writing a file must get all of it. sshd forgets
        // what it has not handed on when a connection ends, so the channel is closed first.
        let last = async {
            let _ = (&mut input).await;
            let _ = to_host.eof().await;
            let _ = to_host.close().await;
            output.drain().await;
        };
        let _ = tokio::time::timeout(LAST_INPUT_TIME, last).await;
    }
    input.abort();
    if over == Over::Unrecorded {
        // The session hears of it as well, and what it says when it ends is for the agent to read.
        let _ = tokio::time::timeout(LAST_WORDS_TIME, ended(&mut link.ending)).await;
    }
    let (exit_status, exit_signal) = output.exit();
    let is_eof_sent = output.is_eof_sent();
    let text = match over {
        Over::Host => None,
        Over::Lost => Some("portreeve: the connection to the host broke".to_owned()),
        Over::Unrecorded | Over::Session => ending_text(link),
        Over::Broken => files.as_ref().and_then(Files::breach_text),
        Over::Agent(Gone::Closed | Gone::Disconnected) => None,
        Over::Agent(Gone::TooMuch) => Some(
            "portreeve: the program on the host does not read its input; the channel is closed"
                .to_owned(),
        ),
    };
    if let Some(files) = &files {
        files.finish(&tap).await;
    }
    // These are our own words, and the recording may be what failed: they are said in any case.
    if let Some(text) = &text {
        let _ = last_words(&tap, Kind::Note(text.clone()), is_strict).await;
    }
    let _ = last_words(&tap, Kind::Closed, is_strict).await;
    match (over, is_eof_sent) {
        (Over::Host, true) => agent.close().await,
        _ => agent.finish(None, text.as_deref(), has_pty).await,
    }
    connection.close().await;
    ChannelEnd {
        was_open: true,
        exit_status,
        exit_signal,
        bytes_in: counts.from_agent.load(Ordering::Relaxed),
        bytes_out: counts.to_agent.load(Ordering::Relaxed),
    }
}

/// Resolves when what passes cannot be read; never where no files pass.
async fn broken(files: Option<&Files>) {
    match files {
        Some(files) => files.broken().await,
        None => std::future::pending().await,
    }
}

/// Records what the bastion itself adds at a channel's end. A disk that does not keep up is not waited for: the channel
/// must close.
async fn last_words(tap: &Tap, kind: Kind, is_strict: bool) -> Result<(), Unrecorded> {
    let recorded = async {
        let position = tap.record(kind).await?;
        if is_strict {
            tap.durable(position).await?;
        }
        Ok(())
    };
    tokio::time::timeout(LAST_WORDS_TIME, recorded)
        .await
        .unwrap_or(Err(Unrecorded))
}

/// Resolves when the session ends.
async fn ended(ending: &mut watch::Receiver<Option<Notice>>) {
    // A session that is gone without a word ended as well.
    let _ = ending.wait_for(Option::is_some).await;
}

fn ending_text(link: &SessionLink) -> Option<String> {
    link.ending.borrow().as_ref().map(Notice::to_string)
}

/// A window's size as russh and the recording have it.
#[must_use]
pub const fn window(columns: u32, rows: u32, pixel_width: u32, pixel_height: u32) -> WindowSize {
    WindowSize {
        columns,
        rows,
        pixel_width,
        pixel_height,
    }
}
