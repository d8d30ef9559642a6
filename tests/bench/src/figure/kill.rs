//! From the command to kill a session to the death of its last process.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use portreeve_tests::installation::HOST;

use super::Scale;
use crate::machine::is_alive;
use crate::report::{Figure, Target};
use crate::samples::Samples;
use crate::site::{Route, Session, Site, settle};

/// A shell with a child, and one that has left it: other session, other parent.
const LIVELY: &str = "setsid sleep 600 >/dev/null 2>&1 & sleep 601 & echo alive; sleep 602";
/// A session whose programs come and go, each of which the host tells of.
const BUSY: &str = "echo busy; while :; do date >/dev/null; sleep 0.1; done";
/// How long a process may take to die before something is wrong.
const PATIENCE: Duration = Duration::from_secs(20);

pub(super) fn measure(site: &mut Site, scale: &Scale) -> Result<Vec<Figure>> {
    let quiet = kills(site, scale.rounds)?;
    let mut busy = Vec::new();
    for _ in 0..scale.busy {
        let session = site.session()?;
        let (runner, argv) = site.client(Route::Ours(&session), BUSY);
        runner.hold(&argv)?;
        busy.push(session);
    }
    let loaded = kills(site, scale.kills)?;
    site.agent.release()?;
    site.sign_in()?;
    for session in &busy {
        site.end(session)?;
    }
    Ok(vec![
        figure("alone".to_owned(), quiet),
        figure(format!("beside {} busy sessions", busy.len()), loaded),
    ])
}

/// How long the command took each time, and how long the session's processes lived.
struct Kills {
    answered: Samples,
    dead: Samples,
}

fn kills(site: &mut Site, count: u32) -> Result<Kills> {
    let mut kills = Kills {
        answered: Samples::default(),
        dead: Samples::default(),
    };
    for round in 0..count {
        if round % 10 == 9 {
            site.sign_in()?;
        }
        let session = site.session()?;
        let (runner, argv) = site.client(Route::Ours(&session), LIVELY);
        runner.hold(&argv)?;
        let (ms, command_ms) = kill(site, &session)?;
        kills.dead.add(ms);
        kills.answered.add(command_ms);
        settle();
    }
    Ok(kills)
}

fn figure(circumstances: String, kills: Kills) -> Figure {
    let title = format!("from the start of `portreeve session kill`, {circumstances}");
    let mut figure = Figure::new("kill", title, "ms");
    figure.row("the command returns", &kills.answered, None);
    let dead = &kills.dead;
    figure.row(
        "the last process is dead",
        dead,
        Some(Target::AtMost(250.0)),
    );
    figure.row("the same, p99", dead, Some(Target::P99AtMost(1000.0)));
    figure.note("the command's own start and its TLS handshake are part of it");
    figure.judged()
}

/// Kills the session as its human, and watches its processes from outside of the host.
fn kill(site: &mut Site, session: &Session) -> Result<(f64, f64)> {
    let prod = site.host(HOST).clone();
    let uid = prod.user(&session.account)?.uid;
    let pids: Vec<u32> = prod
        .processes_of(uid)?
        .iter()
        .map(|process| process.pid)
        .collect();
    ensure!(
        pids.len() >= 3,
        "only {} processes of the session",
        pids.len()
    );
    let argv = [
        "portreeve",
        "session",
        "kill",
        &session.id.to_string(),
        "--reason",
        "measured",
    ]
    .map(str::to_owned);
    let human = &mut site.human;
    let begin = Instant::now();
    std::thread::scope(|scope| {
        let watcher = scope.spawn(move || {
            while pids.iter().any(|pid| is_alive(*pid)) {
                ensure!(
                    begin.elapsed() < PATIENCE,
                    "the processes of a killed session live on"
                );
                std::thread::sleep(Duration::from_micros(500));
            }
            Ok(begin.elapsed())
        });
        let ran = human.run(&argv)?;
        let dead = watcher.join().ok().context("the watcher fell over")??;
        Ok((dead.as_secs_f64() * 1e3, ran.total_ms))
    })
}
