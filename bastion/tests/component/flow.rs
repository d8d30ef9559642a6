//! Much data, and somebody who does not read it.

use std::process::Stdio;
use std::time::{Duration, Instant};

use crate::client::{assert_status, finish, output};
use crate::world::World;

const MEBIBYTE: usize = 1024 * 1024;

/// How much of the machine's memory the bastion uses, in MiB.
fn resident(pid: u32) -> usize {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status
        .lines()
        .find(|line| line.starts_with("VmRSS:"))
        .unwrap();
    line.split_whitespace()
        .nth(1)
        .unwrap()
        .parse::<usize>()
        .unwrap()
        / 1024
}

#[tokio::test(flavor = "multi_thread")]
async fn both_directions_at_once() {
    let mut world = World::start().await;
    let agent = world.agent();
    let input: Vec<u8> = (0..100 * MEBIBYTE)
        .map(|n| n.to_le_bytes()[n % 3])
        .collect();
    let done = agent.feed("cat", input.clone()).await;
    assert_status(&done, 0);
    assert!(
        done.stdout == input,
        "{} of {} bytes came back",
        done.stdout.len(),
        input.len()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_that_answers_less_than_it_reads() {
    let mut world = World::start().await;
    let agent = world.agent();
    let done = agent.feed("gzip -1 | wc -c", vec![7; 50 * MEBIBYTE]).await;
    assert_status(&done, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_that_does_not_read_holds_its_agent_and_nobody_else() {
    let mut world = World::start().await;
    let agent = world.agent();
    agent.run("true").await;
    let before = resident(world.bastion());
    let mut sleeping = agent.ssh(&[], "sleep 5");
    sleeping.stdin(Stdio::from(std::fs::File::open("/dev/zero").unwrap()));
    let began = Instant::now();
    let sleeping = sleeping.spawn().unwrap();
    tokio::time::sleep(Duration::from_secs(3)).await;
    let grown = resident(world.bastion()).saturating_sub(before);
    assert!(grown < 64, "{grown} MiB for one program that does not read");
    assert_status(&agent.run("true").await, 0);
    let done = finish(sleeping).await;
    assert_status(&done, 0);
    assert!(began.elapsed() < Duration::from_secs(30));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_that_reads_late_gets_everything() {
    let mut world = World::start().await;
    let agent = world.agent();
    let size = 40 * MEBIBYTE;
    let done = agent.feed("sleep 2; wc -c", vec![1; size]).await;
    assert_eq!(crate::client::text(&done.stdout).trim(), size.to_string());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_that_does_not_read_costs_little_and_can_go() {
    let mut world = World::start().await;
    let agent = world.agent();
    agent.run("true").await;
    let before = resident(world.bastion());
    let mut stalled = agent.start("cat /dev/zero");
    tokio::time::sleep(Duration::from_secs(3)).await;
    let grown = resident(world.bastion()).saturating_sub(before);
    assert!(grown < 80, "{grown} MiB for one agent that does not read");
    stalled.kill().await.unwrap();
    assert_status(&output(agent.ssh(&[], "true")).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_are_exchanged_anew_in_the_middle() {
    let mut world = World::start().await;
    let agent = world.agent();
    let mut ssh = agent.ssh(&["-o", "RekeyLimit=4M"], "cat");
    let input: Vec<u8> = (0..40 * MEBIBYTE).map(|n| n.to_le_bytes()[n % 3]).collect();
    let mut child = ssh.stdin(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let sent = input.clone();
    let feeding = tokio::spawn(async move {
        tokio::io::AsyncWriteExt::write_all(&mut stdin, &sent)
            .await
            .unwrap();
    });
    let done = finish(child).await;
    feeding.await.unwrap();
    assert_status(&done, 0);
    assert!(
        done.stdout == input,
        "{} of {} bytes came back",
        done.stdout.len(),
        input.len()
    );
}
