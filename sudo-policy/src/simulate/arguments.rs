//! Whether arguments may be given, and how far they agree with those that may.

use std::cell::OnceCell;

use super::Reading;
use crate::bundle::Arguments;
use crate::pattern::Pattern;
use crate::word::Argument;

/// The arguments of a command line.
#[derive(Debug)]
pub(crate) struct Given<'a> {
    arguments: &'a [String],
    reading: Reading,
    joined: OnceCell<String>,
}

impl<'a> Given<'a> {
    pub(super) fn new(arguments: &'a [String], reading: Reading) -> Self {
        Self {
            arguments,
            reading,
            joined: OnceCell::new(),
        }
    }

    /// All of them, joined by single spaces.
    pub(super) fn joined(&self) -> &str {
        self.joined.get_or_init(|| self.arguments.join(" "))
    }
}

/// Whether these arguments may be given.
pub(super) fn is_taken(allowed: &Arguments, given: &Given<'_>) -> bool {
    match allowed {
        Arguments::Any => true,
        Arguments::Pattern(pattern) => pattern.matches(given.joined()),
        Arguments::Exactly(lists) => lists.iter().any(|list| is_exactly(list, given)),
    }
}

fn is_exactly(list: &[Argument], given: &Given<'_>) -> bool {
    if list.is_empty() || given.arguments.is_empty() {
        // Not even an empty argument may stand behind a program that takes none.
        return list.is_empty() && given.arguments.is_empty();
    }
    match given.reading {
        Reading::SudoRs => {
            list.len() == given.arguments.len()
                && list
                    .iter()
                    .zip(given.arguments)
                    .all(|(wanted, given)| wanted.as_str() == given)
        }
        Reading::Either | Reading::Sudo => {
            let mut rest = Some(given.joined());
            for (index, wanted) in list.iter().enumerate() {
                let space = if index == 0 { "" } else { " " };
                rest = rest
                    .and_then(|rest| rest.strip_prefix(space))
                    .and_then(|rest| rest.strip_prefix(wanted.as_str()));
            }
            rest == Some("")
        }
    }
}

/// Whether these arguments may be given on the sudo that allows more.
pub(crate) fn takes(allowed: &Arguments, given: &[String]) -> bool {
    is_taken(allowed, &Given::new(given, Reading::Either))
}

/// Arguments of a rule, joined by single spaces.
pub(crate) fn joined(arguments: &[Argument]) -> String {
    let words: Vec<_> = arguments.iter().map(Argument::as_str).collect();
    words.join(" ")
}

/// How many bytes of joined arguments agree with the rule before the first that does not.
pub(crate) fn reached(allowed: &Arguments, given: &str) -> usize {
    match allowed {
        Arguments::Any => given.len(),
        Arguments::Pattern(pattern) => stop(pattern, given),
        Arguments::Exactly(lists) => lists
            .iter()
            .map(|list| agreeing(&joined(list), given))
            .max()
            .unwrap_or(0),
    }
}

/// How many bytes two texts have in common at their beginning.
pub(crate) fn agreeing(one: &str, other: &str) -> usize {
    one.bytes()
        .zip(other.bytes())
        .take_while(|(one, other)| one == other)
        .count()
}

/// How many bytes a pattern takes of a text before nothing that it takes goes on like it.
pub(crate) fn stop(pattern: &Pattern, text: &str) -> usize {
    let mut places = pattern.start();
    text.bytes()
        .take_while(|&byte| {
            places = pattern.after(&places, byte);
            !places.is_nowhere()
        })
        .count()
}
