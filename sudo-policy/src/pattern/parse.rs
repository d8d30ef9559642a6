//! Reads the text of a pattern.

use super::placeholder::{Expanded, PLACEHOLDERS, expand, paths_below};
use super::{Characters, Node};
use crate::word::DirectoryPath;

/// Longest pattern, in bytes; sudo takes 1,024.
const MAX_LENGTH: usize = 1024;
/// Deepest nesting of groups.
const MAX_DEPTH: u8 = 16;
/// Largest number in braces; POSIX guarantees 255.
const MAX_REPEAT: u16 = 255;

/// Why a text is not a pattern.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PatternError {
    /// One of the anchors is missing.
    #[error("the pattern does not begin with `^` and end with `$`")]
    NotAnchored,
    /// `|` outside a group, where only one alternative would be anchored.
    #[error("`|` stands outside a group")]
    BareChoice,
    /// The dot.
    #[error("`.` takes any character, also spaces and slashes")]
    Dot,
    /// A negated class.
    #[error("a negated class takes characters that nobody named")]
    Negated,
    /// A class without characters.
    #[error("a class is empty")]
    EmptyClass,
    /// A group or an alternative without anything in it.
    #[error("an alternative is empty")]
    EmptyChoice,
    /// A character that may not stand here.
    #[error("{0:?} may not stand here")]
    Character(char),
    /// A backslash before something that needs none.
    #[error("`\\{0}` is not an escape")]
    Escape(char),
    /// A group, class, count or placeholder without its end.
    #[error("`{0}` is not closed")]
    Unclosed(char),
    /// A range within a class that is not of one kind.
    #[error("`{0}-{1}` is not a range of digits or of letters of one case")]
    Range(char, char),
    /// A count that is not a count.
    #[error("the numbers in braces are wrong")]
    Bounds,
    /// A placeholder that does not exist.
    #[error("`<{0}>` is not a placeholder")]
    Placeholder(String),
    /// `<path:…>` without a directory that paths can lie below.
    #[error("`<path:{0}>` does not name a directory")]
    Directory(String),
    /// `<number:…>` without a range.
    #[error("`<number:{0}>` does not give a range")]
    NumberRange(String),
    /// Too long, too deep, or too many repetitions.
    #[error("the pattern is too large")]
    TooLarge,
}

impl PatternError {
    /// What to do about it.
    #[must_use]
    pub fn help(&self) -> String {
        match self {
            Self::NotAnchored => "write `^` first and `$` last, so that the whole command line is described".to_owned(),
            Self::BareChoice => "write `^(one|other)$`, so that both alternatives are anchored".to_owned(),
            Self::Dot => "name the characters, as in `[a-z0-9_]`; write `\\.` for a dot".to_owned(),
            Self::Negated | Self::EmptyClass => "name the characters that are allowed".to_owned(),
            Self::EmptyChoice => "write `(one|other)?` where nothing may stand".to_owned(),
            Self::Character(_) | Self::Escape(_) => {
                "a pattern has letters, digits, spaces and `_ / : @ % , = ~ -`, `\\.` and `\\+`, classes, groups and counts; \
                 for anything else list exact arguments in `args_any_of`"
                    .to_owned()
            }
            Self::Unclosed(_) => "close it".to_owned(),
            Self::Range(..) => "write ranges as `a-z`, `A-Z` or `0-9`".to_owned(),
            Self::Bounds => format!("write `{{2}}`, `{{1,4}}` or `{{1,}}`, at most {MAX_REPEAT}"),
            Self::Placeholder(_) => {
                let all: Vec<String> = PLACEHOLDERS.iter().map(|one| format!("`{}`", one.written)).collect();
                format!("the placeholders are {}", all.join(", "))
            }
            Self::Directory(_) => {
                "write `<path:/var/log>`: an absolute directory without `.`, `..` and wildcards, and not `/`".to_owned()
            }
            Self::NumberRange(_) => {
                "write `<number:1-65535>`: two numbers without zeros in front, at most 4294967295, the smaller one first"
                    .to_owned()
            }
            Self::TooLarge => "split it into several commands".to_owned(),
        }
    }
}

