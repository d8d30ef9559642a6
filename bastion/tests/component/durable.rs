//! What the log says of a recording while it grows.

use std::fs::File;

use portreeve_bastion::live;
use portreeve_protocol::event::{AccessFact, Body, MachineFact};
use portreeve_protocol::id::SessionId;
use portreeve_recording::head::Head;
use portreeve_recording::read::Recording;
use portreeve_recording::verify::{Evidence, Fault, Proved, Verdict, verify};

use crate::ca::Ca;
use crate::client::finish;
use crate::wait::until;
use crate::world::World;

#[tokio::test(flavor = "multi_thread")]
async fn the_log_knows_a_recording_that_grows_and_notices_when_it_is_cut() {
    let mut world = World::start().await;
    let agent = world.agent();
    let running = tokio::spawn(finish(agent.start("while :; do date; sleep 0.1; done")));
    // The cut leaves one segment. What the bastion noted for itself, which its alarm comes from, gets to the disk
    // apart from what the log knows.
    let folder = world.path().join("state/live");
    until("a head of more than one segment", async || {
        let noted = live::noted_head(&folder, agent.session);
        let is_more = |head: &Head| head.segments > 1;
        heads(&world.ca, agent.session).iter().any(is_more) && noted.as_ref().is_some_and(is_more)
    })
    .await;
    let logged = heads(&world.ca, agent.session);
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
    let is_alarm = |body: &Body| matches!(body, Body::Machine { fact: MachineFact::Alarm { detail } } if detail.contains("ends after 1 of the "));
    assert!(world.ca.events().iter().any(|event| is_alarm(&event.body)));
}

/// What the log knows of a recording.
pub(crate) fn heads(ca: &Ca, session: SessionId) -> Vec<Head> {
    ca.facts(session)
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
    let heads = heads(&world.ca, session);
    let bastions = [world.identity()];
    let evidence = Evidence {
        bastions: &bastions,
        heads: &heads,
        ..Evidence::default()
    };
    let file = File::open(world.recording(session)).unwrap();
    verify(&mut Recording::open(file).unwrap(), evidence).unwrap()
}
