//! What is asked: terms, how they are compared, and where they stand in a line.
//!
//! Pure. A term is a text that must be in a line as it is, upper and lower case alike.

use std::collections::BTreeSet;
use std::ops::Range;

/// The longest term, in characters. Pieces of long lines overlap by as much.
pub const MAX_TERM: usize = 256;
/// The most terms.
pub const MAX_TERMS: usize = 32;
/// How many trigrams of one term are looked up; of a long one some are left to the comparison.
const MAX_TRIGRAMS: usize = 24;

/// Terms that are looked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Terms {
    folded: Vec<Vec<char>>,
    whole_words: bool,
}

/// Why terms cannot be looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoTerms {
    /// One is empty.
    #[error("a term is empty")]
    Empty,
    /// One is too long.
    #[error("a term has more than {MAX_TERM} characters")]
    TooLong,
    /// There are too many.
    #[error("there are more than {MAX_TERMS} terms")]
    TooMany,
    /// None is long enough.
    #[error("no term has three characters")]
    TooShort,
    /// One has a character that no text of the index has.
    #[error("a term has a control character")]
    Control,
}

/// Where terms were found in a moment's text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Match<'a> {
    /// The first line that has all of them.
    pub line: &'a str,
    /// Where they stand in it, in characters, in order and apart.
    pub spans: Vec<Range<usize>>,
    /// How many further lines have all of them.
    pub more_lines: usize,
}

impl Terms {
    /// Takes what was asked for; nothing when nothing was.
    ///
    /// # Errors
    /// When it cannot be looked for.
    pub fn new(terms: &[String], whole_words: bool) -> Result<Option<Self>, NoTerms> {
        if terms.is_empty() {
            return Ok(None);
        }
        if terms.len() > MAX_TERMS {
            return Err(NoTerms::TooMany);
        }
        let folded: Vec<Vec<char>> = terms
            .iter()
            .map(|term| term.chars().map(fold).collect())
            .collect();
        for term in &folded {
            if term.is_empty() {
                return Err(NoTerms::Empty);
            }
            if term.len() > MAX_TERM {
                return Err(NoTerms::TooLong);
            }
            if term.iter().any(|c| c.is_control()) {
                return Err(NoTerms::Control);
            }
        }
        if folded.iter().all(|term| term.len() < 3) {
            return Err(NoTerms::TooShort);
        }
        Ok(Some(Self {
            folded,
            whole_words,
        }))
    }

    /// The trigrams that every text has in which they are found.
    #[must_use]
    pub fn trigrams(&self) -> BTreeSet<String> {
        self.folded
            .iter()
            .flat_map(|term| {
                let all = term.len().saturating_sub(2);
                let step = all.div_ceil(MAX_TRIGRAMS).max(1);
                term.windows(3).step_by(step)
            })
            .map(|three| three.iter().collect())
            .collect()
    }

    /// Where they are in a text, if one of its lines has them all.
    #[must_use]
    pub fn find<'a>(&self, text: &'a str) -> Option<Match<'a>> {
        let mut first = None;
        let mut more_lines = 0;
        let mut folded = Vec::new();
        for line in text.lines() {
            folded.clear();
            folded.extend(line.chars().map(fold));
            let Some(spans) = self.spans(&folded) else {
                continue;
            };
            if first.is_some() {
                more_lines += 1;
            } else {
                first = Some((line, spans));
            }
        }
        first.map(|(line, spans)| Match {
            line,
            spans,
            more_lines,
        })
    }

    fn spans(&self, line: &[char]) -> Option<Vec<Range<usize>>> {
        let mut spans = Vec::new();
        for term in &self.folded {
            let before = spans.len();
            let mut from = 0;
            while let Some(at) = position(line, term, from) {
                let end = at + term.len();
                if !self.whole_words || is_word(line, at, end) {
                    spans.push(at..end);
                    from = end;
                } else {
                    from = at + 1;
                }
            }
            if spans.len() == before {
                return None;
            }
        }
        spans.sort_by_key(|span| (span.start, span.end));
        let mut apart: Vec<Range<usize>> = Vec::new();
        for span in spans {
            match apart.last_mut() {
                Some(last) if span.start <= last.end => last.end = last.end.max(span.end),
                _ => apart.push(span),
            }
        }
        Some(apart)
    }
}

/// A character as it is compared: one for one, so that places stay what they are.
#[must_use]
pub fn fold(c: char) -> char {
    if c.is_ascii() {
        c.to_ascii_lowercase()
    } else {
        c.to_lowercase().next().unwrap_or(c)
    }
}

