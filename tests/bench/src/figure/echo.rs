//! How long a byte takes to come back.

use std::collections::BTreeMap;

use anyhow::Result;

use super::Scale;
use crate::report::{Figure, Target};
use crate::samples::Samples;
use crate::site::{Route, Site};

const DIRECT: &str = "ssh";
const JUMP: &str = "ssh -J";
const OURS: &str = "portreeve, recording";

pub(super) fn measure(site: &mut Site, scale: &Scale) -> Result<Vec<Figure>> {
    let session = site.open_session()?;
    let mut samples: BTreeMap<&str, Samples> = BTreeMap::new();
    for _ in 0..scale.long_rounds {
        for (what, route) in [
            (DIRECT, Route::Direct),
            (JUMP, Route::Jump),
            (OURS, Route::Ours(&session)),
        ] {
            let (runner, argv) = site.client(route, "exec cat");
            for us in runner.echo(&argv, scale.echoes)? {
                samples.entry(what).or_default().add(us);
            }
        }
    }
    site.end(&session)?;
    let mut figure = Figure::new("echo", "one byte there and back, through `cat`", "µs");
    for what in [DIRECT, JUMP, OURS] {
        let target = (what == OURS).then_some(Target::RatioAtMost(1.0));
        figure.row(what, &samples.remove(what).unwrap_or_default(), target);
    }
    Ok(vec![figure.beside(JUMP)])
}
