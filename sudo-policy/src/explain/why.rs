//! Where precisely a command line stops to agree with a rule.

use super::shown;
use crate::bundle::{Arguments, Command};
use crate::pattern::Pattern;
use crate::simulate::{CommandLine, Mismatch, agreeing, joined, stop};
use crate::word::Argument;

/// Most alternatives that are named.
const MAX_SHOWN: usize = 4;

/// The words behind "the nearest rule".
pub(super) fn why(rule: &Command, line: &CommandLine<'_>, mismatch: Mismatch) -> String {
    match mismatch {
        Mismatch::RunAs => format!(
            "runs it as `{}` and not as `{}`",
            rule.run_as(),
            line.run_as
        ),
        Mismatch::Arguments { .. } => {
            let given = line.argv.get(1..).unwrap_or_default();
            match rule.arguments() {
                Arguments::Any => "takes any arguments".to_owned(),
                Arguments::Pattern(pattern) => format!(
                    "takes arguments like `{}`; {}",
                    pattern.as_str(),
                    of_pattern(pattern, given)
                ),
                Arguments::Exactly(lists) => {
                    format!("takes {}; {}", listed(lists), of_lists(lists, given))
                }
            }
        }
    }
}

fn listed(lists: &[Vec<Argument>]) -> String {
    let texts: Vec<String> = lists
        .iter()
        .take(MAX_SHOWN)
        .map(|list| match list.as_slice() {
            [] => "no arguments".to_owned(),
            list => format!("`{}`", joined(list)),
        })
        .collect();
    let more = match lists.len().saturating_sub(MAX_SHOWN) {
        0 => String::new(),
        more => format!(" or {more} others"),
    };
    format!("{}{more}", texts.join(" or "))
}

/// Compares with the list that agrees longest.
fn of_lists(lists: &[Vec<Argument>], given: &[String]) -> String {
    let text = given.join(" ");
    let nearest = lists.iter().max_by_key(|list| {
        let joined = joined(list);
        // Of lists that agree as long, the one with less left over.
        let left_over = std::cmp::Reverse(joined.len());
        (same(list, given), agreeing(&joined, &text), left_over)
    });
    let wanted = nearest.map_or(&[][..], Vec::as_slice);
    let same = same(wanted, given);
    match (wanted.get(same), given.get(same)) {
        (Some(wanted), Some(given)) => {
            format!(
                "argument {} is `{}` and not `{wanted}`",
                same + 1,
                shown(given)
            )
        }
        (Some(wanted), None) => format!("argument {}, `{wanted}`, is missing", same + 1),
        (None, Some(given)) => {
            format!("argument {}, `{}`, is one too many", same + 1, shown(given))
        }
        // Only what is joined differs.
        (None, None) => "the arguments are divided otherwise".to_owned(),
    }
}

/// How many arguments are the same before the first that is not.
fn same(wanted: &[Argument], given: &[String]) -> usize {
    let pairs = wanted.iter().zip(given);
    pairs
        .take_while(|(wanted, given)| wanted.as_str() == *given)
        .count()
}

fn of_pattern(pattern: &Pattern, given: &[String]) -> String {
    let text = given.join(" ");
    let at = stop(pattern, &text);
    let wants = wanted_at(pattern, text.get(..at).unwrap_or_default());
    let Some(found) = text.get(at..).and_then(|rest| rest.chars().next()) else {
        return match given.len() {
            0 => format!("there are no arguments, and it wants {wants}"),
            last => format!("argument {last} ends too early, and it wants {wants}"),
        };
    };
    let (argument, character) = place(given, at);
    let found = shown(&found.to_string());
    match given.get(argument).map(|given| given.chars().count()) {
        Some(length) if character == length => format!(
            "argument {} ends too early, and it wants {wants}",
            argument + 1
        ),
        Some(_) | None => format!(
            "it stops at character {} of argument {}, `{found}`, where it wants {wants}",
            character + 1,
            argument + 1
        ),
    }
}

/// The argument and the character in it, both from 0, at an offset into the joined arguments. The
/// space between two arguments is the end of the first.
fn place(given: &[String], at: usize) -> (usize, usize) {
    let mut start = 0;
    for (index, argument) in given.iter().enumerate() {
        let end = start + argument.len();
        if at <= end {
            let before = argument.get(..at - start).unwrap_or_default();
            return (index, before.chars().count());
        }
        start = end + 1;
    }
    (given.len(), 0)
}

/// What a pattern takes after a text: characters, the end, or both.
fn wanted_at(pattern: &Pattern, taken: &str) -> String {
    let places = taken
        .bytes()
        .fold(pattern.start(), |places, byte| pattern.after(&places, byte));
    let characters: Vec<u8> = (b' '..=b'~')
        .filter(|&byte| !pattern.after(&places, byte).is_nowhere())
        .collect();
    let mut wanted = ranges(&characters);
    if pattern.ends(&places) {
        wanted.push("the end".to_owned());
    }
    wanted.join(" or ")
}

/// Characters as people would say them: `0-9`, a space, single ones.
fn ranges(characters: &[u8]) -> Vec<String> {
    let mut texts = Vec::new();
    let mut rest = characters;
    while let [first, ..] = rest {
        let length = rest
            .iter()
            .zip(*first..)
            .take_while(|(c, next)| *c == next && (c.is_ascii_alphanumeric() || *c == first))
            .count()
            .max(1);
        let (run, after) = rest.split_at(length);
        match run {
            [b' '] => texts.push("a space".to_owned()),
            [first, _, .., last] => {
                texts.push(format!("`{}`-`{}`", char::from(*first), char::from(*last)));
            }
            few => texts.extend(few.iter().map(|&c| format!("`{}`", char::from(c)))),
        }
        rest = after;
    }
    texts
}
