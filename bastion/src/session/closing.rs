//! The end of a session, in its order: agents told, host ended, recording sealed, trail closed.

use std::time::Duration;

use portreeve_protocol::attest::{EndCause, Receipt};
use portreeve_protocol::event::AccessFact;
use portreeve_protocol::signed::Signed;

use super::channels::Channels;
use super::effect::Effect;
use super::emit;
use super::input::Sealed;
use crate::clock::{Now, Steady};

/// How long channels may take to end once they are told to.
const CHANNELS_TIME: Duration = Duration::from_secs(3);
/// How long the host may take to prove that the account is gone.
const RECEIPT_TIME: Duration = Duration::from_secs(5);
/// How long the recording may take to become whole.
const SEALING_TIME: Duration = Duration::from_secs(30);

/// An end that has begun.
#[derive(Debug)]
pub(super) struct Closing {
    cause: EndCause,
    claim: Claim,
    host: HostEnd,
    recording: RecordingEnd,
    channels_by: Steady,
    receipt_by: Steady,
    wake_at: Steady,
}

/// Whether the session is ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Claim {
    /// The CA has not answered.
    Pending,
    /// It is.
    Held,
    /// It is not.
    Refused,
}

/// How far the host's end has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum HostEnd {
    /// There was no order, so there is no account.
    NeverOrdered,
    /// The receipt is waited for.
    Waiting,
    /// The receipt is there.
    Confirmed,
    /// There will be no receipt in this session.
    Unconfirmed,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum RecordingEnd {
    Running,
    Sealing { by: Steady },
    Over,
}

impl Closing {
    pub(super) fn begin(cause: EndCause, claim: Claim, host: HostEnd, now: Now) -> Self {
        Self {
            cause,
            claim,
            host,
            recording: match claim {
                Claim::Held => RecordingEnd::Running,
                // It begins with the claim.
                Claim::Pending | Claim::Refused => RecordingEnd::Over,
            },
            channels_by: now.steady.plus(CHANNELS_TIME),
            receipt_by: now.steady.plus(RECEIPT_TIME),
            wake_at: now.steady.plus(CHANNELS_TIME),
        }
    }

    pub(super) const fn cause(&self) -> EndCause {
        self.cause
    }

    pub(super) const fn wake_at(&self) -> Steady {
        self.wake_at
    }

    /// The session became ours after it was to end: the trail says so, and the host never hears of it.
    pub(super) fn claimed(&mut self, effects: &mut Vec<Effect>) {
        if self.claim == Claim::Pending {
            self.claim = Claim::Held;
            effects.push(emit(AccessFact::SessionEnding { cause: self.cause }));
        }
    }

    pub(super) const fn claim_refused(&mut self) {
        if matches!(self.claim, Claim::Pending) {
            self.claim = Claim::Refused;
        }
    }

    pub(super) fn control_lost(&mut self) {
        if self.host == HostEnd::Waiting {
            self.host = HostEnd::Unconfirmed;
        }
    }

    pub(super) fn receipt(&mut self, receipt: Signed<Receipt>, effects: &mut Vec<Effect>) {
        // Late is better than never; a second one says nothing new.
        if matches!(self.host, HostEnd::Waiting | HostEnd::Unconfirmed) {
            self.host = HostEnd::Confirmed;
            effects.push(emit(AccessFact::HostGone { receipt }));
        }
    }

    pub(super) fn sealed(&mut self, sealed: Option<Sealed>, effects: &mut Vec<Effect>) {
        if !matches!(self.recording, RecordingEnd::Sealing { .. }) {
            return;
        }
        self.recording = RecordingEnd::Over;
        if let Some(Sealed {
            manifest,
            file,
            bytes,
        }) = sealed
        {
            effects.push(emit(AccessFact::RecordingSealed {
                manifest,
                file,
                bytes,
                cut: false,
            }));
        }
    }

    /// Takes the next step that is possible; true when it was the last.
    pub(super) fn go_on(
        &mut self,
        channels: &mut Channels,
        now: Now,
        effects: &mut Vec<Effect>,
    ) -> bool {
        if now.steady >= self.channels_by {
            channels.abandon();
            self.wake_at = self.receipt_by;
        }
        if now.steady >= self.receipt_by {
            self.give_up_waiting();
        }
        if !channels.is_empty() || self.host == HostEnd::Waiting || self.claim == Claim::Pending {
            return false;
        }
        match self.recording {
            RecordingEnd::Running => {
                effects.push(Effect::DropHost);
                effects.push(Effect::Seal { cause: self.cause });
                let by = now.steady.plus(SEALING_TIME);
                self.recording = RecordingEnd::Sealing { by };
                self.wake_at = by;
                return false;
            }
            RecordingEnd::Sealing { by } if now.steady < by => return false,
            RecordingEnd::Sealing { .. } | RecordingEnd::Over => {}
        }
        if self.claim == Claim::Held {
            effects.push(emit(AccessFact::SessionClosed {
                cause: self.cause,
                confirmed: matches!(self.host, HostEnd::Confirmed | HostEnd::NeverOrdered),
            }));
        }
        true
    }

    const fn give_up_waiting(&mut self) {
        if matches!(self.host, HostEnd::Waiting) {
            self.host = HostEnd::Unconfirmed;
        }
        if matches!(self.claim, Claim::Pending) {
            self.claim = Claim::Refused;
        }
    }
}
