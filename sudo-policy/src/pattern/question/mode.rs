//! A mode that sets the setuid or setgid bit, as `4755` or `u+s`, by itself or behind an option.

use super::SPACE;
use super::State::{self, Fits, Found, OtherWord};

const WORD: usize = 0;
/// In a group of short options.
const OPTIONS: usize = 1;
/// In a long option, before its `=`.
const LONG: usize = 2;
/// Behind so many digits of a mode that sets one of the bits, if it has four in all.
const SETS: [usize; 4] = [3, 4, 5, 6];
/// Behind who is meant, in letters.
const WHO: usize = 7;
/// Behind `+` or `=`, where `s` sets one of the bits.
const GIVES: usize = 8;
/// Behind `-`, where it takes it away.
const TAKES: usize = 9;

/// More than any state.
pub(super) const STATES: usize = 10;
/// The characters that make a difference.
pub(super) const TOLD_APART: &str = "01234567ugoarwxXst+,m";
/// The state in which a word that ends is such a mode.
pub(super) const WHOLE: usize = SETS[3];

pub(super) fn step(at: usize, character: u8) -> State {
    match (at, character) {
        (WHOLE, SPACE) => Found,
        (_, SPACE) => Fits(WORD),
        (WORD, b'-') => Fits(OPTIONS),
        // A value may stand in the word of its option.
        (OPTIONS, b'm') | (LONG, b'=') => Fits(WORD),
        (OPTIONS, b'-') => Fits(LONG),
        (OPTIONS | LONG, _) => Fits(at),
        (WORD, b'0') => Fits(WORD),
        (WORD, b'2'..=b'7') => Fits(SETS[0]),
        (3..WHOLE, b'0'..=b'7') => Fits(at + 1),
        (WORD | WHO, b'u' | b'g' | b'o' | b'a') => Fits(WHO),
        (WORD | WHO | GIVES | TAKES, b'+' | b'=') => Fits(GIVES),
        (WHO | GIVES | TAKES, b'-') => Fits(TAKES),
        (GIVES, b's') => Found,
        (GIVES | TAKES, b',') => Fits(WHO),
        (GIVES | TAKES, letter) if b"rwxXstugo".contains(&letter) => Fits(at),
        _ => OtherWord,
    }
}

#[cfg(test)]
mod tests {
    use crate::pattern::{Pattern, Sought, holds};

    #[test]
    fn a_mode_is_read_as_chmod_reads_it() {
        for yes in [
            "4755 /x",
            "5755",
            "7755 x",
            "4111",
            "2755",
            "6755",
            "004755 x",
            "u+s x",
            "+s",
            "g+s",
            "u=srwx",
            "u=rwxs",
            "a-x,u+s",
            "u-x+s",
            "-m 4755 a b",
            "-m4755",
            "-Dm4755 a",
            "-m u+s",
            "--mode=4755",
            "--mode=u+s",
            "-R 4755 x",
        ] {
            assert!(holds(yes, &Sought::SetsId), "{yes}");
        }
        for no in [
            "755 x",
            "0755 x",
            "00755",
            "1777 x",
            "440",
            "47",
            "47555",
            "u-s x",
            "u=rwx x",
            "a+x",
            "-m 755 /s /t",
            "--mode=755",
            "x=s",
            "/srv/4755",
            "u=rwx,go= x",
        ] {
            assert!(!holds(no, &Sought::SetsId), "{no}");
        }
        for (pattern, wanted) in [("^[0-7]{3} /srv/x$", false), ("^[0-7]{3,4} /srv/x$", true)] {
            let pattern: Pattern = pattern.parse().unwrap();
            assert_eq!(pattern.may_hold(&Sought::SetsId), wanted, "{pattern:?}");
        }
    }
}
