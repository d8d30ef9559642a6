//! A writer that is killed at any moment: what is on its disk opens, and holds what it promised.
//!
//! The writer is this program again, with the real pool, real threads and a real disk; what it passes on goes into a pipe,
//! as it would to an agent. It is killed by SIGKILL, some hundred times. The moments come from a seed, which is printed.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test that cannot go on has failed"
)]

#[path = "killed/agent.rs"]
mod agent;
#[path = "killed/common.rs"]
mod common;
#[path = "../../tests/harness/dice.rs"]
#[expect(unreachable_pub, reason = "elsewhere it is public")]
mod dice;
#[path = "../../tests/harness/seed.rs"]
#[expect(unreachable_pub, reason = "elsewhere it is public")]
mod seed;
#[path = "killed/writer.rs"]
mod writer;

use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use portreeve_recording::event::Kind;
use portreeve_recording::read::{IndexError, ReadError, Recording};
use portreeve_recording::recover::{RecoverError, Recovered, recover};
use portreeve_recording::verify::{Evidence, Proved, verify};

use agent::{Saw, Session};
use common::{MODE, SEED, WHERE, bastion, bastion_public, reviewer};
use dice::Dice;

/// How often a writer is killed in each mode.
const KILLS: u32 = 100;
/// The longest that one lives after its first word, in milliseconds.
const LONGEST_LIFE: u64 = 150;

#[test]
fn strict_mode_loses_no_byte_that_anybody_saw() {
    kill_writers("strict");
}

#[test]
fn standard_mode_loses_nothing_that_was_on_disk() {
    kill_writers("standard");
}

/// The writer. Run as a test it does nothing.
#[test]
fn writer() {
    if let (Ok(folder), Ok(mode)) = (std::env::var(WHERE), std::env::var(MODE)) {
        let seed = std::env::var(SEED).unwrap().parse().unwrap();
        writer::run(Path::new(&folder), mode == "strict", seed);
    }
}

fn kill_writers(mode: &str) {
    let seed = seed::seed().unwrap();
    println!("PORTREEVE_SEED={seed}");
    let mut dice = Dice::new(seed);
    let mut found = BTreeMap::new();
    for round in 0..KILLS {
        let folder = tempfile::tempdir().unwrap();
        let life = Duration::from_millis(dice.below(LONGEST_LIFE));
        let saw = live_and_die(folder.path(), mode, dice.roll(), life);
        for session in saw.sessions() {
            let state = check(folder.path(), session, mode == "strict");
            *found.entry(state).or_insert(0) += 1;
        }
        assert!(
            saw.complaint().is_empty(),
            "round {round}: {}",
            saw.complaint()
        );
    }
    println!("{mode}: {found:?}");
    assert!(
        found.get("cut").is_some_and(|&cut| cut > KILLS / 4),
        "hardly anything was killed in time: {found:?}"
    );
}

/// Starts a writer, lets it live for so long after its first word, and kills it. What its agent saw.
fn live_and_die(folder: &Path, mode: &str, seed: u64, life: Duration) -> Saw {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "writer", "--nocapture"])
        .env(WHERE, folder)
        .env(MODE, mode)
        .env(SEED, seed.to_string())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut pipe = child.stderr.take().unwrap();
    // It says that before it begins anything, so what it does first is cut short as well. How long a program takes to
    // start would be life that is no life.
    let mut bytes = vec![0];
    pipe.read_exact(&mut bytes).unwrap();
    let reading = std::thread::spawn(move || {
        pipe.read_to_end(&mut bytes).unwrap();
        bytes
    });
    std::thread::sleep(life);
    child.kill().unwrap();
    child.wait().unwrap();
    Saw::of(&reading.join().unwrap())
}

/// Checks what is left of one session, and says what that is.
fn check(folder: &Path, session: &Session, is_strict: bool) -> &'static str {
    let path = folder.join(format!("{}.tar", session.id));
    let recovered = match recover(&path, &bastion()) {
        Ok(recovered) => recovered,
        // Killed before it was a recording: nothing can have passed.
        Err(RecoverError::Io { .. }) if !path.exists() => {
            assert!(session.saw_nothing(), "{session:?}");
            return "none";
        }
        Err(RecoverError::Read {
            source: ReadError::Index(IndexError::Nothing),
            ..
        }) => {
            assert!(session.saw_nothing(), "{session:?}");
            return "nothing in it";
        }
        Err(error) => panic!("{error:?}"),
    };
    let mut recording = Recording::open(std::fs::File::open(&path).unwrap()).unwrap();
    let (bastions, identities) = ([bastion_public()], [reviewer()]);
    let evidence = Evidence {
        bastions: &bastions,
        identities: &identities,
        trail: None,
        heads: &session.heads,
    };
    let verdict = verify(&mut recording, evidence).unwrap();
    assert!(verdict.holds(), "{:?}", verdict.faults);

    let mut outputs: BTreeMap<u32, Vec<u8>> = BTreeMap::new();
    let mut count = 0;
    for event in recording.events(&identities) {
        let event = event.unwrap();
        count += 1;
        if let Kind::Output(bytes) | Kind::Input(bytes) = event.kind {
            outputs.entry(event.channel.0).or_default().extend(bytes);
        }
    }
    assert!(verdict.proved.contains(&Proved::Content(count)));
    assert!(
        count >= session.durable,
        "{count} of {} that were durable",
        session.durable
    );
    for (channel, seen) in &session.seen {
        let recorded = outputs.remove(channel).unwrap_or_default();
        if is_strict {
            assert!(
                recorded.starts_with(seen),
                "channel {channel}: {} bytes were seen and {} are recorded",
                seen.len(),
                recorded.len()
            );
        } else {
            let both = seen.len().min(recorded.len());
            assert_eq!(seen[..both], recorded[..both], "channel {channel}");
        }
    }
    match recovered {
        Recovered::Whole => "whole",
        Recovered::Completed(_) => "completed",
        Recovered::Cut { .. } => "cut",
    }
}
