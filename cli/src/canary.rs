//! The canary: does whoever alters evidence get caught?
//!
//! Copies of a recording, its trail and a file of evidence are altered, cut, reordered and replaced
//! in every place, and each copy is judged by [`crate::review`] just as `verify` does. An alteration
//! is noticed when there is a fault, when the file is refused, or when something that was proved of
//! the original is no longer proved. Everything happens in memory; `docs/spec/evidence.md` says what
//! is tried.

mod alter;
mod archive;
mod forge;
mod specimen;
mod story;
#[cfg(test)]
pub(crate) mod tests;
mod tree;
mod weigh;

use std::collections::BTreeMap;

use serde::Serialize;

pub use alter::{Alteration, Effort, Thing, alterations};
pub use specimen::{Makers, NoSpecimen, Seeds, Specimen, specimen};
pub use story::NoStory;
pub use tree::Log;
pub use weigh::{Judge, Need, Scales, judged};

/// A part of the evidence that is altered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// A recording.
    Recording,
    /// A trail.
    Trail,
    /// A file of evidence.
    Evidence,
}

impl Part {
    /// In words.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Recording => "recording",
            Self::Trail => "trail",
            Self::Evidence => "evidence",
        }
    }
}

/// How it went with one kind of alteration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Tally {
    /// What was altered.
    pub part: Part,
    /// How.
    pub kind: String,
    /// How many were tried.
    pub tried: u64,
    /// How many were noticed with everything at hand.
    pub noticed: u64,
    /// With what at least every one of them is noticed; none when one is not.
    pub needs: Option<Need>,
    /// The first few that were not noticed.
    pub missed: Vec<String>,
    #[serde(skip)]
    by_need: BTreeMap<Need, u64>,
}

/// How many that were not noticed are named.
const MOST_NAMED: usize = 5;

/// Everything that was tried.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Outcome {
    /// By kind, in the order in which they were first tried.
    pub kinds: Vec<Tally>,
    /// Whether everything that was to be tried was tried.
    pub is_complete: bool,
}

impl Outcome {
    /// Whether every alteration was noticed.
    #[must_use]
    pub fn all_noticed(&self) -> bool {
        self.kinds.iter().all(|tally| tally.noticed == tally.tried)
    }
}

/// Why nothing can be said.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoCanary {
    /// The original is itself at fault, so that an alteration of it would show nothing.
    #[error("the {0} does not verify before it is altered: {1}")]
    Ill(&'static str, String),
    /// The original has what this version does not know: what is missing could be in that.
    #[error("the {0} has events that this version does not know")]
    Unread(&'static str),
}

/// Tries `alterations` one by one until `is_over`.
///
/// # Errors
/// When the original does not verify, or is of a newer version.
pub fn run(
    specimen: &Specimen,
    judge: &Judge<'_>,
    alterations: impl Iterator<Item = Alteration>,
    mut is_over: impl FnMut() -> bool,
) -> Result<Outcome, NoCanary> {
    let mut scales = Scales::new(specimen, judge)?;
    let mut kinds: Vec<Tally> = Vec::new();
    let mut is_complete = true;
    for alteration in alterations {
        let known = kinds
            .iter_mut()
            .find(|tally| tally.part == alteration.part && tally.kind == alteration.kind);
        let is_new = known.is_none();
        // Every kind is tried once, however little time there is.
        if !is_new && is_over() {
            is_complete = false;
            continue;
        }
        let with = scales.noticed_with(&alteration);
        if let Some(tally) = known {
            tally.count(&alteration, &with);
        } else {
            let mut tally = Tally::new(&alteration);
            tally.count(&alteration, &with);
            kinds.push(tally);
        }
    }
    for tally in &mut kinds {
        tally.settle();
    }
    Ok(Outcome { kinds, is_complete })
}

impl Tally {
    fn new(alteration: &Alteration) -> Self {
        Self {
            part: alteration.part,
            kind: alteration.kind.to_owned(),
            tried: 0,
            noticed: 0,
            needs: None,
            missed: Vec::new(),
            by_need: BTreeMap::new(),
        }
    }

    fn count(&mut self, alteration: &Alteration, with: &[Need]) {
        self.tried += 1;
        for need in with {
            *self.by_need.entry(*need).or_default() += 1;
        }
        if with.contains(&Need::Everything) {
            self.noticed += 1;
        } else if self.missed.len() < MOST_NAMED {
            self.missed.push(alteration.what.clone());
        }
    }

    fn settle(&mut self) {
        self.needs = self
            .by_need
            .iter()
            .find(|(_, count)| **count == self.tried)
            .map(|(need, _)| *need);
    }
}
