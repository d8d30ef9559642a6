//! Files in the arguments that the caller can exchange for others.

use super::Subject;
use super::abilities::{Way, way};
use super::capability::Capability;
use super::places::{Kind, above};
use super::reach::Reach;
use crate::code::Code;
use crate::diagnostic::Diagnostic;
use crate::pattern::Sought;

/// Reports files that are read or written where the caller decides what lies there.
pub(super) fn check(subject: &Subject<'_>, found: &mut Vec<Diagnostic>) {
    if subject.reach.is_any() {
        return;
    }
    let opens = |clause: &&super::facts::Clause| {
        matches!(clause.capability, Capability::Read | Capability::Write)
    };
    let mut relative = false;
    let mut open = None;
    for clause in subject.clauses.iter().filter(opens) {
        match way(subject, clause) {
            None => {}
            Some(Way::Always) => {
                relative |= subject.reach.may_hold(&Sought::RelativeLast);
                open = open.or_else(|| world_writable(subject, |_| true));
            }
            Some(Way::By(_)) => {
                let values = values(subject, clause);
                relative |= values.iter().any(|value| is_relative(value));
                open = open.or_else(|| {
                    world_writable(subject, |word| {
                        values.iter().any(|value| word.ends_with(value))
                    })
                });
            }
        }
    }
    if relative && subject.command.cwd().is_none() {
        let message = "a relative file is opened in `/`, where the command runs, and not where the caller stands";
        let help = "write the whole path, or set `cwd`";
        found.push(Diagnostic::error(
            Code::RelativeFile,
            subject.command.arguments_span(),
            message,
            help,
        ));
    }
    if let Some((directory, what)) = open {
        let message = format!(
            "a file below `{directory}` is opened, where {what}: a link there leads to any file"
        );
        let help = "keep the file where only root writes";
        found.push(Diagnostic::error(
            Code::WritablePath,
            subject.command.arguments_span(),
            message,
            help,
        ));
    }
}

/// The directory that everybody writes to in which one of these files lies.
fn world_writable(
    subject: &Subject<'_>,
    counts: impl Fn(&str) -> bool,
) -> Option<(&'static str, &'static str)> {
    match &subject.reach {
        Reach::Any => None,
        Reach::Exact(lists) => {
            let mut words = lists.iter().flat_map(|list| list.words.iter());
            words.find_map(|word| {
                let path = word.find('/').and_then(|at| word.get(at..))?;
                let place = above(path, Kind::Open).filter(|_| counts(word))?;
                Some((place.text, place.what))
            })
        }
        Reach::Pattern { .. } => super::places::of_kind(Kind::Open)
            .find(|place| subject.reach.may_hold(&Sought::PathBegin(place.text)))
            .map(|place| (place.text, place.what)),
    }
}

/// What stands behind the options of a clause, in exact arguments.
fn values<'c>(subject: &'c Subject<'_>, clause: &super::facts::Clause) -> Vec<&'c str> {
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
        None if word == option => "",
        None => word.strip_prefix(option)?.strip_prefix('=')?,
    };
    Some(if value.is_empty() { next } else { value })
}

fn is_relative(value: &str) -> bool {
    !value.starts_with(['/', '-']) && value.contains(|c: char| c.is_ascii_alphabetic())
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
        ] {
            assert_eq!(value_of(option, word, "next"), wanted, "{option} {word}");
        }
    }
}
