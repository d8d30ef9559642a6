//! The files that options name, in exact arguments.

use super::Subject;
use super::facts::Clause;
use super::reach::Reach;

/// What stands behind the options of a clause, in exact arguments.
pub(super) fn values<'c>(subject: &'c Subject<'_>, clause: &Clause) -> Vec<&'c str> {
    let Reach::Exact(lists) = &subject.reach else {
        return Vec::new();
    };
    let mut values = Vec::new();
    for list in lists {
        let next = list.words.iter().skip(1).chain([&""]);
        for (word, next) in list.words.iter().zip(next) {
            let options = clause.features.iter().filter(|feature| feature.opens_value);
            values.extend(options.filter_map(|feature| value_of(feature.shown, word, next)));
        }
    }
    values
}

/// The value of an option that a word gives, in itself or in the next one.
fn value_of<'c>(option: &str, word: &'c str, next: &'c str) -> Option<&'c str> {
    let letter = option.strip_prefix('-').filter(|letter| letter.len() == 1);
    let value = match letter {
        Some(letter) if word.starts_with('-') && !word.starts_with("--") => {
            word.split_once(letter)?.1
        }
        Some(_) => return None,
        None if option.ends_with('=') => return word.strip_prefix(option),
        None => {
            let (name, value) = word.split_once('=').unwrap_or((word, ""));
            // Long options may be cut short.
            let is_it = option == name || name.len() > 2 && option.starts_with(name);
            is_it.then_some(value)?
        }
    };
    Some(if value.is_empty() { next } else { value })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_value_of_an_option_stands_in_its_word_or_the_next() {
        for (option, word, wanted) in [
            ("-w", "-w", Some("next")),
            ("-w", "-nw", Some("next")),
            ("-w", "-w/x", Some("/x")),
            ("-w", "--write", None),
            ("-w", "w", None),
            ("--out", "--out=x", Some("x")),
            ("--out", "--out", Some("next")),
            ("--out", "--outer", None),
            ("--out", "--ou=x", Some("x")),
            ("--out", "--", None),
            ("of=", "of=/x", Some("/x")),
            ("of=", "if=/x", None),
        ] {
            assert_eq!(value_of(option, word, "next"), wanted, "{option} {word}");
        }
    }
}
