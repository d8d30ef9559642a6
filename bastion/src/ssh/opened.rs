//! The channels of one connection, as far as the adapter towards the agent has to know them.

use std::sync::{Arc, Mutex, PoisonError, Weak};

use russh::ChannelId;

use crate::channel::Gauge;

/// The most channels of one connection at a time.
pub(super) const MAX_CHANNELS: usize = 64;

/// The channels that an agent has open on one connection.
pub(super) struct Opened {
    channels: Vec<OpenChannel>,
    gauges: Gauges,
}

/// How much waits for the hosts of one connection's channels. The adapter and the socket ask.
#[derive(Debug, Clone, Default)]
pub(super) struct Gauges(Arc<Mutex<Vec<Weak<Gauge>>>>);

struct OpenChannel {
    id: ChannelId,
    gauge: Weak<Gauge>,
    has_terminal: bool,
    is_started: bool,
}

impl Opened {
    pub(super) const fn new(gauges: Gauges) -> Self {
        Self {
            channels: Vec::new(),
            gauges,
        }
    }

    /// Whether one more would be too many. A channel that ended without a word does not count.
    pub(super) fn is_full(&mut self) -> bool {
        self.channels.retain(|open| open.gauge.strong_count() > 0);
        self.channels.len() >= MAX_CHANNELS
    }

    pub(super) fn add(&mut self, id: ChannelId, gauge: &Arc<Gauge>) {
        self.gauges.add(gauge);
        self.channels.push(OpenChannel {
            id,
            gauge: Arc::downgrade(gauge),
            has_terminal: false,
            is_started: false,
        });
    }

    pub(super) fn remove(&mut self, id: ChannelId) {
        self.channels.retain(|open| open.id != id);
    }

    /// Whether a terminal may be had in this channel: once, and before the program.
    pub(super) fn may_have_terminal(&mut self, id: ChannelId) -> bool {
        self.channels
            .iter_mut()
            .find(|open| open.id == id && !open.is_started)
            .is_some_and(|open| !std::mem::replace(&mut open.has_terminal, true))
    }

    /// Whether the program of this channel is still to come.
    pub(super) fn is_open_to_requests(&self, id: ChannelId) -> bool {
        self.channels
            .iter()
            .any(|open| open.id == id && !open.is_started)
    }

    /// Whether a program may start in this channel: once, and only where there is one.
    pub(super) fn may_start(&mut self, id: ChannelId) -> bool {
        self.channels
            .iter_mut()
            .find(|open| open.id == id)
            .is_some_and(|open| !std::mem::replace(&mut open.is_started, true))
    }

    /// Whether a channel holds more of the agent's input than its host has taken.
    pub(super) fn is_any_high(&self) -> bool {
        self.gauges.is_any_high()
    }
}

impl Gauges {
    pub(super) fn add(&self, gauge: &Arc<Gauge>) {
        let mut gauges = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        gauges.retain(|gauge| gauge.strong_count() > 0);
        gauges.push(Arc::downgrade(gauge));
    }

    /// Whether a channel holds more of the agent's input than its host has taken.
    pub(super) fn is_any_high(&self) -> bool {
        let gauges = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        gauges
            .iter()
            .any(|gauge| gauge.upgrade().is_some_and(|gauge| gauge.is_high()))
    }
}
