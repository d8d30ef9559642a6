//! What holds for every session, whatever happens in whatever order.

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

/// Something that may happen, at any time, also when it makes no sense.
#[derive(Debug, Clone, Copy)]
enum Event {
    Connect(u64),
    Disconnect(u64),
    Claimed,
    ClaimRefused,
    ControlUp,
    Attested,
    HostFailed,
    ControlLost,
    Ask(u32),
    Permit(u32),
    Deny(u32),
    EndChannel(u32),
    Pass(u64),
    Kill,
    Asked,
    RecordingFailed,
    MustEnd,
    SpoolFull,
    Shutdown,
    Receipt,
    Sealed,
}

fn event() -> impl Strategy<Value = Event> {
    use Event as E;
    // What belongs to a session's life comes often, so that many runs get far.
    prop_oneof![
        4 => Just(E::Claimed),
        4 => Just(E::ControlUp),
        4 => Just(E::Attested),
        6 => (1..4u32).prop_map(E::Ask),
        6 => (1..4u32).prop_map(E::Permit),
        2 => (1..4u32).prop_map(E::Deny),
        4 => (1..4u32).prop_map(E::EndChannel),
        4 => (0..3u64).prop_map(E::Connect),
        2 => (0..3u64).prop_map(E::Disconnect),
        3 => (0..8u64).prop_map(E::Pass),
        3 => Just(E::Receipt),
        3 => Just(E::Sealed),
        1 => prop_oneof![
            Just(E::ClaimRefused), Just(E::HostFailed), Just(E::ControlLost), Just(E::Kill), Just(E::Asked),
            Just(E::RecordingFailed), Just(E::MustEnd), Just(E::SpoolFull), Just(E::Shutdown), (0..700u64).prop_map(E::Pass)
        ],
    ]
}

fn happen(world: &mut World, event: Event) {
    let detail = || "detail".to_owned();
    let expires_at = world.mint.expires_at();
    match event {
        Event::Connect(id) => world.tell(Input::ConnectionOpened(ConnectionId(id))),
        Event::Disconnect(id) => world.tell(Input::ConnectionClosed(ConnectionId(id))),
        Event::Claimed => world.tell(Input::Claimed {
            bundle: "bundle".into(),
            expires_at,
        }),
        Event::ClaimRefused => world.tell(Input::ClaimRefused {
            code: Code::NotPermitted,
            detail: detail(),
        }),
        Event::ControlUp => world.tell(Input::ControlUp),
        Event::Attested => world.attest(),
        Event::HostFailed => world.tell(Input::HostFailed { detail: detail() }),
        Event::ControlLost => world.tell(Input::ControlLost),
        Event::Ask(channel) => world.ask(ChannelNumber(channel)),
        Event::Permit(channel) => world.decide(ChannelNumber(channel), STARTER_POLICY),
        Event::Deny(channel) => world.decide(ChannelNumber(channel), ""),
        Event::EndChannel(channel) => world.end_channel(ChannelNumber(channel)),
        Event::Pass(seconds) => world.pass(seconds),
        Event::Kill => world.tell(Input::Killed { reason: detail() }),
        Event::Asked => world.tell(Input::EndAsked),
        Event::RecordingFailed => world.tell(Input::RecordingFailed { detail: detail() }),
        Event::MustEnd => world.tell(Input::MustEnd {
            detail: detail(),
            reason: "reason",
        }),
        Event::SpoolFull => world.tell(Input::SpoolFull),
        Event::Shutdown => world.tell(Input::Shutdown),
        Event::Receipt => world.give_receipt(),
        Event::Sealed => world.seal(),
    }
}

fn place(done: &[String], what: &str) -> Option<usize> {
    done.iter().position(|effect| effect == what)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn order_and_permission_hold(events in vec(event(), 0..40)) {
        let mut world = World::claiming();
        let mut permits = 0;
        for event in &events {
            permits += usize::from(matches!(event, Event::Permit(_)));
            happen(&mut world, *event);
        }
        let done = &world.done;
        prop_assert!(world.permits <= permits);
        // Each stage only after the one before it.
        let stages = ["claim", "control", "order", "emit host_ready", "open"];
        let places: Vec<_> = stages.iter().map(|stage| place(done, stage)).collect();
        let reached = places.iter().take_while(|place| place.is_some()).count();
        prop_assert!(places[reached..].iter().all(Option::is_none), "{done:?}");
        prop_assert!(places.is_sorted() || reached < places.len(), "{done:?}");
        // Every opening follows a decision that is in the trail.
        let decided = done.iter().filter(|what| *what == "emit channel_decided").count();
        prop_assert!(world.permits <= decided, "{done:?}");
        // Nothing begins once the agents were told that it is over.
        if let Some(told) = place(done, "tell agents")
            && world.cause().is_some()
        {
            let begins = ["record", "control", "order", "log in", "decide", "open"];
            prop_assert!(done[told..].iter().all(|what| !begins.contains(&what.as_str())), "{done:?}");
        }
    }

    #[test]
    fn every_session_ends_and_says_so_once(events in vec(event(), 0..40)) {
        let mut world = World::claiming();
        for event in &events {
            happen(&mut world, *event);
        }
        world.tell(Input::Shutdown);
        world.pass(60);
        prop_assert!(world.session.is_closed());
        let count = |what: &str| world.done.iter().filter(|effect| *effect == what).count();
        prop_assert_eq!(count("done"), 1);
        prop_assert_eq!(count("emit session_ending"), count("emit session_closed"));
        prop_assert!(count("emit session_closed") <= 1);
        world.news();
        for event in events {
            happen(&mut world, event);
        }
        let after = world.news();
        prop_assert!(after.iter().all(|what| what == "refuse" || what == "tell agents"), "{:?}", after);
    }
}
