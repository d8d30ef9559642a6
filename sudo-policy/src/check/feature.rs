//! By which arguments a program does something, as a word of the table of programs.

use crate::pattern::{Leading, Sought};

/// One way of asking for something, as the table writes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Feature {
    /// What somebody would type.
    pub(super) shown: &'static str,
    /// How it is found; one of them is enough.
    pub(super) sought: Vec<Sought<'static>>,
    /// Whether the value of this option is a file that is opened.
    pub(super) opens_value: bool,
}

impl Feature {
    /// Reads one word of the table; `None` when it is none.
    pub(super) fn read(word: &'static str) -> Option<Self> {
        let (word, opens_value) = match word.strip_suffix('=').filter(|_| word.starts_with('-')) {
            Some(option) => (option, true),
            // As in `of=*`.
            None => (word, !word.starts_with('*') && word.ends_with("=*")),
        };
        let one = |sought| Some((word, vec![sought]));
        let (shown, sought) = match word {
            "" | "-" | "--" | "@" => None,
            "*" => one(Sought::Something),
            "0" => Some(("without arguments", vec![Sought::Nothing])),
            "operand" => Some(("…", vec![Sought::AnyOperand(0)])),
            "operand2" => Some(("… …", vec![Sought::AnyOperand(1)])),
            "path2" => Some(("… …", vec![Sought::SecondPath])),
            "environment" => Some(("e", vec![Sought::Environment])),
            "set-id" => Some(("u+s", vec![Sought::SetsId])),
            _ => then(word)
                .or_else(|| in_the_middle(word))
                .or_else(|| beginning(word))
                .or_else(|| verb(word))
                .or_else(|| last(word))
                .or_else(|| first_letter(word))
                .or_else(|| option(word)),
        }?;
        Some(Self {
            shown,
            sought,
            opens_value,
        })
    }
}

impl Feature {
    /// How it is found where it keeps a program from something: in front, where it means the same
    /// however the caller joins words.
    pub(super) fn guard(&self) -> Option<Sought<'static>> {
        let sought = *self.sought.first()?;
        let leading = |form| Sought::Leading(form, self.shown);
        Some(if let Sought::Part(text) = sought {
            Sought::InFirstValue(text)
        } else if matches!(sought, Sought::Short(_)) {
            leading(Leading::Letter)
        } else if matches!(sought, Sought::Word(word) if !word.starts_with('-')) {
            leading(Leading::InDirectory)
        } else {
            leading(Leading::Word)
        })
    }

    /// How it is found where it keeps a program from starting a pager that sudo does not let it
    /// start: anywhere, but as the value of another option.
    pub(super) fn habit(&self) -> Option<Sought<'static>> {
        let sought = *self.sought.first()?;
        let is_long_option = matches!(sought, Sought::Cut("--", _));
        Some(if is_long_option {
            Sought::Standing(self.shown)
        } else {
            sought
        })
    }
}

type Read = Option<(&'static str, Vec<Sought<'static>>)>;

/// `verb+object`.
fn then(word: &'static str) -> Read {
    let (verb, object) = word.split_once('+')?;
    let has_letters = |text: &str| text.contains(|c: char| c.is_ascii_alphabetic());
    (has_letters(verb) && has_letters(object)).then(|| (word, vec![Sought::Then(verb, object)]))
}

/// `*text*`.
fn in_the_middle(word: &'static str) -> Read {
    let text = word.strip_prefix('*')?.strip_suffix('*')?;
    (!text.is_empty()).then(|| (text, vec![Sought::Part(text)]))
}

/// `text*`.
fn beginning(word: &'static str) -> Read {
    let text = word.strip_suffix('*')?;
    (!text.is_empty() && !text.starts_with('*')).then(|| (text, vec![Sought::Prefix(text)]))
}

/// `@word` and `@2:word`.
fn verb(word: &'static str) -> Read {
    let rest = word.strip_prefix('@')?;
    let (nth, verb) = match rest.strip_prefix("2:") {
        Some(verb) => (1, verb),
        None => (0, rest),
    };
    // A value may stand before it and count as a word, so one that is spelled anywhere counts too.
    let spelled = (verb.len() > 1).then_some(Sought::Word(verb));
    let sought = [Sought::Operand(nth, verb)].into_iter().chain(spelled);
    (!verb.is_empty()).then(|| (verb, sought.collect()))
}

