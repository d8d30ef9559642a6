//! A word, and somewhere behind it another that begins in a certain way: a verb and its object.

use super::SPACE;
use super::State::{self, Fits, OtherWord};
use super::step::{found_when, whole};

/// More than any state.
pub(super) fn states(verb: &str, object: &str) -> usize {
    verb.len() + object.len() + 2
}

pub(super) fn step(verb: &str, object: &str, at: usize, character: u8) -> State {
    // Behind the verb: so many characters of the object fit, and one more for a word that does not.
    let behind = verb.len() + 1;
    let other = behind + object.len();
    match at.checked_sub(behind) {
        None if at == verb.len() && character == SPACE => Fits(behind),
        None => whole(verb.as_bytes(), at, character),
        Some(_) if character == SPACE => Fits(behind),
        Some(fits) if object.as_bytes().get(fits) == Some(&character) => {
            // What was found stays found, and is not the word that does not fit.
            match found_when(object.len(), fits + 1) {
                Fits(fits) => Fits(behind + fits),
                done @ (OtherWord | State::Never | State::Found) => done,
            }
        }
        Some(_) => Fits(other),
    }
}

#[cfg(test)]
mod tests {
    use crate::pattern::{Pattern, Sought, holds};

    #[test]
    fn a_verb_has_its_object_somewhere_behind_it() {
        let sought = Sought::Then("start", "debug-shell");
        for yes in [
            "start debug-shell",
            "--no-pager start debug-shell.service",
            "start --now nginx debug-shell",
        ] {
            assert!(holds(yes, &sought), "{yes}");
        }
        for no in [
            "",
            "start nginx",
            "debug-shell start",
            "restart debug-shell",
            "start x-debug-shell",
        ] {
            assert!(!holds(no, &sought), "{no}");
        }
        for (pattern, wanted) in [
            ("^(start|stop) <unit>$", true),
            ("^[a-z]+ <unit>$", true),
            ("^stop <unit>$", false),
            ("^start (nginx|apache2)$", false),
        ] {
            let pattern: Pattern = pattern.parse().unwrap();
            assert_eq!(pattern.may_hold(&sought), wanted, "{pattern:?}");
        }
    }
}
