//! What passes through a channel arrives as it would without a bastion.

use std::process::Stdio;

use portreeve_protocol::event::{AccessFact, ChannelRequest};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::client::{assert_status, finish, output, text, write};
use crate::world::World;

#[tokio::test(flavor = "multi_thread")]
async fn commands_run_with_their_streams_and_statuses() {
    let mut world = World::start().await;
    let agent = world.agent();
    let done = agent.run("echo out; echo err >&2; exit 7").await;
    assert_status(&done, 7);
    assert_eq!(
        (text(&done.stdout), text(&done.stderr)),
        ("out\n".into(), "err\n".into())
    );

    assert_eq!(
        text(&agent.run("id -un").await.stdout).trim(),
        agent.session.account().as_str()
    );
    assert_status(&agent.run("kill -TERM $$").await, 255);
    assert_eq!(
        text(&agent.feed("cat", b"in and out".to_vec()).await.stdout),
        "in and out"
    );

    // End of input and end of output each pass on their own.
    let half = agent.feed("sort; echo done", b"b\na\n".to_vec()).await;
    assert_eq!(text(&half.stdout), "a\nb\ndone\n");
    let early = agent.run("exec >&-; sleep 0.2; exit 3").await;
    assert_status(&early, 3);

    let decided = |fact: &AccessFact| matches!(fact, AccessFact::ChannelDecided { request: ChannelRequest::Exec { command, .. }, .. } if command == "id -un");
    world.ca.wait_for(agent.session, "decision", decided).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_language_and_terminal_of_the_environment_pass() {
    let mut world = World::start().await;
    let agent = world.agent();
    let mut ssh = agent.ssh(
        &["-o", "SetEnv=LC_TEST=yes LD_PRELOAD=/evil BASH_ENV=/evil"],
        "env",
    );
    ssh.env("LANG", "C.UTF-8").args::<[&str; 0], _>([]);
    let done = output(ssh).await;
    assert_status(&done, 0);
    let environment = text(&done.stdout);
    assert!(environment.contains("LC_TEST=yes"), "{environment}");
    assert!(!environment.contains("evil"), "{environment}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shell_has_a_terminal_of_the_right_size() {
    let mut world = World::start().await;
    let agent = world.agent();
    // `script` gives the client a terminal, so that it asks for one.
    let mut shell = tokio::process::Command::new("script");
    let mut ssh = agent.command("ssh");
    ssh.arg("-tt").arg(agent.target());
    let words: Vec<_> = std::iter::once(ssh.as_std().get_program())
        .chain(ssh.as_std().get_args())
        .map(|word| format!("'{}'", word.to_string_lossy()))
        .collect();
    shell.args([
        "-qec",
        &format!("stty rows 40 cols 123; {}", words.join(" ")),
        "/dev/null",
    ]);
    shell
        .env("TERM", "xterm")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .kill_on_drop(true);
    let mut child = shell.spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin
        .write_all(b"stty size; echo TERM=$TERM; tty; exit 5\n")
        .await
        .unwrap();
    let done = finish(child).await;
    let screen = text(&done.stdout);
    assert!(screen.contains("40 123"), "{screen}");
    assert!(
        screen.contains("TERM=xterm") && screen.contains("/dev/pts/"),
        "{screen}"
    );
    assert_status(&done, 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn files_are_transferred_in_both_directions() {
    let mut world = World::start().await;
    let agent = world.agent();
    let bytes: Vec<u8> = (0..3_000_000u32)
        .map(|n| n.to_le_bytes()[(n % 3) as usize])
        .collect();
    write(&agent.file("up"), &bytes);
    let mut up = agent.command("scp");
    up.arg(agent.file("up"))
        .arg(format!("{}:there", agent.target()));
    assert_status(&output(up).await, 0);
    assert_eq!(
        std::fs::read(world.home(agent.session).join("there")).unwrap(),
        bytes
    );

    let mut down = agent.command("sftp");
    down.arg(format!("{}:there", agent.target()))
        .arg(agent.file("down"));
    assert_status(&output(down).await, 0);
    assert_eq!(std::fs::read(agent.file("down")).unwrap(), bytes);
}

#[tokio::test(flavor = "multi_thread")]
async fn several_channels_of_one_connection_do_not_disturb_each_other() {
    let mut world = World::start().await;
    let agent = world.agent();
    let socket = agent.file("mux").display().to_string();
    let path = format!("ControlPath={socket}");
    let mut master = agent.ssh(&["-o", "ControlMaster=yes", "-o", &path, "-N"], "x");
    let mut master = master.spawn().unwrap();
    while !agent.file("mux").exists() {
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    // The first reads nothing of what it gets, for as long as the test lasts.
    let mut stalled = agent.ssh(&["-o", &path], "cat /dev/zero").spawn().unwrap();
    let mut first = [0; 16];
    stalled
        .stdout
        .as_mut()
        .unwrap()
        .read_exact(&mut first)
        .await
        .unwrap();
    tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    for number in 0..5 {
        let done = output(agent.ssh(&["-o", &path], &format!("echo {number}"))).await;
        assert_eq!(text(&done.stdout).trim(), number.to_string());
    }
    stalled.kill().await.unwrap();
    let done = output(agent.ssh(&["-o", &path], "echo after")).await;
    assert_eq!(text(&done.stdout), "after\n");
    master.kill().await.unwrap();
}
