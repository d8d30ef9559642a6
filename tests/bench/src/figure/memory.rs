//! What idle sessions take of the bastion's memory.

use anyhow::Result;

use super::Scale;
use crate::machine;
use crate::report::{Figure, Target};
use crate::samples::Samples;
use crate::site::{Route, Site};

/// Says that it is there, and then nothing.
const IDLE: &str = "echo idle; exec sleep 600";

pub(super) fn measure(site: &mut Site, scale: &Scale) -> Result<Vec<Figure>> {
    let count = scale.idle;
    // A bastion that just started, so that nothing of earlier figures is counted.
    site.installation.bastion.stop()?;
    site.installation.bastion.start_again()?;
    let bastion = site.bastion_pid()?;
    let base = machine::memory_kib(bastion)?;

    let mut sessions = Vec::new();
    // The first session makes what all share: connections to the CA, pools, buffers.
    for _ in 0..=count {
        let session = site.session()?;
        let (runner, argv) = site.client(Route::Ours(&session), IDLE);
        runner.hold(&argv)?;
        sessions.push(session);
        if sessions.len() == 1 {
            site.sign_in()?;
        }
    }
    let full = machine::memory_kib(bastion)?;
    // More connections of the same session.
    let one = sessions.first().cloned();
    let mut connections = None;
    if let Some(session) = &one {
        for _ in 0..count {
            let (runner, argv) = site.client(Route::Ours(session), IDLE);
            runner.hold(&argv)?;
        }
        connections = Some(machine::memory_kib(bastion)? - full);
    }
    site.agent.release()?;
    for session in &sessions {
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

    let each = |total: f64| [total / f64::from(count)].into_iter().collect::<Samples>();
    let mut figure = Figure::new(
        "memory",
        format!("of the bastion, {count} idle sessions (PSS)"),
        "KiB",
    );
    figure.row("ssh -J, each", &each(jumped), None);
    figure.row(
        "portreeve, each session",
        &each(full - base),
        Some(Target::AtMost(200.0)),
    );
    if let Some(connections) = connections {
        figure.row(
            "portreeve, each further connection",
            &each(connections),
            None,
        );
    }
    figure.row(
        "portreeve, base",
        &[base].into_iter().collect(),
        Some(Target::AtMost(30.0 * 1024.0)),
    );
    Ok(vec![figure.beside("ssh -J, each")])
}
