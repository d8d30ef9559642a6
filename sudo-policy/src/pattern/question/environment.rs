//! What makes `ps` show environments: the letter `e` in a word without a hyphen, as in `ps ax e`, or
//! `environ` among the columns, as in `ps -eo pid,environ`.
//!
//! Both count only where they are no value of another option: `ps -C nginx-exporter` is neither.
//! Letters behind an option that takes a value in its own word count as letters of a word without a
//! hyphen, since `ps` reads `-auxe` so when it knows no user `xe`.

use super::State::{self, Fits, Found};
use super::{SPACE, step::found_when};

/// Options that take a value, in words with a hyphen and without; those of columns aside.
const WITH_HYPHEN: &[u8] = b"CGUgnpqstu";
const WITHOUT_HYPHEN: &[u8] = b"kptUq";
const COLUMN: &[u8] = b"environ";

const WORD: usize = 0;
const LETTERS: usize = 1;
const HYPHEN: usize = 2;
const OPTIONS: usize = 3;
const HYPHENS: usize = 4;
const LONG: usize = 5;
/// A long option that begins like `--format`.
const LONG_FORMAT: usize = 6;
/// Behind an option whose value is a list of columns, in the same word or the next.
const BEFORE_COLUMNS: usize = 7;
const BEFORE_VALUE: usize = 8;
/// Behind `-C`, which takes any value.
const BEFORE_NAME: usize = 9;
const VALUE: usize = 10;
const OTHER_COLUMN: usize = 11;
/// In a column of which so many characters fit, from here on.
const COLUMN_FITS: usize = 12;

/// More than any state.
pub(super) const STATES: usize = COLUMN_FITS + COLUMN.len();

/// The characters that make a difference.
pub(super) const TOLD_APART: &str = "CGUgnpqstukoOefvir,";

pub(super) fn step(at: usize, character: u8) -> State {
    match (at, character) {
        (BEFORE_COLUMNS, SPACE) => Fits(COLUMN_FITS),
        (BEFORE_VALUE | BEFORE_NAME, SPACE) => Fits(VALUE),
        (_, SPACE) => Fits(WORD),
        (WORD, b'-') => Fits(HYPHEN),
        (HYPHEN, b'-') => Fits(HYPHENS),
        (HYPHENS, b'f') => Fits(LONG_FORMAT),
        (LONG_FORMAT, b'=') => Fits(COLUMN_FITS),
        (LONG_FORMAT, _) => Fits(LONG_FORMAT),
        (HYPHENS | LONG, b'=') => Fits(VALUE),
        (HYPHENS | LONG, _) => Fits(LONG),
        (HYPHEN | OPTIONS, b'C') => Fits(BEFORE_NAME),
        (HYPHEN | OPTIONS, b'o' | b'O') => Fits(BEFORE_COLUMNS),
        (HYPHEN | OPTIONS, letter) if WITH_HYPHEN.contains(&letter) => Fits(BEFORE_VALUE),
        (HYPHEN | OPTIONS, _) => Fits(OPTIONS),
        (WORD | LETTERS | BEFORE_VALUE, letter) => in_letters(letter),
        (BEFORE_NAME | VALUE, _) => Fits(VALUE),
        (BEFORE_COLUMNS, _) => in_column(0, character),
        (OTHER_COLUMN, b',') => Fits(COLUMN_FITS),
        (OTHER_COLUMN, _) => Fits(OTHER_COLUMN),
        (fits, _) => in_column(fits.saturating_sub(COLUMN_FITS), character),
    }
}

fn in_letters(letter: u8) -> State {
    match letter {
        b'e' => Found,
        b'o' | b'O' => Fits(BEFORE_COLUMNS),
        letter if WITHOUT_HYPHEN.contains(&letter) => Fits(BEFORE_VALUE),
        _ => Fits(LETTERS),
    }
}

fn in_column(fits: usize, character: u8) -> State {
    match COLUMN.get(fits) {
        Some(wanted) if *wanted == character => {
            found_when(COLUMN_FITS + COLUMN.len(), COLUMN_FITS + fits + 1)
        }
        _ if character == b',' => Fits(COLUMN_FITS),
        _ => Fits(OTHER_COLUMN),
    }
}

#[cfg(test)]
mod tests {
    use crate::pattern::{Pattern, Sought, holds};

    #[test]
    fn environments_are_shown_by_a_letter_or_a_column() {
        for yes in [
            "e",
            "auxe",
            "aux e",
            "ax fe",
            "-ef e",
            "-ef ewww",
            "-auxe",
            "-uaxe",
            "1 e",
            "-p 1 e",
            "--forest e",
            "-eo pid,environ",
            "-oenviron",
            "axo environ",
            "o environ=E",
            "--format=environ",
            "-o pid -o environ",
        ] {
            assert!(holds(yes, &Sought::Environment), "{yes}");
        }
        for no in [
            "",
            "-e",
            "-ef",
            "aux",
            "auxf",
            "-eo pid,user,time,etime",
            "axo pid,etime",
            "-C exporter",
            "-Cexporter",
            "-u postgres",
            "-fu alice",
            "--user=alice",
            "-t pts/e",
            "--no-headers",
            "-ww -o lstart,etime -p 12",
            "ax k etime",
        ] {
            assert!(!holds(no, &Sought::Environment), "{no}");
        }
        for (pattern, wanted) in [
            ("^-u <name>$", false),
            ("^-ef [a-z]+$", true),
            ("^-o [a-z,]+$", true),
            ("^(-fp|-Fp) <pid>(,<pid>){0,9}$", false),
        ] {
            let pattern: Pattern = pattern.parse().unwrap();
            assert_eq!(
                pattern.may_hold(&Sought::Environment),
                wanted,
                "{pattern:?}"
            );
        }
    }
}
