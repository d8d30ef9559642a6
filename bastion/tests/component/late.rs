//! What a host reports late: of the session that runs, or of others.

use std::fs::File;
use std::time::{Duration, Instant};

use portreeve_protocol::attest::{HostEvent, HostFact};
use portreeve_protocol::control::HostReport;
use portreeve_protocol::digest::Digest;
use portreeve_protocol::event::{AccessFact, Body, MachineFact};
use portreeve_protocol::id::SessionId;
use portreeve_protocol::signed::Signed;
use portreeve_protocol::time::Timestamp;
use portreeve_recording::event::{Channel, Event, Kind};
use portreeve_recording::read::Recording;

use crate::client::{Agent, assert_status, output};
use crate::ends::closed;
use crate::mint::key;
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
    match &event.kind {
        Kind::HostEvent(json) => pid_of(json),
        _ => None,
    }
}

fn pid_of(json: &str) -> Option<i32> {
    match serde_json::from_str::<HostEvent>(json).unwrap().fact {
        HostFact::Login { pid } => Some(pid),
        _ => None,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_host_reports_of_an_earlier_session_is_taken_and_acknowledged() {
    let mut world = World::start().await;
    let mint = world.mint();
    let earlier = SessionId::new(LONG_AGO, [9; 10]);
    let report = Signed::sign(&login_of(earlier), &mint.host_identity).unwrap();
    world.daemon.bring(HostReport::Event(report), 1);
    let agent = world.agent_of(&mint);
    assert_status(&agent.run("true").await, 0);
    let is_login = |fact: &AccessFact| login_in(fact) == Some(5);
    world.ca.wait_for(earlier, "report", is_login).await;
    let begin = Instant::now();
    while world.daemon.acknowledged() < 2 {
        assert!(begin.elapsed() < PATIENCE, "it is not acknowledged");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn reports_that_prove_nothing_are_one_alarm_for_each_connection() {
    let mut world = World::start().await;
    let invented = SessionId::new(LONG_AGO, [9; 10]);
    let forged = Signed::sign(&login_of(invented), &key(99)).unwrap();
    for number in 1..=2 {
        world.daemon.bring(HostReport::Event(forged.clone()), 20);
        let agent = world.agent();
        assert_status(&agent.run("true").await, 0);
        world.daemon.report(LONG_AGO, HostFact::Login { pid: 7 });
        let is_login = |fact: &AccessFact| login_in(fact) == Some(7);
        world.ca.wait_for(agent.session, "login", is_login).await;
        let told = alarms(&world);
        assert_eq!(told.len(), number, "{told:?}");
        assert!(told[0].contains("host `prod-1.example.com`"), "{told:?}");
        world.ca.kill(agent.session, "enough");
        world.ca.wait_for(agent.session, "end", closed).await;
    }
    assert_eq!(world.ca.facts(invented), []);
}

/// A login in a session that a host says there was.
fn login_of(session: SessionId) -> HostEvent {
    HostEvent {
        host: "prod-1.example.com".parse().unwrap(),
        session,
        account: session.account(),
        seq: 0,
        previous: Digest::of(b"attestation"),
        at: LONG_AGO,
        fact: HostFact::Login { pid: 5 },
    }
}

fn login_in(fact: &AccessFact) -> Option<i32> {
    match fact {
        AccessFact::Host { event } => pid_of(event.unverified_payload()),
        _ => None,
    }
}

/// The alarms about what a host said.
fn alarms(world: &World) -> Vec<String> {
    let events = world.ca.events().into_iter();
    let alarms = events.filter_map(|event| match event.body {
        Body::Machine {
            fact: MachineFact::Alarm { detail },
        } if detail.contains("report") => Some(detail),
        _ => None,
    });
    alarms.collect()
}
