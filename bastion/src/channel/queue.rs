//! What the agent sent and nobody has taken yet.
//!
//! The reader never waits: if it did, russh's loop would, and with it every other channel of the connection. So the queue
//! is bounded by what happens when it fills. Above the high-water mark the agent's windows are no longer given back, which
//! holds a well-behaved agent ([`Gauge::is_high`], asked by the server adapter); one that sends on is cut off at the cap.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use portreeve_recording::event::{Terminal, WindowSize};
use russh::{ChannelMsg, ChannelReadHalf, Pty, Sig};
use tokio::sync::{mpsc, watch};

use super::window;
use crate::request::Wanted;
use crate::ssh::settings::WINDOW;

/// From here on windows are not given back.
const HIGH_WATER: usize = WINDOW as usize / 4;
/// An agent that keeps to its window never gets here: it may have sent all of it when the mark was passed, and half again.
const CAP: usize = HIGH_WATER + 2 * WINDOW as usize;
/// What an item without data counts.
const OVERHEAD: usize = 64;

/// Something that the agent sent on a channel.
#[derive(Debug, Clone)]
pub enum FromAgent {
    /// Bytes for the program's standard input.
    Data(Bytes),
    /// The agent's window has another size.
    Window(WindowSize),
    /// A signal for the program.
    Signal(Sig),
    /// No more input.
    EndOfInput,
    /// A terminal is wanted.
    Terminal(Terminal),
    /// A variable is wanted.
    Variable(String, String),
    /// A program is wanted.
    Start(Wanted),
    /// Something that is never offered was wanted.
    Forward(&'static str),
}

/// Why nothing more will come from the agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gone {
    /// It closed the channel.
    Closed,
    /// Its connection ended.
    Disconnected,
    /// It sent more than anybody takes.
    TooMuch,
}

/// How much waits in a queue.
#[derive(Debug, Default)]
pub struct Gauge(AtomicUsize);

impl Gauge {
    /// Whether the agent should be held.
    #[must_use]
    pub fn is_high(&self) -> bool {
        self.0.load(Ordering::Relaxed) > HIGH_WATER
    }
}

/// The reader's end.
#[derive(Debug)]
pub struct Sender {
    items: mpsc::UnboundedSender<FromAgent>,
    gauge: Arc<Gauge>,
    gone: watch::Sender<Option<Gone>>,
}

/// The channel's end.
#[derive(Debug)]
pub struct Receiver {
    items: mpsc::UnboundedReceiver<FromAgent>,
    gauge: Arc<Gauge>,
    gone: watch::Receiver<Option<Gone>>,
}

/// Tells when nothing more will come, whatever is still in the queue.
#[derive(Debug, Clone)]
pub struct WhenGone(watch::Receiver<Option<Gone>>);

/// A new queue.
#[must_use]
pub fn new() -> (Sender, Receiver, Arc<Gauge>) {
    let (sender, receiver) = mpsc::unbounded_channel();
    let gauge = Arc::new(Gauge::default());
    let gone = watch::Sender::new(None);
    let end = Receiver {
        items: receiver,
        gauge: Arc::clone(&gauge),
        gone: gone.subscribe(),
    };
    let start = Sender {
        items: sender,
        gauge: Arc::clone(&gauge),
        gone,
    };
    (start, end, gauge)
}

impl Sender {
    /// Takes everything off a channel until it ends.
    pub async fn fill_from(self, mut channel: ChannelReadHalf) {
        let gone = loop {
            match channel.wait().await {
                None => break Gone::Disconnected,
                Some(ChannelMsg::Close) => break Gone::Closed,
                Some(message) => {
                    if let Some(item) = understand(message)
                        && self.push(item).is_err()
                    {
                        break Gone::TooMuch;
                    }
                }
            }
        };
        // Dropping the read half also frees a connection that waits to hand something over.
        drop(channel);
        self.gone.send_replace(Some(gone));
    }