fn position(line: &[char], term: &[char], from: usize) -> Option<usize> {
    let (first, others) = term.split_first()?;
    let mut at = from;
    loop {
        let rest = line.get(at..)?;
        at += rest.iter().position(|c| c == first)?;
        if line.get(at + 1..)?.starts_with(others) {
            return Some(at);
        }
        at += 1;
    }
}

fn is_word(line: &[char], start: usize, end: usize) -> bool {
    let is_letter = |at: Option<usize>| {
        at.and_then(|at| line.get(at))
            .is_some_and(|c| c.is_alphanumeric())
    };
    !is_letter(start.checked_sub(1)) && !is_letter(Some(end))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A line, where the terms are in it, and how many further lines there are.
    type Seen = (String, Vec<(usize, usize)>, usize);

    fn terms(terms: &[&str], whole_words: bool) -> Result<Option<Terms>, NoTerms> {
        let terms: Vec<_> = terms.iter().map(|term| (*term).to_owned()).collect();
        Terms::new(&terms, whole_words)
    }

    fn found(of: &[&str], whole_words: bool, text: &str) -> Option<Seen> {
        let found = terms(of, whole_words).unwrap().unwrap();
        let found = found.find(text)?;
        let spans = found
            .spans
            .iter()
            .map(|span| (span.start, span.end))
            .collect();
        Some((found.line.to_owned(), spans, found.more_lines))
    }

    #[test]
    fn all_terms_must_stand_on_one_line() {
        let text = "one two\nTwo three one\nthree\none two";
        assert_eq!(
            found(&["two", "ONE"], false, text),
            Some(("one two".into(), vec![(0, 3), (4, 7)], 2))
        );
        assert_eq!(
            found(&["one", "three"], false, text).unwrap().0,
            "Two three one"
        );
        assert_eq!(found(&["two three one"], false, text).unwrap().1, [(0, 13)]);
        assert_eq!(found(&["two", "four"], false, text), None);
        assert_eq!(
            found(
                &["one\ntwo".split('\n').next().unwrap(), "e o"],
                false,
                text
            )
            .unwrap()
            .0,
            "Two three one"
        );
    }

    #[test]
    fn a_term_is_found_within_words_unless_told_otherwise() {
        assert!(found(&["tcp"], false, "192.0.2.7/TCPKeepAlive").is_some());
        assert!(found(&["tcp"], true, "TCPKeepAlive").is_none());
        assert_eq!(found(&["tcp"], true, "xtcp tcp/22").unwrap().1, [(5, 8)]);
        assert_eq!(found(&["grü"], false, "€ GRÜSSE").unwrap().1, [(2, 5)]);
        assert_eq!(found(&["aab", "b"], false, "aaab").unwrap().1, [(1, 4)]);
    }

    #[test]
    fn what_cannot_be_looked_for_says_why() {
        for (given, why) in [
            (&[""][..], NoTerms::Empty),
            (&["ss", "nc"], NoTerms::TooShort),
            (&["a\tbc"], NoTerms::Control),
        ] {
            assert_eq!(terms(given, false), Err(why));
        }
        assert_eq!(terms(&[&"x".repeat(257)], false), Err(NoTerms::TooLong));
        assert_eq!(terms(&["x"; 33], false), Err(NoTerms::TooMany));
        assert_eq!(terms(&[], false), Ok(None));
    }

    #[test]
    fn trigrams_of_a_long_term_are_some_of_them() {
        let long: String = ('a'..='z').cycle().take(256).collect();
        let some = terms(&[&long], false).unwrap().unwrap().trigrams();
        assert!(some.len() <= 24 && some.len() > 5, "{some:?}");
        let short = terms(&["Ab", "wxyz"], false).unwrap().unwrap().trigrams();
        assert_eq!(short.into_iter().collect::<Vec<_>>(), ["wxy", "xyz"]);
    }

    proptest! {
        #[test]
        fn a_text_that_is_found_has_all_trigrams(before in "[a-cA-Cé ]{0,5}", term in "[a-cA-Cé ]{3,8}", after in "[a-cA-Cé ]{0,5}") {
            let text = format!("{before}{term}{after}");
            let asked = terms(&[&term], false).unwrap().unwrap();
            let span = before.chars().count()..before.chars().count() + term.chars().count();
            let matched = asked.find(&text).unwrap();
            prop_assert!(matched.spans.iter().any(|one| one.start <= span.start && one.end > one.start));
            let folded: String = text.chars().map(fold).collect();
            prop_assert!(asked.trigrams().iter().all(|three| folded.contains(three.as_str())));
        }
    }
}
