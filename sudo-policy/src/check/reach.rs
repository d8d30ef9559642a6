//! Asks what the arguments of a command may hold.

use std::borrow::Cow;

use super::places::{Kind, Place, of_kind};
use crate::bundle::Arguments;
use crate::pattern::{Beginnings, Pattern, Sought, holds};
use crate::simulate::joined;

/// What the arguments of one command may be, made ready for many questions.
#[derive(Clone)]
pub(super) enum Reach<'c> {
    /// Anything.
    Any,
    /// One of these lists.
    Exact(Vec<Exact<'c>>),
    /// What a pattern takes.
    Pattern {
        pattern: &'c Pattern,
        /// Every letter that it takes, and every letter that its author spelled.
        letters: u128,
        spelled: u128,
        /// How its paths begin.
        beginnings: Beginnings,
    },
}

/// One list of exact arguments.
#[derive(Clone)]
pub(super) struct Exact<'c> {
    /// The arguments.
    pub(super) words: Vec<&'c str>,
    /// All of them as sudo compares them.
    pub(super) text: String,
    /// The same with paths as they are without `//`, `/./` and `/../`, where that differs.
    plain: Option<String>,
    letters: u128,
}

impl<'c> Reach<'c> {
    pub(super) fn of(arguments: &'c Arguments) -> Self {
        match arguments {
            Arguments::Any => Self::Any,
            Arguments::Exactly(lists) => Self::Exact(
                lists
                    .iter()
                    .map(|list| {
                        let words: Vec<&str> = list.iter().map(|word| word.as_str()).collect();
                        Exact::new(words, joined(list))
                    })
                    .collect(),
            ),
            Arguments::Pattern(pattern) => Self::Pattern {
                pattern,
                letters: pattern.sets().fold(0, |all, set| all | set),
                spelled: pattern.spelled(),
                beginnings: pattern.path_beginnings(),
            },
        }
    }

    /// The same without the words that `leave_out` names; a pattern stays as it is.
    pub(super) fn without(&self, leave_out: impl Fn(&str) -> bool) -> Cow<'_, Self> {
        let Self::Exact(lists) = self else {
            return Cow::Borrowed(self);
        };
        if !lists
            .iter()
            .any(|list| list.words.iter().any(|word| leave_out(word)))
        {
            return Cow::Borrowed(self);
        }
        let left = lists.iter().map(|list| {
            let kept = list.words.iter().copied().filter(|word| !leave_out(word));
            let words: Vec<&str> = kept.collect();
            let text = words.join(" ");
            Exact::new(words, text)
        });
        Cow::Owned(Self::Exact(left.collect()))
    }

    /// Whether any arguments at all are allowed.
    pub(super) fn is_any(&self) -> bool {
        matches!(self, Self::Any)
    }

    /// The places of a kind that could be in the arguments at all, told by their letters.
    pub(super) fn places(&self, kind: Kind) -> impl Iterator<Item = &'static Place> + use<> {
        let letters = match self {
            Self::Any => u128::MAX,
            Self::Exact(lists) => lists.iter().fold(0, |all, list| all | list.letters),
            Self::Pattern { letters, .. } => *letters,
        };
        of_kind(kind).filter(move |place| place.letters & !letters == 0)
    }

    /// Whether any command line that the rule allows holds what is sought.
    pub(super) fn may_hold(&self, sought: &Sought<'_>) -> bool {
        match self {
            Self::Any => true,
            Self::Exact(lists) => {
                let needed = letters_of(sought.letters());
                let has = |list: &Exact<'_>| {
                    needed & !list.letters == 0
                        && (holds(&list.text, sought)
                            || list.plain.as_ref().is_some_and(|text| holds(text, sought)))
                };
                lists.iter().any(has)
            }
            Self::Pattern {
                pattern,
                letters,
                spelled,
                beginnings,
            } => {
                // What is ruled out cheaply is most of what is asked.
                let needed = letters_of(sought.letters());
                let is_ruled_out = if let Sought::Word(word) | Sought::Prefix(word) = sought {
                    !word.starts_with('-') && needed & !spelled != 0
                } else if let Sought::PathBegin(path)
                | Sought::LastPathBegin(path)
                | Sought::PartsInOrder(path, _)
                | Sought::Ending(path, _) = sought
                {
                    path.starts_with('/') && !beginnings.may_be(path)
                } else {
                    false
                };
                needed & !letters == 0 && !is_ruled_out && pattern.may_hold(sought)
            }
        }
    }

    /// Whether the rule is a pattern that takes one path in each command line, which ends like this.
    pub(super) fn is_one_path_ending(&self, ends: &[Sought<'_>]) -> bool {
        match self {
            Self::Any | Self::Exact(_) => false,
            Self::Pattern { pattern, .. } => {
                !pattern.may_hold(&Sought::SecondPath) && !pattern.may_lack(ends)
            }
        }
    }

    /// Whether every command line that the rule allows holds one of these.
    pub(super) fn must_hold(&self, sought: &[Sought<'_>]) -> bool {
        match self {
            Self::Any => false,
            Self::Exact(lists) => lists
                .iter()
                .all(|list| sought.iter().any(|sought| holds(&list.text, sought))),
            Self::Pattern { pattern, .. } => !pattern.may_lack(sought),
        }
    }
}

impl<'c> Exact<'c> {
    fn new(words: Vec<&'c str>, text: String) -> Self {
        let is_plain = words.iter().all(|word| is_plain(word));
        let plain = (!is_plain).then(|| {
            let plain: Vec<String> = words.iter().map(|word| plain(word)).collect();
            plain.join(" ")
        });
        // A plain path has no other letters than the path that it was made of.
        let letters = letters_of(text.bytes());
        Self {
            words,
            text,
            plain,
            letters,
        }
    }
}

pub(super) fn letters_of(text: impl Iterator<Item = u8>) -> u128 {
    text.fold(0, |all, letter| {
        all | 1_u128.checked_shl(letter.into()).unwrap_or(0)
    })
}

fn is_plain(word: &str) -> bool {
    !["//", "/./", "/../"].iter().any(|part| word.contains(part))
        && !word.ends_with("/..")
        && !word.ends_with("/.")
}

/// A word whose paths lead where they lead, without detours.
fn plain(word: &str) -> String {
    let Some((before, path)) = word.split_once('/') else {
        return word.to_owned();
    };
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    format!("{before}/{}", parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn detours_of_a_path_lead_nowhere_else() {
        for (word, wanted) in [
            ("/etc//shadow", "/etc/shadow"),
            ("--file=/etc/./shadow", "--file=/etc/shadow"),
            ("/etc/ssl/../shadow", "/etc/shadow"),
            ("/../etc/shadow", "/etc/shadow"),
            ("/var/log/..", "/var"),
            ("plain", "plain"),
        ] {
            assert_eq!(plain(word), wanted);
        }
        assert!(is_plain("/etc/shadow") && is_plain("a..b") && !is_plain("//etc"));
    }
}
