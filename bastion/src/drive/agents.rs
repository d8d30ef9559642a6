//! The agent's connections of one session, and how they are closed.

use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use russh::Disconnect;
use russh::server::Handle;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

use crate::session::{ChannelNumber, ConnectionId, Notice};
use crate::ssh::socket::Cutter;

/// How long channels may take to say their last word before their connection is closed.
const LAST_WORDS: Duration = Duration::from_secs(1);
/// How long a client may take to close after it was told to.
const GOODBYE: Duration = Duration::from_secs(2);

/// A connection of the agent.
#[derive(Debug)]
pub struct AgentConnection {
    /// Which.
    pub id: ConnectionId,
    /// russh's end of it.
    pub handle: Handle,
    /// What ends it from outside.
    pub cutter: Cutter,
}

/// All connections of the agent.
#[derive(Debug)]
pub(super) struct Agents {
    connections: HashMap<ConnectionId, AgentConnection>,
    ending: watch::Sender<Option<Notice>>,
    /// The receiver ends when no channel is left that could have something to say. The sender is what channels get theirs
    /// from until then.
    presence: Option<(mpsc::Sender<Infallible>, mpsc::Receiver<Infallible>)>,
    closing: Vec<JoinHandle<()>>,
    numbers: Arc<AtomicU32>,
}

impl Agents {
    pub(super) fn new(
        ending: watch::Sender<Option<Notice>>,
        presence: (mpsc::Sender<Infallible>, mpsc::Receiver<Infallible>),
        numbers: Arc<AtomicU32>,
    ) -> Self {
        Self {
            numbers,
            connections: HashMap::new(),
            ending,
            presence: Some(presence),
            closing: Vec::new(),
        }
    }

    /// A number for something that is asked for beside a channel.
    pub(super) fn next_number(&self) -> ChannelNumber {
        ChannelNumber(self.numbers.fetch_add(1, Ordering::Relaxed) + 1)
    }

    /// Tells when the session ends.
    pub(super) fn ending(&self) -> watch::Receiver<Option<Notice>> {
        self.ending.subscribe()
    }

    pub(super) fn count(&self) -> usize {
        self.connections.len()
    }

    pub(super) fn add(&mut self, agent: AgentConnection) {
        self.connections.insert(agent.id, agent);
    }

    pub(super) fn gone(&mut self, id: ConnectionId) {
        self.connections.remove(&id);
    }

    /// Closes one that came too late.
    pub(super) fn turn_away(&mut self, id: ConnectionId, notice: Notice) {
        if let Some(agent) = self.connections.remove(&id) {
            self.closing.push(tokio::spawn(agent.close(notice)));
        }
    }

    /// Tells every channel, and closes every connection once they have said so.
    pub(super) fn close_all(&mut self, notice: Notice) {
        self.ending.send_replace(Some(notice.clone()));
        let agents: Vec<_> = self.connections.drain().map(|(_, agent)| agent).collect();
        let presence = self.presence.take();
        self.closing.push(tokio::spawn(async move {
            if let Some((ours, mut channels)) = presence {
                drop(ours);
                let _ = tokio::time::timeout(LAST_WORDS, channels.recv()).await;
            }
            let mut closing = tokio::task::JoinSet::new();
            for agent in agents {
                closing.spawn(agent.close(notice.clone()));
            }
            closing.join_all().await;
        }));
    }

    /// Waits until every connection is closed.
    pub(super) async fn wait_closed(&mut self) {
        for closing in self.closing.drain(..) {
            // A task that panicked has closed what it was going to.
            let _ = closing.await;
        }
    }
}

impl AgentConnection {
    /// Says goodbye with a reason, and ends the connection even if the client does not listen.
    async fn close(self, notice: Notice) {
        let goodbye =
            self.handle
                .disconnect(Disconnect::ByApplication, notice.to_string(), String::new());
        let _ = tokio::time::timeout(GOODBYE, goodbye).await;
        let closed = async {
            while self.cutter.is_open() {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        let _ = tokio::time::timeout(GOODBYE, closed).await;
        self.cutter.cut();
    }
}
