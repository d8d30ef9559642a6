//! From command lines to rules: exact alternatives first, a placeholder where three differ in one
//! argument only and it is plain what that argument is.

use std::collections::BTreeMap;

use super::Known;
use super::placeholder::{literal, placeholder};
use crate::pattern::Pattern;
use crate::word::Argument;

/// From how many command lines on one that differs in an argument is taken for one of many.
const ENOUGH: usize = 3;

/// A rule in the making, with the command lines that it covers.
#[derive(Debug)]
pub(super) enum Shape<'o> {
    /// Exactly these.
    Exact(Vec<Known<'o>>),
    /// A pattern that takes all of these.
    Pattern { text: String, lines: Vec<Known<'o>> },
}

/// The shapes of one program's lines. Whether a pattern may stand is for others to say.
pub(super) fn generalised<'o>(lines: &[Known<'o>]) -> Vec<Shape<'o>> {
    let mut rest: Vec<Known<'o>> = lines.to_vec();
    let mut shapes = Vec::new();
    while let Some(pattern) = best(&rest) {
        let (covered, others) = rest
            .into_iter()
            .partition(|(line, _)| pattern.matches(&line.joined()));
        rest = others;
        shapes.push(Shape::Pattern {
            text: pattern.as_str().to_owned(),
            lines: covered,
        });
    }
    if !rest.is_empty() {
        shapes.insert(0, Shape::Exact(rest));
    }
    shapes
}

/// The pattern that covers most of the lines, if there is one.
fn best(lines: &[Known<'_>]) -> Option<Pattern> {
    let mut groups: BTreeMap<(usize, Vec<Option<&Argument>>), Vec<Known<'_>>> = BTreeMap::new();
    for known in lines {
        for place in 0..known.0.words.len() {
            let others = known.0.words.iter().enumerate();
            let others = others.map(|(at, word)| (at != place).then_some(word));
            let group = groups.entry((place, others.collect())).or_default();
            group.push(*known);
        }
    }
    let mut groups: Vec<_> = groups
        .into_iter()
        .filter(|(_, group)| group.len() >= ENOUGH)
        .collect();
    // The order of groups of one size is that of the map, so the result is always the same.
    groups.sort_by_key(|(_, group)| std::cmp::Reverse(group.len()));
    groups
        .into_iter()
        .find_map(|((place, _), group)| pattern(place, &group))
}

/// The pattern of lines that differ in the argument at `place`.
fn pattern(place: usize, group: &[Known<'_>]) -> Option<Pattern> {
    let (first, _) = group.first()?;
    let values: Vec<&str> = group
        .iter()
        .filter_map(|(line, _)| Some(line.words.get(place)?.as_str()))
        .collect();
    let before = place
        .checked_sub(1)
        .and_then(|at| first.words.get(at))
        .map(Argument::as_str);
    let varying = placeholder(first.path.file_name(), before, &values)?;
    let words = first.words.iter().enumerate().map(|(at, word)| {
        if at == place {
            Some(varying.clone())
        } else {
            literal(word.as_str())
        }
    });
    let words: Vec<String> = words.collect::<Option<_>>()?;
    let text = format!("^{}$", words.join(" "));
    let pattern: Pattern = text.parse().ok()?;
    let takes_all = group
        .iter()
        .all(|(line, _)| pattern.matches(&line.joined()));
    takes_all.then_some(pattern)
}
