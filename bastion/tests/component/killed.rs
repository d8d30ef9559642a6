//! The program is killed at random moments while OpenSSH's clients use it: each recording opens, says that it was cut, and
//! holds what its mode promises.
//!
//! `PORTREEVE_KILLS` is how often, 200 times without it. `PORTREEVE_SEED` repeats what agents did and how long they were
//! let; the seed of a run is printed.

mod deed;
mod left;

use std::io::Write as _;
use std::time::{Duration, Instant};

use portreeve_protocol::grant::RecordingMode;
use tokio::task::JoinHandle;

use crate::dice::Dice;
use crate::seed::seed;
use crate::world::World;
use deed::Running;
use left::{Found, Left};

/// How often the program is killed.
const KILLS: u16 = 200;
/// How many bastions are killed beside each other: one starts while the other is used.
const LANES: u16 = 4;
/// The sessions of a bastion when it is killed.
const MODES: [RecordingMode; 2] = [RecordingMode::Strict, RecordingMode::Standard];
/// The longest that a bastion lives once all of its agents saw something, in milliseconds: recordings of the standard mode
/// then have a segment or two.
const LONGEST_LIFE: u64 = 2000;
/// Of how many bastions one is killed while sessions begin.
const EARLY: u64 = 8;

#[tokio::test(flavor = "multi_thread")]
async fn a_bastion_that_is_killed_at_any_moment_loses_no_more_than_the_mode_allows() {
    let seed = seed().unwrap();
    let kills = std::env::var("PORTREEVE_KILLS").map_or(KILLS, |kills| kills.parse().unwrap());
    println!("PORTREEVE_SEED={seed}");
    let began = Instant::now();
    let lanes: Vec<_> = (0..LANES.min(kills))
        .map(|lane| {
            let share = kills / LANES + u16::from(lane < kills % LANES);
            let dice = Dice::new(seed.wrapping_add(lane.into()));
            tokio::spawn(kill_again_and_again(lane, share, dice, seed))
        })
        .collect();
    let mut found = Found::default();
    for lane in lanes {
        found.add(lane.await.unwrap());
    }
    say(&format!("{kills} kills in {:?}: {found}", began.elapsed()));
    assert!(
        kills < KILLS || found.are_enough(kills.into()),
        "hardly anything was killed in time: {found}"
    );
}

/// One bastion, killed and started again while its agents' clients run.
async fn kill_again_and_again(lane: u16, kills: u16, mut dice: Dice, seed: u64) -> Found {
    let mut world = World::with_accounts(kills * u16::try_from(MODES.len()).unwrap()).await;
    let mut found = Found::default();
    let mut checking: Option<JoinHandle<Found>> = None;
    for kill in 1..=kills {
        let mut running: Vec<_> = MODES
            .iter()
            .map(|mode| Running::begin(&mut world, *mode, &mut dice))
            .collect();
        if dice.below(EARLY) > 0 {
            for running in &running {
                running.wait_until_something_passed().await;
            }
        }
        let life = Duration::from_millis(dice.below(LONGEST_LIFE));
        tokio::time::sleep(life).await;
        let at = Instant::now();
        world.stop_bastion("-KILL").await;
        for running in &running {
            running.wait_until_it_is_over().await;
        }
        world.start_bastion().await;

        // Those of the last kill were checked while the ones of this began.
        if let Some(checked) = checking.take() {
            found.add(checked.await.unwrap());
        }
        let name = format!("PORTREEVE_SEED={seed}, lane {lane}, kill {kill} after {life:?}");
        let left: Vec<_> = running
            .drain(..)
            .map(|running| Left::behind(&world, running, at, &name))
            .collect();
        checking = Some(tokio::spawn(left::check(left)));
        if kill % 10 == 0 {
            say(&format!("lane {lane}: {kill} of {kills} kills"));
        }
    }
    if let Some(checked) = checking {
        found.add(checked.await.unwrap());
    }
    found
}

/// Says how far it is, past what captures a test's output: it takes minutes.
fn say(line: &str) {
    let _ = writeln!(std::io::stderr(), "killed: {line}");
}
