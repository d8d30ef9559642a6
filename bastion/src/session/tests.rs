//! Sessions against a simulated clock.

use std::time::Duration;

use bytes::Bytes;
use portreeve_access_policy::STARTER_POLICY;
use portreeve_protocol::attest::EndCause;
use portreeve_protocol::digest::Digest;
use portreeve_protocol::event::AccessFact;
use portreeve_protocol::problem::Code;
use portreeve_protocol::signed::Signed;
use portreeve_protocol::time::Timestamp;

use super::*;
use crate::accept::tests::mint::Mint;
use crate::accept::tests::proven;
use crate::decide::tests::answer;
use crate::host::HostProven;
use crate::host::proof::tests::{attestation, receipt};
use crate::request::{Asked, Wanted};

const START: Timestamp = Timestamp::from_seconds(1_790_000_000);
const AGENT: ConnectionId = ConnectionId(1);
const CHANNEL: ChannelNumber = ChannelNumber(1);

/// A session and the world around it: a clock that only the test moves, and everything that was to be done so far.
struct World {
    session: Session,
    mint: Mint,
    now: Now,
    observed: Observed,
    done: Vec<String>,
    facts: Vec<AccessFact>,
    texts: Vec<String>,
    permits: usize,
}

impl World {
    /// A session with one connection, whose claim is under way.
    fn claiming() -> Self {
        let mint = Mint::new(START);
        let grant = mint.grant();
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

    fn connecting() -> Self {
        let mut world = Self::claiming();
        let expires_at = world.mint.expires_at();
        world.tell(Input::Claimed {
            bundle: "bundle".into(),
            expires_at,
        });
        world
    }

    fn ordered() -> Self {
        let mut world = Self::connecting();
        world.tell(Input::ControlUp);
        world
    }

    fn ready() -> Self {
        let mut world = Self::ordered();
        world.attest();
        world
    }

    fn with_open_channel() -> Self {
        let mut world = Self::ready();
        world.ask(CHANNEL);
        world.decide(CHANNEL, STARTER_POLICY);
        world
    }

    fn attest(&mut self) {
        let signed = Signed::sign(&attestation(&self.mint), &self.mint.host_identity).unwrap();
        let host = HostProven::check(&proven(&self.mint), signed).unwrap();
        self.tell(Input::Attested(Box::new(host)));
    }

    fn ask(&mut self, channel: ChannelNumber) {
        let program = Wanted::Exec(Bytes::from_static(b"id"));
        self.tell(Input::ChannelAsked {
            channel,
            asked: Asked {
                program,
                pty: false,
            },
        });
    }

    fn decide(&mut self, channel: ChannelNumber, policy: &str) {
        let verdict = answer(policy, Wanted::Exec(Bytes::from_static(b"id")));
        self.tell(Input::Decided { channel, verdict });
    }

    fn end_channel(&mut self, channel: ChannelNumber) {
        let end = ChannelEnd {
            was_open: true,
            exit_status: Some(0),
            ..ChannelEnd::default()
        };
        self.tell(Input::ChannelEnded { channel, end });
    }

    fn give_receipt(&mut self) {
        let signed = Signed::sign(&receipt(&self.mint), &self.mint.host_identity).unwrap();
        self.tell(Input::Receipt(Box::new(signed)));
    }

    fn seal(&mut self) {
        let sealed = Sealed {
            manifest: Digest::of(b"manifest"),
            file: "s.tar".into(),
            bytes: 1,
        };
        self.tell(Input::Sealed(Some(sealed)));
    }

    fn tell(&mut self, input: Input) {
        let effects = self.session.handle(input, self.observed, self.now);
        self.note(effects);
    }

    /// Lets time pass, waking the session whenever it asks for it. The feed is heard all the while.
    fn pass(&mut self, seconds: u64) {
        self.pass_with(seconds, |world| {
            world.observed.feed_heard = world.now.steady
        });
    }

    fn pass_with(&mut self, seconds: u64, each: impl Fn(&mut Self)) {
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

    fn note(&mut self, effects: Vec<Effect>) {
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

    fn cause(&self) -> Option<EndCause> {
        self.facts.iter().find_map(|fact| match fact {
            AccessFact::SessionEnding { cause } => Some(*cause),
            _ => None,
        })
    }

    /// What was done since this was last asked.
    fn news(&mut self) -> Vec<String> {
        std::mem::take(&mut self.done)
    }
}

#[test]
fn a_session_runs_through_its_stages_in_order() {
    let mut world = World::with_open_channel();
    world.end_channel(CHANNEL);
    world.tell(Input::EndAsked);
    world.give_receipt();
    world.seal();
    assert_eq!(
        world.news(),
        [
            "claim",
            "record",
            "control",
            "order",
            "emit host_ready",
            "log in",
            "decide",
            "emit channel_decided",
            "open",
            "emit channel_closed",
            "emit session_ending",
            "tell agents",
            "end host",
            "emit host_gone",
            "drop host",
            "seal",
            "emit recording_sealed",
            "emit session_closed",
            "done",
        ]
    );
    assert!(world.session.is_closed());
}

#[test]
fn every_cause_leads_to_the_same_end() {
    type Happening = fn(&mut World);
    let cases: [(EndCause, Happening); 9] = [
        (EndCause::Asked, |w| w.tell(Input::EndAsked)),
        (EndCause::Killed, |w| {
            w.tell(Input::Killed {
                reason: "alice@example.com: enough".into(),
            })
        }),
        (EndCause::Expired, |w| {
            w.pass_with(600, |w| {
                w.observed = Observed {
                    moved: w.now.steady,
                    feed_heard: w.now.steady,
                };
            });
        }),
        (EndCause::Idle, |w| w.pass(300)),
        (EndCause::Left, |w| {
            w.tell(Input::ConnectionClosed(AGENT));
            w.pass(30);
        }),
        (EndCause::FeedStale, |w| w.pass_with(10, |_| {})),
        (EndCause::RecordingFailed, |w| {
            w.tell(Input::RecordingFailed {
                detail: "disk".into(),
            })
        }),
        (EndCause::RecordingFailed, |w| w.tell(Input::SpoolFull)),
        (EndCause::Shutdown, |w| w.tell(Input::Shutdown)),
    ];
    for (cause, happen) in cases {
        let mut world = World::with_open_channel();
        world.news();
        happen(&mut world);
        assert_eq!(world.cause(), Some(cause));
        let news = world.news();
        let end: Vec<_> = news
            .iter()
            .filter(|what| !what.contains("session_refused"))
            .collect();
        assert_eq!(
            end,
            ["emit session_ending", "tell agents", "end host"],
            "{cause:?}"
        );
        world.end_channel(CHANNEL);
        world.give_receipt();
        world.seal();
        assert!(world.session.is_closed(), "{cause:?}");
        assert!(world.facts.contains(&AccessFact::SessionClosed {
            cause,
            confirmed: true
        }));
    }
}

#[test]
fn a_broken_control_connection_ends_the_session_without_a_receipt() {
    let mut world = World::with_open_channel();
    world.tell(Input::ControlLost);
    world.end_channel(CHANNEL);
    world.seal();
    let cause = EndCause::LinkLost;
    assert!(world.facts.contains(&AccessFact::SessionClosed {
        cause,
        confirmed: false
    }));
    assert!(world.session.is_closed());
}

#[test]
fn a_host_that_gives_no_receipt_is_waited_for_five_seconds() {
    let mut world = World::ready();
    world.tell(Input::EndAsked);
    world.pass(4);
    assert!(!world.done.contains(&"seal".into()));
    world.pass(1);
    assert!(world.done.contains(&"seal".into()));
    world.seal();
    assert!(world.facts.contains(&AccessFact::SessionClosed {
        cause: EndCause::Asked,
        confirmed: false
    }));
}

#[test]
fn channels_that_do_not_end_are_waited_for_three_seconds() {
    let mut world = World::with_open_channel();
    world.tell(Input::EndAsked);
    world.give_receipt();
    assert!(!world.done.contains(&"seal".into()));
    world.pass(3);
    assert!(world.done.contains(&"seal".into()));
}

#[test]
fn a_recording_that_does_not_become_whole_does_not_keep_the_session() {
    let mut world = World::ready();
    world.tell(Input::EndAsked);
    world.give_receipt();
    world.pass(30);
    assert!(world.session.is_closed());
    assert!(
        !world
            .facts
            .iter()
            .any(|fact| matches!(fact, AccessFact::RecordingSealed { .. }))
    );
}

#[test]
fn nothing_is_done_towards_the_host_before_the_claim() {
    let mut world = World::claiming();
    world.ask(CHANNEL);
    world.tell(Input::ControlUp);
    world.attest();
    world.decide(CHANNEL, STARTER_POLICY);
    assert_eq!(world.news(), ["claim"]);
}

#[test]
fn a_channel_waits_for_the_host_and_is_decided_then() {
    let mut world = World::ordered();
    world.ask(CHANNEL);
    assert!(!world.done.contains(&"decide".into()));
    world.attest();
    assert!(world.done.contains(&"decide".into()));
}

#[test]
fn no_channel_is_opened_without_a_permit() {
    let mut world = World::ready();
    world.ask(CHANNEL);
    world.decide(CHANNEL, "");
    assert_eq!(world.permits, 0);
    assert_eq!(
        world.texts,
        ["portreeve: refused: the policy does not permit this; the session goes on"]
    );
    // An answer that nobody asked for, or a second one, opens nothing either.
    world.decide(CHANNEL, STARTER_POLICY);
    world.decide(ChannelNumber(7), STARTER_POLICY);
    assert_eq!(world.permits, 0);
}

#[test]
fn a_decision_is_recorded_before_it_is_acted_on() {
    let world = World::with_open_channel();
    let decided = world
        .done
        .iter()
        .position(|what| what == "emit channel_decided")
        .unwrap();
    let open = world.done.iter().position(|what| what == "open").unwrap();
    assert!(decided < open);
}

#[test]
fn nothing_begins_once_the_end_has_begun() {
    let mut world = World::ready();
    world.ask(CHANNEL);
    world.tell(Input::Killed {
        reason: "stop".into(),
    });
    world.news();
    world.decide(CHANNEL, STARTER_POLICY);
    world.ask(ChannelNumber(2));
    world.tell(Input::ConnectionOpened(ConnectionId(2)));
    world.attest();
    world.tell(Input::ControlUp);
    assert_eq!(world.news(), ["refuse", "tell agents"]);
    assert_eq!(world.permits, 0);
}

#[test]
fn the_first_cause_is_the_cause() {
    let mut world = World::ready();
    world.tell(Input::Killed {
        reason: "stop".into(),
    });
    world.tell(Input::ControlLost);
    world.tell(Input::Shutdown);
    world.seal();
    let ended: Vec<_> = world
        .facts
        .iter()
        .filter(|f| matches!(f, AccessFact::SessionEnding { .. }))
        .collect();
    assert_eq!(
        ended,
        [&AccessFact::SessionEnding {
            cause: EndCause::Killed
        }]
    );
}

#[test]
fn what_comes_after_the_expiry_finds_the_session_over() {
    let mut world = World::ready();
    world.ask(CHANNEL);
    world.now.wall = world.now.wall.plus(Duration::from_secs(600));
    world.decide(CHANNEL, STARTER_POLICY);
    assert_eq!(world.permits, 0);
    assert_eq!(world.cause(), Some(EndCause::Expired));
}

#[test]
fn setting_the_wall_clock_back_prolongs_nothing() {
    let mut world = World::ready();
    world.now.wall = START.minus(Duration::from_secs(60));
    world.tell(Input::Tick);
    assert_eq!(world.cause(), Some(EndCause::RecordingFailed));
}

#[test]
fn traffic_and_connections_keep_a_session() {
    let mut world = World::ready();
    let next = ConnectionId(2);
    world.tell(Input::ConnectionClosed(AGENT));
    world.pass(29);
    world.tell(Input::ConnectionOpened(next));
    world.pass_with(400, |w| {
        w.observed = Observed {
            moved: w.now.steady,
            feed_heard: w.now.steady,
        }
    });
    assert_eq!(world.cause(), None);
}

#[test]
fn a_session_that_is_not_given_ends_at_once_and_names_the_right_bastion() {
    let mut world = World::claiming();
    let detail = "the session belongs to bastion `bastion-2`".to_owned();
    world.tell(Input::ClaimRefused {
        code: Code::SessionUnavailable,
        detail,
    });
    assert!(world.session.is_closed());
    assert_eq!(
        world.news(),
        ["claim", "emit connection_refused", "tell agents", "done"]
    );
    assert!(world.texts[0].contains("bastion-2"));
}

#[test]
fn diagnosis_of_a_refused_claim_stays_inside() {
    let mut world = World::claiming();
    let detail = "connection to 10.0.0.1 refused".to_owned();
    world.tell(Input::ClaimRefused {
        code: Code::Unavailable,
        detail,
    });
    assert_eq!(
        world.texts,
        ["portreeve: unavailable: no decision can be made now"]
    );
}

#[test]
fn a_host_that_does_not_open_in_time_failed() {
    for mut world in [World::connecting(), World::ordered()] {
        world.pass(30);
        assert_eq!(world.cause(), Some(EndCause::HostFailed));
    }
}

#[test]
fn an_order_that_was_never_sent_needs_no_receipt() {
    let mut world = World::connecting();
    world.tell(Input::HostFailed {
        detail: "other host key".into(),
    });
    world.seal();
    let cause = EndCause::HostFailed;
    assert!(world.facts.contains(&AccessFact::SessionClosed {
        cause,
        confirmed: true
    }));
    assert!(!world.done.contains(&"end host".into()));
}

#[test]
fn a_claim_that_comes_after_the_end_is_closed_in_the_trail() {
    let mut world = World::claiming();
    world.tell(Input::Shutdown);
    assert!(!world.session.is_closed());
    world.news();
    let expires_at = world.mint.expires_at();
    world.tell(Input::Claimed {
        bundle: String::new(),
        expires_at,
    });
    assert_eq!(
        world.news(),
        ["emit session_ending", "emit session_closed", "done"]
    );
}

#[test]
fn a_claim_without_an_answer_does_not_keep_the_session() {
    let mut world = World::claiming();
    world.tell(Input::Shutdown);
    world.pass(5);
    assert!(world.session.is_closed());
    assert!(world.facts.is_empty());
}

#[test]
fn a_ttl_that_the_ca_shortened_counts() {
    let mut world = World::claiming();
    let expires_at = START.plus(Duration::from_secs(60));
    world.tell(Input::Claimed {
        bundle: "bundle".into(),
        expires_at,
    });
    world.tell(Input::ControlUp);
    world.attest();
    world.pass(59);
    assert_eq!(world.cause(), None);
    world.pass(1);
    assert_eq!(world.cause(), Some(EndCause::Expired));
}
