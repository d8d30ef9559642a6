//! Patterns for the arguments of a command.
//!
//! A pattern is a small regular expression, anchored at both ends, that names every character it
//! takes: there is no `.`, no negated class and nothing that depends on a locale. So the same
//! pattern means the same here, in POSIX extended syntax and in sudo, and the linter can ask what
//! it may match. It is matched against all arguments joined by single spaces, because that is what
//! sudo does.
//!
//! `parse` reads one, `language` matches and questions it, `posix` writes it for sudo.

mod begin;
mod lack;
mod language;
mod meet;
mod parse;
mod placeholder;
mod posix;
mod question;
mod walk;

pub(crate) use self::begin::Beginnings;
use self::language::Program;
pub(crate) use self::meet::{Budget, Exhausted};
pub use self::parse::PatternError;
pub use self::placeholder::{PLACEHOLDERS, Placeholder};
pub(crate) use self::question::{Leading, Sought, holds};
pub(crate) use self::walk::Places;
use crate::word::DirectoryPath;

/// Characters that a pattern can name, as a set of ASCII codes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Characters(u128);

impl Characters {
    const NONE: Self = Self(0);

    fn one(character: u8) -> Self {
        Self(1 << character)
    }

    fn range(first: u8, last: u8) -> Self {
        (first..=last).fold(Self::NONE, |set, character| set.with(Self::one(character)))
    }

    fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    fn common(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    fn len(self) -> u32 {
        self.0.count_ones()
    }

    fn contains(self, character: u8) -> bool {
        character < 128 && self.0 & (1 << character) != 0
    }

    fn iter(self) -> impl Iterator<Item = u8> {
        let mut left = self.0;
        std::iter::from_fn(move || {
            let next = u8::try_from(left.trailing_zeros())
                .ok()
                .filter(|&next| next < 128)?;
            left &= left - 1;
            Some(next)
        })
    }

    /// The characters that are not in the other set.
    fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }
}

/// What a pattern is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Node {
    One(Characters),
    Sequence(Vec<Node>),
    Choice(Vec<Node>),
    Repeat {
        node: Box<Node>,
        least: u16,
        most: Option<u16>,
    },
}

/// A pattern that is known to be well formed, bounded and expressible for sudo.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern {
    text: String,
    posix: String,
    directories: Vec<DirectoryPath>,
    program: Program,
}

impl Pattern {
    /// The pattern as it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The pattern as a POSIX extended regular expression with both anchors.
    #[must_use]
    pub fn posix(&self) -> &str {
        &self.posix
    }

    /// The directories below which the pattern takes any path, as `<path:/var/log>` says.
    #[must_use]
    pub fn directories(&self) -> &[DirectoryPath] {
        &self.directories
    }

    /// Whether the pattern takes this text, all of it.
    #[must_use]
    pub fn matches(&self, text: &str) -> bool {
        self.program.matches(text.as_bytes())
    }

    /// Whether some text that the pattern takes holds what is sought.
    pub(crate) fn may_hold(&self, sought: &Sought<'_>) -> bool {
        self.program.may_hold(sought)
    }
}

impl std::str::FromStr for Pattern {
    type Err = PatternError;

