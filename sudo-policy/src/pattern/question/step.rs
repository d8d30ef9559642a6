//! Single steps of the machines, each for one kind of question.

use super::SPACE;
use super::State::{self, Fits, Found, OtherWord};

pub(super) fn found_when(length: usize, fits: usize) -> State {
    if fits == length { Found } else { Fits(fits) }
}

/// One step of a word that the author must have spelled; an option may come about by any way.
pub(super) fn spelled(word: &[u8], fits: usize, character: u8, free: bool) -> State {
    let is_option = word.first() == Some(&b'-');
    if free && !is_option {
        return if character == SPACE {
            Fits(0)
        } else {
            OtherWord
        };
    }
    whole(word, fits, character)
}

/// One step of a word, however it came about.
pub(super) fn whole(word: &[u8], fits: usize, character: u8) -> State {
    match word.get(fits) {
        Some(wanted) if *wanted == character => Fits(fits + 1),
        _ if character == SPACE => Fits(0),
        _ => OtherWord,
    }
}

/// So many characters of a long option are enough when it may be cut short behind `first`.
pub(super) fn cut_at(first: &[u8]) -> usize {
    // Two hyphens alone are no option.
    first.len() + usize::from(first == b"--")
}

/// One step of a long option that may be cut short.
pub(super) fn cut(first: &[u8], rest: &[u8], fits: usize, character: u8) -> State {
    if fits >= cut_at(first) && matches!(character, SPACE | b'=') {
        return Found;
    }
    let wanted = match fits.checked_sub(first.len()) {
        None => first.get(fits),
        Some(of_rest) => rest.get(of_rest),
    };
    match wanted {
        Some(wanted) if *wanted == character => Fits(fits + 1),
        _ if character == SPACE => Fits(0),
        _ => OtherWord,
    }
}

/// The state of [`relative`] in which the last word is a relative path.
pub(super) const RELATIVE_WITH_LETTER: usize = 3;

/// One step of a word: 0 before it, 1 in an option or an absolute path, 2 in another without a
/// letter, 3 with one.
pub(super) fn relative(at: usize, character: u8) -> State {
    match (at, character) {
        (_, SPACE) => Fits(0),
        (0, b'-' | b'/') | (1, _) => Fits(1),
        (_, letter) if letter.is_ascii_alphabetic() => Fits(RELATIVE_WITH_LETTER),
        (RELATIVE_WITH_LETTER, _) => Fits(RELATIVE_WITH_LETTER),
        _ => Fits(2),
    }
}

/// One step of a path that begins with `text`, which begins with a slash.
pub(super) fn begin(text: &[u8], fits: usize, character: u8) -> State {
    match text.get(fits) {
        Some(wanted) if *wanted == character => Fits(fits + 1),
        // Letters of an option may stand before its path, or the path of another option.
        _ if fits == 0 || matches!(character, SPACE | b'=') => Fits(0),
        _ => OtherWord,
    }
}

/// One step of a path that begins with `first`, then of `second` anywhere behind it.
pub(super) fn in_order(first: &[u8], second: &[u8], fits: usize, character: u8) -> State {
    match fits.checked_sub(first.len()) {
        None => begin(first, fits, character),
        Some(of_second) => Fits(first.len() + advance(second, of_second, character)),
    }
}

/// One step of a group of short options: one hyphen, then letters.
pub(super) fn short(letter: char, fits: usize, character: u8) -> State {
    match (fits, character) {
        (_, SPACE) => Fits(0),
        (0, b'-') => Fits(1),
        (0, _) | (_, b'-') => OtherWord,
        (_, found) if char::from(found) == letter => Found,
        _ => Fits(1),
    }
}

/// How much of `part` has been found once `character` follows its first `found` characters.
pub(super) fn advance(part: &[u8], found: usize, character: u8) -> usize {
    let before = part.get(..found).unwrap_or_default();
    let ends_like = |length: usize| {
        // The last `length` characters seen, of which `character` is the last one.
        let seen = before.iter().chain([&character]);
        seen.skip(found + 1 - length).eq(part.iter().take(length))
    };
    (1..=(found + 1).min(part.len()))
        .rev()
        .find(|&length| ends_like(length))
        .unwrap_or(0)
}
