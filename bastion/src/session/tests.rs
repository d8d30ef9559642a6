//! Sessions against a simulated clock.

mod properties;
mod world;

use std::time::Duration;

use portreeve_access_policy::STARTER_POLICY;
use portreeve_protocol::attest::EndCause;
use portreeve_protocol::event::AccessFact;
use portreeve_protocol::problem::Code;

use super::*;
use world::{AGENT, CHANNEL, START, World};

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
    let cases: [(EndCause, Happening); 10] = [
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
        (EndCause::RecordingFailed, |w| {
            w.tell(Input::MustEnd {
                detail: "the disk".into(),
                reason: "the disk",
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
            .filter(|what| *what != "emit recording_failed")
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
fn a_receipt_that_nobody_asked_for_ends_the_session() {
    let mut world = World::with_open_channel();
    world.give_receipt();
    world.end_channel(CHANNEL);
    world.seal();
    let gone = |fact: &&AccessFact| matches!(fact, AccessFact::HostGone { .. });
    assert_eq!(world.facts.iter().filter(gone).count(), 1);
    assert!(world.facts.iter().any(|fact| matches!(
        fact,
        AccessFact::SessionClosed {
            confirmed: true,
            ..
        }
    )));
    assert!(world.session.is_closed());
}

#[test]
fn a_receipt_that_comes_after_the_link_was_lost_is_kept() {
    let mut world = World::with_open_channel();
    world.tell(Input::ControlLost);
    world.give_receipt();
    world.give_receipt();
    let gone = |fact: &&AccessFact| matches!(fact, AccessFact::HostGone { .. });
    assert_eq!(world.facts.iter().filter(gone).count(), 1);
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

#[test]
fn a_session_has_so_many_channels_at_a_time() {
    let mut world = World::ready();
    for number in 1..=128 {
        world.ask(ChannelNumber(number));
        world.decide(ChannelNumber(number), STARTER_POLICY);
    }
    world.news();
    world.ask(ChannelNumber(129));
    assert_eq!(world.news(), ["emit connection_refused", "refuse"]);
    world.end_channel(ChannelNumber(129));
    world.end_channel(ChannelNumber(1));
    world.news();
    world.ask(ChannelNumber(130));
    assert_eq!(world.news(), ["decide"]);
}
