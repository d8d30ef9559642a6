//! Arguments as a command line for the remote shell (POSIX.1-2024, Shell Command Language,
//! section 2.2).
//!
//! SSH carries one command line and no arguments. Each argument is written so that the shell
//! makes exactly it of it.

/// The words that mean something to the shell when they stand first.
const RESERVED: &[&str] = &[
    "case", "coproc", "do", "done", "elif", "else", "esac", "fi", "for", "function", "if", "in",
    "select", "then", "time", "until", "while",
];

/// The command line whose words are `argv`.
#[must_use]
pub fn command_line<S: AsRef<str>>(argv: &[S]) -> String {
    let words: Vec<_> = argv
        .iter()
        .enumerate()
        .map(|(at, argument)| {
            let argument = argument.as_ref();
            let reserved = at == 0 && RESERVED.contains(&argument);
            if is_plain(argument) && !reserved {
                argument.to_owned()
            } else {
                quoted(argument)
            }
        })
        .collect();
    words.join(" ")
}

/// Whether no shell sees more than itself in it.
fn is_plain(text: &str) -> bool {
    !text.is_empty()
        && text.bytes().all(|b| {
            b.is_ascii_alphanumeric()
                || matches!(b, b'_' | b'-' | b'.' | b'/' | b':' | b',' | b'+' | b'@')
        })
}

/// Between single quotes everything stands for itself, but for the single quote.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::process::Command;

    /// The arguments that a real shell makes of a command line.
    fn words_of(shell: &str, line: &str) -> Vec<String> {
        let output = Command::new(shell)
            .args(["-c", &format!("printf '%s\\0' {line}")])
            .output()
            .unwrap();
        assert!(output.status.success(), "{line}");
        let text = String::from_utf8(output.stdout).unwrap();
        text.strip_suffix('\0')
            .unwrap()
            .split('\0')
            .map(str::to_owned)
            .collect()
    }

    #[test]
    fn plain_words_stay_readable() {
        assert_eq!(command_line(&["sudo", "ss", "-tnp"]), "sudo ss -tnp");
        assert_eq!(
            command_line(&["ls", "a b", "", "it's", "$HOME"]),
            r"ls 'a b' '' 'it'\''s' '$HOME'"
        );
        assert_eq!(command_line(&["A=1"]), "'A=1'");
        assert_eq!(command_line(&["if", "if"]), "'if' if");
        assert_eq!(
            command_line(&["~root", "!!", "a\nb"]),
            "'~root' '!!' 'a\nb'"
        );
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 128, ..ProptestConfig::default() })]

        #[test]
        fn a_shell_makes_the_same_arguments_of_it(
            argv in prop::collection::vec("[^\0]{0,24}|[ '\"\\\\$`!*?~#&;|<>(){}\\[\\]=\n\t%^-]{0,12}", 1..6)
        ) {
            let line = command_line(&argv);
            prop_assert_eq!(&words_of("sh", &line), &argv);
            prop_assert_eq!(&words_of("bash", &line), &argv);
        }
    }
}
