//! Walks the patterns of both sides beside each other, shortest texts first.
//!
//! A place in the walk is where every pattern of both sides stands after a text. Texts that lead to
//! the same place go on in the same way, so each place is visited once, by a shortest text. Texts
//! that a side lists exactly are compared elsewhere; while a text may still become one of them it is
//! a place of its own.

use std::collections::{BTreeMap, BTreeSet, HashSet, VecDeque};

use super::MAX_SHOWN;
use super::side::{Between, Found, Side, Wide, is_same};
use crate::pattern::Places;

/// How often a state of a pattern is taken a character further for one program and user, at most.
/// Bundles that people write need less than a tenth of it.
const MAX_STEPS: usize = 10_000_000;
/// What "any arguments" is made of here. No rule can name a double quote, so it also stands for
/// everything else that only such a rule takes.
const ANY: std::ops::RangeInclusive<u8> = b' '..=b'~';

/// Where the wide rules of a side stand; `None` has no way on.
type Standing = Vec<Option<Stand>>;

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Stand {
    Anywhere,
    In(Places),
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Place {
    before: Standing,
    after: Standing,
    /// The text, while either side lists one that begins so.
    listed: Option<String>,
}

/// Finds what differs among texts that no side lists exactly. `false` when it would take too long
/// to visit every place.
pub(super) fn differences(
    before: &Side<'_>,
    after: &Side<'_>,
    found: &mut BTreeMap<Between, Found>,
) -> bool {
    if before.wide().is_empty() && after.wide().is_empty() {
        return true;
    }
    let letters = letters(before, after);
    let start = place(before, after, start(before), start(after), "");
    let mut seen = HashSet::from([start.clone()]);
    let mut todo = VecDeque::from([(start, String::new())]);
    let mut steps = 0;
    while let Some((at, text)) = todo.pop_front() {
        if !before.lists(&text) && !after.lists(&text) {
            note(before, after, &at, &text, found);
        }
        steps += at.weight() * letters.len();
        if steps > MAX_STEPS {
            return false;
        }
        for &letter in &letters {
            let mut longer = text.clone();
            longer.push(char::from(letter));
            let next = place(
                before,
                after,
                step(before, &at.before, letter),
                step(after, &at.after, letter),
                &longer,
            );
            if next.is_settled(before, after) || seen.contains(&next) {
                continue;
            }
            seen.insert(next.clone());
            todo.push_back((next, longer));
        }
    }
    true
}

/// Notes the difference at a text, if there is one.
fn note(
    before: &Side<'_>,
    after: &Side<'_>,
    at: &Place,
    text: &str,
    found: &mut BTreeMap<Between, Found>,
) {
    let between = Between {
        before: counts(before, &at.before),
        after: counts(after, &at.after),
    };
    if !before.differs(after, between) {
        return;
    }
    let shown = found.entry(between).or_default();
    if shown.len() < MAX_SHOWN {
        shown.add(text);
    }
    // A place stands for many texts.
    shown.go_on();
}

/// The rule that counts for a text that ends here.
fn counts(side: &Side<'_>, standing: &Standing) -> Option<usize> {
    let ends = side.wide().iter().zip(standing).rev();
    let mut ends = ends.filter(|((_, wide), stand)| match (wide, stand) {
        (_, None) => false,
        (Wide::Pattern(pattern), Some(Stand::In(places))) => pattern.ends(places),
        (Wide::Any, Some(_)) | (Wide::Pattern(_), Some(Stand::Anywhere)) => true,
    });
    ends.next().map(|((index, _), _)| *index)
}

fn start(side: &Side<'_>) -> Standing {
    let rules = side.wide().iter();
    rules
        .map(|(_, wide)| {
            Some(match wide {
                Wide::Any => Stand::Anywhere,
                Wide::Pattern(pattern) => Stand::In(pattern.start()),
            })
        })
        .collect()
}

fn step(side: &Side<'_>, standing: &Standing, letter: u8) -> Standing {
    let rules = side.wide().iter().zip(standing);
    rules
        .map(|((_, wide), stand)| match (wide, stand.as_ref()?) {
            (Wide::Pattern(pattern), Stand::In(places)) => {
                let next = pattern.after(places, letter);
                (!next.is_nowhere()).then_some(Stand::In(next))
            }
            (Wide::Any, _) | (Wide::Pattern(_), Stand::Anywhere) => Some(Stand::Anywhere),
        })
        .collect()
}

fn place(
    before: &Side<'_>,
    after: &Side<'_>,
    standing: Standing,
    other: Standing,
    text: &str,
) -> Place {
    let is_listed = before.begins(text) || after.begins(text);
    Place {
        before: standing,
        after: other,
        listed: is_listed.then(|| text.to_owned()),
    }
}

impl Place {
    /// How much work it is to go on from here.
    fn weight(&self) -> usize {
        let all = self.before.iter().chain(&self.after);
        let each = all.flatten().map(|stand| match stand {
            Stand::Anywhere => 1,
            Stand::In(places) => places.count(),
        });
        each.sum::<usize>().max(1)
    }

    /// Whether nothing that goes on from here can differ: no pattern of either side has a way on, or
    /// both sides have the same rules at the same places.
    fn is_settled(&self, before: &Side<'_>, after: &Side<'_>) -> bool {
        let going = |side: &'_ Side<'_>, standing: &Standing| -> Vec<(usize, Stand)> {
            let rules = side.wide().iter().zip(standing);
            rules
                .filter_map(|((index, _), stand)| Some((*index, stand.clone()?)))
                .collect()
        };
        let (old, new) = (going(before, &self.before), going(after, &self.after));
        if old.is_empty() && new.is_empty() {
            return true;
        }
        let same = |((one, stand), (other, other_stand)): (&(usize, Stand), &(usize, Stand))| {
            let rules = before.rule(Some(*one)).zip(after.rule(Some(*other)));
            stand == other_stand && rules.is_some_and(|(one, other)| is_same(one, other))
        };
        self.listed.is_none() && old.len() == new.len() && old.iter().zip(&new).all(same)
    }
}

/// One character for all that no rule of either side tells apart, those that people type first.
fn letters(before: &Side<'_>, after: &Side<'_>) -> Vec<u8> {
    let wide = || before.wide().iter().chain(after.wide());
    let patterns = wide().filter_map(|(_, wide)| match wide {
        Wide::Pattern(pattern) => Some(pattern),
        Wide::Any => None,
    });
    let sets: BTreeSet<u128> = patterns.flat_map(|pattern| pattern.sets()).collect();
    let has_any = wide().any(|(_, wide)| matches!(wide, Wide::Any));
    let named: BTreeSet<u8> = before
        .exact()
        .chain(after.exact())
        .flat_map(str::bytes)
        .collect();
    let order = (b'a'..=b'z').chain(b'1'..=b'9').chain(ANY);
    let mut told_apart = BTreeSet::new();
    let mut letters = Vec::new();
    for letter in order {
        let is_in = |set: &u128| set & (1 << letter) != 0;
        let kind: Vec<bool> = sets.iter().map(is_in).collect();
        if !has_any && !kind.contains(&true) {
            continue;
        }
        if told_apart.insert((kind, named.contains(&letter).then_some(letter))) {
            letters.push(letter);
        }
    }
    letters
}
