//! Doing a plan, step by step, and undoing it.
//!
//! Which steps and in which order is `plan.rs`; how each is done is `hands.rs`. Here is only what
//! happens when one fails: making stops at the first failure, removing never stops.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::step::{Left, Removal, Step};

/// What does the steps: the host's hands, or a test's.
pub(crate) trait Hands {
    /// Does a step.
    fn make(&mut self, step: &Step) -> Result<(), StepError>;
    /// Removes something, and says what is left of it. Nothing there is nothing left.
    fn remove(&mut self, removal: &Removal) -> Vec<Left>;
}

/// Why a step was not done.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StepError {
    /// The system refused.
    #[error("{0}: {1}")]
    Io(String, #[source] std::io::Error),
    /// A tool refused.
    #[error(transparent)]
    Tool(#[from] crate::run::ToolError),
    /// It was done and is not what it should be.
    #[error("{0}")]
    Wrong(String),
    /// Something came to be in its place since the plan was made. Nothing was done.
    #[error("there is `{}` already, and it is not ours to touch", .0.display())]
    Occupied(PathBuf),
}

impl StepError {
    /// Why something was not made at a path where nothing was to be.
    pub(crate) fn making(path: &Path, error: std::io::Error) -> Self {
        if error.kind() == std::io::ErrorKind::AlreadyExists {
            Self::Occupied(path.to_owned())
        } else {
            Self::Io(format!("cannot make `{}`", path.display()), error)
        }
    }
}

/// A plan that was not done to its end.
#[derive(Debug, thiserror::Error)]
#[error("cannot {step}: {error}")]
pub(crate) struct NotMade {
    step: &'static str,
    /// How many steps are to be taken back. What the others would have made is not ours.
    pub(crate) reached: usize,
    #[source]
    error: StepError,
}

/// What a removal came to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Removed {
    /// The removals that were tried, in order.
    pub(crate) steps: Vec<Done>,
    /// What is left.
    pub(crate) left: Vec<Left>,
}

/// A removal that was tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Done {
    /// What it was.
    pub(crate) name: &'static str,
    /// How long it took.
    pub(crate) took: Duration,
}

impl Removed {
    /// What is left and is tried again.
    pub(crate) fn again(&self) -> Vec<String> {
        let again = self.left.iter().filter(|left| left.again);
        again.map(|left| left.what.clone()).collect()
    }

    /// Both one after the other.
    pub(crate) fn and(mut self, later: Self) -> Self {
        self.steps.extend(later.steps);
        self.left.extend(later.left);
        self
    }
}

/// Does all steps. On a failure the caller removes; half a step is a step to remove.
///
/// # Errors
/// At the first step that fails.
pub(crate) fn make(steps: &[Step], hands: &mut impl Hands) -> Result<(), NotMade> {
    for (before, step) in steps.iter().enumerate() {
        hands.make(step).map_err(|error| NotMade {
            step: step.name(),
            reached: match error {
                StepError::Occupied(_) => before,
                StepError::Io(..) | StepError::Tool(_) | StepError::Wrong(_) => before + 1,
            },
            error,
        })?;
    }
    Ok(())
}

/// Does all removals, each whatever became of the others.
pub(crate) fn remove(removals: &[Removal], hands: &mut impl Hands) -> Removed {
    let mut removed = Removed::default();
    for removal in removals {
        let began = Instant::now();
        removed.left.extend(hands.remove(removal));
        removed.steps.push(Done {
            name: removal.name(),
            took: began.elapsed(),
        });
    }
    removed
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::tests::example;
    use std::collections::BTreeSet;

    /// A host of names: what was made is there until it is removed.
    #[derive(Default)]
    struct Fake {
        there: BTreeSet<&'static str>,
        fail_make: Option<usize>,
        /// Whether the failing step leaves something behind.
        half_done: bool,
        /// Whether it fails because something is in its place.
        occupied: bool,
        fail_remove: Option<usize>,
        removed: Vec<&'static str>,
        calls: usize,
    }

    impl Hands for Fake {
        fn make(&mut self, step: &Step) -> Result<(), StepError> {
            let fails = self.fail_make == Some(self.calls);
            self.calls += 1;
            if !fails || self.half_done {
                self.there.insert(step.inverse().name());
            }
            if fails && self.occupied {
                Err(StepError::Occupied("/home/theirs".into()))
            } else if fails {
                Err(StepError::Wrong("as told".into()))
            } else {
                Ok(())
            }
        }

        fn remove(&mut self, removal: &Removal) -> Vec<Left> {
            let fails = self.fail_remove == Some(self.calls);
            self.calls += 1;
            if fails {
                return vec![Left::must_go(removal.name())];
            }
            let name = if let Removal::Unused { step } = removal {
                step.inverse().name()
            } else {
                removal.name()
            };
            self.there.remove(name);
            self.removed.push(name);
            Vec::new()
        }
    }

    #[test]
    fn a_failure_at_any_step_leaves_the_host_as_before() {
        let plan = example();
        for half_done in [false, true] {
            for step in 0..plan.steps.len() {
                let mut hands = Fake {
                    fail_make: Some(step),
                    half_done,
                    ..Fake::default()
                };
                let error = make(&plan.steps, &mut hands).unwrap_err();
                let plan = plan.clone().reaching(error.reached);
                let removed =
                    remove(&plan.stop(), &mut hands).and(remove(&plan.clear(), &mut hands));
                assert_eq!(removed.left, []);
                assert!(
                    hands.there.is_empty(),
                    "{:?} after step {step}",
                    hands.there
                );
            }
        }
    }

    #[test]
    fn what_is_in_the_place_of_a_step_is_not_taken_back_with_it() {
        let plan = example();
        for step in 0..plan.steps.len() {
            let mut hands = Fake {
                fail_make: Some(step),
                occupied: true,
                ..Fake::default()
            };
            let error = make(&plan.steps, &mut hands).unwrap_err();
            assert_eq!(error.reached, step);
            let plan = plan.clone().reaching(error.reached);
            let _ = remove(&plan.stop(), &mut hands).and(remove(&plan.clear(), &mut hands));
            for (at, of_step) in plan.steps.iter().enumerate() {
                let name = of_step.inverse().name();
                assert_eq!(hands.removed.contains(&name), at < step, "{name}");
            }
        }
    }

    #[test]
    fn a_removal_that_fails_does_not_stop_the_later_ones() {
        let plan = example();
        let removals = [plan.stop(), plan.clear()].concat();
        for failing in 0..removals.len() {
            let mut hands = Fake::default();
            make(&plan.steps, &mut hands).unwrap();
            hands.calls = 0;
            hands.fail_remove = Some(failing);
            let removed = remove(&removals, &mut hands);
            assert_eq!(removed.steps.len(), removals.len());
            assert_eq!(removed.left.len(), 1);
            assert!(hands.there.len() <= 1, "{:?}", hands.there);
            hands.fail_remove = None;
            assert_eq!(remove(&removals, &mut hands).left, []);
            assert!(hands.there.is_empty());
        }
    }
}