    fn from_str(text: &str) -> Result<Self, PatternError> {
        let parse::Read { node, directories } = parse::parse(text)?;
        let program = Program::compile(&node).ok_or(PatternError::TooLarge)?;
        let posix = posix::render(&node);
        if posix.len() > posix::MAX_LENGTH {
            return Err(PatternError::TooLarge);
        }
        Ok(Self {
            text: text.to_owned(),
            posix,
            directories,
            program,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pattern(text: &str) -> Pattern {
        text.parse()
            .unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    #[test]
    fn patterns_take_what_they_say_and_nothing_else() {
        for (text, takes, refuses) in [
            (
                "^-n [0-9]{1,4}$",
                &["-n 1", "-n 9999"][..],
                &["-n ", "-n 10000", "-n 1 ", "-n", "x-n 1"][..],
            ),
            (
                "^(start|stop) [a-z]+\\.service$",
                &["start a.service", "stop ab.service"],
                &["start aXservice", "restart a.service"],
            ),
            ("^a*b+c?$", &["b", "aabbc"], &["", "a", "bcc"]),
            ("^[a-c_-]{2}$", &["a-", "_b"], &["a", "abc", "d-"]),
            (
                "^-l /proc/<pid>/exe$",
                &["-l /proc/1/exe", "-l /proc/4194304/exe"],
                &["-l /proc/0/exe", "-l /proc/../exe", "-l /proc/1/mem"],
            ),
            ("^(a|b)?$", &["", "a", "b"], &["c", "ab"]),
            ("^(ab){2,}$", &["abab", "ababab"], &["ab", "aba"]),
        ] {
            let pattern = pattern(text);
            for case in takes {
                assert!(pattern.matches(case), "{text} takes `{case}`");
            }
            for case in refuses {
                assert!(!pattern.matches(case), "{text} refuses `{case}`");
            }
        }
    }

    #[test]
    fn questions_are_about_everything_that_a_pattern_may_take() {
        for (text, sought, answer) in [
            ("^status [a-z.]{1,9}/?$", Sought::Part(".."), true),
            ("^status [a-z.]{1,9}/?$", Sought::Part("a/"), true),
            ("^status [a-z.]{1,9}/?$", Sought::Part("/a"), false),
            (
                "^(/etc/passwd|/etc/group)$",
                Sought::Part("/etc/group"),
                true,
            ),
            (
                "^(/etc/passwd|/etc/group)$",
                Sought::Part("/etc/shadow"),
                false,
            ),
            (
                "^/proc/<pid>/(exe|m[a-z]+)$",
                Sought::PartsInOrder("/proc/", "/mem"),
                true,
            ),
            (
                "^/proc/<pid>/(exe|cwd)$",
                Sought::PartsInOrder("/proc/", "/mem"),
                false,
            ),
            ("^[a-z-]+$", Sought::FreeOption, true),
            ("^-n [0-9-]+$", Sought::FreeOption, true),
            ("^-n [0-9]+$", Sought::FreeOption, false),
            ("^-(a|b) x$", Sought::FreeOption, false),
            ("^a[ b]*$", Sought::FreeSpace, true),
            ("^a b$", Sought::FreeSpace, false),
            ("^(status|show) <unit>$", Sought::Operand(0, "start"), false),
            ("^[a-z]+ <unit>$", Sought::Operand(0, "start"), true),
            ("^(status|show) <unit>$", Sought::Word("start"), false),
            ("^(status|start) <unit>$", Sought::Word("start"), true),
            ("^-[a-z]+$", Sought::Short('k'), true),
        ] {
            assert_eq!(pattern(text).may_hold(&sought), answer, "{text} {sought:?}");
        }
    }

    #[test]
    fn posix_form_is_anchored_and_escaped_by_brackets() {
        for (text, posix) in [
            ("^-n [0-9]{1,4}$", "^-n [0-9]{1,4}$"),
            ("^a\\.b$", "^a[.]b$"),
            ("^(a|b)+$", "^(a|b)+$"),
            ("^[z_a-c-]$", "^[_a-cz-]$"),
            ("^<number>$", "^([0-9]{1,9})$"),
        ] {
            assert_eq!(pattern(text).posix(), posix);
        }
    }

    #[test]
    fn a_posix_form_reads_back_as_the_same_pattern() {
        for text in [
            "^-n [0-9]{1,4}$",
            "^(a|bc)*[x-z_-]+ /proc/<pid>/(exe|cwd)$",
            "^<unit>$",
        ] {
            let first = pattern(text);
            assert_eq!(pattern(first.posix()).posix(), first.posix());
        }
    }

    #[test]
    fn what_sudo_could_read_otherwise_is_refused() {
        for (text, wanted) in [
            ("abc", PatternError::NotAnchored),
            ("^abc", PatternError::NotAnchored),
            ("abc$", PatternError::NotAnchored),
            ("^a|b$", PatternError::BareChoice),
            ("^a.b$", PatternError::Dot),
            ("^[^/]+$", PatternError::Negated),
            ("^a#b$", PatternError::Character('#')),
            ("^a\\d$", PatternError::Escape('d')),
            ("^a\nb$", PatternError::Character('\n')),
            ("^é$", PatternError::Character('é')),
            ("^(a$", PatternError::Unclosed('(')),
            ("^a)$", PatternError::Character(')')),
            ("^[a$", PatternError::Unclosed('[')),
            ("^[]$", PatternError::EmptyClass),
            ("^[z-a]$", PatternError::Range('z', 'a')),
            ("^[A-z]$", PatternError::Range('A', 'z')),
            ("^*a$", PatternError::Character('*')),
            ("^a**$", PatternError::Character('*')),
            ("^a{2,1}$", PatternError::Bounds),
            ("^a{999}$", PatternError::Bounds),
            ("^<path>$", PatternError::Placeholder("path".to_owned())),
            ("^<pid:7>$", PatternError::Placeholder("pid:7".to_owned())),
            ("^<path:/>$", PatternError::Directory("/".to_owned())),
            (
                "^<path:/a/../b>$",
                PatternError::Directory("/a/../b".to_owned()),
            ),
            ("^<path:var>$", PatternError::Directory("var".to_owned())),
            ("^<path:/a*>$", PatternError::Directory("/a*".to_owned())),
            ("^<number:>$", PatternError::NumberRange(String::new())),
            ("^<number:7>$", PatternError::NumberRange("7".to_owned())),
            (
                "^<number:2-1>$",
                PatternError::NumberRange("2-1".to_owned()),
            ),
            (
                "^<number:01-2>$",
                PatternError::NumberRange("01-2".to_owned()),
            ),
            (
                "^<number:0-4294967296>$",
                PatternError::NumberRange("0-4294967296".to_owned()),
            ),
            ("^(a|)$", PatternError::EmptyChoice),
            ("^(){9}$", PatternError::EmptyChoice),
            ("^a{0}$", PatternError::Bounds),
            ("^a$b$", PatternError::Character('$')),
        ] {
            assert_eq!(text.parse::<Pattern>(), Err(wanted), "{text}");
        }
    }

    #[test]
    fn size_and_depth_are_bounded() {
        for text in [
            format!("^{}a{}$", "(".repeat(40), ")".repeat(40)),
            "^((a{100}){100}){100}$".to_owned(),
            format!("^{}$", "a".repeat(2000)),
        ] {
            assert!(text.parse::<Pattern>().is_err(), "{text:.40}");
        }
    }
}
