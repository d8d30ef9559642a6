//! What a host reports late is in the recording all the same.

use std::fs::File;
use std::time::{Duration, Instant};

use portreeve_protocol::attest::{HostEvent, HostFact};
use portreeve_protocol::event::AccessFact;
use portreeve_protocol::time::Timestamp;
use portreeve_recording::event::{Channel, Event, Kind};
use portreeve_recording::read::Recording;

use crate::client::{Agent, assert_status, output};
use crate::ends::closed;
use crate::world::World;

/// How long anything may take. Much longer than it does.
const PATIENCE: Duration = Duration::from_secs(120);
/// A clock that is far behind: nothing here may be put in order by it.
const LONG_AGO: Timestamp = Timestamp::from_seconds(1);

#[tokio::test(flavor = "multi_thread")]
async fn what_a_host_reports_late_is_recorded_in_its_own_order_when_it_comes() {
    let mut world = World::start().await;
    let agent = world.agent();
    assert_status(&agent.run("echo one").await, 0);
    world.daemon.report(LONG_AGO, HostFact::Login { pid: 2 });
    let begin = Instant::now();
    while reported(&recorded(&world, &agent)).len() < 2 {
        assert!(begin.elapsed() < PATIENCE, "it is not recorded");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_status(&agent.run("echo two").await, 0);
    // The account is going, and what happened in it before is told now.
    let late = HostFact::Login { pid: 3 };
    world.daemon.report_last(LONG_AGO, late);
    let mut end = agent.command("ssh");
    end.args(["-s", &agent.target(), "end@portreeve"]);
    output(end).await;
    world.ca.wait_for(agent.session, "end", closed).await;

    let events = recorded(&world, &agent);
    assert!(events.is_sorted_by_key(|event| event.at_us), "{events:?}");
    let place = |what: &str, is_it: &dyn Fn(&Event) -> bool| {
        let place = events.iter().position(is_it);
        place.unwrap_or_else(|| panic!("no {what}: {events:?}"))
    };
    let printed = |text: &'static str| move |event: &Event| event.kind == Kind::Output(text.into());
    let places = [
        place("first output", &printed("one\n")),
        place("end of the first command", &|event| {
            event.channel == Channel(1) && event.kind == Kind::Closed
        }),
        place("late report", &|event| login(event) == Some(2)),
        place("second output", &printed("two\n")),
        place("last report", &|event| login(event) == Some(3)),
    ];
    assert!(places.is_sorted(), "{places:?}: {events:?}");

    // Word for word what the trail has, with the host's own time and number in it, and no channel's.
    let logged: Vec<_> = world
        .ca
        .facts(agent.session)
        .into_iter()
        .filter_map(|fact| match fact {
            AccessFact::Host { event } => Some(event.unverified_payload().to_owned()),
            _ => None,
        })
        .collect();
    assert_eq!(reported(&events), logged);
    for (seq, json) in (0..).zip(&logged) {
        let said: HostEvent = serde_json::from_str(json).unwrap();
        assert_eq!((said.seq, said.at == LONG_AGO), (seq, seq > 0));
    }
    let is_of_session =
        |event: &&Event| login(event).is_some() && event.channel == Channel::SESSION;
    assert_eq!(events.iter().filter(is_of_session).count(), 3);
}

/// What is on disk.
fn recorded(world: &World, agent: &Agent) -> Vec<Event> {
    let file = File::open(world.recording(agent.session)).unwrap();
    let mut recording = Recording::open(file).unwrap();
    let events = recording.events(std::slice::from_ref(&world.review));
    events.map_while(Result::ok).collect()
}

fn reported(events: &[Event]) -> Vec<String> {
    let json = |event: &Event| match &event.kind {
        Kind::HostEvent(json) => Some(json.clone()),
        _ => None,
    };
    events.iter().filter_map(json).collect()
}

/// The process of a login that is reported.
fn login(event: &Event) -> Option<i32> {
    let Kind::HostEvent(json) = &event.kind else {
        return None;
    };
    match serde_json::from_str::<HostEvent>(json).unwrap().fact {
        HostFact::Login { pid } => Some(pid),
        _ => None,
    }
}
