//! Files that pass are followed, and what is refused is in the recording.

use std::path::Path;
use std::process::{Output, Stdio};
use std::time::Instant;

use portreeve_protocol::digest::Digest;
use portreeve_protocol::event::AccessFact;
use portreeve_protocol::grant::ContentLimit;
use portreeve_protocol::problem::Code;
use portreeve_recording::event::{FileAct, FileOperation, Kind};
use portreeve_recording::read::Recording;
use tokio::io::AsyncWriteExt as _;

use crate::client::{Agent, PATIENCE, assert_status, finish, output, text, write};
use crate::ends::{closed, events};
use crate::world::World;

const READS: &str = r#"
@id("reads") permit (principal, action == Portreeve::Action::"sftpRead", resource);
"#;

/// How long a file is whose transfer is cut.
const LARGE: usize = 8 * 1024 * 1024;

/// Runs `sftp` with these commands.
async fn sftp(agent: &Agent, commands: &str) -> Output {
    let mut sftp = agent.command("sftp");
    sftp.args(["-q", "-b", "-", &agent.target()])
        .stdin(Stdio::piped());
    let mut child = sftp.spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(commands.as_bytes()).await.unwrap();
    drop(stdin);
    finish(child).await
}

/// Ends the session and reads its recording.
async fn recorded(world: &World, agent: &Agent) -> Vec<Kind> {
    let mut end = agent.command("ssh");
    end.args(["-s", &agent.target(), "end@portreeve"]);
    output(end).await;
    world.ca.wait_for(agent.session, "end", closed).await;
    let file = std::fs::File::open(world.recording(agent.session)).unwrap();
    events(&mut Recording::open(&file).unwrap(), &world.review)
}

fn operations(kinds: &[Kind]) -> Vec<&FileOperation> {
    kinds
        .iter()
        .filter_map(|kind| match kind {
            Kind::File(operation) if !operation.act.is_question() => Some(operation),
            _ => None,
        })
        .collect()
}

fn refusals(kinds: &[Kind]) -> Vec<(&str, &str)> {
    kinds
        .iter()
        .filter_map(|kind| match kind {
            Kind::Refused { what, reason } => Some((what.as_str(), reason.as_str())),
            _ => None,
        })
        .collect()
}

