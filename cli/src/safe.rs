//! Text from outside, made safe to show in a terminal.
//!
//! Whatever a host, an agent or the CA says may hold escape sequences that would drive the
//! reader's terminal, or marks that make text read differently than it is stored. Everything that
//! the program prints and did not make itself passes through here.

use std::fmt::Write as _;

use portreeve_protocol::unseen::is_unseen;

/// One line of foreign text: every control character and every invisible or reordering mark is
/// shown as an escape, line feeds included.
#[must_use]
pub fn line(text: &str) -> String {
    escaped(text, |_| false)
}

/// Foreign text of several lines: as [`line()`], but line feeds and tabs stay.
#[must_use]
pub fn lines(text: &str) -> String {
    escaped(text, |c| matches!(c, '\n' | '\t'))
}

/// Shortens a text to `most` characters, with a mark where something was left out.
#[must_use]
pub fn shortened(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    text.chars()
        .take(most.saturating_sub(1))
        .chain(['…'])
        .collect()
}

fn escaped(text: &str, keep: impl Fn(char) -> bool) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if !is_unseen(c) || keep(c) {
            out.push(c);
            continue;
        }
        // Writing to a string cannot fail.
        let _ = match c {
            '\n' => write!(out, "\\n"),
            '\r' => write!(out, "\\r"),
            '\t' => write!(out, "\\t"),
            c if u32::from(c) < 0x100 => write!(out, "\\x{:02x}", u32::from(c)),
            c => write!(out, "\\u{{{:x}}}", u32::from(c)),
        };
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_drives_a_terminal_passes() {
        for (hostile, shown) in [
            ("\x1b]0;owned\x07", "\\x1b]0;owned\\x07"),
            ("\u{9b}2J", "\\x9b2J"),
            ("a\rb", "a\\rb"),
            ("rm\u{202e}txt", "rm\\u{202e}txt"),
            ("tag\u{e0041}", "tag\\u{e0041}"),
            ("rm\u{3164}", "rm\\u{3164}"),
            ("grüße, 世界", "grüße, 世界"),
        ] {
            assert_eq!(line(hostile), shown);
        }
        assert_eq!(line("a\nb\tc"), "a\\nb\\tc");
        assert_eq!(lines("a\nb\tc\x1b"), "a\nb\tc\\x1b");
    }

    #[test]
    fn shortening_counts_characters() {
        assert_eq!(shortened("grüße", 5), "grüße");
        assert_eq!(shortened("grüße!", 5), "grüß…");
    }
}