    fn push(&self, item: FromAgent) -> Result<(), Gone> {
        let size = size(&item);
        if self.gauge.0.fetch_add(size, Ordering::Relaxed) + size > CAP {
            return Err(Gone::TooMuch);
        }
        self.items.send(item).map_err(|_| Gone::Disconnected)
    }
}

impl Receiver {
    /// The next item; nothing when the agent is gone and everything was taken.
    pub async fn pop(&mut self) -> Option<FromAgent> {
        let item = self.items.recv().await?;
        self.gauge.0.fetch_sub(size(&item), Ordering::Relaxed);
        Some(item)
    }

    /// Tells when nothing more will come.
    #[must_use]
    pub fn gone(&self) -> WhenGone {
        WhenGone(self.gone.clone())
    }
}

impl WhenGone {
    /// Resolves when nothing more will come.
    pub async fn wait(mut self) -> Gone {
        match self.0.wait_for(Option::is_some).await {
            Ok(gone) => gone.unwrap_or(Gone::Disconnected),
            Err(_) => Gone::Disconnected,
        }
    }
}

const fn size(item: &FromAgent) -> usize {
    match item {
        FromAgent::Data(bytes) => OVERHEAD + bytes.len(),
        FromAgent::Window(_)
        | FromAgent::Signal(_)
        | FromAgent::EndOfInput
        | FromAgent::Terminal(_)
        | FromAgent::Variable(..)
        | FromAgent::Start(_)
        | FromAgent::Forward(_) => OVERHEAD,
    }
}

/// What a message of the agent means; nothing when it means nothing here.
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "most messages are for clients, and russh may add more"
)]
fn understand(message: ChannelMsg) -> Option<FromAgent> {
    match message {
        ChannelMsg::Data { data } => Some(FromAgent::Data(data)),
        ChannelMsg::Eof => Some(FromAgent::EndOfInput),
        ChannelMsg::Signal { signal } => Some(FromAgent::Signal(signal)),
        ChannelMsg::WindowChange {
            col_width,
            row_height,
            pix_width,
            pix_height,
        } => Some(FromAgent::Window(window(
            col_width, row_height, pix_width, pix_height,
        ))),
        ChannelMsg::RequestPty {
            term,
            col_width,
            row_height,
            pix_width,
            pix_height,
            terminal_modes,
            ..
        } => {
            Some(FromAgent::Terminal(Terminal {
                term: Bytes::from(term),
                size: window(col_width, row_height, pix_width, pix_height),
                modes: terminal_modes
                    .into_iter()
                    // russh leaves an end mark where it did not know an opcode.
                    .filter(|(opcode, _)| *opcode != Pty::TTY_OP_END)
                    .map(|(opcode, value)| (opcode as u8, value))
                    .collect(),
            }))
        }
        ChannelMsg::SetEnv {
            variable_name,
            variable_value,
            ..
        } => Some(FromAgent::Variable(variable_name, variable_value)),
        ChannelMsg::RequestShell { .. } => Some(FromAgent::Start(Wanted::Shell)),
        ChannelMsg::Exec { command, .. } => {
            Some(FromAgent::Start(Wanted::Exec(Bytes::from(command))))
        }
        ChannelMsg::RequestSubsystem { name, .. } => {
            Some(FromAgent::Start(Wanted::subsystem(&name)))
        }
        ChannelMsg::RequestX11 { .. } => Some(FromAgent::Forward("x11")),
        ChannelMsg::AgentForward { .. } => Some(FromAgent::Forward("agent")),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_queue_is_high_before_it_is_full_and_low_again_once_taken() {
        let (sender, mut receiver, gauge) = new();
        let packet = || FromAgent::Data(Bytes::from(vec![0; 1024 * 1024]));
        assert!(!gauge.is_high());
        let mut pushed = 0;
        while sender.push(packet()).is_ok() {
            pushed += 1;
            if pushed == 4 {
                assert!(gauge.is_high());
            }
        }
        assert!(
            (WINDOW as usize / (1024 * 1024)..30).contains(&pushed),
            "{pushed}"
        );
        while pushed > 0 {
            receiver.pop().await.unwrap();
            pushed -= 1;
        }
        assert!(!gauge.is_high());
    }
}
