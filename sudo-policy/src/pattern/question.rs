//! What the linter may ask of arguments, each as a small machine that reads them character by
//! character.
//!
//! A character is *free* when its place in the pattern takes others too: the caller chooses it. A
//! character of an exact argument is never free.

use std::fmt;

/// Something that arguments may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sought<'a> {
    /// Anything at all.
    Something,
    /// This text, anywhere.
    Part(&'a str),
    /// One word with the first text in it and, later, the second.
    PartsInOrder(&'a str, &'a str),
    /// This word, or this word and `=`, as the author spelled it.
    Word(&'a str),
    /// A word that begins like this, as the author spelled it.
    Prefix(&'a str),
    /// This letter in a group of short options, as `-xK`.
    Short(char),
    /// This letter in the first word, which is no option, as in `ps auxe`.
    FirstLetters(char),
    /// This as the first word that is not an option, however it came about.
    Verb(&'a str),
    /// A word whose caller decides that it is an option.
    FreeOption,
    /// A space that the caller decides on.
    FreeSpace,
}

impl fmt::Display for Sought<'_> {
    /// The argument as somebody would type it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Something => f.write_str("…"),
            Self::Part(text) | Self::Word(text) | Self::Prefix(text) | Self::Verb(text) => {
                f.write_str(text)
            }
            Self::PartsInOrder(first, second) => write!(f, "{first}…{second}"),
            Self::Short(letter) => write!(f, "-{letter}"),
            Self::FirstLetters(letter) => write!(f, "{letter}"),
            Self::FreeOption => f.write_str("-…"),
            Self::FreeSpace => f.write_str(" "),
        }
    }
}

/// Where the machine of a question stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum State {
    /// In a word of which this many characters fit.
    Fits(usize),
    /// In a word that no longer fits; another may.
    OtherWord,
    /// Nothing that follows can fit.
    Never,
    /// It was found, and stays found.
    Found,
}

use State::{Fits, Found, Never, OtherWord};

/// The character between words.
const SPACE: u8 = b' ';

impl State {
    /// A number of its own for each state, from 0.
    pub(super) fn index(self) -> usize {
        match self {
            Found => 0,
            Never => 1,
            OtherWord => 2,
            Fits(fits) => 3 + fits,
        }
    }
}

/// Whether an exact text holds what is sought.
pub(crate) fn holds(text: &str, sought: &Sought<'_>) -> bool {
    let state = text.bytes().fold(Sought::START, |state, character| {
        sought.step(state, character, false)
    });
    sought.is_found_at_end(state)
}

impl Sought<'_> {
    /// Where the machine stands before the first character.
    pub(super) const START: State = Fits(0);

    /// The characters without which nothing is found.
    pub(super) fn letters(&self) -> impl Iterator<Item = u8> {
        let (one, other) = match self {
            Self::Something
            | Self::FreeSpace
            | Self::FreeOption
            | Self::Short(_)
            | Self::FirstLetters(_) => ("", ""),
            Self::Part(text) | Self::Word(text) | Self::Prefix(text) | Self::Verb(text) => {
                (*text, "")
            }
            Self::PartsInOrder(first, second) => (*first, *second),
        };
        one.bytes().chain(other.bytes())
    }

    /// How many states the machine has; more than any [`State::index`].
    pub(super) fn states(&self) -> usize {
        // A group of short options has one state behind its hyphen.
        Fits(self.letters().count().max(1)).index() + 1
    }

    /// Whether the machine tells this character from those that it has no use for.
    pub(super) fn tells_apart(&self, character: u8) -> bool {
        let is_in = |text: &str| text.as_bytes().contains(&character);
        let of_its_own = match self {
            Self::Something | Self::FreeOption | Self::FreeSpace => false,
            Self::Part(text) | Self::Word(text) | Self::Prefix(text) | Self::Verb(text) => {
                is_in(text)
            }
            Self::PartsInOrder(first, second) => is_in(first) || is_in(second),
            Self::Short(letter) | Self::FirstLetters(letter) => *letter == char::from(character),
        };
        of_its_own || matches!(character, SPACE | b'-' | b'=')
    }

    /// Where the machine stands after one more character.
    pub(super) fn step(&self, state: State, character: u8, free: bool) -> State {
        let fits = match state {
            Found | Never => return state,
            // Only a space, or a text that may begin anywhere, leads out of a word that does not fit.
            OtherWord if character == SPACE => return Fits(0),
            OtherWord => return OtherWord,
            Fits(fits) => fits,
        };
        match self {
            Self::Something => Found,
            Self::Part(part) => found_when(part.len(), advance(part.as_bytes(), fits, character)),
            Self::PartsInOrder(..) if character == SPACE => Fits(0),
            Self::PartsInOrder(first, second) => {
                in_order(first.as_bytes(), second.as_bytes(), fits, character)
            }
            Self::Word(word) if fits == word.len() && matches!(character, SPACE | b'=') => Found,
            Self::Word(word) => spelled(word.as_bytes(), fits, character, free),
            Self::Prefix(prefix) => match spelled(prefix.as_bytes(), fits, character, free) {
                Fits(fits) => found_when(prefix.len(), fits),
                done @ (OtherWord | Never | Found) => done,
            },
            Self::Short(letter) => short(*letter, fits, character),
            Self::FirstLetters(letter) => match (fits, character) {
                (_, SPACE) | (0, b'-') => Never,
                (_, found) if char::from(found) == *letter => Found,
                _ => Fits(1),
            },
            Self::Verb(verb) => first_word(verb.as_bytes(), fits, character),
            Self::FreeOption => match (fits, character) {
                (0, b'-') if free => Found,
                (_, SPACE) => Fits(0),
                _ => OtherWord,
            },
            Self::FreeSpace if free && character == SPACE => Found,
            Self::FreeSpace => state,
        }
    }

    /// Whether it has been found once the text ends here.
    pub(super) fn is_found_at_end(&self, state: State) -> bool {
        match (self, state) {
            (_, Found) => true,
            (Self::Word(text) | Self::Verb(text), Fits(fits)) => fits == text.len(),
            _ => false,
        }
    }
}

