//! One session as a state machine: what happened and when goes in, what is to be done comes out.
//!
//! It does no input or output, reads no clock and waits for nothing; [`crate::drive`] does, and is its only caller. It
//! decides when a session ends and why, in which order the end happens, and that nothing is done towards a host before
//! the CA gave the session, the host proved itself, and the policy permitted the channel.

mod channels;
mod closing;
mod deadlines;
pub mod effect;
pub mod input;
pub mod notice;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::time::Duration;

use portreeve_protocol::attest::EndCause;
use portreeve_protocol::event::AccessFact;
use portreeve_protocol::problem::Code;

use crate::clock::{Now, Steady};
use channels::Channels;
use closing::{Claim, Closing, HostEnd};
use deadlines::Deadlines;
pub use effect::Effect;
pub use input::{ChannelEnd, ChannelNumber, ConnectionId, Input, Observed, Opening, Sealed};
pub use notice::Notice;

/// How long opening the host may take, from the claim to the attestation.
const OPENING_TIME: Duration = Duration::from_secs(30);

/// One session.
#[derive(Debug)]
pub struct Session {
    phase: Phase,
    connections: BTreeSet<ConnectionId>,
    channels: Channels,
    deadlines: Deadlines,
}

#[derive(Debug)]
enum Phase {
    /// The CA is asked for the session.
    Claiming,
    /// The control connection is being opened; this is the bundle to send.
    Connecting { bundle: String, by: Steady },
    /// The order is out.
    Ordered { by: Steady },
    /// The account is there.
    Ready,
    /// The end has begun.
    Closing(Closing),
    /// Nothing happens any more.
    Closed,
}

/// Why a session is to end.
struct Ending {
    cause: EndCause,
    /// Somebody's words about it, for the agent to read.
    reason: Option<String>,
}

impl Ending {
    const fn of(cause: EndCause) -> Self {
        Self {
            cause,
            reason: None,
        }
    }
}

impl Session {
    /// Begins a session whose access was proved. Its first connection comes as an input.
    #[must_use]
    pub fn begin(opening: &Opening, now: Now) -> (Self, Vec<Effect>) {
        let session = Self {
            phase: Phase::Claiming,
            connections: BTreeSet::new(),
            channels: Channels::default(),
            deadlines: Deadlines::new(opening, now),
        };
        (session, vec![Effect::Claim])
    }

    /// Takes what happened and says what is to be done.
    #[must_use = "the effects are the point"]
    pub fn handle(&mut self, input: Input, observed: Observed, now: Now) -> Vec<Effect> {
        let mut effects = Vec::new();
        self.deadlines.observed(observed);
        // Time first: what comes in after the session should have ended finds it ending.
        if let Some(ending) = self.overdue(now) {
            self.end(ending, now, &mut effects);
        }
        self.take(input, now, &mut effects);
        if let Some(ending) = self.overdue(now) {
            self.end(ending, now, &mut effects);
        }
        self.go_on_closing(now, &mut effects);
        effects
    }

    /// When to come back with a tick if nothing else happens.
    #[must_use]
    pub fn wake_at(&self) -> Steady {
        match &self.phase {
            Phase::Claiming | Phase::Ready => self.deadlines.next(None),
            Phase::Connecting { by, .. } | Phase::Ordered { by } => self.deadlines.next(Some(*by)),
            Phase::Closing(closing) => closing.wake_at(),
            Phase::Closed => self.deadlines.next(None),
        }
    }

    /// Whether nothing happens any more.
    #[must_use]
    pub const fn is_closed(&self) -> bool {
        matches!(self.phase, Phase::Closed)
    }

    fn is_ending(&self) -> bool {
        matches!(self.phase, Phase::Closing(_) | Phase::Closed)
    }

    fn overdue(&self, now: Now) -> Option<Ending> {
        match &self.phase {
            Phase::Closing(_) | Phase::Closed => None,
            Phase::Connecting { by, .. } | Phase::Ordered { by } if now.steady >= *by => {
                Some(Ending::of(EndCause::HostFailed))
            }
            Phase::Claiming | Phase::Connecting { .. } | Phase::Ordered { .. } | Phase::Ready => {
                self.deadlines.overdue(now).map(Ending::of)
            }
        }
    }

