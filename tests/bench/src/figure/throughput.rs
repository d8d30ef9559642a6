//! Bytes per second in both directions, and what they cost the bastion.

use std::collections::BTreeMap;

use anyhow::{Result, ensure};

use super::Scale;
use crate::load::data::Data;
use crate::machine;
use crate::report::{Figure, Target};
use crate::samples::Samples;
use crate::site::{Route, Site, settle};

const DIRECT: &str = "ssh";
const JUMP: &str = "ssh -J";
const OURS: &str = "portreeve, recording";
const KINDS: [(Data, &str); 2] = [(Data::Random, "incompressible"), (Data::Text, "text")];

pub(super) fn measure(site: &mut Site, scale: &Scale) -> Result<Vec<Figure>> {
    let mut figures = Vec::new();
    for (data, name) in KINDS {
        let path = format!("/var/tmp/bench-{name}");
        site.host("prod").write(&path, data.block(), 0o644)?;
        let times = scale.bytes / u64::try_from(data.block().len())?;
        let download = format!("i={times}; while [ $i -gt 0 ]; do cat {path}; i=$((i-1)); done");
        figures.extend(both_ways(site, scale, (data, name), &download)?);
    }
    Ok(figures)
}

fn both_ways(
    site: &mut Site,
    scale: &Scale,
    (data, name): (Data, &'static str),
    download: &str,
) -> Result<Vec<Figure>> {
    site.sign_in()?;
    let session = site.open_session()?;
    let mut down: BTreeMap<&str, Samples> = BTreeMap::new();
    let mut up: BTreeMap<&str, Samples> = BTreeMap::new();
    let mut cost: BTreeMap<(&str, &str), Samples> = BTreeMap::new();
    for _ in 0..scale.long_rounds {
        for (what, route) in [
            (DIRECT, Route::Direct),
            (JUMP, Route::Jump),
            (OURS, Route::Ours(&session)),
        ] {
            let before = used(site, what)?;
            let ran = site.run(route, download)?;
            ensure!(
                ran.bytes == scale.bytes,
                "{what} brought {} bytes of {}",
                ran.bytes,
                scale.bytes
            );
            down.entry(what)
                .or_default()
                .add(rate(scale.bytes, ran.total_ms - ran.first_ms));
            let between = used(site, what)?;
            let (runner, argv) = site.client(route, "echo ready; exec cat >/dev/null");
            let ms = runner.push(&argv, data, scale.bytes)?;
            up.entry(what).or_default().add(rate(scale.bytes, ms));
            let after = used(site, what)?;
            cost.entry(("down", what))
                .or_default()
                .add((between - before) / gib(scale.bytes));
            cost.entry(("up", what))
                .or_default()
                .add((after - between) / gib(scale.bytes));
        }
    }
    // What was signed before all this is void by now.
    site.sign_in()?;
    site.end(&session)?;

    let cipher = "aes128-gcm";
    let mut figures = Vec::new();
    for (title, mut samples, bound) in [("down", down, 1.6), ("up", up, 2.0)] {
        let mut figure = Figure::new(
            "throughput",
            format!("bulk {title}, {name}, {cipher}"),
            "MB/s",
        );
        for what in [DIRECT, JUMP, OURS] {
            let target = (what == OURS).then_some(Target::RatioAtLeast(bound));
            figure.row(what, &samples.remove(what).unwrap_or_default(), target);
        }
        figures.push(figure.beside(JUMP));
    }
    let mut figure = Figure::new(
        "throughput",
        format!("processor time of the bastion, {name}"),
        "s/GiB",
    );
    for (way, what) in [("down", JUMP), ("down", OURS), ("up", JUMP), ("up", OURS)] {
        let target = ((way, what) == ("down", OURS)).then_some(Target::AtMost(2.0));
        figure.row(
            format!("{way}, {what}"),
            &cost.remove(&(way, what)).unwrap_or_default(),
            target,
        );
    }
    figures.push(figure.judged());
    Ok(figures)
}

/// The processor time that whatever stands in between has used so far. The processes of a stock
/// sshd end a moment after their client.
fn used(site: &Site, what: &str) -> Result<f64> {
    settle();
    match what {
        JUMP => site.jump_meter.seconds(),
        OURS => machine::processor_seconds_of_tree(site.bastion_pid()?),
        _ => Ok(0.0),
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "a size of some hundred megabytes"
)]
pub(super) fn rate(bytes: u64, ms: f64) -> f64 {
    bytes as f64 / 1e6 / (ms / 1e3)
}

#[expect(
    clippy::cast_precision_loss,
    reason = "a size of some hundred megabytes"
)]
pub(super) fn gib(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 30)
}