fn found_when(length: usize, fits: usize) -> State {
    if fits == length { Found } else { Fits(fits) }
}

/// One step of a word that the author must have spelled.
fn spelled(word: &[u8], fits: usize, character: u8, free: bool) -> State {
    match word.get(fits) {
        Some(wanted) if *wanted == character && !free => Fits(fits + 1),
        _ if character == SPACE => Fits(0),
        _ => OtherWord,
    }
}

/// One step of `first`, then `second`, within a word.
fn in_order(first: &[u8], second: &[u8], fits: usize, character: u8) -> State {
    match fits.checked_sub(first.len()) {
        None => Fits(advance(first, fits, character)),
        Some(of_second) => match advance(second, of_second, character) {
            all if all == second.len() => Found,
            some => Fits(first.len() + some),
        },
    }
}

/// One step of a group of short options: one hyphen, then letters.
fn short(letter: char, fits: usize, character: u8) -> State {
    match (fits, character) {
        (_, SPACE) => Fits(0),
        (0, b'-') => Fits(1),
        (0, _) | (_, b'-') => OtherWord,
        (_, found) if char::from(found) == letter => Found,
        _ => Fits(1),
    }
}

/// One step of the first word that is not an option.
fn first_word(verb: &[u8], fits: usize, character: u8) -> State {
    match (fits, character) {
        (0, b'-') => OtherWord,
        (0, SPACE) => Fits(0),
        (fits, SPACE) if fits == verb.len() => Found,
        (fits, found) if verb.get(fits) == Some(&found) => Fits(fits + 1),
        _ => Never,
    }
}

/// How much of `part` has been found once `character` follows its first `found` characters.
fn advance(part: &[u8], found: usize, character: u8) -> usize {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn questions_find_what_they_name_in_exact_arguments() {
        for (sought, yes, no) in [
            (Sought::Something, &["a", " "][..], &[""][..]),
            (Sought::Part("aab"), &["aaab", "xaaby"], &["aaaa", "ab"]),
            (
                Sought::PartsInOrder("/proc/", "/mem"),
                &["-l /proc/1/mem", "/proc/self/mem"],
                &["/proc/1/ /mem", "/mem/proc/1", "/proc/1/exe"],
            ),
            (
                Sought::Word("-exec"),
                &["/ -exec id", "-exec", "-exec=x"],
                &["-execdir x", "x-exec", "exec"],
            ),
            (
                Sought::Prefix("-exec"),
                &["/ -execdir id", "-exec"],
                &["x-exec", "-exe"],
            ),
            (
                Sought::Short('K'),
                &["-K", "-tnK", "a -xKy"],
                &["--K", "K", "-t K", "a-K"],
            ),
            (
                Sought::Verb("start"),
                &["start x", "--now start", "-q --x start"],
                &["status start", "starts x", "restart"],
            ),
            (Sought::FreeOption, &[], &["-a", "a -b"]),
            (Sought::FreeSpace, &[], &["a b"]),
        ] {
            for text in yes {
                assert!(holds(text, &sought), "{sought:?} is in `{text}`");
            }
            for text in no {
                assert!(!holds(text, &sought), "{sought:?} is not in `{text}`");
            }
        }
    }
}
