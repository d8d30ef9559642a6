//! What secrets look like: one table of patterns, and what is needed to read a private key by lines.
//!
//! The patterns are over bytes and ASCII, and know no backtracking. Each has one group `s`, which is
//! the secret; what stands around it stays readable. A rule whose secret could be any word leaves
//! alone what plainly is none: a variable, a placeholder, a path.

mod table;

use std::collections::BTreeSet;
use std::sync::LazyLock;

use regex::bytes::{Regex, RegexBuilder, RegexSet, RegexSetBuilder};

use super::{Found, Kind, merged};
use table::RULES;

/// How much a rule believes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Trust {
    /// The form alone tells.
    Form,
    /// What stands around it tells; the value may be a placeholder.
    Context,
    /// As `Context`, and only a value as long as keys are.
    LongContext,
}

/// The shortest value of a setting that is named like a token or key, not like a password.
const SHORTEST_KEY: usize = 8;

/// The shortest line of a private key that is known behind something else.
pub(super) const SHORTEST_LISTED: usize = 16;

/// How much memory the automaton of all patterns together may take as it is made: with less it is
/// forgotten and made again all the time, which is slow.
const AUTOMATON: usize = 32 * 1024 * 1024;

/// Programs that read a password from standard input.
const READS_SECRET: &str = r"\bsudo\b[^|;&]*[ \t]-[a-zA-Z]*S\b|(?:^|[|;&(]|\bsudo[ \t](?:[^|;&]*[ \t])?)[ \t]*(?:/[a-z/]*/)?(?:su|chpasswd|chgpasswd|passwd|cryptsetup|kinit|ssh-add|smbpasswd|vault[ \t]+login|gh[ \t]+auth[ \t]+login)\b|\bsshpass\b[^|;&]*[ \t]-d|\bhtpasswd\b[^|;&]*[ \t]-[a-zA-Z]*i|\bopenssl\b[^|;&]*[ \t]-pass(?:in|out)?[ \t]+(?:stdin|fd:0)|--(?:password|passphrase|token|pass|secret)-(?:stdin|fd[ \t=]0)|--with-token\b";

struct Compiled {
    set: RegexSet,
    each: Vec<Regex>,
    reads_secret: Regex,
    begins_key: Regex,
    ends_key: Regex,
    counts_key_lines: Regex,
}

static COMPILED: LazyLock<Compiled> = LazyLock::new(|| {
    let one = |pattern: &str| {
        #[expect(
            clippy::expect_used,
            reason = "the patterns are constants, and any test that redacts compiles all of them"
        )]
        RegexBuilder::new(pattern)
            .unicode(false)
            .build()
            .expect("a pattern is a regular expression")
    };
    #[expect(clippy::expect_used, reason = "as above")]
    Compiled {
        set: RegexSetBuilder::new(RULES.iter().map(|rule| rule.pattern))
            .unicode(false)
            .dfa_size_limit(AUTOMATON)
            .build()
            .expect("the patterns are regular expressions"),
        each: RULES.iter().map(|rule| one(rule.pattern)).collect(),
        reads_secret: one(READS_SECRET),
        begins_key: one(r"-----BEGIN [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----[^-]*$"),
        ends_key: one(r"-----END [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----"),
        counts_key_lines: one(r"^[ \t>|]*Private-Lines: ([0-9]{1,5})[ \t]*$"),
    }
});

/// The secrets of one line, or of one window of it, in order and apart.
pub(super) fn find(line: &str) -> Vec<Found> {
    let compiled = &*COMPILED;
    let bytes = line.as_bytes();
    let mut found: Vec<(Trust, Found)> = Vec::new();
    // Where a form tells what begins there, it also tells where it ends.
    let mut told = BTreeSet::new();
    for index in compiled.set.matches(bytes) {
        let (Some(rule), Some(regex)) = (RULES.get(index), compiled.each.get(index)) else {
            continue;
        };
        for captures in regex.captures_iter(bytes) {
            let Some(secret) = captures.name("s") else {
                continue;
            };
            let (start, end) = unquoted(bytes, secret.start(), secret.end());
            let text = bytes.get(start..end).unwrap_or_default();
            if rule.trust.believes(text) {
                let range = line.floor_char_boundary(start)..line.ceil_char_boundary(end);
                let kind = rule.kind;
                if rule.trust == Trust::Form {
                    told.insert(range.start);
                }
                found.push((rule.trust, Found { range, kind }));
            }
        }
    }
    found.retain(|(trust, found)| *trust == Trust::Form || !told.contains(&found.range.start));
    merged(found.into_iter().map(|(_, found)| found).collect())
}

/// A value without the quotes around it, and without a comma or a brace behind it.
fn unquoted(bytes: &[u8], start: usize, end: usize) -> (usize, usize) {
    let value = bytes.get(start..end).unwrap_or_default();
    match value {
        [first @ (b'"' | b'\''), .., last] if first == last => (start + 1, end - 1),
        [.., b',' | b';' | b'\\'] => (start, end - 1),
        _ => (start, end),
    }
}

impl Trust {
    fn believes(self, value: &[u8]) -> bool {
        match self {
            Self::Form => !value.is_empty(),
            Self::Context => !is_placeholder(value),
            Self::LongContext => value.len() >= SHORTEST_KEY && !is_placeholder(value),
        }
    }
}

