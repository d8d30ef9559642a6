//! What the agent sent and nobody has taken yet.
//!
//! The reader never waits: if it did, russh's loop would, and with it every other channel of the connection. So the queue
//! is bounded by what happens when it fills. Above the high-water mark the agent's windows are no longer given back, which
//! holds a well-behaved agent ([`Gauge::is_high`], asked by the server adapter); one that sends on is cut off at the cap.

mod waiting;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use portreeve_recording::event::{Terminal, WindowSize};
use russh::{ChannelMsg, ChannelReadHalf, Pty, Sig};
use tokio::sync::{mpsc, watch};

use super::window;
use crate::request::Wanted;
use crate::ssh::settings::{AGENT_PACKETS, PACKET, WINDOW};
use waiting::Waiting;

/// From here on windows are not given back.
const HIGH_WATER: usize = WINDOW as usize / 4;
/// What was on its way here when the mark was looked at.
const UNCOUNTED: usize = AGENT_PACKETS * PACKET as usize;
/// An agent that keeps to its window does not get here: it may have sent all of it when the mark was passed, and half
/// again. What is left, as much as half a window, is for what a held agent sends: two bytes at a time, for days.
const CAP: usize = HIGH_WATER + UNCOUNTED + 2 * WINDOW as usize;
/// The same for all channels of a session together: what waits for one agent's programs must not take the memory that
/// everybody's sessions need.
const SESSION_HIGH_WATER: usize = 96 * 1024 * 1024;
const SESSION_CAP: usize = 2 * SESSION_HIGH_WATER;
/// What an item counts beside its content.
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

/// How much waits in all queues of a session.
#[derive(Debug, Clone, Default)]
pub struct Total(Arc<AtomicUsize>);

/// How much waits in a queue.
#[derive(Debug)]
pub struct Gauge {
    own: AtomicUsize,
    session: Total,
}

impl Gauge {
    const fn of(session: Total) -> Self {
        Self {
            own: AtomicUsize::new(0),
            session,
        }
    }

    /// Whether the agent should be held.
    #[must_use]
    pub fn is_high(&self) -> bool {
        self.own.load(Ordering::Relaxed) > HIGH_WATER
            || self.session.0.load(Ordering::Relaxed) > SESSION_HIGH_WATER
    }

    /// Says whether there was room.
    fn add(&self, size: usize) -> bool {
        let own = self.own.fetch_add(size, Ordering::Relaxed) + size;
        let session = self.session.0.fetch_add(size, Ordering::Relaxed) + size;
        own <= CAP && session <= SESSION_CAP
    }

    fn take(&self, size: usize) {
        self.own.fetch_sub(size, Ordering::Relaxed);
        self.session.0.fetch_sub(size, Ordering::Relaxed);
    }
}

impl Drop for Gauge {
    /// Both ends of the queue are gone, and what nobody took with them.
    fn drop(&mut self) {
        self.session
            .0
            .fetch_sub(*self.own.get_mut(), Ordering::Relaxed);
    }
}

/// What waits, for both ends.
#[derive(Debug, Clone, Default)]
struct Items(Arc<Mutex<Waiting>>);

