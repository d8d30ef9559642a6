//! What keeps a program from something wherever its caller puts the limits between words.
//!
//! sudo joins the words of a command line with spaces before it compares them, so a caller may give
//! two words of a rule as one. An option is then the value of the one in front of it, or a part of a
//! file's name: `"/srv/x.db -safe"` names a file. Only the first word is what it seems: joined with
//! the next one it becomes an option that the program does not know.

use super::SPACE;
use super::State::{self, Fits, Found, Never};

/// What the first word is to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Leading {
    /// This word.
    Word,
    /// This option of one letter, with others behind it in the same word.
    Letter,
    /// This word, also behind `-C` and the absolute path of a directory: joined with that path it names
    /// a directory that is not there.
    InDirectory,
}

/// An option without a value that may stand in front: joined with what follows it is unknown.
const NO_PAGER: &[u8] = b"--no-pager";
const DIRECTORY: &[u8] = b"-C";

/// What the present word may still become, a bit each; a bit is set when it no longer may.
const NOT_THE_WORD: usize = 1;
const NOT_NO_PAGER: usize = 2;
const NOT_DIRECTORY: usize = 4;
const NOTHING: usize = NOT_THE_WORD | NOT_NO_PAGER | NOT_DIRECTORY;

/// Before the path of a directory and in it: no word is nothing of all that.
const BEFORE_PATH: usize = NOTHING;
const IN_PATH: usize = NOTHING + WIDTH;

/// So many states for each character of a word that was read.
const WIDTH: usize = 8;

/// More than any state.
pub(super) fn states(word: &str) -> usize {
    WIDTH * (word.len().max(NO_PAGER.len()) + 1)
}

/// The characters that make a difference beside those of the word.
pub(super) const TOLD_APART: &str = "--no-pagerC/";

/// Whether text that ends in this state has the word as its first.
pub(super) fn is_whole(word: &str, at: usize) -> bool {
    at / WIDTH == word.len() && at & NOT_THE_WORD == 0
}

pub(super) fn step(form: Leading, word: &str, at: usize, character: u8) -> State {
    let (read, lost) = (at / WIDTH, at % WIDTH);
    match (at, character) {
        (BEFORE_PATH, b'/') => return Fits(IN_PATH),
        (BEFORE_PATH, _) => return Never,
        (IN_PATH, SPACE) => return Fits(0),
        (IN_PATH, _) => return Fits(at),
        _ => {}
    }
    if character == SPACE {
        let ends = |text: &[u8], bit: usize| read == text.len() && lost & bit == 0;
        return if ends(word.as_bytes(), NOT_THE_WORD) {
            Found
        } else if ends(NO_PAGER, NOT_NO_PAGER) {
            Fits(0)
        } else if form == Leading::InDirectory && ends(DIRECTORY, NOT_DIRECTORY) {
            Fits(BEFORE_PATH)
        } else {
            Never
        };
    }
    let goes_on = |text: &[u8], bit: usize| {
        if text.get(read) == Some(&character) {
            lost & bit
        } else {
            bit
        }
    };
    let lost = goes_on(word.as_bytes(), NOT_THE_WORD)
        | goes_on(NO_PAGER, NOT_NO_PAGER)
        | goes_on(DIRECTORY, NOT_DIRECTORY);
    let next = (read + 1) * WIDTH + lost;
    if lost == NOTHING {
        Never
    } else if form == Leading::Letter && is_whole(word, next) {
        Found
    } else {
        Fits(next)
    }
}

/// One step towards a text in the value of `-o`, which stands in front of everything.
pub(super) fn in_first_value(text: &[u8], at: usize, character: u8) -> State {
    /// Behind `-o`, and behind the space that follows it.
    const OPTION: usize = 2;
    const VALUE: usize = 3;
    match (at, character) {
        (0, b'-') | (1, b'o') => Fits(at + 1),
        (0 | 1, _) => Never,
        (OPTION, SPACE) => Fits(VALUE),
        (_, SPACE) => Never,
        (at, _) => {
            let found = super::advance(text, at.saturating_sub(VALUE), character);
            super::found_when(VALUE + text.len(), VALUE + found)
        }
    }
}

/// More than any state of [`in_first_value`].
pub(super) fn value_states(text: &str) -> usize {
    3 + text.len()
}

#[cfg(test)]
mod tests {
    use super::Leading::{InDirectory, Letter, Word};
    use crate::pattern::{Pattern, Sought, holds};

    #[test]
    fn only_what_comes_first_is_what_it_seems() {
        for (form, word, yes, no) in [
            (
                Word,
                "-safe",
                &["-safe", "-safe /srv/x.db", "--no-pager -safe"][..],
                &["/srv/x.db -safe", "-safer", "-saf", "", "-C /srv -safe"][..],
            ),
            (
                Word,
                "ps",
                &["ps", "ps -a", "--no-pager --no-pager ps"],
                &["--tlscacert ps run", "--tlscacert=ps ps", "-x ps", "psx"],
            ),
            (
                Word,
                "--no-pager",
                &["--no-pager", "--no-pager -u x", "--no-pager --no-pager"],
                &[
                    "-u --no-pager",
                    "--no-page",
                    "--no-pager=x",
                    "-n 5 --no-pager",
                ],
            ),
            (
                Letter,
                "-l",
                &["-l", "-lf /x", "--no-pager -l"],
                &["-al", "l", "--l", "x -l", "-C /x -l"],
            ),
            (
                Letter,
                "-C",
                &["-C /x", "--no-pager -C /x"],
                &["-c", "x -C"],
            ),
            (
                InDirectory,
                "log",
                &["log", "--no-pager -C /srv/shop log -n 5", "-C /a -C /b log"],
                &[
                    "-C srv log",
                    "-C log",
                    "-C /srv/log",
                    "-c a=b log",
                    "-C  log",
                ],
            ),
        ] {
            for text in yes {
                assert!(holds(text, &Sought::Leading(form, word)), "{word}: {text}");
            }
            for text in no {
                assert!(!holds(text, &Sought::Leading(form, word)), "{word}: {text}");
            }
        }
        for (pattern, lacks) in [
            ("^(ps|images)( -a)?$", false),
            ("^(ps|run) <name>$", true),
            ("^--no-pager ps <name>$", false),
            ("^(--no-pager )?ps <name>$", false),
        ] {
            let pattern: Pattern = pattern.parse().unwrap();
            let sought = [Sought::Leading(Word, "ps"), Sought::Leading(Word, "images")];
            assert_eq!(pattern.may_lack(&sought), lacks, "{pattern:?}");
        }
    }

    #[test]
    fn mount_options_stand_in_front() {
        for (text, wanted) in [
            ("-o nosuid /a /b", true),
            ("-o ro,nosuid", true),
            ("-onosuid /a", true),
            ("-oro nosuid", false),
            ("/a -o nosuid", false),
            ("-o ro /nosuid", false),
            ("-r nosuid", false),
        ] {
            let found = holds(text, &Sought::InFirstValue("nosuid"));
            assert_eq!(found, wanted, "{text}");
        }
    }
}
