//! What idle sessions take of the bastion's memory.

use anyhow::Result;

use super::Scale;
use crate::machine;
use crate::report::{Figure, Target};
use crate::samples::Samples;
use crate::site::{Route, Session, Site};

/// Says that it is there, and then nothing.
const IDLE: &str = "echo idle; exec sleep 600";

pub(super) fn measure(site: &mut Site, scale: &Scale) -> Result<Vec<Figure>> {
    let count = scale.idle;
    // A bastion that just started, so that nothing of earlier figures is counted.
    site.start_bastion_again()?;
    let bastion = site.bastion_pid()?;
    let base = machine::memory_kib(bastion)?;

    // The first session makes what all share: connections to the CA, pools, buffers.
    let first = idle_session(site)?;
    site.sign_in()?;
    let one = machine::memory_kib(bastion)?;
    let mut sessions = Vec::new();
    for _ in 0..count {
        sessions.push(idle_session(site)?);
    }
    let full = machine::memory_kib(bastion)?;
    // More connections of the same session, of which the bastion takes 64.
    let further = count.min(60);
    for _ in 0..further {
        let (runner, argv) = site.client(Route::Ours(&first), IDLE);
        runner.hold(&argv)?;
    }
    let connections = machine::memory_kib(bastion)? - full;
    site.agent.release()?;
    site.sign_in()?;
    for session in sessions.iter().chain([&first]) {
        site.end(session)?;
    }

    let jump = site.jump.process.pid();
    let before = machine::memory_kib_of_tree(jump)?;
    for _ in 0..count {
        let (runner, argv) = site.client(Route::Jump, IDLE);
        runner.hold(&argv)?;
    }
    let jumped = machine::memory_kib_of_tree(jump)? - before;
    site.agent.release()?;

    let each = |total: f64, count: u32| [total / f64::from(count)].into_iter().collect::<Samples>();
    let mut figure = Figure::new(
        "memory",
        format!("of the bastion, {count} idle sessions (PSS)"),
        "KiB",
    );
    figure.row("ssh -J, each", &each(jumped, count), None);
    figure.row(
        "portreeve, each session",
        &each(full - one, count),
        Some(Target::AtMost(200.0)),
    );
    figure.row(
        "portreeve, each further connection",
        &each(connections, further),
        None,
    );
    let base = [base].into_iter().collect();
    figure.row(
        "portreeve, base",
        &base,
        Some(Target::AtMost(30.0 * 1024.0)),
    );
    Ok(vec![figure.beside("ssh -J, each")])
}

fn idle_session(site: &mut Site) -> Result<Session> {
    let session = site.session()?;
    let (runner, argv) = site.client(Route::Ours(&session), IDLE);
    runner.hold(&argv)?;
    Ok(session)
}
