//! The figures, one file each.

mod account;
mod bundle;
mod echo;
mod kill;
mod log;
mod memory;
mod minting;
mod policy;
mod programs;
mod recording;
mod search;
mod seek;
mod session;
mod throughput;

use anyhow::{Result, ensure};

use crate::report::Figure;
use crate::site::Site;

/// How much is measured.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Scale {
    /// Rounds of what takes a fraction of a second.
    pub(crate) rounds: u32,
    /// Rounds of what takes seconds.
    pub(crate) long_rounds: u32,
    /// Bytes of one transfer.
    pub(crate) bytes: u64,
    /// Single bytes that are echoed in one round.
    pub(crate) echoes: u32,
    /// Sessions that are idle at once.
    pub(crate) idle: u32,
    /// Sessions that are asked for without being used.
    pub(crate) minted: u32,
    /// Events of the audit log.
    pub(crate) events: u32,
    /// Accounts that a host has besides.
    pub(crate) accounts: u32,
    /// Programs that a session starts.
    pub(crate) programs: u32,
    /// Sessions that are killed while others are busy.
    pub(crate) kills: u32,
    /// How many others.
    pub(crate) busy: u32,
    /// Sessions that are searched.
    pub(crate) recordings: u32,
}

impl Scale {
    /// What is worth writing down.
    pub(crate) const fn full() -> Self {
        Self {
            rounds: 25,
            long_rounds: 5,
            bytes: 512 << 20,
            echoes: 2000,
            idle: 100,
            minted: 6000,
            events: 100_000,
            accounts: 1000,
            programs: 10_000,
            kills: 200,
            busy: 16,
            recordings: 10_000,
        }
    }

    /// Whether anything works at all.
    pub(crate) const fn quick() -> Self {
        Self {
            rounds: 5,
            long_rounds: 2,
            bytes: 64 << 20,
            echoes: 300,
            idle: 20,
            minted: 600,
            events: 10_000,
            accounts: 100,
            programs: 2000,
            kills: 10,
            busy: 4,
            recordings: 1000,
        }
    }
}

type Alone = fn(&Scale) -> Result<Vec<Figure>>;
type OnSite = fn(&mut Site, &Scale) -> Result<Vec<Figure>>;

/// Those that need no host.
const ALONE: [(&str, Alone); 5] = [
    ("policy", policy::measure),
    ("bundle", bundle::measure),
    ("log", log::measure),
    ("seek", seek::measure),
    ("search", search::measure),
];
/// Those on an installation.
const ON_SITE: [(&str, OnSite); 9] = [
    ("session", session::measure),
    ("throughput", throughput::measure),
    ("recording", recording::measure),
    ("echo", echo::measure),
    ("kill", kill::measure),
    ("account", account::measure),
    ("programs", programs::measure),
    ("memory", memory::measure),
    ("minting", minting::measure),
];

/// Measures the figures that are asked for, all of them when none is named. One that cannot be
/// measured says why, and the others are measured all the same.
pub(crate) fn measure(
    scale: &Scale,
    only: &[String],
    say: &mut dyn FnMut(&str),
) -> Result<Vec<Figure>> {
    let names: Vec<&str> = ALONE
        .iter()
        .map(|(name, _)| *name)
        .chain(ON_SITE.iter().map(|(name, _)| *name))
        .collect();
    for name in only {
        ensure!(
            names.contains(&name.as_str()),
            "`{name}` is no figure; there are {}",
            names.join(", ")
        );
    }
    let is_wanted = |name: &str| only.is_empty() || only.iter().any(|wanted| wanted == name);
    let mut figures = Vec::new();
    for (name, measure) in ALONE.into_iter().filter(|(name, _)| is_wanted(name)) {
        say(&format!("measuring: {name}"));
        figures.extend(measure(scale).unwrap_or_else(|error| failed(name, &error)));
    }
    if ON_SITE.iter().any(|(name, _)| is_wanted(name)) {
        let mut site = Site::new(say)?;
        for (name, measure) in ON_SITE.into_iter().filter(|(name, _)| is_wanted(name)) {
            say(&format!("measuring: {name}"));
            let measured = site.sign_in().and_then(|()| measure(&mut site, scale));
            figures.extend(measured.unwrap_or_else(|error| {
                site.installation.lab().save_logs();
                failed(name, &error)
            }));
        }
    }
    Ok(figures)
}

fn failed(name: &'static str, error: &anyhow::Error) -> Vec<Figure> {
    let mut figure = Figure::new(name, "not measured", "–");
    figure.note(format!("{error:#}"));
    vec![figure]
}
