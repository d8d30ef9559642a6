//! What is left of a recording when the bastion is killed, and what the log says of it meanwhile.

use std::fs::File;
use std::hash::{BuildHasher as _, Hasher as _};
use std::time::{Duration, Instant};

use portreeve_bastion::live;
use portreeve_protocol::event::{AccessFact, Body, MachineFact};
use portreeve_protocol::grant::RecordingMode;
use portreeve_protocol::id::SessionId;
use portreeve_recording::event::Kind;
use portreeve_recording::head::Head;
use portreeve_recording::read::Recording;
use portreeve_recording::verify::{Evidence, Fault, Proved, Verdict, verify};
use tokio::io::AsyncReadExt as _;

use crate::client::finish;
use crate::world::World;

/// A command that prints without end and never the same twice.
const CHATTER: &str = "i=0; while :; do i=$((i+1)); echo \"this is line $i\"; done";
/// How often the program is killed in each mode. A world has accounts for eight sessions.
const KILLS: u32 = 3;
/// How long anything may take. Much longer than it does.
const PATIENCE: Duration = Duration::from_secs(120);

#[tokio::test(flavor = "multi_thread")]
async fn a_bastion_that_is_killed_loses_no_byte_of_a_strict_session() {
    for (seen, recorded) in seen_and_recorded(RecordingMode::Strict).await {
        assert!(
            recorded.starts_with(&seen),
            "{} bytes were seen and {} are recorded",
            seen.len(),
            recorded.len()
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bastion_that_is_killed_leaves_what_was_on_disk() {
    for (seen, recorded) in seen_and_recorded(RecordingMode::Standard).await {
        let both = seen.len().min(recorded.len());
        assert!(both > 0 && seen[..both] == recorded[..both]);
    }
}

/// What agents saw before their bastion was killed, at some moment, and what its successor found.
async fn seen_and_recorded(mode: RecordingMode) -> Vec<(Vec<u8>, Vec<u8>)> {
    let mut world = World::start().await;
    let mut found = Vec::new();
    for _ in 0..KILLS {
        let mut mint = world.mint();
        mint.recording = mode;
        let agent = world.agent_of(&mint);
        let mut running = agent.start(CHATTER);
        let mut stdout = running.stdout.take().unwrap();
        // How long the host takes to run anything is no part of the moment.
        let mut seen = vec![0];
        tokio::time::timeout(PATIENCE, stdout.read_exact(&mut seen))
            .await
            .expect("nothing is printed")
            .unwrap();
        let reading = tokio::spawn(async move {
            stdout.read_to_end(&mut seen).await.unwrap();
            finish(running).await;
            seen
        });
        // In standard mode what was seen may be on disk later.
        until("output on disk", || has_output(&world, agent.session)).await;
        let moment = std::hash::RandomState::new().build_hasher().finish() % 1000;
        eprintln!("{mode:?}: killed {moment} ms after the first output was on disk");
        tokio::time::sleep(Duration::from_millis(moment)).await;
        world.stop_bastion("-KILL").await;
        let seen = reading.await.unwrap();
        world.start_bastion().await;
        world
            .ca
            .wait_for(agent.session, "recording", |fact| {
                matches!(fact, AccessFact::RecordingSealed { .. })
            })
            .await;
        assert!(verdict(&world, agent.session).holds());
        found.push((seen, output(&world, agent.session)));
    }
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_knows_a_recording_that_grows_and_notices_when_it_is_cut() {
    let mut world = World::start().await;
    let agent = world.agent();
    let running = tokio::spawn(finish(agent.start("while :; do date; sleep 0.1; done")));
    // The cut leaves one segment. What the bastion noted for itself, which its alarm comes from, gets to the disk
    // apart from what the log knows.
    let folder = world.path().join("state/live");
    until("a head of more than one segment", || {
        let noted = live::noted_head(&folder, agent.session);
        let is_more = |head: &Head| head.segments > 1;
        heads(&world, agent.session).iter().any(is_more) && noted.as_ref().is_some_and(is_more)
    })
    .await;
    let logged = heads(&world, agent.session);
    let segments = logged.last().unwrap().segments;
    world.stop_bastion("-KILL").await;
    running.await.unwrap();

    // Whoever has the disk cuts the file in a place where a crash might have.
    let path = world.recording(agent.session);
    let bytes = std::fs::read(&path).unwrap();
    let mut recording = Recording::open(File::open(&path).unwrap()).unwrap();
    let keep = recording.heads().nth(1).unwrap().unwrap().bytes;
    std::fs::write(&path, &bytes[..usize::try_from(keep).unwrap()]).unwrap();
    world.start_bastion().await;
    world
        .ca
        .wait_for(agent.session, "recording", |fact| {
            matches!(fact, AccessFact::RecordingSealed { .. })
        })
        .await;

    // The bastion signed what is left, and says itself that something is wrong.
    let verdict = verdict(&world, agent.session);
    assert!(
        verdict
            .proved
            .iter()
            .any(|proved| matches!(proved, Proved::Signed(_)))
    );
    assert!(
        matches!(verdict.faults[..], [Fault::CutBelowTrail { stated, found: 1 }] if stated >= segments),
        "{:?}",
        verdict.faults
    );
    let is_alarm = |body: &Body| matches!(body, Body::Machine { fact: MachineFact::Alarm { detail } } if detail.contains("is not what the audit log says"));
    assert!(world.ca.events().iter().any(|event| is_alarm(&event.body)));
}

async fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let begin = Instant::now();
    while !is_so() {
        assert!(begin.elapsed() < PATIENCE, "{what} never came about");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Whether a recording that grows has output in a whole segment.
fn has_output(world: &World, session: SessionId) -> bool {
    let Ok(file) = File::open(world.recording(session)) else {
        return false;
    };
    let Ok(mut recording) = Recording::open(file) else {
        return false;
    };
    recording
        .events(std::slice::from_ref(&world.review))
        .map_while(Result::ok)
        .any(|event| matches!(event.kind, Kind::Output(_)))
}

/// What the log knows of a recording.
fn heads(world: &World, session: SessionId) -> Vec<Head> {
    world
        .ca
        .facts(session)
        .into_iter()
        .filter_map(|fact| match fact {
            AccessFact::RecordingHead {
                segments,
                head,
                bytes,
            } => Some(Head {
                segments,
                digest: head,
                bytes,
            }),
            _ => None,
        })
        .collect()
}

/// What everybody finds who has the file, the trail and the bastion's key.
fn verdict(world: &World, session: SessionId) -> Verdict {
    let heads = heads(world, session);
    let bastions = [world.identity()];
    let evidence = Evidence {
        bastions: &bastions,
        heads: &heads,
        ..Evidence::default()
    };
    let file = File::open(world.recording(session)).unwrap();
    verify(&mut Recording::open(file).unwrap(), evidence).unwrap()
}

fn output(world: &World, session: SessionId) -> Vec<u8> {
    let file = File::open(world.recording(session)).unwrap();
    let mut recording = Recording::open(file).unwrap();
    let mut output = Vec::new();
    for event in recording.events(std::slice::from_ref(&world.review)) {
        if let Kind::Output(bytes) = event.unwrap().kind {
            output.extend(bytes);
        }
    }
    output
}
