//! Judging what was altered with more and more at hand, to say what it takes to notice it.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Cursor;
use std::sync::Arc;

use portreeve_recording::read::Recording;
use serde::Serialize;

use super::{Alteration, NoCanary, Part, Specimen, Thing};
use crate::review::course::Told;
use crate::review::findings::Findings;
use crate::review::known::Keys;
use crate::review::{evidence, judge};

/// What whoever verifies has besides the file, from the least to the most.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Need {
    /// Nothing.
    File,
    /// The bastion's public key.
    BastionKey,
    /// A review key.
    ReviewKey,
    /// The log's public key.
    LogKey,
    /// The log's and the host's public keys.
    HostKey,
    /// The trail of the session and the log's public key.
    Trail,
    /// All keys, and recording and trail beside each other.
    Everything,
}

impl Need {
    /// In words.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::File => "the file alone",
            Self::BastionKey => "the bastion's key",
            Self::ReviewKey => "a review key",
            Self::LogKey => "the log's key",
            Self::HostKey => "the host's key",
            Self::Trail => "the trail",
            Self::Everything => "all keys, recording and trail",
        }
    }

    /// What makes a difference for a part.
    const fn of(part: Part) -> &'static [Self] {
        match part {
            Part::Recording => &[
                Self::File,
                Self::BastionKey,
                Self::ReviewKey,
                Self::Trail,
                Self::Everything,
            ],
            Part::Trail => &[Self::File, Self::LogKey, Self::HostKey, Self::Everything],
            Part::Evidence => &[Self::File, Self::Everything],
        }
    }

    fn keys(self, all: &Keys) -> Keys {
        let is = |needs: &[Self]| needs.contains(&self) || self == Self::Everything;
        Keys {
            log: all
                .log
                .clone()
                .filter(|_| is(&[Self::LogKey, Self::HostKey, Self::Trail])),
            bastion: all.bastion.clone().filter(|_| is(&[Self::BastionKey])),
            host: all.host.clone().filter(|_| is(&[Self::HostKey])),
            identities: if is(&[Self::ReviewKey]) {
                Arc::clone(&all.identities)
            } else {
                Arc::default()
            },
            of_ca: Vec::new(),
        }
    }
}

/// Says what a thing proves; nothing when it is no such thing at all.
pub type Judge<'a> = dyn Fn(&Thing, Need, &Specimen) -> Option<Findings> + 'a;

/// The verdict that `verify` would give.
#[must_use]
pub fn judged(thing: &Thing, need: Need, specimen: &Specimen) -> Option<Findings> {
    let keys = need.keys(&specimen.keys);
    let with_other = need == Need::Everything;
    match thing {
        Thing::Recording(bytes) => {
            let with_trail = matches!(need, Need::Trail | Need::Everything);
            let nothing = Told::default();
            let told = if with_trail { &specimen.told } else { &nothing };
            let mut recording = Recording::open(Cursor::new(bytes)).ok()?;
            let judged = judge::recording(&mut recording, &keys, told).ok()?;
            Some(judged.findings)
        }
        Thing::Trail(trail) => {
            let judged = judge::trail(trail, &keys);
            let mut findings = judged.findings;
            if with_other && findings.holds() {
                let mut recording = Recording::open(Cursor::new(&specimen.recording)).ok()?;
                let beside = judge::recording(&mut recording, &keys, &judged.told).ok()?;
                findings.extend(beside.findings);
            }
            Some(findings)
        }
        Thing::Evidence(bytes) => {
            let judged = evidence::judge(Cursor::new(bytes), &keys).ok()?;
            Some(judged.findings)
        }
    }
}

/// What the originals prove, and the one who judges.
pub struct Scales<'a> {
    specimen: &'a Specimen,
    judge: &'a Judge<'a>,
    proved: BTreeMap<(Part, Need), BTreeSet<String>>,
}

impl std::fmt::Debug for Scales<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Scales").finish_non_exhaustive()
    }
}

impl<'a> Scales<'a> {
    /// Judges the originals.
    ///
    /// # Errors
    /// When one of them is at fault, or of a newer version.
    pub fn new(specimen: &'a Specimen, judge: &'a Judge<'a>) -> Result<Self, NoCanary> {
        let originals = [
            (
                Part::Recording,
                Thing::Recording(specimen.recording.clone()),
            ),
            (Part::Trail, Thing::Trail(Box::new(specimen.trail.clone()))),
            (Part::Evidence, Thing::Evidence(specimen.evidence.clone())),
        ];
        let mut proved = BTreeMap::new();
        for (part, thing) in originals {
            for need in Need::of(part) {
                let findings = judge(&thing, *need, specimen).unwrap_or_else(|| Findings {
                    faults: vec!["it cannot be read".into()],
                    ..Findings::default()
                });
                if let Some(fault) = findings.faults.first() {
                    return Err(NoCanary::Ill(part.words(), fault.clone()));
                }
                if !findings.unread.is_empty() {
                    return Err(NoCanary::Unread(part.words()));
                }
                proved.insert((part, *need), statements(&findings));
            }
        }
        Ok(Self {
            specimen,
            judge,
            proved,
        })
    }

    /// With what an alteration is noticed.
    pub fn noticed_with(&mut self, alteration: &Alteration) -> Vec<Need> {
        let part = alteration.part;
        let is_noticed = |need: &Need| {
            let before = self.proved.get(&(part, *need));
            match (self.judge)(&alteration.thing, *need, self.specimen) {
                None => true,
                Some(findings) if !findings.holds() => true,
                // There was nothing of a newer version in the original.
                Some(findings) if !findings.unread.is_empty() => true,
                Some(findings) => {
                    let after = statements(&findings);
                    before.is_none_or(|before| !before.is_subset(&after))
                }
            }
        };
        let needs = Need::of(part);
        // Whoever has nothing but the file has what everybody has.
        if is_noticed(&Need::Everything) && is_noticed(&Need::File) {
            return needs.to_vec();
        }
        needs.iter().copied().filter(is_noticed).collect()
    }
}

/// What is proved, without its numbers: nobody notices that there are 16 events and not 17.
fn statements(findings: &Findings) -> BTreeSet<String> {
    findings
        .proved
        .iter()
        .map(|text| text.chars().filter(|c| !c.is_ascii_digit()).collect())
        .collect()
}
