//! Characters that a reader does not see, or that make a text read differently than it is stored.
//!
//! The one list of them: what is shown, searched, kept or refused as text from outside asks here.

/// Emoji have it, and it says nothing but that they are to be seen in colour.
pub const EMOJI_STYLE: char = '\u{fe0f}';

/// Whether a character drives a terminal, or moves, hides or reorders text, or is not seen at all.
///
/// The Unicode Character Database's general categories `Cc` (what drives terminals), `Cf` (marks of
/// format and direction), `Zl` and `Zp` (line and paragraph separators), and its property
/// `Default_Ignorable_Code_Point` (fillers, joiners, variation selectors, tags), but for
/// [`EMOJI_STYLE`].
#[must_use]
pub fn is_unseen(c: char) -> bool {
    c.is_control() || is_mark(c) || is_ignorable(c)
}

/// `Cf`, `Zl` and `Zp`, where they are not ignorable.
const fn is_mark(c: char) -> bool {
    matches!(c,
        '\u{600}'..='\u{605}' | '\u{6dd}' | '\u{70f}' | '\u{890}'..='\u{891}' | '\u{8e2}'
        | '\u{2028}'..='\u{2029}' | '\u{fff9}'..='\u{fffb}' | '\u{110bd}' | '\u{110cd}'
        | '\u{13430}'..='\u{1343f}')
}

/// `Default_Ignorable_Code_Point`.
const fn is_ignorable(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}'
        | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0e}' | '\u{feff}' | '\u{ffa0}'
        | '\u{fff0}'..='\u{fff8}' | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}'
        | '\u{e0000}'..='\u{e0fff}')
}

#[cfg(test)]
mod tests {
    use regex::Regex;

    use super::*;

    #[test]
    fn the_list_is_unicodes() {
        let unicode =
            Regex::new(r"[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}--\u{fe0f}]")
                .unwrap();
        for c in '\0'..=char::MAX {
            let listed = unicode.is_match(c.encode_utf8(&mut [0; 4]));
            assert_eq!(is_unseen(c), listed, "{}", c.escape_unicode());
        }
    }

    #[test]
    fn what_hides_or_reorders_is_on_it() {
        for (what, chars) in [
            ("terminal controls", "\0\x07\x1b\r\x7f\u{85}\u{9b}"),
            (
                "bidirectional marks",
                "\u{61c}\u{200e}\u{202e}\u{2066}\u{2069}",
            ),
            (
                "joiners and spaces without width",
                "\u{200b}\u{200d}\u{2060}\u{feff}\u{34f}",
            ),
            ("fillers", "\u{ad}\u{115f}\u{3164}\u{ffa0}"),
            ("separators of lines", "\u{2028}\u{2029}"),
            ("variation selectors", "\u{fe00}\u{fe0e}\u{e0100}\u{e01ef}"),
            ("tags", "\u{e0001}\u{e0041}\u{e007f}"),
        ] {
            assert!(chars.chars().all(is_unseen), "{what}");
        }
        assert!(
            !"grüße, 日本語 \u{26a0}\u{fe0f} e\u{301}"
                .chars()
                .any(is_unseen)
        );
    }
}
