//! Asks what the arguments of a command may hold.

use crate::bundle::Arguments;
use crate::pattern::{Sought, holds};
use crate::simulate::joined;

/// Whether any command line that the rule allows holds what is sought.
pub(super) fn may_hold(arguments: &Arguments, sought: &Sought<'_>) -> bool {
    match arguments {
        Arguments::Any => true,
        Arguments::Exactly(lists) => lists.iter().any(|list| holds(&joined(list), sought)),
        Arguments::Pattern(pattern) => pattern.may_hold(sought),
    }
}

/// Whether every command line that the rule allows holds this word, as the author spelled it.
pub(super) fn must_hold(arguments: &Arguments, word: &str) -> bool {
    match arguments {
        Arguments::Any => false,
        Arguments::Exactly(lists) => lists
            .iter()
            .all(|list| list.iter().any(|argument| argument.as_str() == word)),
        // Close enough for a hint: the word stands outside every choice.
        Arguments::Pattern(pattern) => pattern
            .as_str()
            .trim_matches(['^', '$'])
            .split(' ')
            .any(|part| part == word),
    }
}