/// Whether a value plainly is no secret.
fn is_placeholder(value: &[u8]) -> bool {
    const WORDS: [&str; 19] = [
        "null",
        "none",
        "nil",
        "true",
        "false",
        "yes",
        "no",
        "undefined",
        "unset",
        "empty",
        "required",
        "optional",
        "prompt",
        "ask",
        "stdin",
        "string",
        "str",
        "redacted",
        "hidden",
    ];
    // What help texts have in the place of a value.
    const NAMES: [&[u8]; 9] = [
        b"PASSWORD",
        b"PASSWD",
        b"PASSPHRASE",
        b"PASS",
        b"TOKEN",
        b"SECRET",
        b"KEY",
        b"VALUE",
        b"STRING",
    ];
    let Some(first) = value.first() else {
        return true;
    };
    let bare: &[u8] = value
        .split(|byte| matches!(byte, b',' | b';' | b')' | b'}' | b']'))
        .next()
        .unwrap_or_default();
    matches!(
        first,
        b'$' | b'<' | b'-' | b'{' | b'%' | b'[' | b'(' | b'=' | b'`' | b'@'
    ) || value.starts_with(b"\\u003c")
        || value.starts_with(b"id=")
        || value.starts_with(b"/dev/")
        || value.iter().all(|byte| {
            matches!(
                byte,
                b'*' | b'.' | b'x' | b'X' | b'?' | b'_' | b',' | b';' | b'\\'
            )
        })
        || WORDS
            .iter()
            .any(|word| bare.eq_ignore_ascii_case(word.as_bytes()))
        || NAMES.contains(&bare)
        || is_path(value)
}

/// Whether a value is an absolute path as settings have them: keys in base64 have capitals.
fn is_path(value: &[u8]) -> bool {
    value.first() == Some(&b'/')
        && value
            .iter()
            .all(|byte| matches!(byte, b'/' | b'.' | b'_' | b'-' | b'a'..=b'z' | b'0'..=b'9'))
}

/// Whether a program that is started so reads a password from its standard input.
///
/// What it reads there has no form by which it could be known.
#[must_use]
pub fn reads_secret_input(command: &[u8]) -> bool {
    COMPILED.reads_secret.is_match(command)
}

/// Whether a private key begins in this line and does not end in it.
pub(super) fn begins_key(line: &str) -> bool {
    COMPILED.begins_key.is_match(line.as_bytes())
}

/// Whether a private key ends in this line.
pub(super) fn ends_key(line: &str) -> bool {
    COMPILED.ends_key.is_match(line.as_bytes())
}

/// How many lines of private key follow this line of a PuTTY key.
pub(super) fn counts_key_lines(line: &str) -> Option<u32> {
    let captures = COMPILED.counts_key_lines.captures(line.as_bytes())?;
    std::str::from_utf8(captures.get(1)?.as_bytes())
        .ok()?
        .parse()
        .ok()
}

/// Whether a line can stand inside an armoured private key: base64, a header, or nothing.
pub(super) fn may_be_of_key(line: &str) -> bool {
    let text = line.trim_matches(is_indent).trim_end();
    let is_header = || {
        let mut parts = text.splitn(2, ": ");
        let name = parts.next().unwrap_or_default();
        parts.next().is_some()
            && !name.is_empty()
            && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
    };
    let is_listed = || is_listed(text.get(before_last_word(text)..).unwrap_or_default());
    text.chars().all(is_base64) || is_header() || is_listed()
}

/// How much of a line inside a private key stands before what may be of the key.
pub(super) fn before_key(text: &str) -> usize {
    let bare = text.trim_end_matches(is_indent);
    let last = before_last_word(bare);
    if bare.chars().all(is_base64) {
        0
    } else if is_listed(bare.get(last..).unwrap_or_default()) {
        last
    } else {
        text.len()
    }
}

fn is_base64(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '+' | '/' | '=')
}

/// Whether a word is long enough for a line of a key behind a name or a number, as `grep` and `cat -n` write it.
fn is_listed(word: &str) -> bool {
    word.len() >= SHORTEST_LISTED && word.chars().all(is_base64)
}

fn before_last_word(text: &str) -> usize {
    text.rfind([' ', '\t', ':']).map_or(0, |at| at + 1)
}

/// Whether a shell that met this in a command line might run a part of it. What separates two cookies is none.
pub(super) fn may_run(secret: &str, kind: Kind) -> bool {
    let cookies = (kind == Kind::Authorization).then(|| secret.replace("; ", " "));
    let text = cookies.as_deref().unwrap_or(secret);
    let signs = ["$(", "<(", ">(", "`", "|", "&", ";"];
    signs.iter().any(|sign| text.contains(sign))
}

/// What stands before the lines of a key in settings, mails and scripts.
pub(super) fn is_indent(c: char) -> bool {
    matches!(
        c,
        ' ' | '\t' | '>' | '|' | '"' | '\'' | '\r' | '#' | ',' | '+' | '\\'
    )
}

/// How many bytes at the beginning of `text` go on a secret that reached the border before it.
pub(super) fn rest_of_secret(text: &str) -> usize {
    text.find(|c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '`'))
        .unwrap_or(text.len())
}