/// A pattern as it was read.
pub(super) struct Read {
    pub(super) node: Node,
    /// The directories of its `<path:…>`.
    pub(super) directories: Vec<DirectoryPath>,
}

/// Reads a whole pattern with its anchors.
pub(super) fn parse(text: &str) -> Result<Read, PatternError> {
    if text.len() > MAX_LENGTH {
        return Err(PatternError::TooLarge);
    }
    let body = text
        .strip_prefix('^')
        .and_then(|rest| rest.strip_suffix('$'))
        .ok_or(PatternError::NotAnchored)?;
    if body.ends_with('\\') {
        return Err(PatternError::NotAnchored);
    }
    let mut reader = Reader {
        rest: body,
        depth: 0,
        directories: Vec::new(),
    };
    let node = reader.sequence()?;
    match reader.peek() {
        None => Ok(Read {
            node,
            directories: reader.directories,
        }),
        Some('|') => Err(PatternError::BareChoice),
        Some(other) => Err(PatternError::Character(other)),
    }
}

struct Reader<'t> {
    rest: &'t str,
    depth: u8,
    directories: Vec<DirectoryPath>,
}

impl<'t> Reader<'t> {
    fn peek(&self) -> Option<char> {
        self.rest.chars().next()
    }

    fn next(&mut self) -> Option<char> {
        let mut characters = self.rest.chars();
        let next = characters.next();
        self.rest = characters.as_str();
        next
    }

    /// Takes the text up to `end` and `end` itself.
    fn until(&mut self, open: char, end: char) -> Result<&'t str, PatternError> {
        let (inside, rest) = self
            .rest
            .split_once(end)
            .ok_or(PatternError::Unclosed(open))?;
        self.rest = rest;
        Ok(inside)
    }

    fn sequence(&mut self) -> Result<Node, PatternError> {
        let mut nodes = Vec::new();
        while let Some(next) = self.peek() {
            if matches!(next, '|' | ')') {
                break;
            }
            let atom = self.atom()?;
            nodes.push(self.repeated(atom)?);
        }
        Ok(Node::Sequence(nodes))
    }

    fn atom(&mut self) -> Result<Node, PatternError> {
        match self.next() {
            Some('(') => self.group(),
            Some('[') => Ok(Node::One(self.class()?)),
            Some('<') => self.placeholder(),
            Some('.') => Err(PatternError::Dot),
            Some('\\') => match self.next() {
                Some(escaped @ ('.' | '+')) => Ok(literal(escaped)),
                Some(other) => Err(PatternError::Escape(other)),
                None => Err(PatternError::NotAnchored),
            },
            Some(plain) if is_plain(plain) => Ok(literal(plain)),
            Some(other) => Err(PatternError::Character(other)),
            None => Ok(Node::Sequence(Vec::new())),
        }
    }

    fn group(&mut self) -> Result<Node, PatternError> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(PatternError::TooLarge);
        }
        let mut choices = vec![self.choice()?];
        loop {
            match self.next() {
                Some('|') => choices.push(self.choice()?),
                Some(')') => break,
                _ => return Err(PatternError::Unclosed('(')),
            }
        }
        self.depth -= 1;
        Ok(Node::Choice(choices))
    }

    fn choice(&mut self) -> Result<Node, PatternError> {
        if matches!(self.peek(), Some('|' | ')')) {
            return Err(PatternError::EmptyChoice);
        }
        self.sequence()
    }

    fn class(&mut self) -> Result<Characters, PatternError> {
        let inside = self.until('[', ']')?;
        if inside.starts_with('^') {
            return Err(PatternError::Negated);
        }
        let mut set = Characters::NONE;
        let mut characters = inside.chars().peekable();
        while let Some(first) = characters.next() {
            let first = if first == '\\' {
                characters.next().unwrap_or(first)
            } else {
                first
            };
            let first = in_class(first)?;
            let mut ahead = characters.clone();
            match (ahead.next(), ahead.next()) {
                (Some('-'), Some(last)) => {
                    set = set.with(range(first, last)?);
                    characters = ahead;
                }
                _ => set = set.with(Characters::one(first)),
            }
        }
        if set == Characters::NONE {
            Err(PatternError::EmptyClass)
        } else {
            Ok(set)
        }
    }

    fn placeholder(&mut self) -> Result<Node, PatternError> {
        let body = match expand(self.until('<', '>')?)? {
            Expanded::Node(node) => return Ok(node),
            Expanded::Written(body) => body,
            Expanded::Below(directory) => {
                let body = paths_below(&directory);
                self.directories.push(directory);
                body
            }
        };
        let mut inner = Reader {
            rest: &body,
            depth: self.depth,
            directories: Vec::new(),
        };
        // A group of its own, so that a count behind the placeholder counts all of it.
        Ok(Node::Choice(vec![inner.sequence()?]))
    }

    fn repeated(&mut self, node: Node) -> Result<Node, PatternError> {
        let (least, most) = match self.peek() {
            Some('*') => (0, None),
            Some('+') => (1, None),
            Some('?') => (0, Some(1)),
            Some('{') => {
                self.next();
                let (least, most) = bounds(self.until('{', '}')?)?;
                return Ok(Node::Repeat {
                    node: Box::new(node),
                    least,
                    most,
                });
            }
            _ => return Ok(node),
        };
        self.next();
        Ok(Node::Repeat {
            node: Box::new(node),
            least,
            most,
        })
    }
}

