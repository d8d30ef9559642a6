//! Sessions end, and everybody learns why.

use std::time::Duration;

use portreeve_bastion::live;
use portreeve_bastion::report::About;
use portreeve_protocol::attest::EndCause;
use portreeve_protocol::event::AccessFact;
use portreeve_protocol::grant::RecordingMode;
use portreeve_recording::event::Kind;
use portreeve_recording::read::Recording;

use crate::client::{assert_status, finish, output, text};
use crate::daemon::Mood;
use crate::world::World;

pub(crate) fn closed(fact: &AccessFact) -> bool {
    matches!(fact, AccessFact::SessionClosed { .. })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_is_done_is_recorded_and_closed_in_order() {
    let mut world = World::start().await;
    let agent = world.agent();
    let done = agent
        .feed("tr a-z A-Z; echo oops >&2; exit 4", b"recorded".to_vec())
        .await;
    assert_status(&done, 4);
    let mut end = agent.command("ssh");
    end.args(["-s", &agent.target(), "end@portreeve"]);
    let ended = output(end).await;
    assert!(
        text(&ended.stderr).contains("portreeve: session ended: asked for"),
        "{}",
        text(&ended.stderr)
    );

    let fact = world.ca.wait_for(agent.session, "end", closed).await;
    assert_eq!(
        fact,
        AccessFact::SessionClosed {
            cause: EndCause::Asked,
            confirmed: true
        }
    );
    assert_eq!(world.daemon.ended(), [EndCause::Asked]);
    let names: Vec<_> = world.ca.facts(agent.session).iter().map(name).collect();
    let order = [
        "host_ready",
        "channel_decided",
        "channel_closed",
        "session_ending",
        "host_gone",
        "recording_sealed",
        "session_closed",
    ];
    let places: Vec<_> = order
        .iter()
        .map(|fact| names.iter().position(|name| name == fact))
        .collect();
    assert!(
        places.iter().all(Option::is_some) && places.is_sorted(),
        "{names:?}"
    );
    for _ in 0..100 {
        if world.daemon.acknowledged() == 2 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(world.daemon.acknowledged(), 2, "a login and the receipt");

    let file = std::fs::File::open(world.recording(agent.session)).unwrap();
    let mut recording = Recording::open(&file).unwrap();
    let manifest = recording.manifest_bytes().unwrap().unwrap();
    let signature = recording.signature().unwrap().unwrap();
    assert!(portreeve_recording::manifest::is_signed_by(
        &manifest,
        &signature,
        &world.identity()
    ));
    let kinds: Vec<_> = events(&mut recording, &world.review);
    assert!(kinds.contains(&Kind::Input("recorded".into())), "{kinds:?}");
    assert!(
        kinds.contains(&Kind::Output("RECORDED".into())),
        "{kinds:?}"
    );
    assert!(
        kinds.contains(&Kind::ErrorOutput("oops\n".into())),
        "{kinds:?}"
    );
    assert!(kinds.contains(&Kind::ExitStatus(4)), "{kinds:?}");

    // The certificate is good for another ten minutes and opens nothing any more.
    let after = agent.run("true").await;
    assert_status(&after, 255);
    assert!(
        text(&after.stderr).contains("session_unavailable"),
        "{}",
        text(&after.stderr)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_fills_its_trail_ends_in_order_with_the_reason() {
    let mut world = World::start().await;
    world.ca.limit_trails("1MiB");
    let agent = world.agent();
    let running = agent.start("echo begun; sleep 60");
    // Each stands in the trail twice: as what was asked for and as what was decided.
    let words = format!("true {}", "x".repeat(20_000));
    let mut commands = 0;
    while !world.ca.facts(agent.session).iter().any(is_failed) {
        commands += 1;
        assert!(commands < 200, "nobody ends it");
        agent.run(&words).await;
    }
    let told = finish(running).await;
    assert!(
        text(&told.stderr).contains("as much as the trail takes of one session"),
        "{}",
        text(&told.stderr)
    );
    let cause = EndCause::RecordingFailed;
    let fact = world.ca.wait_for(agent.session, "end", closed).await;
    let confirmed = true;
    assert_eq!(fact, AccessFact::SessionClosed { cause, confirmed });
    let facts = world.ca.facts(agent.session);
    let why = facts.iter().find(|fact| is_failed(fact)).unwrap();
    assert!(
        matches!(why, AccessFact::RecordingFailed { detail } if detail.contains("the 1MiB")),
        "{why:?}"
    );
    let names: Vec<_> = facts.iter().map(name).collect();
    for end in ["session_ending", "host_gone", "recording_sealed"] {
        assert!(names.iter().any(|name| name == end), "{end}: {names:?}");
    }
}

fn is_failed(fact: &AccessFact) -> bool {
    matches!(fact, AccessFact::RecordingFailed { .. })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_session_ends_at_once_with_the_reason() {
    let mut world = World::start().await;
    let agent = world.agent();
    let running = agent.start("echo begun; sleep 60");
    world
        .ca
        .wait_for(agent.session, "decision", |fact| {
            matches!(fact, AccessFact::ChannelDecided { .. })
        })
        .await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    world.ca.kill(agent.session, "alice@example.com: enough");
    let done = tokio::time::timeout(Duration::from_secs(5), finish(running))
        .await
        .unwrap();
    assert_eq!(text(&done.stdout), "begun\n");
    assert!(
        text(&done.stderr).contains("portreeve: session ended: killed: alice@example.com: enough"),
        "{}",
        text(&done.stderr)
    );
    let fact = world.ca.wait_for(agent.session, "end", closed).await;
    assert_eq!(
        fact,
        AccessFact::SessionClosed {
            cause: EndCause::Killed,
            confirmed: true
        }
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn expiry_linger_and_idleness_end_sessions() {
    let mut world = World::start().await;
    let mut short = world.mint();
    short.lifetime = 15;
    let mut idle = world.mint();
    idle.idle = 2;
    let mut left = world.mint();
    left.linger = 1;
    let agents = [
        (world.agent_of(&short), EndCause::Expired),
        (world.agent_of(&idle), EndCause::Idle),
        (world.agent_of(&left), EndCause::Left),
    ];
    let running: Vec<_> = agents
        .iter()
        .map(|(agent, cause)| match cause {
            EndCause::Left => agent.start("true"),
            EndCause::Idle => agent.start("sleep 60"),
            _ => agent.start("while sleep 0.5; do echo tick; done"),
        })
        .collect();
    for child in running {
        finish(child).await;
    }
    for (agent, cause) in agents {
        let fact = world.ca.wait_for(agent.session, "end", closed).await;
        assert_eq!(
            fact,
            AccessFact::SessionClosed {
                cause,
                confirmed: true
            }
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_silent_ca_ends_sessions_and_lets_none_in() {
    let mut world = World::start().await;
    let agent = world.agent();
    let running = agent.start("while sleep 0.5; do echo tick; done");
    tokio::time::sleep(Duration::from_secs(2)).await;
    world.ca.fall_silent(true);
    let done = finish(running).await;
    assert!(
        text(&done.stderr).contains("the bastion lost the CA"),
        "{}",
        text(&done.stderr)
    );
    let late = world.agent().run("true").await;
    assert!(
        text(&late.stderr).contains("portreeve: unavailable"),
        "{}",
        text(&late.stderr)
    );
    // What happened meanwhile is kept and comes as soon as it can.
    world.ca.fall_silent(false);
    let fact = world.ca.wait_for(agent.session, "end", closed).await;
    assert_eq!(
        fact,
        AccessFact::SessionClosed {
            cause: EndCause::FeedStale,
            confirmed: true
        }
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bastion_that_is_stopped_ends_its_sessions() {
    let mut world = World::start().await;
    let agent = world.agent();
    let running = agent.start("sleep 60");
    world
        .ca
        .wait_for(agent.session, "decision", |fact| {
            matches!(fact, AccessFact::ChannelDecided { .. })
        })
        .await;
    world.stop_bastion("-TERM").await;
    let done = finish(running).await;
    assert!(
        text(&done.stderr).contains("the bastion is being stopped"),
        "{}",
        text(&done.stderr)
    );
    let fact = world.ca.wait_for(agent.session, "end", closed).await;
    assert_eq!(
        fact,
        AccessFact::SessionClosed {
            cause: EndCause::Shutdown,
            confirmed: true
        }
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bastion_that_was_killed_closes_what_it_left_behind() {
    let mut world = World::start().await;
    let agent = world.agent();
    let running = agent.start("echo before; sleep 60");
    world
        .ca
        .wait_for(agent.session, "decision", |fact| {
            matches!(fact, AccessFact::ChannelDecided { .. })
        })
        .await;
    tokio::time::sleep(Duration::from_millis(1500)).await;
    world.ca.fall_silent(true);
    world.stop_bastion("-KILL").await;
    finish(running).await;
    world.ca.fall_silent(false);
    world.start_bastion().await;
    let fact = world.ca.wait_for(agent.session, "end", closed).await;
    assert_eq!(
        fact,
        AccessFact::SessionClosed {
            cause: EndCause::LinkLost,
            confirmed: false
        }
    );
    world
        .ca
        .wait_for(agent.session, "recording", |fact| {
            matches!(fact, AccessFact::RecordingSealed { .. })
        })
        .await;
    let file = std::fs::File::open(world.recording(agent.session)).unwrap();
    let kinds = events(&mut Recording::open(&file).unwrap(), &world.review);
    assert!(
        kinds.contains(&Kind::Output("before\n".into())),
        "{kinds:?}"
    );
    assert!(!world.ca.events().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recording_that_was_closed_right_before_a_crash_is_named_in_the_trail() {
    let sealed = |fact: &AccessFact| matches!(fact, AccessFact::RecordingSealed { .. });
    let mut world = World::start().await;
    let agent = world.agent();
    assert_status(&agent.run("echo before").await, 0);
    world.ca.kill(agent.session, "stop");
    world.ca.wait_for(agent.session, "end", closed).await;
    let told = world.ca.wait_for(agent.session, "recording", sealed).await;
    world.stop_bastion("-KILL").await;

    // As after a crash between the file's last write and the event: the file is whole, and the session was not forgotten.
    let file = std::fs::File::open(world.recording(agent.session)).unwrap();
    let info = Recording::open(&file).unwrap().info().clone();
    let about = About {
        pair: info.pair,
        task: info.task,
        session: info.session,
    };
    live::note(&world.path().join("state/live"), &about).unwrap();
    world.start_bastion().await;
    let closed_again = || {
        let facts = world.ca.facts(agent.session);
        facts.iter().filter(|fact| closed(fact)).count() == 2
    };
    for _ in 0..1200 {
        if closed_again() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let facts = world.ca.facts(agent.session);
    let all: Vec<_> = facts.into_iter().filter(sealed).collect();
    assert_eq!(all, [told.clone(), told]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_gives_no_receipt_leaves_the_end_unconfirmed() {
    let mut world = World::start().await;
    world.daemon.set_mood(Mood::Forgetful);
    let agent = world.agent();
    assert_status(&agent.run("true").await, 0);
    world.ca.kill(agent.session, "stop");
    let fact = world.ca.wait_for(agent.session, "end", closed).await;
    assert_eq!(
        fact,
        AccessFact::SessionClosed {
            cause: EndCause::Killed,
            confirmed: false
        }
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_strict_recording_holds_what_passes_until_it_is_on_disk() {
    let mut world = World::start().await;
    let mut mint = world.mint();
    mint.recording = RecordingMode::Strict;
    let agent = world.agent_of(&mint);
    let mut running = agent.ssh(&[], "echo strict; sleep 60").spawn().unwrap();
    let mut first = [0; 7];
    tokio::io::AsyncReadExt::read_exact(running.stdout.as_mut().unwrap(), &mut first)
        .await
        .unwrap();
    // It arrived, so it must be readable from the disk this very moment.
    let copy = world.path().join("copy.tar");
    std::fs::copy(world.recording(agent.session), &copy).unwrap();
    let file = std::fs::File::open(copy).unwrap();
    let kinds = events(&mut Recording::open(&file).unwrap(), &world.review);
    assert!(
        kinds.contains(&Kind::Output("strict\n".into())),
        "{kinds:?}"
    );
    running.kill().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_strict_recording_holds_what_is_sent_until_it_is_on_disk() {
    let mut world = World::start().await;
    let mut mint = world.mint();
    mint.recording = RecordingMode::Strict;
    let agent = world.agent_of(&mint);
    let got = world.home(agent.session).join("got");
    let mut ssh = agent.ssh(&[], "head -c 6 >got; sleep 60");
    let mut running = ssh.stdin(std::process::Stdio::piped()).spawn().unwrap();
    let mut stdin = running.stdin.take().unwrap();
    tokio::io::AsyncWriteExt::write_all(&mut stdin, b"strict")
        .await
        .unwrap();
    let has_it = || std::fs::read(&got).is_ok_and(|bytes| bytes == b"strict");
    // A whole session has to start first.
    for _ in 0..30_000 {
        if has_it() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    // It is on the host, so it must be readable from the disk this very moment.
    let copy = world.path().join("copy.tar");
    std::fs::copy(world.recording(agent.session), &copy).unwrap();
    assert!(has_it());
    let file = std::fs::File::open(copy).unwrap();
    let kinds = events(&mut Recording::open(&file).unwrap(), &world.review);
    assert!(kinds.contains(&Kind::Input("strict".into())), "{kinds:?}");
    running.kill().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_cannot_be_recorded_does_not_go_on() {
    let mut world = World::start().await;
    std::fs::remove_dir_all(world.path().join("state/recordings")).unwrap();
    let agent = world.agent();
    let done = agent.run("echo unseen").await;
    assert_status(&done, 255);
    assert_eq!(text(&done.stdout), "");
    assert!(
        text(&done.stderr).contains("it can no longer be recorded"),
        "{}",
        text(&done.stderr)
    );
    let fact = world.ca.wait_for(agent.session, "end", closed).await;
    assert!(matches!(
        fact,
        AccessFact::SessionClosed {
            cause: EndCause::RecordingFailed,
            ..
        }
    ));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_lease_is_renewed() {
    let mut world = World::start().await;
    let agent = world.agent();
    assert_status(&agent.run("sleep 7").await, 0);
    assert!(world.daemon.renewals() >= 2);
}

pub(crate) fn events(
    recording: &mut Recording<&std::fs::File>,
    review: &portreeve_protocol::age::Identity,
) -> Vec<Kind> {
    let identities = std::slice::from_ref(review);
    recording
        .events(identities)
        .map(|event| event.unwrap().kind)
        .collect()
}

fn name(fact: &AccessFact) -> String {
    serde_json::to_value(fact).unwrap()["fact"]
        .as_str()
        .unwrap()
        .to_owned()
}
