//! The channels of one connection, as far as the adapter towards the agent has to know them.

use std::sync::{Arc, Weak};

use russh::ChannelId;

use crate::channel::Gauge;

/// The most channels of one connection at a time.
pub(super) const MAX_CHANNELS: usize = 64;

/// The channels that an agent has open on one connection.
#[derive(Default)]
pub(super) struct Opened(Vec<OpenChannel>);

struct OpenChannel {
    id: ChannelId,
    gauge: Weak<Gauge>,
    has_terminal: bool,
    is_started: bool,
}

impl Opened {
    /// Whether one more would be too many. A channel that ended without a word does not count.
    pub(super) fn is_full(&mut self) -> bool {
        self.0.retain(|open| open.gauge.strong_count() > 0);
        self.0.len() >= MAX_CHANNELS
    }

    pub(super) fn add(&mut self, id: ChannelId, gauge: &Arc<Gauge>) {
        self.0.push(OpenChannel {
            id,
            gauge: Arc::downgrade(gauge),
            has_terminal: false,
            is_started: false,
        });
    }

    pub(super) fn remove(&mut self, id: ChannelId) {
        self.0.retain(|open| open.id != id);
    }

    /// Whether a terminal may be had in this channel: once, and before the program.
    pub(super) fn may_have_terminal(&mut self, id: ChannelId) -> bool {
        self.0
            .iter_mut()
            .find(|open| open.id == id && !open.is_started)
            .is_some_and(|open| !std::mem::replace(&mut open.has_terminal, true))
    }

    /// Whether the program of this channel is still to come.
    pub(super) fn is_open_to_requests(&self, id: ChannelId) -> bool {
        self.0.iter().any(|open| open.id == id && !open.is_started)
    }

    /// Whether a program may start in this channel: once, and only where there is one.
    pub(super) fn may_start(&mut self, id: ChannelId) -> bool {
        self.0
            .iter_mut()
            .find(|open| open.id == id)
            .is_some_and(|open| !std::mem::replace(&mut open.is_started, true))
    }

    /// Whether a channel holds more of the agent's input than its host has taken.
    pub(super) fn is_any_high(&self) -> bool {
        self.0
            .iter()
            .any(|open| open.gauge.upgrade().is_some_and(|gauge| gauge.is_high()))
    }
}
