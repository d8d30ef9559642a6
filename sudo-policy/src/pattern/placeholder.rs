//! The usual things that arguments stand for, written `<name>` or `<name:value>` in a pattern.
//!
//! A placeholder becomes part of the pattern like anything that its author could have written, so
//! nothing else knows of it.

use super::parse::PatternError;
use super::{Characters, Node};
use crate::word::DirectoryPath;

/// One placeholder of the language, for documentation and for suggestions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Placeholder {
    /// How it is written, with an example of its value where it takes one.
    pub written: &'static str,
    /// What it stands for.
    pub stands_for: &'static str,
    /// Something that it takes.
    pub example: &'static str,
}

/// Every placeholder.
pub const PLACEHOLDERS: &[Placeholder] = &[
    Placeholder {
        written: "<pid>",
        stands_for: "a process id",
        example: "4711",
    },
    Placeholder {
        written: "<number>",
        stands_for: "one to nine digits",
        example: "100",
    },
    Placeholder {
        written: "<number:1-65535>",
        stands_for: "a number of this range, without zeros in front",
        example: "8443",
    },
    Placeholder {
        written: "<unit>",
        stands_for: "a unit of systemd",
        example: "nginx@blue.service",
    },
    Placeholder {
        written: "<name>",
        stands_for: "a name of letters, digits, `_` and `-`",
        example: "www-data",
    },
    Placeholder {
        written: "<path:/var/log>",
        stands_for: "a path below this directory, at any depth",
        example: "/var/log/nginx/access.log.1",
    },
    Placeholder {
        written: "<ip>",
        stands_for: "an IPv4 or an IPv6 address",
        example: "192.0.2.1",
    },
    Placeholder {
        written: "<ipv4>",
        stands_for: "an IPv4 address",
        example: "192.0.2.1",
    },
    Placeholder {
        written: "<ipv6>",
        stands_for: "an IPv6 address, also one that holds an IPv4 address",
        example: "2001:db8::1",
    },
];

/// A component of a path: never `.` or `..`, never hidden, never an option.
///
/// Nothing at which a program might split it: no colon, comma, equals sign or space.
const COMPONENT: &str = "[A-Za-z0-9_][A-Za-z0-9_@+~-]*([.][A-Za-z0-9_@+~-]+)*";
/// 0 to 255 without zeros in front, three times with a dot behind it and once without.
const IPV4: &str =
    "((25[0-5]|(2[0-4]|1[0-9]|[1-9])?[0-9])[.]){3}(25[0-5]|(2[0-4]|1[0-9]|[1-9])?[0-9])";
/// The groups of an IPv6 address (RFC 4291, section 2.2) for each place at which `::` may stand.
const IPV6_FORMS: &[(u8, u8)] = &[(7, 0), (6, 1), (5, 2), (4, 3), (3, 4), (2, 5), (1, 6)];
/// One group of an IPv6 address.
const GROUP: &str = "[0-9A-Fa-f]{1,4}";
/// Largest number of a range.
const MAX_NUMBER: u64 = 4_294_967_295;

/// What the text between `<` and `>` stands for.
pub(super) fn expand(text: &str) -> Result<Expanded, PatternError> {
    let written = |body: &str| Ok(Expanded::Written(body.to_owned()));
    match text.split_once(':') {
        Some(("path", directory)) => below(directory).map(Expanded::Below),
        Some(("number", range)) => number(range).map(Expanded::Node),
        Some(_) => Err(unknown(text)),
        None => match text {
            "pid" => written("[1-9][0-9]{0,6}"),
            "number" => written("[0-9]{1,9}"),
            "unit" => written("[A-Za-z0-9_][A-Za-z0-9_:@-]{0,120}([.][A-Za-z0-9_:@-]{1,120}){0,4}"),
            "name" => written("[A-Za-z0-9_][A-Za-z0-9_-]{0,62}"),
            "ip" => Ok(Expanded::Written(format!("({IPV4}|{})", ipv6()))),
            "ipv4" => written(IPV4),
            "ipv6" => Ok(Expanded::Written(ipv6())),
            _ => Err(unknown(text)),
        },
    }
}

