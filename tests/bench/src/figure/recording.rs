//! What recording costs: the bastion beside itself with a recorder that throws everything away, and what records on a
//! host beside nothing.

use std::collections::BTreeMap;

use anyhow::{Result, ensure};

use super::Scale;
use super::throughput::{gib, rate};
use crate::load::data::Data;
use crate::machine;
use crate::report::{Figure, Target};
use crate::samples::Samples;
use crate::site::{Cards, Route, Site, settle};

const NOTHING: &str = "portreeve, recording nothing";
const OURS: &str = "portreeve, recording";
const PLAIN: &str = "ssh, no recording";
const SCRIPT: &str = "ssh, script(1) on the host";
const TLOG: &str = "ssh, tlog on the host";
const KINDS: [(Data, &str); 2] = [(Data::Random, "incompressible"), (Data::Text, "text")];

pub(super) fn measure(site: &mut Site, scale: &Scale) -> Result<Vec<Figure>> {
    let mut rates: BTreeMap<(Cards, &str, &str, &str), Samples> = BTreeMap::new();
    let mut cost: BTreeMap<&str, Samples> = BTreeMap::new();
    for _ in 0..scale.long_rounds {
        for what in [OURS, NOTHING] {
            if what == NOTHING {
                site.stop_recording()?;
            }
            for (cards, _) in Cards::ALL {
                site.use_cards(cards)?;
                let used = one_round(site, scale, |kind, way, rate| {
                    let samples = rates.entry((cards, kind, way, what)).or_default();
                    samples.add(rate);
                })?;
                if cards == Cards::Unlimited {
                    cost.entry(what).or_default().add(used);
                }
            }
            site.use_cards(Cards::Unlimited)?;
            if what == NOTHING {
                site.record_again()?;
            }
        }
    }
    let mut figures = Vec::new();
    for (cards, limit) in Cards::ALL {
        for (_, kind) in KINDS {
            for way in ["down", "up"] {
                let title = format!("bulk {way}, {kind}, aes128-gcm, {limit}");
                let mut figure = Figure::new("recording", title, "MB/s");
                for what in [NOTHING, OURS] {
                    let target = (what == OURS).then_some(Target::RatioAtLeast(0.95));
                    let samples = rates.remove(&(cards, kind, way, what)).unwrap_or_default();
                    figure.row(what, &samples, target);
                }
                figures.push(figure.beside(NOTHING));
            }
        }
    }
    let mut figure = Figure::new("recording", "processor time of the bastion", "s/GiB");
    for what in [NOTHING, OURS] {
        figure.row(what, &cost.remove(what).unwrap_or_default(), None);
    }
    figures.push(figure.beside(NOTHING));
    figures.push(on_the_host(site, scale)?);
    Ok(figures)
}

/// Both kinds of bytes in both directions, in a session of its own; the bastion's processor seconds per GiB.
fn one_round(
    site: &mut Site,
    scale: &Scale,
    mut took: impl FnMut(&'static str, &'static str, f64),
) -> Result<f64> {
    site.sign_in()?;
    let session = site.open_session()?;
    settle();
    let before = machine::processor_seconds_of_tree(site.bastion_pid()?)?;
    let mut passed = 0;
    for (data, kind) in KINDS {
        let download = downloading(site, scale, data, kind)?;
        let ran = site.run(Route::Ours(&session), &download)?;
        ensure!(
            ran.bytes == scale.bytes,
            "{} bytes of {} came",
            ran.bytes,
            scale.bytes
        );
        took(kind, "down", rate(scale.bytes, ran.total_ms - ran.first_ms));
        let (runner, argv) = site.client(Route::Ours(&session), "echo ready; exec cat >/dev/null");
        let ms = runner.push(&argv, data, scale.bytes)?;
        took(kind, "up", rate(scale.bytes, ms));
        passed += 2 * scale.bytes;
    }
    settle();
    let after = machine::processor_seconds_of_tree(site.bastion_pid()?)?;
    site.end(&session)?;
    Ok((after - before) / gib(passed))
}

/// What records terminals on a host, beside the same command there without it. They see a terminal and not a channel.
fn on_the_host(site: &mut Site, scale: &Scale) -> Result<Figure> {
    let text = downloading(site, scale, Data::Text, "text")?;
    let file = "/var/tmp/bench-recording";
    let loud = "/var/tmp/bench-loud";
    // A terminal would make two bytes of each line feed.
    let script = format!("#!/bin/sh\n[ -t 1 ] && stty -opost\n{text}\n");
    site.host("prod").write(loud, script, 0o755)?;
    let has_tlog = site
        .host("prod")
        .sh("command -v tlog-rec >/dev/null")?
        .success();
    let mut ways = vec![
        (PLAIN, loud.to_owned()),
        (SCRIPT, format!("script -qec {loud} {file}")),
    ];
    if has_tlog {
        let tlog = format!("tlog-rec --writer=file --file-path={file} {loud}");
        ways.push((TLOG, tlog));
    }
    let mut rates: BTreeMap<&str, Samples> = BTreeMap::new();
    for _ in 0..scale.long_rounds {
        for (what, command) in &ways {
            let ran = site.run(Route::Direct, command)?;
            ensure!(
                ran.bytes == scale.bytes,
                "{what} brought {} bytes of {}",
                ran.bytes,
                scale.bytes
            );
            let speed = rate(scale.bytes, ran.total_ms - ran.first_ms);
            rates.entry(what).or_default().add(speed);
            site.host("prod").run(&["rm", "-f", file])?.ok()?;
        }
    }
    let mut figure = Figure::new("recording", "the alternatives: bulk down, text", "MB/s");
    for (what, _) in &ways {
        figure.row(*what, &rates.remove(what).unwrap_or_default(), None);
    }
    if !has_tlog {
        figure.note("tlog is not there; `apt-get install tlog` adds it");
    }
    Ok(figure.beside(PLAIN))
}

/// A command that prints so many bytes on production.
fn downloading(site: &Site, scale: &Scale, data: Data, kind: &str) -> Result<String> {
    let path = format!("/var/tmp/bench-{kind}");
    site.host("prod").write(&path, data.block(), 0o644)?;
    let times = scale.bytes / u64::try_from(data.block().len())?;
    Ok(format!(
        "i={times}; while [ $i -gt 0 ]; do cat {path}; i=$((i-1)); done"
    ))
}
