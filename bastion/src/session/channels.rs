//! The channels of a session, from being asked for to being over.

use std::collections::BTreeMap;

use portreeve_protocol::event::AccessFact;
use portreeve_protocol::problem::Code;

use super::effect::Effect;
use super::emit;
use super::input::{ChannelEnd, ChannelNumber};
use crate::decide::{Outcome, Refused, Verdict};
use crate::request::Asked;

/// The most channels of a session at a time, over all its connections: each holds up to 8 MiB that its agent does not read.
const MOST: usize = 128;

/// Every channel that is not over.
#[derive(Debug, Default)]
pub(super) struct Channels(BTreeMap<ChannelNumber, Stage>);

#[derive(Debug)]
enum Stage {
    /// Until the host is ready.
    Waiting(Asked),
    /// The policy is asked.
    Deciding(Asked),
    /// It was opened on the host, or is being opened.
    Open,
    /// It was refused and will end at once.
    Refused,
}

impl Channels {
    /// What the agent reads when there are too many.
    pub(super) const TOO_MANY: &str =
        "portreeve: refused: the session has as many channels as it may; wait until one ends";

    pub(super) fn are_many(&self) -> bool {
        self.0.len() >= MOST
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn wait(&mut self, channel: ChannelNumber, asked: Asked) {
        self.0.insert(channel, Stage::Waiting(asked));
    }

    pub(super) fn decide(
        &mut self,
        channel: ChannelNumber,
        asked: Asked,
        effects: &mut Vec<Effect>,
    ) {
        self.0.insert(channel, Stage::Deciding(asked.clone()));
        effects.push(Effect::Decide { channel, asked });
    }

    /// The host is ready: whoever waits is decided now, by the policy of now.
    pub(super) fn decide_waiting(&mut self, effects: &mut Vec<Effect>) {
        for (channel, stage) in &mut self.0 {
            if let Stage::Waiting(asked) = stage {
                let asked = asked.clone();
                *stage = Stage::Deciding(asked.clone());
                effects.push(Effect::Decide {
                    channel: *channel,
                    asked,
                });
            }
        }
    }

    /// The session ends before the host is ready. The channels end with it.
    pub(super) fn forget_waiting(&mut self) {
        for stage in self.0.values_mut() {
            if matches!(stage, Stage::Waiting(_) | Stage::Deciding(_)) {
                *stage = Stage::Refused;
            }
        }
    }

    /// Records a decision and, only then, acts on it.
    pub(super) fn decided(
        &mut self,
        channel: ChannelNumber,
        verdict: Verdict,
        is_ending: bool,
        effects: &mut Vec<Effect>,
    ) {
        let Some(Stage::Deciding(asked)) = self.0.get(&channel) else {
            return;
        };
        if is_ending {
            self.0.insert(channel, Stage::Refused);
            return;
        }
        let (request, what) = (asked.in_trail(), asked.words());
        for decision in verdict.notes {
            effects.push(emit(AccessFact::ChannelDecided {
                channel: channel.0,
                decision,
                request: request.clone(),
            }));
        }
        let stage = match verdict.outcome {
            Outcome::Permitted(permit) => {
                effects.push(Effect::Open { channel, permit });
                Stage::Open
            }
            Outcome::Refused(refused) => {
                // The decision is in the trail already, with everything it was made from.
                if !matches!(refused, Refused::Policy | Refused::Host) {
                    effects.push(emit(AccessFact::ConnectionRefused {
                        code: Code::NotPermitted,
                        detail: format!("channel {}: {request}: {refused}", channel.0),
                    }));
                }
                effects.push(Effect::Refuse {
                    channel,
                    what,
                    text: format!("portreeve: refused: {refused}"),
                });
                Stage::Refused
            }
        };
        self.0.insert(channel, stage);
    }

    /// Something in a file transfer was refused, which the trail has beside the decisions.
    pub(super) fn file_refused(
        &self,
        channel: ChannelNumber,
        detail: &str,
        effects: &mut Vec<Effect>,
    ) {
        if let Some(Stage::Open) = self.0.get(&channel) {
            effects.push(emit(AccessFact::ConnectionRefused {
                code: Code::NotPermitted,
                detail: format!("channel {}: {detail}", channel.0),
            }));
        }
    }

    pub(super) fn ended(
        &mut self,
        channel: ChannelNumber,
        end: ChannelEnd,
        effects: &mut Vec<Effect>,
    ) {
        if let Some(Stage::Open) = self.0.remove(&channel)
            && end.was_open
        {
            effects.push(emit(AccessFact::ChannelClosed {
                channel: channel.0,
                exit_status: end.exit_status,
                exit_signal: end.exit_signal,
                bytes_in: end.bytes_in,
                bytes_out: end.bytes_out,
            }));
        }
    }

    /// Those that did not end in time are not waited for any longer.
    pub(super) fn abandon(&mut self) {
        self.0.clear();
    }
}
