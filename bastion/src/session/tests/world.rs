//! A session and a clock that only the test moves.

use std::sync::LazyLock;
use std::time::Duration;

use bytes::Bytes;
use portreeve_access_policy::STARTER_POLICY;
use portreeve_protocol::attest::{Attestation, EndCause};
use portreeve_protocol::digest::Digest;
use portreeve_protocol::event::AccessFact;
use portreeve_protocol::grant::Grant;
use portreeve_protocol::signed::Signed;
use portreeve_protocol::time::Timestamp;

use super::super::*;
use crate::accept::AccessProven;
use crate::accept::tests::mint::Mint;
use crate::accept::tests::proven;
use crate::decide::tests::answer;
use crate::host::proof::tests::{attestation, receipt};
use crate::host::{GoneProven, HostProven};
use crate::request::{Asked, Wanted};

pub(super) const START: Timestamp = Timestamp::from_seconds(1_790_000_000);
pub(super) const AGENT: ConnectionId = ConnectionId(1);
pub(super) const CHANNEL: ChannelNumber = ChannelNumber(1);

/// A session and the world around it: a clock that only the test moves, and everything that was to be done so far.
pub(super) struct World {
    pub(super) session: Session,
    pub(super) mint: Mint,
    pub(super) now: Now,
    pub(super) observed: Observed,
    pub(super) done: Vec<String>,
    pub(super) facts: Vec<AccessFact>,
    pub(super) texts: Vec<String>,
    pub(super) permits: usize,
}

impl World {
    /// A session with one connection, whose claim is under way.
    pub(super) fn claiming() -> Self {
        static GRANT: LazyLock<Grant> = LazyLock::new(|| Mint::new(START).grant());
        let mint = Mint::new(START);
        let grant = &*GRANT;
        let now = Now {
            wall: START,
            steady: Steady::from_millis(1_000_000),
        };
        let opening = Opening {
            connect_by: grant.connect_by,
            expires_at: grant.expires_at,
            idle: grant.idle.as_duration(),
            linger: grant.linger.as_duration(),
            stale_after: Duration::from_secs(10),
            feed_heard: now.steady,
        };
        let (session, effects) = Session::begin(&opening, now);
        let observed = Observed {
            moved: now.steady,
            feed_heard: now.steady,
        };
        let mut world = Self {
            session,
            mint,
            now,
            observed,
            done: vec![],
            facts: vec![],
            texts: vec![],
            permits: 0,
        };
        world.note(effects);
        world.tell(Input::ConnectionOpened(AGENT));
        world
    }

    pub(super) fn connecting() -> Self {
        let mut world = Self::claiming();
        let expires_at = world.mint.expires_at();
        world.tell(Input::Claimed {
            bundle: "bundle".into(),
            expires_at,
        });
        world
    }

    pub(super) fn ordered() -> Self {
        let mut world = Self::connecting();
        world.tell(Input::ControlUp);
        world
    }

    pub(super) fn ready() -> Self {
        let mut world = Self::ordered();
        world.attest();
        world
    }

    pub(super) fn with_open_channel() -> Self {
        let mut world = Self::ready();
        world.ask(CHANNEL);
        world.decide(CHANNEL, STARTER_POLICY);
        world
    }

    pub(super) fn attest(&mut self) {
        // The same in every world, and slow to make.
        static MADE: LazyLock<(AccessProven, Signed<Attestation>)> = LazyLock::new(|| {
            let mint = Mint::new(START);
            let signed = Signed::sign(&attestation(&mint), &mint.host_identity).unwrap();
            (proven(&mint), signed)
        });
        let (access, signed) = &*MADE;
        let host = HostProven::check(access, signed.clone()).unwrap();
        self.tell(Input::Attested(Box::new(host)));
    }

    pub(super) fn ask(&mut self, channel: ChannelNumber) {
        let program = Wanted::Exec(Bytes::from_static(b"id"));
        self.tell(Input::ChannelAsked {
            channel,
            asked: Asked {
                program,
                pty: false,
            },
        });
    }

    pub(super) fn decide(&mut self, channel: ChannelNumber, policy: &str) {
        let verdict = answer(policy, Wanted::Exec(Bytes::from_static(b"id")));
        self.tell(Input::Decided { channel, verdict });
    }

    pub(super) fn end_channel(&mut self, channel: ChannelNumber) {
        let end = ChannelEnd {
            was_open: true,
            exit_status: Some(0),
            ..ChannelEnd::default()
        };
        self.tell(Input::ChannelEnded { channel, end });
    }

    pub(super) fn give_receipt(&mut self) {
        static MADE: LazyLock<GoneProven> = LazyLock::new(|| {
            let mint = Mint::new(START);
            let signed = Signed::sign(&receipt(&mint), &mint.host_identity).unwrap();
            GoneProven::check(&proven(&mint), signed).unwrap()
        });
        self.tell(Input::Receipt(Box::new(MADE.clone())));
    }

    pub(super) fn seal(&mut self) {
        let sealed = Sealed {
            manifest: Digest::of(b"manifest"),
            file: "s.tar".into(),
            bytes: 1,
        };
        self.tell(Input::Sealed(Some(sealed)));
    }

    pub(super) fn tell(&mut self, input: Input) {
        let effects = self.session.handle(input, self.observed, self.now);
        self.note(effects);
    }

    /// Lets time pass, waking the session whenever it asks for it. The feed is heard all the while.
    pub(super) fn pass(&mut self, seconds: u64) {
        self.pass_with(seconds, |world| {
            world.observed.feed_heard = world.now.steady
        });
    }

    pub(super) fn pass_with(&mut self, seconds: u64, each: impl Fn(&mut Self)) {
        let end = self.now.steady.plus(Duration::from_secs(seconds));
        while self.now.steady < end {
            let next = self
                .session
                .wake_at()
                .max(self.now.steady.plus(Duration::from_millis(1)))
                .min(end);
            self.now.wall = self.now.wall.plus(next.since(self.now.steady));
            self.now.steady = next;
            each(self);
            self.tell(Input::Tick);
        }
    }

    pub(super) fn note(&mut self, effects: Vec<Effect>) {
        for effect in effects {
            self.done.push(match effect {
                Effect::Emit(fact) => {
                    let value = serde_json::to_value(&fact).unwrap();
                    let name = value["fact"].as_str().unwrap().to_owned();
                    self.facts.push(*fact);
                    format!("emit {name}")
                }
                Effect::Open { .. } => {
                    self.permits += 1;
                    "open".into()
                }
                Effect::Refuse { text, .. } => {
                    self.texts.push(text);
                    "refuse".into()
                }
                Effect::CloseAgents { notice } | Effect::TurnAway { notice, .. } => {
                    self.texts.push(notice.to_string());
                    "tell agents".into()
                }
                Effect::Claim => "claim".into(),
                Effect::BeginRecording => "record".into(),
                Effect::OpenControl => "control".into(),
                Effect::SendOrder { .. } => "order".into(),
                Effect::OpenSession => "log in".into(),
                Effect::Decide { .. } => "decide".into(),
                Effect::EndHost { .. } => "end host".into(),
                Effect::DropHost => "drop host".into(),
                Effect::Seal { .. } => "seal".into(),
                Effect::Done => "done".into(),
            });
        }
    }

    pub(super) fn cause(&self) -> Option<EndCause> {
        self.facts.iter().find_map(|fact| {
            let AccessFact::SessionEnding { cause } = fact else {
                return None;
            };
            Some(*cause)
        })
    }

    /// What was done since this was last asked.
    pub(super) fn news(&mut self) -> Vec<String> {
        std::mem::take(&mut self.done)
    }
}