fn path(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn who_may_only_read_files_reads_them_and_writes_none() {
    let mut world = World::start().await;
    let agent = world.agent();
    assert_status(&agent.run("true").await, 0);
    world.ca.publish(READS);
    policy_arrives(&agent).await;
    let home = world.home(agent.session);
    write(&home.join("there"), b"what there is");
    write(&agent.file("here"), b"never written");
    let commands = format!(
        "-put {here} here\n-mkdir folder\n-rm there\n-chmod 777 there\nls\nget there {down}\n",
        here = path(&agent.file("here")),
        down = path(&agent.file("down")),
    );
    let done = sftp(&agent, &commands).await;
    assert_status(&done, 0);
    assert!(
        text(&done.stderr).contains("Permission denied"),
        "{}",
        text(&done.stderr)
    );
    assert_eq!(std::fs::read(agent.file("down")).unwrap(), b"what there is");
    assert!(home.join("there").exists());
    assert!(!home.join("here").exists() && !home.join("folder").exists());

    let told = |fact: &AccessFact| {
        matches!(fact, AccessFact::ConnectionRefused { code: Code::NotPermitted, detail }
            if detail.contains("/here (for writing") && detail.contains("does not permit writing"))
    };
    world
        .ca
        .wait_for(agent.session, "a refused file", told)
        .await;
    let kinds = recorded(&world, &agent).await;
    let done: Vec<_> = operations(&kinds)
        .iter()
        .map(|done| (done.act, done.result))
        .collect();
    assert_eq!(
        done,
        [
            (FileAct::Open, Some(3)),
            (FileAct::MakeDirectory, Some(3)),
            (FileAct::Remove, Some(3)),
            (FileAct::SetStat, Some(3)),
            (FileAct::List, Some(0)),
            (FileAct::Get, Some(0)),
        ]
    );
    let get = operations(&kinds)[5].content.clone().unwrap();
    assert_eq!(get.digest, Some(Digest::of(b"what there is")));
    assert_eq!(refusals(&kinds).len(), 4 + 1, "{:?}", refusals(&kinds));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transfer_that_runs_outlives_a_change_of_policy_and_no_kill() {
    let mut world = World::start().await;
    let agent = world.agent();
    let home = world.home(agent.session);
    write(&agent.file("here"), b"decided before");
    write(&agent.file("large"), &[b'x'; LARGE]);
    let mut running = agent.command("sftp");
    // The large file would take a minute.
    running.args(["-q", "-l", "1024", "-b", "-", &agent.target()]);
    let mut running = running.stdin(Stdio::piped()).spawn().unwrap();
    let mut stdin = running.stdin.take().unwrap();
    let mut put = async |from: &str, to: &str| {
        let command = format!("put {} {to}\n", path(&agent.file(from)));
        stdin.write_all(command.as_bytes()).await.unwrap();
        stdin.flush().await.unwrap();
    };
    put("here", "first").await;
    arrives(&home.join("first")).await;

    world.ca.publish(READS);
    policy_arrives(&agent).await;
    put("here", "second").await;
    arrives(&home.join("second")).await;
    let commands = format!("put {} third\n", path(&agent.file("here")));
    let next = sftp(&agent, &commands).await;
    assert!(text(&next.stderr).contains("Permission denied"), "{next:?}");
    assert!(!home.join("third").exists());

    put("large", "fourth").await;
    arrives(&home.join("fourth")).await;
    world.ca.kill(agent.session, "alice@example.com: enough");
    let done = finish(running).await;
    assert!(!done.status.success(), "{done:?}");
    let kinds = recorded(&world, &agent).await;
    let puts: Vec<_> = operations(&kinds)
        .into_iter()
        .filter(|done| done.act == FileAct::Put)
        .map(|done| done.content.clone().unwrap())
        .collect();
    let [first, second, fourth] = puts.as_slice() else {
        panic!("{puts:?}");
    };
    for whole in [first, second] {
        let digest = Some(Digest::of(b"decided before"));
        assert_eq!((whole.digest, whole.remark.as_deref()), (digest, None));
    }
    let cut = "the channel ended before it was closed";
    assert_eq!(fourth.remark.as_deref(), Some(cut), "{fourth:?}");
    assert!(fourth.written < LARGE as u64, "{fourth:?}");
}

/// Waits until something of a file is on the host.
/// Waits until a policy is in force that permits no commands.
async fn policy_arrives(agent: &Agent) {
    let began = Instant::now();
    while agent.run("true").await.status.success() {
        assert!(began.elapsed() < PATIENCE, "the policy does not arrive");
    }
}

async fn arrives(there: &Path) {
    for _ in 0..12_000 {
        if std::fs::metadata(there).is_ok_and(|there| there.len() > 0) {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    panic!("`{}` does not arrive", there.display());
}

#[tokio::test(flavor = "multi_thread")]
async fn content_beyond_what_policy_keeps_passes_and_is_not_recorded() {
    let mut world = World::start().await;
    let mut mint = world.mint();
    mint.recording_content = Some(ContentLimit::of_bytes(1000));
    let agent = world.agent_of(&mint);
    assert_status(&agent.run("true").await, 0);
    let bytes: Vec<u8> = (0..100_000_u32)
        .map(|n| n.wrapping_mul(n).to_be_bytes()[2])
        .collect();
    write(&agent.file("here"), &bytes);
    let commands = format!(
        "put {} there\nget there {}\n",
        path(&agent.file("here")),
        path(&agent.file("down")),
    );
    assert_status(&sftp(&agent, &commands).await, 0);
    let mut scp = agent.command("scp");
    scp.args(["-O", path(&agent.file("here"))])
        .arg(format!("{}:again", agent.target()));
    assert_status(&output(scp).await, 0);
    assert_eq!(std::fs::read(agent.file("down")).unwrap(), bytes);
    let mut scp = agent.command("scp");
    scp.args(["-O", &format!("{}:again", agent.target())])
        .arg(agent.file("down"));
    assert_status(&output(scp).await, 0);
    assert_eq!(std::fs::read(agent.file("down")).unwrap(), bytes);
    let again = world.home(agent.session).join("again");
    assert_eq!(std::fs::read(again).unwrap(), bytes);

    let kinds = recorded(&world, &agent).await;
    for done in operations(&kinds) {
        let moved = done.content.as_ref().unwrap();
        assert_eq!(moved.digest, Some(Digest::of(&bytes)), "{done:?}");
    }
    let left_out = |output: bool| -> u64 {
        let omitted = kinds.iter().filter_map(|kind| match kind {
            Kind::Omitted(omitted) if omitted.is_output == output => Some(omitted.bytes),
            _ => None,
        });
        omitted.sum()
    };
    assert_eq!((left_out(false), left_out(true)), (2 * 99_000, 2 * 99_000));
    let kept: usize = kinds
        .iter()
        .map(|kind| match kind {
            Kind::Input(bytes) | Kind::Output(bytes) => bytes.len(),
            _ => 0,
        })
        .sum();
    assert!(kept < 20_000, "{kept}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_file_transfer_is_cut_off_with_a_reason() {
    let mut world = World::start().await;
    let agent = world.agent();
    let mut ssh = agent.command("ssh");
    ssh.args(["-s", &agent.target(), "sftp"])
        .stdin(Stdio::piped());
    let mut child = ssh.spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
    let done = finish(child).await;
    let reason = "a packet of 1195725856 bytes is longer than is taken";
    assert!(
        text(&done.stderr).contains(reason),
        "{}",
        text(&done.stderr)
    );
    // A command that only looks like scp's other end, and speaks otherwise.
    let noise = agent.feed("scp -f /", b"yes\n".to_vec()).await;
    assert!(noise.stdout.is_empty() || !noise.status.success());
    assert_status(&agent.run("true").await, 0);

    let kinds = recorded(&world, &agent).await;
    assert_eq!(refusals(&kinds)[0], ("file transfer", reason));
    assert!(kinds.contains(&Kind::Input("GET / HTTP/1.1\r\n\r\n".into())));
    let told = |fact: &AccessFact| matches!(fact, AccessFact::ConnectionRefused { detail, .. } if detail.contains(reason));
    world
        .ca
        .wait_for(agent.session, "a refused transfer", told)
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_is_refused_is_in_the_recording() {
    let mut world = World::start().await;
    let agent = world.agent();
    let socket = agent.file("ssh-agent");
    let mut keys = tokio::process::Command::new("ssh-agent")
        .args(["-D", "-a", path(&socket)])
        .stdout(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    while !socket.exists() {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    let mut ssh = agent.ssh(
        &["-A", "-Y", "-o", "SetEnv=LD_PRELOAD=/evil LC_ALL=C"],
        "true",
    );
    ssh.env("SSH_AUTH_SOCK", &socket).env("DISPLAY", ":7");
    assert_status(&output(ssh).await, 0);
    keys.kill().await.unwrap();
    output(agent.ssh(&["-W", "127.0.0.1:22"], "x")).await;
    output(agent.ssh(&["-R", "0:127.0.0.1:22"], "true")).await;
    output(agent.ssh(&["-R", "/tmp/socket:127.0.0.1:22"], "true")).await;
    let mut netconf = agent.command("ssh");
    netconf.args(["-s", &agent.target(), "netconf"]);
    output(netconf).await;

    let kinds = recorded(&world, &agent).await;
    for what in [
        "forwarding agent",
        "forwarding x11",
        "forwarding direct-tcpip to 127.0.0.1:22",
        "forwarding tcpip-forward",
        "forwarding streamlocal",
        "subsystem netconf",
        "variable LD_PRELOAD",
    ] {
        assert!(
            refusals(&kinds)
                .iter()
                .any(|(refused, _)| refused.starts_with(what)),
            "{what}: {:?}",
            refusals(&kinds)
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_moves_files_gets_no_terminal() {
    let mut world = World::start().await;
    let agent = world.agent();
    write(&agent.file("here"), b"what passes");
    let commands = format!("put {} there\n", path(&agent.file("here")));
    let mut sftp = agent.command("sftp");
    sftp.args(["-q", "-o", "RequestTTY=force", "-b", "-", &agent.target()])
        .stdin(Stdio::piped());
    let mut child = sftp.spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(commands.as_bytes()).await.unwrap();
    drop(stdin);
    // A client whose terminal is refused may give up; what counts is that the host has none.
    let _ = finish(child).await;
    let there = world.home(agent.session).join("sent");
    let command = format!("scp -t {}", path(&there));
    let mut scp = agent.ssh(&["-tt"], &command).spawn().unwrap();
    let _ = scp.stdin.take();
    let _ = finish(scp).await;
    let kinds = recorded(&world, &agent).await;
    let started: Vec<_> = kinds
        .iter()
        .filter_map(|kind| match kind {
            Kind::Started(started) => Some(started.terminal.is_some()),
            _ => None,
        })
        .collect();
    assert!(
        started.len() >= 2 && !started.contains(&true),
        "{started:?}"
    );
    let refused = ("a terminal", "what moves files has none");
    let told = refusals(&kinds);
    assert!(
        told.iter().filter(|told| **told == refused).count() >= 2,
        "{told:?}"
    );
}