impl Items {
    /// A panic elsewhere leaves it whole: each change is a single push or pop.
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The reader's end.
#[derive(Debug)]
pub struct Sender {
    items: Items,
    /// One word for each item.
    more: mpsc::UnboundedSender<()>,
    gauge: Arc<Gauge>,
    gone: watch::Sender<Option<Gone>>,
}

/// The channel's end.
#[derive(Debug)]
pub struct Receiver {
    items: Items,
    more: mpsc::UnboundedReceiver<()>,
    gauge: Arc<Gauge>,
    gone: watch::Receiver<Option<Gone>>,
}

/// Tells when nothing more will come, whatever is still in the queue.
#[derive(Debug, Clone)]
pub struct WhenGone(watch::Receiver<Option<Gone>>);

/// A new queue of a session.
#[must_use]
pub fn new(session: Total) -> (Sender, Receiver, Arc<Gauge>) {
    let items = Items::default();
    let (sender, receiver) = mpsc::unbounded_channel();
    let gauge = Arc::new(Gauge::of(session));
    let gone = watch::Sender::new(None);
    let end = Receiver {
        items: items.clone(),
        more: receiver,
        gauge: Arc::clone(&gauge),
        gone: gone.subscribe(),
    };
    let start = Sender {
        items,
        more: sender,
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

    pub(crate) fn push(&self, item: FromAgent) -> Result<(), Gone> {
        if self.more.is_closed() {
            return Err(Gone::Disconnected);
        }
        let mut items = self.items.lock();
        if !self.gauge.add(items.cost(&item, size(&item))) {
            return Err(Gone::TooMuch);
        }
        if items.push(item) {
            // Whoever would have taken it went away just now; the next push says so.
            let _ = self.more.send(());
        }
        Ok(())
    }
}

impl Receiver {
    /// The next item; nothing when the agent is gone and everything was taken.
    pub async fn pop(&mut self) -> Option<FromAgent> {
        self.more.recv().await?;
        self.take()
    }

    /// The next item, if one is there.
    pub fn try_pop(&mut self) -> Option<FromAgent> {
        self.more.try_recv().ok()?;
        self.take()
    }

    fn take(&self) -> Option<FromAgent> {
        let item = self.items.lock().pop()?;
        self.gauge.take(size(&item));
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

/// What an item takes. Requests have no window, so whatever they carry counts as well.
fn size(item: &FromAgent) -> usize {
    OVERHEAD
        + match item {
            FromAgent::Data(bytes) | FromAgent::Start(Wanted::Exec(bytes)) => bytes.len(),
            FromAgent::Start(Wanted::Subsystem(name)) | FromAgent::Signal(Sig::Custom(name)) => {
                name.len()
            }
            FromAgent::Variable(name, value) => name.len() + value.len(),
            FromAgent::Terminal(terminal) => {
                terminal.term.len() + terminal.modes.len() * size_of::<(u8, u32)>()
            }
            FromAgent::Window(_)
            | FromAgent::Signal(_)
            | FromAgent::EndOfInput
            | FromAgent::Start(Wanted::Shell | Wanted::Sftp | Wanted::Forward(_))
            | FromAgent::Forward(_) => 0,
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
        let (sender, mut receiver, gauge) = new(Total::default());
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

    #[tokio::test]
    async fn a_held_agent_is_not_cut_off_for_what_it_sends_in_a_day() {
        let (sender, mut receiver, gauge) = new(Total::default());
        let push = |bytes: &'static [u8]| sender.push(FromAgent::Data(Bytes::from_static(bytes)));
        let packet: &[u8] = &[0; 32 * 1024];
        let full = HIGH_WATER + UNCOUNTED + WINDOW as usize;
        for _ in 0..full / packet.len() {
            push(packet).unwrap();
        }
        // Ten times a second, as the socket reads from one that is held.
        let day = 24 * 60 * 60 * 10;
        for _ in 0..day {
            push(b"ab").unwrap();
        }
        let mut taken = 0;
        while let Some(item) = receiver.try_pop() {
            taken += waiting::data_of(&item).unwrap().len();
        }
        assert_eq!(taken, full / packet.len() * packet.len() + 2 * day);
        assert_eq!(gauge.own.load(Ordering::Relaxed), 0);
    }

    #[tokio::test]
    async fn everything_that_was_sent_is_taken_in_its_order_while_more_comes() {
        let (sender, mut receiver, gauge) = new(Total::default());
        let all: Vec<u8> = (0..200_000_u32).map(|number| number as u8).collect();
        let sent = all.clone();
        let sending = tokio::task::spawn_blocking(move || {
            for (number, bytes) in sent.chunks(3).enumerate() {
                sender
                    .push(FromAgent::Data(Bytes::copy_from_slice(bytes)))
                    .unwrap();
                if number % 100 == 0 {
                    sender.push(FromAgent::Forward("agent")).unwrap();
                }
            }
        });
        let (mut taken, mut others) = (Vec::new(), 0);
        while let Some(item) = receiver.pop().await {
            if let Some(bytes) = waiting::data_of(&item) {
                taken.extend_from_slice(bytes);
            } else {
                others += 1;
                // Each came after so many bytes, and still does.
                assert_eq!(taken.len(), (others - 1) * 300 + 3);
            }
        }
        sending.await.unwrap();
        assert!(taken == all, "{} of {}", taken.len(), all.len());
        assert_eq!(others, all.len().div_ceil(300));
        assert_eq!(gauge.own.load(Ordering::Relaxed), 0);
    }

    /// How often an item fits into a queue from which nobody takes.
    fn fits(item: &FromAgent) -> usize {
        let (sender, _receiver, _) = new(Total::default());
        (0..CAP)
            .take_while(|_| sender.push(item.clone()).is_ok())
            .count()
    }

    #[tokio::test]
    async fn what_a_request_carries_counts_like_data() {
        let bytes = Bytes::from(vec![b'a'; 64 * 1024]);
        let text = String::from_utf8(bytes.to_vec()).unwrap();
        let data = fits(&FromAgent::Data(bytes.clone()));
        let terminal = Terminal {
            term: bytes.clone(),
            size: window(80, 24, 0, 0),
            modes: Vec::new(),
        };
        for item in [
            FromAgent::Start(Wanted::Exec(bytes)),
            FromAgent::Variable("A".into(), text.clone()),
            FromAgent::Signal(Sig::Custom(text)),
            FromAgent::Terminal(terminal),
        ] {
            assert!(fits(&item) <= data, "{} of {data}", fits(&item));
        }
    }

    #[tokio::test]
    async fn a_session_has_one_memory_for_all_its_channels() {
        let session = Total::default();
        let mut queues = Vec::new();
        let mut pushed = 0;
        for _ in 0..64 {
            let queue = new(session.clone());
            let packet = FromAgent::Data(Bytes::from_static(&[0; 1024 * 1024]));
            pushed += (0..16)
                .take_while(|_| queue.0.push(packet.clone()).is_ok())
                .count();
            queues.push(queue);
        }
        assert!(pushed <= SESSION_CAP / (1024 * 1024), "{pushed}");
        let (fresh, _receiver, gauge) = new(session.clone());
        assert!(gauge.is_high());
        assert!(fresh.push(FromAgent::EndOfInput).is_err());
        drop((queues, fresh, _receiver, gauge));
        assert_eq!(session.0.load(Ordering::Relaxed), 0);
    }
}
