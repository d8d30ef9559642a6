//! What `portreeve-bastion status` says of a bastion that runs, and of one that does not.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::time::Duration;

use nix::sys::stat::Mode;
use nix::unistd::mkfifo;
use portreeve_protocol::event::AccessFact;

use crate::client::{assert_status, finish};
use crate::world::{World, status};

#[tokio::test(flavor = "multi_thread")]
async fn the_status_names_live_sessions_and_says_when_the_bastion_does_not_run() {
    let mut world = World::start().await;
    let agent = world.agent();
    let running = agent.start("echo here; sleep 60");
    let is_decided = |fact: &AccessFact| matches!(fact, AccessFact::ChannelDecided { .. });
    world
        .ca
        .wait_for(agent.session, "command", is_decided)
        .await;

    let (_, status) = world.status();
    assert_eq!(status["bastion"], "bastion-1");
    let said = &status["running"];
    assert_eq!(said["shut"], serde_json::Value::Null, "{status:#}");
    assert_eq!(said["sessions"].as_array().unwrap().len(), 1);
    assert_eq!(
        said["sessions"][0]["session"],
        agent.session.to_string(),
        "{status:#}"
    );
    assert!(said["ca_heard"].is_u64());
    assert_eq!(said["store"], serde_json::Value::Null);
    assert_eq!(status["recordings"]["count"], 1);
    assert_eq!(status["recordings"]["ended"], 0);
    assert_eq!(status["disks"].as_array().unwrap().len(), 1);
    assert_eq!(status["config"]["wrong"], serde_json::Value::Null);
    let socket = fs::metadata(world.path().join("state/status.sock")).unwrap();
    assert_eq!(socket.permissions().mode() & 0o777, 0o600);

    // Killed, it leaves the socket behind, and nobody answers there.
    world.stop_bastion("-KILL").await;
    finish(running).await;
    let (code, status) = world.status();
    assert_eq!(code, 4, "{status:#}");
    assert_eq!(status["running"], serde_json::Value::Null);
    assert_eq!(status["starting"], serde_json::Value::Null);
    assert_eq!(status["recordings"]["count"], 1);
    world.start_bastion().await;
    assert_status(&world.agent().run("true").await, 0);
    let (_, status) = world.status();
    assert!(status["running"]["sessions"].is_array(), "{status:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_status_names_what_is_wrong_with_the_configuration_of_one_that_runs() {
    let world = World::start().await;
    let key = world.path().join("bastion/identity");
    fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).unwrap();
    let (code, status) = world.status();
    assert_eq!(code, 3, "{status:#}");
    let wrong = status["config"]["wrong"].as_str().unwrap();
    assert!(wrong.contains("can be read by others"), "{wrong}");
    assert!(status["running"]["since"].is_string());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_status_of_a_bastion_that_still_recovers_says_that_it_starts() {
    let mut world = World::start().await;
    world.stop_bastion("-TERM").await;
    let folder = world.path().to_owned();
    // Whoever opens a pipe waits for somebody to write into it.
    let note = folder.join("state/live/01890a5d-ac96-774b-bcce-b302099a8057.json");
    mkfifo(&note, Mode::S_IRUSR | Mode::S_IWUSR).unwrap();
    let looking = tokio::task::spawn_blocking(move || {
        let mut tries = (0..60).map(|_| {
            // Before the socket is made it is heard no more than one that does not run.
            std::thread::sleep(Duration::from_millis(50));
            status(&folder)
        });
        let starting = tries.find(|(_, status)| !status["starting"].is_null());
        drop(fs::OpenOptions::new().write(true).open(&note).unwrap());
        fs::remove_file(&note).unwrap();
        starting
    });
    world.start_bastion().await;
    let (code, status) = looking.await.unwrap().unwrap();
    assert_eq!(code, 4, "{status:#}");
    assert_eq!(status["running"], serde_json::Value::Null);
    let (_, status) = world.status();
    assert_eq!(status["starting"], serde_json::Value::Null);
    assert!(status["running"]["sessions"].is_array(), "{status:#}");
}
