//! A long option that is one: not the value of the option in front of it, and not behind `--`.
//!
//! `journalctl -u --no-pager` asks for a unit of that name, in a pager. A long option in front counts
//! as one without a value where the author spelled it, and as one with a value where a character of
//! it is the caller's.

use super::SPACE;
use super::State::{self, Fits, Found, Never};

/// Short options that take a value in the next word, of the programs that are kept from something by
/// a long option.
const TAKE_VALUES: &[u8] = b"tupoPSUgDiFMTcHsAC";

const WORD: usize = 0;
/// At the beginning of a word that is a value.
const VALUE: usize = 1;
const OTHER: usize = 2;
const LETTERS: usize = 3;
/// In a group of short options that ends, as yet, with one that takes a value.
const LETTERS_TAKING: usize = 4;
const LONG: usize = 5;
const LONG_CHOSEN: usize = 6;
/// So many characters of the option fit, less one, from here on.
const OPTION: usize = 7;

/// More than any state.
pub(super) fn states(option: &str) -> usize {
    OPTION + option.len()
}

/// The characters that make a difference beside those of the option.
pub(super) const TOLD_APART: &str = "tupoPSUgDiFMTcHsAC";

/// The state in which the option was read to its end.
pub(super) fn whole(option: &str) -> usize {
    OPTION + option.len() - 1
}

pub(super) fn step(option: &[u8], at: usize, character: u8, free: bool) -> State {
    // So many characters of the option were read.
    let read = (at + 1).saturating_sub(OPTION);
    let long = if free { LONG_CHOSEN } else { LONG };
    match (at, character) {
        (LETTERS_TAKING | LONG_CHOSEN, SPACE) => Fits(VALUE),
        (WORD | VALUE | OTHER | LETTERS | LONG, SPACE) => Fits(WORD),
        (_, SPACE) if read == option.len() => Found,
        // Behind `--` nothing is an option.
        (_, SPACE) if read == 2 => Never,
        (_, SPACE) => Fits(WORD),
        (WORD, b'-') => Fits(OPTION),
        (WORD | VALUE | OTHER, _) => Fits(OTHER),
        (LETTERS | LETTERS_TAKING, letter) => letters(letter),
        (LONG | LONG_CHOSEN, b'=') => Fits(OTHER),
        (LONG_CHOSEN, _) => Fits(LONG_CHOSEN),
        (LONG, _) => Fits(long),
        (_, found) if option.get(read) == Some(&found) => Fits(at + 1),
        (_, letter) if read == 1 => letters(letter),
        (_, b'=') => Fits(OTHER),
        _ => Fits(long),
    }
}

fn letters(letter: u8) -> State {
    Fits(if TAKE_VALUES.contains(&letter) {
        LETTERS_TAKING
    } else {
        LETTERS
    })
}

#[cfg(test)]
mod tests {
    use crate::pattern::{Pattern, Sought, holds};

    #[test]
    fn an_option_stands_where_nothing_takes_it_for_a_value() {
        let sought = Sought::Standing("--no-pager");
        for yes in [
            "--no-pager",
            "-n 5 --no-pager",
            "-k --no-pager",
            "-u ssh --no-pager",
            "--no-pager -u x",
            "list-timers --all --no-pager",
            "--unit=x --no-pager",
            "-xu --no-pager --no-pager",
        ] {
            assert!(holds(yes, &sought), "{yes}");
        }
        for no in [
            "",
            "-u --no-pager",
            "-xu --no-pager",
            "-- --no-pager",
            "--no-page",
            "--no-pagers",
            "--no-pager=x",
            "--lines --no-",
            "no-pager",
        ] {
            assert!(!holds(no, &sought), "{no}");
        }
        for (pattern, lacks) in [
            ("^-u <unit> --no-pager$", false),
            ("^-u( <unit>)? --no-pager$", true),
            ("^-[a-z] --no-pager$", true),
            ("^-[kxq]+ --no-pager$", false),
            ("^--[a-z-]+ --no-pager$", true),
            ("^--(all|failed) --no-pager$", false),
            ("^(-- )?--no-pager$", true),
            ("^[a-z-]+ --no-pager$", true),
        ] {
            let pattern: Pattern = pattern.parse().unwrap();
            assert_eq!(pattern.may_lack(&[sought]), lacks, "{pattern:?}");
        }
    }
}
