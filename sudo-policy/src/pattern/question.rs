//! What the linter may ask of arguments, each as a small machine that reads them character by
//! character.
//!
//! A character is *free* when its place in the pattern takes others too: the caller chooses it. A
//! character of an exact argument is never free.

mod below;
mod elsewhere;
mod environment;
mod leading;
mod mode;
mod operand;
mod standing;
mod step;
#[cfg(test)]
mod tests;
mod then;

use std::fmt;

use super::Characters;

pub(crate) use self::leading::Leading;
use self::step::{
    RELATIVE_WITH_LETTER, advance, begin, cut, cut_at, found_when, in_order, relative, short,
    spelled, whole,
};

/// Something that arguments may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sought<'a> {
    /// Anything at all.
    Something,
    /// Nothing at all.
    Nothing,
    /// This text, anywhere.
    Part(&'a str),
    /// A path that begins with the first text and, later, has the second in it.
    PartsInOrder(&'a str, &'a str),
    /// A path that begins with the first text and ends with the second; with no first text, any word.
    Ending(&'a str, &'a str),
    /// A path that begins with this: at the first slash of a word, or the first behind `=`.
    PathBegin(&'a str),
    /// The same of the last word.
    LastPathBegin(&'a str),
    /// This as the last word, however it came about.
    LastWord(&'a str),
    /// A last word with a letter in it that begins with neither `/` nor `-`.
    RelativeLast,
    /// This word, or this word and `=`, as the author spelled it; an option also otherwise.
    Word(&'a str),
    /// A word that begins like this, as the author spelled it; an option also otherwise.
    Prefix(&'a str),
    /// A long option, whole or cut short behind the first text, with or without `=` and a value.
    Cut(&'a str, &'a str),
    /// This letter in a group of short options, as `-xK`.
    Short(char),
    /// This letter in the first word, which is no option, as in `ps auxe`.
    FirstLetters(char),
    /// This as the word with that number, from 0, that is not an option, however it came about.
    Operand(u8, &'a str),
    /// That many words, and one more, that are neither options nor numbers.
    AnyOperand(u8),
    /// A second word with a slash in it.
    SecondPath,
    /// A path that lies neither below `/etc` nor below `/usr`.
    Elsewhere,
    /// A path below the first, but for these.
    Below(&'a str, &'static [&'static str]),
    /// The first as a word, and behind it a word that begins with the second.
    Then(&'a str, &'a str),
    /// What makes `ps` show environments.
    Environment,
    /// A mode that sets the setuid or setgid bit.
    SetsId,
    /// This long option, where the word in front does not take it for its value.
    Standing(&'a str),
    /// This in front of all other words, where joining words does not change what it means.
    Leading(Leading, &'a str),
    /// This text in the value of `-o`, in front of all other words.
    InFirstValue(&'a str),
    /// A word whose caller decides that it is an option.
    FreeOption,
    /// A space that the caller decides on.
    FreeSpace,
}

impl fmt::Display for Sought<'_> {
    /// The argument as somebody would type it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Something
            | Self::AnyOperand(_)
            | Self::RelativeLast
            | Self::SecondPath
            | Self::Elsewhere
            | Self::Environment
            | Self::SetsId => f.write_str("…"),
            Self::Nothing => Ok(()),
            Self::Part(text)
            | Self::PathBegin(text)
            | Self::Below(text, _)
            | Self::LastPathBegin(text)
            | Self::LastWord(text)
            | Self::Word(text)
            | Self::Prefix(text)
            | Self::Standing(text)
            | Self::Leading(_, text)
            | Self::InFirstValue(text)
            | Self::Operand(_, text) => f.write_str(text),
            Self::Cut(first, rest) => write!(f, "{first}{rest}"),
            Self::PartsInOrder(first, second)
            | Self::Ending(first, second)
            | Self::Then(first, second) => {
                write!(f, "{first}…{second}")
            }
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
    if let Sought::Part(part) = sought {
        return text.contains(part);
    }
    let state = text.bytes().fold(Sought::START, |state, character| {
        sought.step(state, character, false)
    });
    sought.is_found_at_end(state)
}

impl Sought<'_> {
    /// Where the machine stands before the first character.
    pub(super) const START: State = Fits(0);

    /// The characters without which nothing is found.
    pub(crate) fn letters(&self) -> impl Iterator<Item = u8> {
        let (one, other) = match self {
            Self::Something
            | Self::Nothing
            | Self::FreeSpace
            | Self::FreeOption
            | Self::Short(_)
            | Self::FirstLetters(_)
            | Self::AnyOperand(_)
            | Self::SecondPath
            | Self::Elsewhere
            | Self::Environment
            | Self::SetsId
            | Self::RelativeLast => ("", ""),
            Self::Part(text)
            | Self::PathBegin(text)
            | Self::Below(text, _)
            | Self::LastPathBegin(text)
            | Self::LastWord(text)
            | Self::Word(text)
            | Self::Prefix(text)
            | Self::Cut(text, _)
            | Self::Standing(text)
            | Self::Leading(_, text)
            | Self::InFirstValue(text)
            | Self::Operand(_, text) => (*text, ""),
            Self::PartsInOrder(first, second)
            | Self::Ending(first, second)
            | Self::Then(first, second) => (*first, *second),
        };
        one.bytes().chain(other.bytes())
    }

    /// How many states the machine has; more than any [`State::index`].
    pub(super) fn states(&self) -> usize {
        let fits = match self {
            Self::Cut(first, rest) => first.len() + rest.len(),
            Self::Operand(nth, text) => (usize::from(*nth) + 1) * operand::width(text),
            Self::AnyOperand(nth) => (usize::from(*nth) + 1) * operand::KINDS,
            Self::RelativeLast | Self::SecondPath => 3,
            Self::Elsewhere => elsewhere::STATES,
            Self::Then(verb, object) => then::states(verb, object),
            Self::Below(top, spared) => below::states(top, spared),
            Self::Environment => environment::STATES,
            Self::SetsId => mode::STATES,
            Self::Standing(option) => standing::states(option),
            Self::Leading(_, word) => leading::states(word),
            Self::InFirstValue(text) => leading::value_states(text),
            Self::Something
            | Self::Nothing
            | Self::FreeOption
            | Self::FreeSpace
            | Self::Short(_)
            | Self::FirstLetters(_)
            | Self::Part(_)
            | Self::PartsInOrder(..)
            | Self::Ending(..)
            | Self::PathBegin(_)
            | Self::LastPathBegin(_)
            | Self::LastWord(_)
            | Self::Word(_)
            // A group of short options has one state behind its hyphen.
            | Self::Prefix(_) => self.letters().count().max(1),
        };
        Fits(fits).index() + 1
    }

    /// The characters that the machine tells from those that it has no use for.
    pub(super) fn told_apart(&self) -> Characters {
        let of = |text: &str| {
            text.bytes().fold(Characters::NONE, |set, letter| {
                set.with(Characters::one(letter))
            })
        };
        let of_its_own = match self {
            Self::Something
            | Self::Nothing
            | Self::SecondPath
            | Self::FreeOption
            | Self::FreeSpace => Characters::NONE,
            Self::Part(text)
            | Self::PathBegin(text)
            | Self::LastPathBegin(text)
            | Self::LastWord(text)
            | Self::Word(text)
            | Self::Prefix(text)
            | Self::Operand(_, text) => of(text),
            Self::PartsInOrder(first, second)
            | Self::Ending(first, second)
            | Self::Then(first, second)
            | Self::Cut(first, second) => of(first).with(of(second)),
            Self::Short(letter) | Self::FirstLetters(letter) => of(letter.encode_utf8(&mut [0; 4])),
            Self::AnyOperand(_) => Characters::range(b'0', b'9'),
            Self::Elsewhere => of(elsewhere::TOLD_APART),
            Self::Below(top, spared) => spared.iter().fold(of(top), |set, path| set.with(of(path))),
            Self::Environment => of(environment::TOLD_APART),
            Self::SetsId => of(mode::TOLD_APART),
            Self::Standing(option) => of(option).with(of(standing::TOLD_APART)),
            Self::Leading(_, word) => of(word).with(of(leading::TOLD_APART)),
            Self::InFirstValue(text) => of(text).with(of("o")),
            Self::RelativeLast => Characters::range(0, 127)
                .without(Characters::range(b'a', b'z'))
                .without(Characters::range(b'A', b'Z')),
        };
        of_its_own.with(of(" -=/"))
    }

    /// Where the machine stands after one more character.
    pub(super) fn step(&self, state: State, character: u8, free: bool) -> State {
        let fits = match state {
            Found | Never => return state,
            // Only a space, or a text that may begin anywhere, leads out of a word that does not fit.
            OtherWord if character == SPACE => return Fits(0),
            OtherWord if character == b'=' && self.is_of_a_path() => return Fits(0),
            OtherWord => return OtherWord,
            Fits(fits) => fits,
        };
        match self {
            Self::Something => Found,
            Self::Nothing => Never,
            Self::Part(part) => found_when(part.len(), advance(part.as_bytes(), fits, character)),
            Self::Ending(first, second)
                if character == SPACE && fits == first.len() + second.len() =>
            {
                Found
            }
            Self::PartsInOrder(..) | Self::Ending(..) if character == SPACE => Fits(0),
            Self::PartsInOrder(first, second) => {
                match in_order(first.as_bytes(), second.as_bytes(), fits, character) {
                    Fits(fits) => found_when(first.len() + second.len(), fits),
                    done @ (OtherWord | Never | Found) => done,
                }
            }
            Self::Ending(first, second) => {
                in_order(first.as_bytes(), second.as_bytes(), fits, character)
            }
            Self::PathBegin(text) => match begin(text.as_bytes(), fits, character) {
                Fits(fits) => found_when(text.len(), fits),
                done @ (OtherWord | Never | Found) => done,
            },
            Self::LastPathBegin(text) if fits == text.len() && character != SPACE => state,
            Self::LastPathBegin(text) => begin(text.as_bytes(), fits, character),
            Self::LastWord(text) => whole(text.as_bytes(), fits, character),
            Self::RelativeLast => relative(fits, character),
            Self::Word(word) if fits == word.len() && matches!(character, SPACE | b'=') => Found,
            Self::Word(word) => spelled(word.as_bytes(), fits, character, free),
            Self::Prefix(prefix) => match spelled(prefix.as_bytes(), fits, character, free) {
                Fits(fits) => found_when(prefix.len(), fits),
                done @ (OtherWord | Never | Found) => done,
            },
            Self::Cut(first, rest) => cut(first.as_bytes(), rest.as_bytes(), fits, character),
            Self::Short(letter) => short(*letter, fits, character),
            Self::FirstLetters(letter) => match (fits, character) {
                (_, SPACE) | (0, b'-') => Never,
                (_, found) if char::from(found) == *letter => Found,
                _ => Fits(1),
            },
            Self::Operand(nth, word) => operand::named(usize::from(*nth), word, fits, character),
            Self::AnyOperand(nth) => operand::any(usize::from(*nth), fits, character),
            Self::FreeOption => match (fits, character) {
                (0, b'-') if free => Found,
                (_, SPACE) => Fits(0),
                _ => OtherWord,
            },
            Self::Elsewhere => elsewhere::step(fits, character),
            Self::Then(verb, object) => then::step(verb, object, fits, character),
            Self::Below(top, spared) => below::step(top, spared, fits, character),
            Self::Environment => environment::step(fits, character),
            Self::SetsId => mode::step(fits, character),
            Self::Standing(option) => standing::step(option.as_bytes(), fits, character, free),
            Self::Leading(form, word) => leading::step(*form, word, fits, character),
            Self::InFirstValue(text) => leading::in_first_value(text.as_bytes(), fits, character),
            // No path yet, in a path, behind one.
            Self::SecondPath => match (fits, character) {
                (0, b'/') => Fits(1),
                (1, SPACE) => Fits(2),
                (2, b'/') => Found,
                _ => state,
            },
            Self::FreeSpace if free && character == SPACE => Found,
            Self::FreeSpace => state,
        }
    }

    /// Whether a path is sought, which may also begin behind an equals sign.
    fn is_of_a_path(&self) -> bool {
        matches!(
            self,
            Self::PathBegin(_)
                | Self::LastPathBegin(_)
                | Self::PartsInOrder(..)
                | Self::Ending(..)
                | Self::Elsewhere
                | Self::Below(..)
        )
    }

    /// Whether it has been found once the text ends here.
    pub(super) fn is_found_at_end(&self, state: State) -> bool {
        match (self, state) {
            (_, Found) => true,
            (Self::Nothing, state) => state == Self::START,
            (Self::Word(text) | Self::LastWord(text) | Self::LastPathBegin(text), Fits(fits)) => {
                fits == text.len()
            }
            (Self::Ending(first, second), Fits(fits)) => fits == first.len() + second.len(),
            (Self::Cut(first, _), Fits(fits)) => fits >= cut_at(first.as_bytes()),
            (Self::Operand(nth, word), Fits(fits)) => {
                fits == operand::whole(usize::from(*nth), word)
            }
            (Self::RelativeLast, Fits(fits)) => fits == RELATIVE_WITH_LETTER,
            (Self::Elsewhere, Fits(fits)) => elsewhere::is_elsewhere_at_end(fits),
            (Self::SetsId, Fits(fits)) => fits == mode::WHOLE,
            (Self::Below(top, spared), Fits(at)) => below::is_below_at_end(top, spared, at),
            (Self::Standing(option), Fits(fits)) => fits == standing::whole(option),
            (Self::Leading(_, word), Fits(fits)) => leading::is_whole(word, fits),
            _ => false,
        }
    }
}
