//! The beginning and the end of a lab.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use portreeve_tests::{Lab, Topology, until};

use crate::hosts::answer_on_2222;

const PATIENCE: Duration = Duration::from_secs(20);

#[test]
fn a_dropped_lab_leaves_no_process_no_mount_and_no_file() {
    let lab = Lab::new().unwrap();
    let prod = lab.host("prod");
    let daemon = prod.command("sleep").arg("1000").spawn("sleep").unwrap();
    prod.sh("setsid sleep 1000 >/dev/null 2>&1 & mkdir -p /sys/fs/cgroup/deep/deeper")
        .unwrap()
        .ok()
        .unwrap();
    let state = state_of(&lab);
    assert!(
        processes_in(&state).len() >= 8,
        "{:?}",
        processes_in(&state)
    );

    drop(daemon);
    drop(lab);
    assert_gone(&state);
}

#[test]
fn two_labs_have_the_same_addresses_and_do_not_meet() {
    let (one, other) = (Lab::new().unwrap(), Lab::new().unwrap());
    let _listening = answer_on_2222(one.host("bastion"));
    let knock = |lab: &Lab| {
        lab.host("agent")
            .run(&["nc", "-z", "-w", "1", "bastion", "2222"])
            .unwrap()
            .success()
    };
    assert!(knock(&one));
    assert!(!knock(&other));
}

#[test]
fn a_lab_ends_with_the_process_that_made_it_also_when_that_is_killed() {
    // Any other test of this binary that makes a lab will do.
    let mut victim = Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "labs::two_labs_have_the_same_addresses_and_do_not_meet",
        ])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let state = PathBuf::from(format!("/run/portreeve-lab/{}-0", victim.id()));
    until("a host of the other process", PATIENCE, || {
        Ok(state.join("log/bastion-console.log").exists().then_some(()))
    })
    .unwrap();

    victim.kill().unwrap();
    victim.wait().unwrap();
    until("the lab to end", PATIENCE, || {
        Ok((!state.exists()).then_some(()))
    })
    .unwrap();
    assert_gone(&state);
}

#[test]
fn a_kept_lab_stays_until_it_is_stopped() {
    let lab = one_host();
    let state = state_of(&lab);
    let process = lab
        .host("prod")
        .command("sleep")
        .arg("1000")
        .spawn("sleep")
        .unwrap();
    let kept = lab.keep().unwrap();
    drop(process);
    assert!(
        processes_in(&state).len() >= 3,
        "{:?}",
        processes_in(&state)
    );
    assert!(kept.enter["prod"].starts_with("nsenter --target "));
    let _another = one_host();
    assert!(state.exists(), "another lab took it for dead");

    assert!(
        Command::new("sh")
            .args(["-c", &kept.stop])
            .status()
            .unwrap()
            .success()
    );
    until("the kept lab to end", PATIENCE, || {
        Ok((!state.exists()).then_some(()))
    })
    .unwrap();
    assert_gone(&state);
}

#[test]
fn what_a_killed_keeper_left_is_taken_down_by_the_next_lab() {
    let lab = one_host();
    let state = state_of(&lab);
    let kept = lab.keep().unwrap();
    let keeper = kept.stop.strip_prefix("kill ").unwrap();
    assert!(
        Command::new("kill")
            .args(["-9", keeper])
            .status()
            .unwrap()
            .success()
    );
    until("the keeper to die", PATIENCE, || {
        Ok((!is_alive(&Path::new("/proc").join(keeper))).then_some(()))
    })
    .unwrap();

    let next = one_host();
    assert_gone(&state);
    drop(next);
}

fn one_host() -> Lab {
    Lab::with(&Topology::empty().host("prod", [])).unwrap()
}

fn state_of(lab: &Lab) -> PathBuf {
    lab.logs().parent().unwrap().to_path_buf()
}

/// The living processes of a lab: its control group carries its name, which is never used twice.
fn processes_in(state: &Path) -> Vec<PathBuf> {
    let group = format!(
        "portreeve-lab-{}/",
        state.file_name().unwrap().to_str().unwrap()
    );
    let processes = fs::read_dir("/proc")
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let is_member = |process: &PathBuf| {
        fs::read_to_string(process.join("cgroup")).is_ok_and(|text| text.contains(&group))
    };
    processes
        .filter(|process| is_alive(process) && is_member(process))
        .collect()
}

fn is_alive(process: &Path) -> bool {
    fs::read_to_string(process.join("status")).is_ok_and(|status| !status.contains("State:\tZ"))
}

fn assert_gone(state: &Path) {
    assert!(!state.exists());
    until("the last process of the lab to end", PATIENCE, || {
        Ok(processes_in(state).is_empty().then_some(()))
    })
    .unwrap();
    let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap();
    assert!(!mounts.contains(state.to_str().unwrap()), "{mounts}");
}
