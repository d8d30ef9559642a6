//! What one bundle says about one program and one user.

use std::collections::{BTreeMap, BTreeSet};

use super::manners;
use crate::bundle::{Arguments, Bundle, Command};
use crate::pattern::Pattern;
use crate::simulate::{joined, serves, unmerged};
use crate::word::RunAs;

/// The rules of one bundle for one program and one user, in the order of the file: the last one
/// that takes a command line counts.
pub(super) struct Side<'b> {
    rules: Vec<&'b Command>,
    /// Exact arguments, joined, each with the last rule that lists them.
    exact: BTreeMap<String, usize>,
    /// The rules that take more than they list.
    wide: Vec<(usize, Wide<'b>)>,
}

/// Arguments that are not listed one by one.
#[derive(Debug, Clone, Copy)]
pub(super) enum Wide<'b> {
    Any,
    Pattern(&'b Pattern),
}

/// The rules between which command lines went; none where a bundle does not allow them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Between {
    pub(super) before: Option<usize>,
    pub(super) after: Option<usize>,
}

/// Arguments that show one difference.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// The length first, so that the order is that of people.
    texts: BTreeSet<(usize, String)>,
    endless: bool,
}

impl Found {
    pub(super) fn add(&mut self, text: &str) {
        self.texts.insert((text.len(), text.to_owned()));
    }

    /// Says that there may be others which are not listed.
    pub(super) fn go_on(&mut self) {
        self.endless = true;
    }

    pub(super) fn len(&self) -> usize {
        self.texts.len()
    }

    pub(super) fn is_more_than(&self, shown: usize) -> bool {
        self.endless || self.texts.len() > shown
    }

    pub(super) fn shortest(&self, most: usize) -> impl Iterator<Item = &str> {
        self.texts.iter().take(most).map(|(_, text)| text.as_str())
    }
}

impl<'b> Side<'b> {
    pub(super) fn of(bundle: &'b Bundle, program: &str, run_as: &RunAs) -> Self {
        let is_asked = |command: &&Command| {
            unmerged(command.path().as_str()) == program && serves(command.run_as(), run_as)
        };
        let rules: Vec<&Command> = bundle.commands().iter().filter(is_asked).collect();
        let mut exact = BTreeMap::new();
        let mut wide = Vec::new();
        for (index, rule) in rules.iter().enumerate() {
            match rule.arguments() {
                Arguments::Any => wide.push((index, Wide::Any)),
                Arguments::Pattern(pattern) => wide.push((index, Wide::Pattern(pattern))),
                Arguments::Exactly(lists) => {
                    exact.extend(lists.iter().map(|list| (joined(list), index)));
                }
            }
        }
        Self { rules, exact, wide }
    }

    pub(super) fn rule(&self, index: Option<usize>) -> Option<&'b Command> {
        self.rules.get(index?).copied()
    }

    pub(super) fn wide(&self) -> &[(usize, Wide<'b>)] {
        &self.wide
    }

    pub(super) fn exact(&self) -> impl Iterator<Item = &str> {
        self.exact.keys().map(String::as_str)
    }

    pub(super) fn lists(&self, text: &str) -> bool {
        self.exact.contains_key(text)
    }

    /// Whether an exact text of this side begins so.
    pub(super) fn begins(&self, text: &str) -> bool {
        let mut from = self.exact.range(text.to_owned()..);
        from.next()
            .is_some_and(|(exact, _)| exact.starts_with(text))
    }

    /// Whether both sides have the same rules one after the other.
    pub(super) fn says_the_same_as(&self, other: &Self) -> bool {
        self.rules.len() == other.rules.len()
            && self
                .rules
                .iter()
                .zip(&other.rules)
                .all(|(one, other)| is_same(one, other))
    }

    /// The rule that counts for these arguments.
    fn counts(&self, text: &str) -> Option<usize> {
        let by_wide = self.wide.iter().rev().find_map(|(index, wide)| {
            let takes = match wide {
                Wide::Any => true,
                Wide::Pattern(pattern) => pattern.matches(text),
            };
            takes.then_some(*index)
        });
        by_wide.max(self.exact.get(text).copied())
    }

    /// Compares the two sides at every text that either lists exactly.
    pub(super) fn exact_differences(&self, after: &Self, found: &mut BTreeMap<Between, Found>) {
        let texts: BTreeSet<&str> = self.exact().chain(after.exact()).collect();
        for text in texts {
            let between = Between {
                before: self.counts(text),
                after: after.counts(text),
            };
            if self.differs(after, between) {
                found.entry(between).or_default().add(text);
            }
        }
    }

    /// Whether a command line that goes from one rule to the other is a difference.
    pub(super) fn differs(&self, after: &Self, between: Between) -> bool {
        match (self.rule(between.before), after.rule(between.after)) {
            (None, None) => false,
            (Some(old), Some(new)) => !manners(old, new).is_empty(),
            (Some(_), None) | (None, Some(_)) => true,
        }
    }
}

/// Whether two rules take the same arguments in the same way, as they are written.
pub(super) fn is_same(one: &Command, other: &Command) -> bool {
    one.arguments() == other.arguments() && manners(one, other).is_empty()
}
