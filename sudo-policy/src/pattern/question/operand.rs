//! Counts the words that are not options.
//!
//! How many were counted and where the machine stands in the present word is one number.

use super::SPACE;
use super::State::{self, Fits, Found, Never};

/// Places within a word: at its beginning, in an option, in a number, in another word.
pub(super) const KINDS: usize = 4;

/// Places within a word: so many characters fit, in an option, in another word.
pub(super) fn width(word: &str) -> usize {
    word.len() + 3
}

/// The number of the state in which the word with this number fits as a whole.
pub(super) fn whole(nth: usize, word: &str) -> usize {
    nth * width(word) + word.len()
}

pub(super) fn named(nth: usize, word: &str, at: usize, character: u8) -> State {
    let (width, length) = (width(word), word.len());
    let (counted, place) = (at / width, at % width);
    let (in_option, in_other) = (length + 1, length + 2);
    let next = |counted: usize, place: usize| Fits(counted * width + place);
    match (place, character) {
        (0, b'-') => next(counted, in_option),
        (0, SPACE) => Fits(at),
        (place, SPACE) if place == in_option => next(counted, 0),
        (place, SPACE) if place == in_other => next(counted + 1, 0),
        (place, SPACE) if place == length => Found,
        (_, SPACE) => Never,
        (place, _) if place > length => Fits(at),
        _ if counted < nth => next(counted, in_other),
        (place, found) if word.as_bytes().get(place) == Some(&found) => next(counted, place + 1),
        _ => Never,
    }
}

pub(super) fn any(nth: usize, at: usize, character: u8) -> State {
    let (counted, place) = (at / KINDS, at % KINDS);
    let next = |counted: usize, place: usize| Fits(counted * KINDS + place);
    match (place, character) {
        (3, SPACE) => next(counted + 1, 0),
        (_, SPACE) => next(counted, 0),
        (0, b'-') => next(counted, 1),
        (0 | 2, digit) if digit.is_ascii_digit() => next(counted, 2),
        (0 | 2, _) if counted == nth => Found,
        (0 | 2, _) => next(counted, 3),
        _ => Fits(at),
    }
}
