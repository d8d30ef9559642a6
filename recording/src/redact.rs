//! Secrets redacted in text that people read: replays, exports, the index of searches.
//!
//! Secrets are known by their form ([`rules`]), so this is a help and no proof; the sealed original
//! stays what it is. A [`Redactor`] takes whole lines of one stream and remembers whether it is
//! inside a private key; [`Stream`] makes lines of text that comes in any pieces. Time is linear in
//! the text: the patterns have no backtracking, and a line is looked at in windows of bounded size.

mod rules;
mod stream;

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;

pub use rules::reads_secret_input;
pub use stream::Stream;

/// The most of one line that is looked at as a whole, in bytes.
pub const MAX_WINDOW: usize = 16 * 1024;
/// How much two windows of a longer line have in common.
const OVERLAP: usize = 4 * 1024;
/// After so many lines a private key that did not end is none.
const MAX_KEY_LINES: u32 = 1024;

/// What the marker says of a secret of which a shell would run a part: whoever chooses a command line could hide
/// another one in what looks like a password.
const MAY_RUN: &str = "a shell may run a part of it";

/// What kind of secret was redacted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// The content of a private key.
    PrivateKey,
    /// An age identity.
    AgeKey,
    /// A JSON web token.
    Jwt,
    /// A token whose form tells who issued it.
    Token,
    /// A key of a cloud provider.
    CloudKey,
    /// Credentials in an HTTP header.
    Authorization,
    /// A password.
    Password,
    /// A password's hash.
    PasswordHash,
}

impl Kind {
    /// Its name in the marker.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::PrivateKey => "private key",
            Self::AgeKey => "age key",
            Self::Jwt => "jwt",
            Self::Token => "token",
            Self::CloudKey => "cloud key",
            Self::Authorization => "authorization",
            Self::Password => "password",
            Self::PasswordHash => "password hash",
        }
    }
}

/// The marker that stands where a secret stood.
impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[redacted: {}]", self.name())
    }
}

/// A secret in a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Where, in bytes; at borders of characters.
    pub range: Range<usize>,
    /// What it is.
    pub kind: Kind,
}

/// Finds secrets in the lines of one stream, from the first to the last.
#[derive(Debug, Clone, Default)]
pub struct Redactor {
    inside: Inside,
}

/// Whether the lines are those of a private key.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Inside {
    #[default]
    Nothing,
    /// Of one that ends with a line that says so; so many lines ago it began.
    Armour { lines: u32 },
    /// Of one whose lines were counted beforehand.
    Counted { left: u32 },
}

impl Redactor {
    /// The secrets of the next line, in order and apart from each other.
    ///
    /// `line` has no line feed. A line longer than [`MAX_WINDOW`] is looked at in windows.
    pub fn find(&mut self, line: &str) -> Vec<Found> {
        if let Some(found) = self.of_key(line) {
            return found;
        }
        let found = if line.len() <= MAX_WINDOW {
            rules::find(line)
        } else {
            in_windows(line)
        };
        self.begin(line);
        found
    }

    /// The next line with its secrets redacted.
    pub fn line<'a>(&mut self, line: &'a str) -> Cow<'a, str> {
        let found = self.find(line);
        redacted(line, &found)
    }

    /// What a line inside a private key is; nothing when it is not inside one.
    fn of_key(&mut self, line: &str) -> Option<Vec<Found>> {
        match self.inside {
            Inside::Nothing => return None,
            Inside::Counted { left } => {
                self.inside = match left.checked_sub(1) {
                    None | Some(0) => Inside::Nothing,
                    Some(left) => Inside::Counted { left },
                };
            }
            Inside::Armour { lines } => {
                if rules::ends_key(line) {
                    self.inside = Inside::Nothing;
                    let before = line.find("-----END").unwrap_or(0);
                    let before = line.get(..before).unwrap_or(line);
                    // A key's last line ends before this one, so a short word here is another thing.
                    let is_of_key = before.trim().len() >= rules::SHORTEST_LISTED;
                    return Some(if is_of_key {
                        key_material(before)
                    } else {
                        Vec::new()
                    });
                }
                if lines >= MAX_KEY_LINES || !rules::may_be_of_key(line) {
                    self.inside = Inside::Nothing;
                    return None;
                }
                self.inside = Inside::Armour { lines: lines + 1 };
            }
        }
        Some(key_material(line))
    }

    /// Remembers that a private key begins with this line.
    fn begin(&mut self, line: &str) {
        if let Some(lines) = rules::counts_key_lines(line) {
            if lines > 0 {
                self.inside = Inside::Counted {
                    left: lines.min(MAX_KEY_LINES),
                };
            }
        } else if rules::begins_key(line) {
            self.inside = Inside::Armour { lines: 0 };
        }
    }
}

/// The text of one line that stands alone, with its secrets redacted.
#[must_use]
pub fn one_line(line: &str) -> Cow<'_, str> {
    Redactor::default().line(line)
}

/// `line` with a marker for each of `found`.
#[must_use]
pub fn redacted<'a>(line: &'a str, found: &[Found]) -> Cow<'a, str> {
    if found.is_empty() {
        return Cow::Borrowed(line);
    }
    let mut text = String::with_capacity(line.len());
    let mut from = 0;
    for Found { range, kind } in found {
        text.push_str(line.get(from..range.start).unwrap_or_default());
        let secret = line.get(range.clone()).unwrap_or_default();
        text.push_str(&if rules::may_run(secret, *kind) {
            format!("[redacted: {}; {MAY_RUN}]", kind.name())
        } else {
            kind.to_string()
        });
        from = range.end;
    }
    text.push_str(line.get(from..).unwrap_or_default());
    Cow::Owned(text)
}

/// Of a line, what may be of a key: not what it is indented, quoted or listed with, nor a header.
fn key_material(line: &str) -> Vec<Found> {
    let end = line.trim_end().len();
    let start = line.len() - line.trim_start_matches(rules::is_indent).len();
    let start = start + rules::before_key(line.get(start..end).unwrap_or_default());
    if start >= end {
        return Vec::new();
    }
    vec![Found {
        range: start..end,
        kind: Kind::PrivateKey,
    }]
}

/// The secrets of a line that is longer than a window.
fn in_windows(line: &str) -> Vec<Found> {
    let mut all = Vec::new();
    let mut start = 0;
    loop {
        let end = line.floor_char_boundary(start + MAX_WINDOW);
        let window = line.get(start..end).unwrap_or_default();
        let here = rules::find(window);
        all.extend(here.into_iter().map(|found| {
            let (from, mut to) = (found.range.start + start, found.range.end + start);
            // A secret that reaches the border goes on until something that no secret has in it.
            if to == end {
                to += rules::rest_of_secret(line.get(end..).unwrap_or_default());
            }
            Found {
                range: from..to,
                kind: found.kind,
            }
        }));
        if end == line.len() {
            return merged(all);
        }
        start = line.floor_char_boundary(end - OVERLAP);
    }
}

/// Puts what was found in order; of two that share something the later begins where the first ends.
fn merged(mut all: Vec<Found>) -> Vec<Found> {
    all.sort_by_key(|found| (found.range.start, std::cmp::Reverse(found.range.end)));
    let mut apart: Vec<Found> = Vec::with_capacity(all.len());
    for mut found in all {
        let taken = apart.last().map_or(0, |last| last.range.end);
        if found.range.end <= taken {
            continue;
        }
        found.range.start = found.range.start.max(taken);
        apart.push(found);
    }
    apart
}

#[cfg(test)]
mod examples;
#[cfg(test)]
mod tests;