    fn take(&mut self, input: Input, now: Now, effects: &mut Vec<Effect>) {
        match input {
            Input::ConnectionOpened(id) => self.connection_opened(id, effects),
            Input::ConnectionClosed(id) => self.connection_closed(id, now),
            Input::Claimed { bundle, expires_at } => {
                self.deadlines.expires_no_later(expires_at, now);
                self.claimed(bundle, now, effects);
            }
            Input::ClaimRefused { code, detail } => self.claim_refused(code, detail, effects),
            Input::ControlUp => self.control_up(effects),
            Input::Attested(proven) => self.attested(*proven, now, effects),
            Input::HostFailed { detail } => self.host_failed(detail, now, effects),
            Input::ControlLost => self.control_lost(now, effects),
            Input::ChannelAsked { channel, asked } => {
                self.deadlines.moved(now.steady);
                self.channel_asked(channel, asked, effects);
            }
            Input::Decided { channel, verdict } => {
                self.channels
                    .decided(channel, verdict, self.is_ending(), effects);
            }
            Input::FileRefused { channel, detail } => {
                self.channels.file_refused(channel, &detail, effects);
            }
            Input::ChannelEnded { channel, end } => self.channels.ended(channel, end, effects),
            Input::Tick => {}
            Input::Killed { reason } => {
                let ending = Ending {
                    cause: EndCause::Killed,
                    reason: Some(reason),
                };
                self.end(ending, now, effects);
            }
            Input::EndAsked => self.end(Ending::of(EndCause::Asked), now, effects),
            Input::RecordingFailed { detail } => {
                if !self.is_ending() {
                    effects.push(emit(AccessFact::RecordingFailed { detail }));
                }
                self.end(Ending::of(EndCause::RecordingFailed), now, effects);
            }
            Input::MustEnd { detail, reason } => {
                // Before the claim there is no trail of ours to say it in.
                if !self.is_ending() && !matches!(self.phase, Phase::Claiming) {
                    effects.push(emit(AccessFact::RecordingFailed { detail }));
                }
                let ending = Ending {
                    cause: EndCause::RecordingFailed,
                    reason: Some(reason.into()),
                };
                self.end(ending, now, effects);
            }
            Input::SpoolFull => self.end(Ending::of(EndCause::RecordingFailed), now, effects),
            Input::Shutdown => self.end(Ending::of(EndCause::Shutdown), now, effects),
            Input::Receipt(receipt) => {
                // A host that let go by itself: the end is over before it began here.
                self.end(Ending::of(receipt.cause()), now, effects);
                if let Phase::Closing(closing) = &mut self.phase {
                    closing.receipt(receipt.into_signed(), effects);
                }
            }
            Input::Sealed(sealed) => {
                if let Phase::Closing(closing) = &mut self.phase {
                    closing.sealed(sealed, effects);
                }
            }
        }
    }

    fn connection_opened(&mut self, connection: ConnectionId, effects: &mut Vec<Effect>) {
        match &self.phase {
            Phase::Closing(closing) => effects.push(Effect::TurnAway {
                connection,
                notice: Notice::ended(closing.cause(), None),
            }),
            Phase::Closed => effects.push(Effect::TurnAway {
                connection,
                notice: Notice::refused(Code::SessionUnavailable, None),
            }),
            Phase::Claiming | Phase::Connecting { .. } | Phase::Ordered { .. } | Phase::Ready => {
                self.connections.insert(connection);
                self.deadlines.is_alone_since(None);
            }
        }
    }

    fn connection_closed(&mut self, connection: ConnectionId, now: Now) {
        self.connections.remove(&connection);
        if self.connections.is_empty() {
            self.deadlines.is_alone_since(Some(now.steady));
        }
    }

    fn claimed(&mut self, bundle: String, now: Now, effects: &mut Vec<Effect>) {
        match &mut self.phase {
            Phase::Claiming => {
                let by = self.deadlines.opening_ends(now, OPENING_TIME);
                self.phase = Phase::Connecting { bundle, by };
                effects.extend([Effect::BeginRecording, Effect::OpenControl]);
            }
            Phase::Closing(closing) => closing.claimed(effects),
            Phase::Connecting { .. } | Phase::Ordered { .. } | Phase::Ready | Phase::Closed => {}
        }
    }

    fn claim_refused(&mut self, code: Code, detail: String, effects: &mut Vec<Effect>) {
        match &mut self.phase {
            Phase::Claiming => {
                // Another bastion's name, or why the session is over, is what the CA tells anybody who may ask.
                let told = (code == Code::SessionUnavailable).then_some(detail.as_str());
                let notice = Notice::refused(code, told);
                effects.push(emit(AccessFact::ConnectionRefused { code, detail }));
                effects.extend([Effect::CloseAgents { notice }, Effect::Done]);
                self.phase = Phase::Closed;
            }
            Phase::Closing(closing) => closing.claim_refused(),
            Phase::Connecting { .. } | Phase::Ordered { .. } | Phase::Ready | Phase::Closed => {}
        }
    }

