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
/// How long a process may take to die before something is wrong.
const PATIENCE: Duration = Duration::from_secs(20);

pub(super) fn measure(site: &mut Site, scale: &Scale) -> Result<Vec<Figure>> {
    let mut dead = Samples::default();
    let mut answered = Samples::default();
    for round in 0..scale.rounds {
        if round % 10 == 9 {
            site.sign_in()?;
        }
        let session = site.session()?;
        let (runner, argv) = site.client(Route::Ours(&session), LIVELY);
        runner.hold(&argv)?;
        let (ms, command_ms) = kill(site, &session)?;
        dead.add(ms);
        answered.add(command_ms);
        site.agent.release()?;
        settle();
    }
    let mut figure = Figure::new("kill", "from the start of `portreeve session kill`", "ms");
    figure.row("the command returns", &answered, None);
    figure.row(
        "the last process is dead",
        &dead,
        Some(Target::AtMost(250.0)),
    );
    figure.row("the same, p99", &dead, Some(Target::P99AtMost(1000.0)));
    figure.note("the command's own start and its TLS handshake are part of it");
    Ok(vec![figure.judged()])
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
