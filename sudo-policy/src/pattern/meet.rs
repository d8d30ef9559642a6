//! Whether two patterns take the same text, and an example of one.

use std::collections::HashSet;

use super::language::Instruction;
use super::{Characters, Pattern};

/// How much may still be tried; shared by all comparisons of one question.
#[derive(Debug)]
pub(crate) struct Budget {
    left: usize,
}

/// Everything that might have been tried was not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Exhausted;

impl Budget {
    pub(crate) fn new(steps: usize) -> Self {
        Self { left: steps }
    }

    pub(crate) fn spend(&mut self, steps: usize) -> Result<(), Exhausted> {
        self.left = self.left.checked_sub(steps).ok_or(Exhausted)?;
        Ok(())
    }
}

/// Where both machines stand, and how they came there.
struct Step {
    places: (usize, usize),
    before: usize,
    took: Option<u8>,
}

impl Pattern {
    /// A text that both patterns take; `None` when there is none.
    ///
    /// Walks both machines side by side; a pair of their places is visited once.
    pub(crate) fn meet(
        &self,
        other: &Self,
        budget: &mut Budget,
    ) -> Result<Option<String>, Exhausted> {
        use Instruction::{Done, Fork, Jump, Take};
        let mut steps = vec![Step {
            places: (0, 0),
            before: 0,
            took: None,
        }];
        let mut seen = HashSet::from([(0, 0)]);
        let mut at = 0;
        while let Some(&Step { places, .. }) = steps.get(at) {
            budget.spend(1)?;
            let (one, two) = places;
            let step = |places, took| {
                Some(Step {
                    places,
                    before: at,
                    took,
                })
            };
            let next = match (
                self.program.instruction(one),
                other.program.instruction(two),
            ) {
                (Some(Done), Some(Done)) => return Ok(Some(text_of(&steps, at))),
                (Some(Fork(a, b)), Some(_)) => [step((a, two), None), step((b, two), None)],
                (Some(Jump(a)), Some(_)) => [step((a, two), None), None],
                (Some(_), Some(Fork(a, b))) => [step((one, a), None), step((one, b), None)],
                (Some(_), Some(Jump(a))) => [step((one, a), None), None],
                (Some(Take(set)), Some(Take(other))) => {
                    let took = pleasant(set.common(other));
                    [took.and_then(|_| step((one + 1, two + 1), took)), None]
                }
                (Some(Take(_)), Some(Done))
                | (Some(Done), Some(Take(_)))
                | (None, _)
                | (_, None) => [None, None],
            };
            for step in next.into_iter().flatten() {
                if seen.insert(step.places) {
                    steps.push(step);
                }
            }
            at += 1;
        }
        Ok(None)
    }
}

/// The character of a set that reads best in an example.
fn pleasant(set: Characters) -> Option<u8> {
    let first = |is_good: fn(&u8) -> bool| set.iter().find(is_good);
    first(u8::is_ascii_lowercase)
        .or_else(|| set.iter().find(|c| matches!(c, b'1'..=b'9')))
        .or_else(|| first(u8::is_ascii_alphanumeric))
        .or_else(|| set.iter().next())
}

/// What was taken on the way to a step.
fn text_of(steps: &[Step], mut at: usize) -> String {
    let mut taken = Vec::new();
    while let Some(step) = steps.get(at).filter(|_| at > 0) {
        taken.extend(step.took.map(char::from));
        at = step.before;
    }
    taken.iter().rev().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn meet(one: &str, other: &str) -> Option<String> {
        let (one, other): (Pattern, Pattern) = (one.parse().unwrap(), other.parse().unwrap());
        one.meet(&other, &mut Budget::new(100_000)).unwrap()
    }

    #[test]
    fn patterns_that_meet_are_shown_where() {
        for (one, other, wanted) in [
            ("^a+$", "^(a|b){3}$", Some("aaa")),
            ("^-n <number>$", "^-n <number:100-200>$", Some("-n 200")),
            ("^(status|show) <unit>$", "^st[a-z]+ a$", Some("status a")),
            ("^$", "^a?$", Some("")),
            ("^a+$", "^b+$", None),
            ("^(status|show) <unit>$", "^restart <unit>$", None),
            ("^<path:/var/log>$", "^<path:/var/lib>$", None),
            (
                "^<path:/var/log>$",
                "^<path:/var/log/app>$",
                Some("/var/log/app/a"),
            ),
        ] {
            assert_eq!(meet(one, other).as_deref(), wanted, "{one} {other}");
        }
    }

    #[test]
    fn a_comparison_ends_with_its_budget() {
        let wide: Pattern = "^([a-z]{0,100}){5}$".parse().unwrap();
        let other: Pattern = "^([a-z]{0,100}){5}0$".parse().unwrap();
        assert_eq!(wide.meet(&other, &mut Budget::new(1000)), Err(Exhausted));
    }
}