fn bounds(text: &str) -> Result<(u16, Option<u16>), PatternError> {
    let number = |digits: &str| match digits.parse::<u16>() {
        Ok(number) if number <= MAX_REPEAT && digits.bytes().all(|b| b.is_ascii_digit()) => {
            Ok(number)
        }
        _ => Err(PatternError::Bounds),
    };
    match text.split_once(',') {
        None => match number(text)? {
            0 => Err(PatternError::Bounds),
            exact => Ok((exact, Some(exact))),
        },
        Some((least, "")) => Ok((number(least)?, None)),
        Some((least, most)) => {
            let (least, most) = (number(least)?, number(most)?);
            if least <= most && most > 0 {
                Ok((least, Some(most)))
            } else {
                Err(PatternError::Bounds)
            }
        }
    }
}

fn range(first: u8, last: char) -> Result<Characters, PatternError> {
    let wrong = || PatternError::Range(char::from(first), last);
    let last = u8::try_from(last).map_err(|_| wrong())?;
    let kind = |c: u8| {
        (
            c.is_ascii_digit(),
            c.is_ascii_lowercase(),
            c.is_ascii_uppercase(),
        )
    };
    let one_kind = first.is_ascii_alphanumeric() && kind(first) == kind(last);
    if one_kind && first <= last {
        Ok(Characters::range(first, last))
    } else {
        Err(wrong())
    }
}

fn in_class(character: char) -> Result<u8, PatternError> {
    match u8::try_from(character) {
        Ok(code) if is_plain(character) || matches!(character, '.' | '+') => Ok(code),
        _ => Err(PatternError::Character(character)),
    }
}

/// Characters that mean themselves here, in POSIX syntax and to sudo's own reader.
fn is_plain(character: char) -> bool {
    character.is_ascii_alphanumeric() || " _/:@%,=~-".contains(character)
}

fn literal(character: char) -> Node {
    // Only called with ASCII: the plain characters and the two escapes.
    Node::One(u8::try_from(character).map_or(Characters::NONE, Characters::one))
}