/// What a placeholder becomes.
pub(super) enum Expanded {
    /// Something that could have been written instead.
    Written(String),
    /// The same, already read.
    Node(Node),
    /// Paths below a directory.
    Below(DirectoryPath),
}

/// The pattern of the paths below a directory.
pub(super) fn paths_below(directory: &DirectoryPath) -> String {
    let directory = directory.as_str().replace('.', "[.]").replace('+', "[+]");
    format!("{directory}(/{COMPONENT})+")
}

fn unknown(text: &str) -> PatternError {
    PatternError::Placeholder(text.chars().take(40).collect())
}

fn below(directory: &str) -> Result<DirectoryPath, PatternError> {
    let refused = || PatternError::Directory(directory.chars().take(40).collect());
    let directory: DirectoryPath = directory.parse().map_err(|_| refused())?;
    // Below `/` lies everything.
    if directory.as_str() == "/" {
        return Err(refused());
    }
    Ok(directory)
}

fn ipv6() -> String {
    let all = format!("({GROUP}:){{7}}{GROUP}");
    let forms: String = IPV6_FORMS
        .iter()
        .map(|&(before, behind)| match behind {
            0 => format!("|({GROUP}:){{1,{before}}}:"),
            1 => format!("|({GROUP}:){{1,{before}}}:{GROUP}"),
            _ => format!("|({GROUP}:){{1,{before}}}(:{GROUP}){{1,{behind}}}"),
        })
        .collect();
    format!("({all}{forms}|:((:{GROUP}){{1,7}}|:)|::[Ff]{{4}}:{IPV4})")
}

/// `1-65535`: both bounds without zeros in front, the first not above the second.
fn number(text: &str) -> Result<Node, PatternError> {
    let refused = || PatternError::NumberRange(text.chars().take(40).collect());
    let (first, last) = text.split_once('-').ok_or_else(refused)?;
    let (first, last) = (
        bound(first).ok_or_else(refused)?,
        bound(last).ok_or_else(refused)?,
    );
    if first > last {
        return Err(refused());
    }
    let mut choices = Vec::new();
    let mut from = first;
    // Numbers with as many digits as `from`, then those with one more.
    while from <= last {
        let digits = from.to_string();
        let widest = "9".repeat(digits.len()).parse().unwrap_or(last);
        let to = widest.min(last);
        choices.push(between(digits.as_bytes(), to.to_string().as_bytes()));
        from = to + 1;
    }
    Ok(Node::Choice(choices))
}

fn bound(text: &str) -> Option<u64> {
    let is_plain =
        text.bytes().all(|c| c.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
    let value: u64 = text.parse().ok()?;
    (is_plain && value <= MAX_NUMBER).then_some(value)
}

/// The digits from `first` to `last`, which have the same length.
fn between(first: &[u8], last: &[u8]) -> Node {
    let (Some((&low, first)), Some((&high, last))) = (first.split_first(), last.split_first())
    else {
        return Node::Sequence(Vec::new());
    };
    if low == high {
        return Node::Sequence(vec![digit(low, low), between(first, last)]);
    }
    let (zeros, nines) = (vec![b'0'; first.len()], vec![b'9'; last.len()]);
    let mut choices = Vec::new();
    // The lowest and the highest digit stand alone where not everything may follow them.
    let mut inner = (low, high);
    if first != zeros {
        choices.push(Node::Sequence(vec![
            digit(low, low),
            between(first, &nines),
        ]));
        inner.0 += 1;
    }
    if last != nines {
        inner.1 -= 1;
    }
    if inner.0 <= inner.1 {
        choices.push(Node::Sequence(vec![
            digit(inner.0, inner.1),
            any_digits(first.len()),
        ]));
    }
    if last != nines {
        choices.push(Node::Sequence(vec![
            digit(high, high),
            between(&zeros, last),
        ]));
    }
    Node::Choice(choices)
}

fn digit(low: u8, high: u8) -> Node {
    Node::One(Characters::range(low, high))
}

fn any_digits(count: usize) -> Node {
    match u16::try_from(count) {
        Ok(0) | Err(_) => Node::Sequence(Vec::new()),
        Ok(count) => Node::Repeat {
            node: Box::new(digit(b'0', b'9')),
            least: count,
            most: Some(count),
        },
    }
}
