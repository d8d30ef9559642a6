//! Programs that a session starts, each of which the host tells of, beside programs that nobody
//! watches, and whether one of them was not told.

use std::time::Duration;

use anyhow::Result;
use portreeve_tests::installation::Story;
use portreeve_tests::until;

use super::Scale;
use crate::load::programs::PROGRAM;
use crate::report::{Figure, Target};
use crate::samples::Samples;
use crate::site::{Route, Session, Site, settle};

const UNWATCHED: &str = "OpenSSH, nobody watches";
const WATCHED: &str = "in a session, each is told";
/// How long the end of a session may take to reach the trail.
const PATIENCE: Duration = Duration::from_secs(30);

pub(super) fn measure(site: &mut Site, scale: &Scale) -> Result<Vec<Figure>> {
    let command = format!("portreeve-bench load programs {}", scale.programs);
    let count = f64::from(scale.programs);
    let mut rates = [Samples::default(), Samples::default()];
    let mut untold = Samples::default();
    for _ in 0..scale.long_rounds {
        site.sign_in()?;
        let unwatched = site.run(Route::Direct, &command)?;
        let session = site.open_session()?;
        let watched = site.run(Route::Ours(&session), &command)?;
        for (samples, ran) in rates.iter_mut().zip([unwatched, watched]) {
            samples.add(count * 1e3 / ran.total_ms);
        }
        site.end(&session)?;
        untold.add(count - told(site, &session)?);
        settle();
    }
    let [unwatched, watched] = rates;
    let title = format!("{} programs that start and end", scale.programs);
    let mut rate = Figure::new("programs", title.clone(), "1/s");
    rate.row(UNWATCHED, &unwatched, None);
    rate.row(WATCHED, &watched, Some(Target::RatioAtLeast(0.8)));
    let mut lost = Figure::new("programs", title, "programs");
    lost.row("not told", &untold, Some(Target::AtMost(0.0)));
    Ok(vec![rate.beside(UNWATCHED), lost.judged()])
}

/// How many of them the trail tells of, once the host's receipt is in it.
fn told(site: &Site, session: &Session) -> Result<f64> {
    let ran = until("the receipt", PATIENCE, || {
        let story = Story::of(&site.installation.agent().trail(session.id)?)?;
        story.receipt().is_ok().then(|| story.ran()).transpose()
    })?;
    let told = ran.iter().filter(|(argv, _)| {
        argv.first()
            .is_some_and(|program| program.as_str() == PROGRAM)
    });
    Ok(f64::from(u32::try_from(told.count())?))
}