/// `last:word`.
fn last(word: &'static str) -> Read {
    let last = word.strip_prefix("last:")?;
    (!last.is_empty()).then(|| (last, vec![Sought::LastWord(last)]))
}

/// `1:x`.
fn first_letter(word: &'static str) -> Read {
    let letter = word.strip_prefix("1:")?;
    let sought = Sought::FirstLetters(only(letter)?);
    Some((letter, vec![sought]))
}

/// `--long`, `--lo~ng`, `-l~ong`, `-x`, `-word` and `word`.
fn option(word: &'static str) -> Read {
    let is_other = word.contains('*') || word.starts_with('@') || word.contains(':');
    if is_other {
        return None;
    }
    if let Some((shortest, rest)) = word.split_once('~') {
        return Some((shortest, vec![Sought::Cut(shortest, rest)]));
    }
    if word.starts_with("--") {
        return Some((word, vec![Sought::Cut("--", word.get(2..)?)]));
    }
    match word.strip_prefix('-').map(only) {
        Some(Some(letter)) => Some((word, vec![Sought::Short(letter)])),
        Some(None) | None => Some((word, vec![Sought::Word(word)])),
    }
}

/// The only character of a text.
fn only(text: &str) -> Option<char> {
    let mut characters = text.chars();
    let first = characters.next()?;
    characters.next().is_none().then_some(first)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pattern::holds;

    #[test]
    fn each_form_finds_what_it_means() {
        for (word, yes, no) in [
            (
                "-x",
                &["-x", "-ax b", "a -xb"][..],
                &["--x", "x", "-a x"][..],
            ),
            ("-exec", &["/ -exec id", "-exec=1"], &["-execdir", "-e"]),
            ("-exec*", &["-execdir x"], &["-exe"]),
            (
                "--to-c~ommand",
                &["--to-command=x", "--to-c x", "--to-com"],
                &["--to-", "--to-commands", "--to-x"],
            ),
            (
                "--output",
                &["--output=x", "--out x", "--o"],
                &["--", "--output-x", "-o", "--outx"],
            ),
            (
                "-b~atch",
                &["-b x", "-batch", "-ba"],
                &["-br", "-batches", "--batch"],
            ),
            ("--out=", &["--out=x"], &["-o"]),
            ("word", &["a word b", "word=1"], &["words", "aword"]),
            (
                "@start",
                &["--now start x", "start"],
                &["restart", "status starts"],
            ),
            (
                "@2:set",
                &["link set x", "-s link set"],
                &["link show reset", "link sets"],
            ),
            ("1:e", &["auxe"], &["-e", "aux e"]),
            ("last:/etc", &["/x /etc"], &["/etc /x", "/x/etc"]),
            ("va*", &["a value"], &["nova"]),
            ("*..*", &["a/../b"], &["a.b"]),
            ("*", &["a"], &[""]),
            ("0", &[""], &["a"]),
            ("operand", &["-a x", "x"], &["-a", "", "-n 5", "5"]),
            ("operand2", &["x y", "-a x -b y"], &["x", "-n 5 x", "-x -y"]),
            ("path2", &["/a /b", "-t x /a b/c"], &["/a", "a /b"]),
            ("environment", &["ax e", "-eo environ"], &["-ef"]),
            (
                "start+debug",
                &["start x debug-shell"],
                &["start x", "debug start"],
            ),
            ("set-id", &["4755 x", "-m u+s x"], &["755 x"]),
        ] {
            let feature = Feature::read(word).unwrap();
            let is_in = |text: &str| feature.sought.iter().any(|sought| holds(text, sought));
            for text in yes {
                assert!(is_in(text), "{word} is in `{text}`");
            }
            for text in no {
                assert!(!is_in(text), "{word} is not in `{text}`");
            }
        }
        for word in [
            "", "-", "--", "--=", "@", "@2:", "1:", "1:ab", "last:", "**", "a*b",
        ] {
            assert_eq!(Feature::read(word), None, "{word}");
        }
    }
}