    fn control_up(&mut self, effects: &mut Vec<Effect>) {
        if let Phase::Connecting { bundle, by } = &mut self.phase {
            let bundle = std::mem::take(bundle);
            self.phase = Phase::Ordered { by: *by };
            effects.push(Effect::SendOrder { bundle });
        }
    }

    fn attested(&mut self, proven: crate::host::HostProven, now: Now, effects: &mut Vec<Effect>) {
        if matches!(self.phase, Phase::Ordered { .. }) {
            self.phase = Phase::Ready;
            self.deadlines.moved(now.steady);
            effects.push(emit(AccessFact::HostReady {
                attestation: proven.into_signed(),
            }));
            effects.push(Effect::OpenSession);
            self.channels.decide_waiting(effects);
        }
    }

    fn host_failed(&mut self, detail: String, now: Now, effects: &mut Vec<Effect>) {
        if self.is_ending() {
            return;
        }
        effects.push(emit(AccessFact::HostRefused { detail }));
        self.end(Ending::of(EndCause::HostFailed), now, effects);
    }

    fn control_lost(&mut self, now: Now, effects: &mut Vec<Effect>) {
        self.end(Ending::of(EndCause::LinkLost), now, effects);
        if let Phase::Closing(closing) = &mut self.phase {
            closing.control_lost();
        }
    }

    fn channel_asked(
        &mut self,
        channel: ChannelNumber,
        asked: crate::request::Asked,
        effects: &mut Vec<Effect>,
    ) {
        match &self.phase {
            Phase::Ready | Phase::Claiming | Phase::Connecting { .. } | Phase::Ordered { .. }
                if self.channels.are_many() =>
            {
                let detail = format!("channel {}: {}: too many", channel.0, asked.in_trail());
                let code = Code::Busy;
                effects.push(emit(AccessFact::ConnectionRefused { code, detail }));
                effects.push(Effect::Refuse {
                    channel,
                    what: asked.words(),
                    text: Channels::TOO_MANY.to_owned(),
                });
            }
            Phase::Ready => self.channels.decide(channel, asked, effects),
            Phase::Claiming | Phase::Connecting { .. } | Phase::Ordered { .. } => {
                self.channels.wait(channel, asked);
            }
            Phase::Closing(closing) => {
                effects.push(Effect::Refuse {
                    channel,
                    what: asked.words(),
                    text: Notice::ended(closing.cause(), None).to_string(),
                });
            }
            Phase::Closed => {
                effects.push(Effect::Refuse {
                    channel,
                    what: asked.words(),
                    text: Notice::refused(Code::SessionUnavailable, None).to_string(),
                });
            }
        }
    }

    /// Begins the end. A second cause changes nothing: the first one is why.
    fn end(&mut self, ending: Ending, now: Now, effects: &mut Vec<Effect>) {
        let (claim, host) = match &self.phase {
            Phase::Claiming => (Claim::Pending, HostEnd::NeverOrdered),
            Phase::Connecting { .. } => (Claim::Held, HostEnd::NeverOrdered),
            Phase::Ordered { .. } | Phase::Ready => (Claim::Held, HostEnd::Waiting),
            Phase::Closing(_) | Phase::Closed => return,
        };
        let cause = ending.cause;
        let notice = Notice::ended(cause, ending.reason.as_deref());
        if claim == Claim::Held {
            effects.push(emit(AccessFact::SessionEnding { cause }));
        }
        effects.push(Effect::CloseAgents { notice });
        match host {
            HostEnd::Waiting => effects.push(Effect::EndHost { cause }),
            HostEnd::NeverOrdered | HostEnd::Confirmed | HostEnd::Unconfirmed => {
                effects.push(Effect::DropHost);
            }
        }
        self.channels.forget_waiting();
        self.phase = Phase::Closing(Closing::begin(cause, claim, host, now));
    }

    fn go_on_closing(&mut self, now: Now, effects: &mut Vec<Effect>) {
        if let Phase::Closing(closing) = &mut self.phase
            && closing.go_on(&mut self.channels, now, effects)
        {
            self.phase = Phase::Closed;
            effects.push(Effect::Done);
        }
    }
}

fn emit(fact: AccessFact) -> Effect {
    Effect::Emit(Box::new(fact))
}
