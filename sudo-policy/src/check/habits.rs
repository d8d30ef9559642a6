//! What means something in sudoers and something else here.
//!
//! In this language an exact argument stands for itself, letter by letter: rendering adds whatever
//! sudo's own reader needs. Who writes sudoers by hand tries wildcards, escapes and negation.

use super::Subject;
use super::capability::Capability;
use super::reach::Reach;
use crate::code::Code;
use crate::diagnostic::Diagnostic;

/// Options of programs that take a wildcard or an expression as their value.
const TAKE_PATTERNS: &[&str] = &[
    "-name",
    "-iname",
    "-path",
    "-ipath",
    "-wholename",
    "-iwholename",
    "-lname",
    "-ilname",
    "-regex",
    "-iregex",
    "-e",
    "--regexp",
    "--include",
    "--exclude",
    "--exclude-dir",
    "-g",
    "--glob",
    "--grep",
    "-u",
    "--unit",
    "-P",
];

/// Reports habits from sudoers, one of a command.
pub(super) fn check(subject: &Subject<'_>, found: &mut Vec<Diagnostic>) {
    let Reach::Exact(lists) = &subject.reach else {
        return;
    };
    let takes_wildcards = subject.can(Capability::Glob);
    let habit = lists.iter().find_map(|list| {
        let before = [""].iter().chain(list.words.iter());
        before.zip(&list.words).find_map(|(before, word)| {
            let is_value = TAKE_PATTERNS.contains(before)
                || TAKE_PATTERNS.iter().any(|option| gives(word, option));
            habit(word, takes_wildcards || is_value).map(|(what, help)| (*word, what, help))
        })
    });
    if let Some((word, what, help)) = habit {
        let message = format!("`{word}` {what}");
        found.push(Diagnostic::warning(
            Code::SudoersHabit,
            subject.command.arguments_span(),
            message,
            help,
        ));
    }
}

/// Whether a word is this option with its value.
fn gives(word: &str, option: &str) -> bool {
    word.strip_prefix(option)
        .is_some_and(|rest| rest.starts_with('='))
}

/// What a word of sudoers would mean there, and what to write here.
fn habit(word: &str, takes_wildcards: bool) -> Option<(&'static str, &'static str)> {
    const PATTERN: &str = "describe the arguments in `args_pattern`, as in `^-n <number>$`, or list them in `args_any_of`";
    if word == "ALL" {
        return Some((
            "stands for itself and not for everything",
            "list the arguments in `args_any_of`",
        ));
    }
    if word.len() > 2 && word.starts_with('^') && word.ends_with('$') {
        return Some(("is no pattern in exact arguments", PATTERN));
    }
    if word.ends_with('\\') {
        return Some((
            "ends with a backslash that stands for itself and continues no line",
            "write each argument as a string of its own; a list may span lines",
        ));
    }
    if let Some(escaped) = escaped(word) {
        return Some(match escaped {
            '|' => (
                "has `\\|` in it, which sudo's own reader does not take and which escapes nothing here",
                "write `|` alone; what sudo needs in front of it is added",
            ),
            _ => (
                "has a backslash in it that stands for itself",
                "write the character alone; what sudo needs in front of it is added",
            ),
        });
    }
    if word.len() > 1 && word.starts_with('!') && !takes_wildcards {
        return Some((
            "begins with `!`, which negates nothing here",
            "leave it out; whatever is not allowed is refused",
        ));
    }
    if word.len() > 1 && word.starts_with('\'') && word.ends_with('\'') {
        return Some((
            "has quotes around it that stand for themselves",
            "leave the quotes out; an argument is one string",
        ));
    }
    let is_wildcard = word.contains(['*', '?']) || has_class(word);
    (is_wildcard && !takes_wildcards).then_some((
        "holds a wildcard that stands for itself: sudo takes it letter by letter",
        PATTERN,
    ))
}

/// A character that sudoers wants a backslash in front of.
fn escaped(word: &str) -> Option<char> {
    let after = word.split('\\').skip(1);
    after
        .filter_map(|rest| rest.chars().next())
        .find(|c| ",:=#|*?[]! ".contains(*c))
}

/// Whether a bracket holds something, as in `[0-9]`.
fn has_class(word: &str) -> bool {
    let inside = word
        .split_once('[')
        .and_then(|(_, rest)| rest.split_once(']'));
    // `[::1]` and `[2001:db8::1]` are addresses.
    inside.is_some_and(|(inside, _)| !inside.is_empty() && !inside.contains(':'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn habits_are_told_from_what_stands_for_itself() {
        for word in [
            "*",
            "/var/log/*.log",
            "a?",
            "[0-9]",
            "/dev/sd[a-z]",
            "ALL",
            "^-n$",
            "a\\",
            "a\\|b",
            "a\\,b",
            "a\\:b",
            "a\\=b",
            "\\#1",
            "!/etc/shadow",
            "'x'",
        ] {
            assert!(habit(word, false).is_some(), "{word}");
        }
        for word in [
            "-n",
            "a=b,c:d",
            "#",
            "!",
            "|",
            "[::1]:53",
            "http://[2001:db8::1]/",
            "+FORMAT",
            "$",
            "\\n",
            "[]",
        ] {
            assert_eq!(habit(word, false), None, "{word}");
        }
        for word in ["*.log", "linux-*", "!x"] {
            assert_eq!(habit(word, true), None, "{word}");
        }
    }
}
