use std::process::{Command, Stdio};

use proptest::prelude::*;

use super::*;

fn split(command: &str) -> Option<Vec<String>> {
    let words = words(command.as_bytes())?;
    Some(
        words
            .into_iter()
            .map(|word| String::from_utf8(word).unwrap())
            .collect(),
    )
}

#[test]
fn quotes_and_escapes_are_undone() {
    for (command, expected) in [
        ("ls -la /tmp", &["ls", "-la", "/tmp"][..]),
        ("  ls\t-l  ", &["ls", "-l"]),
        ("n'c' -e \"/bin/sh\"", &["nc", "-e", "/bin/sh"]),
        ("c\\at file\\ name", &["cat", "file name"]),
        ("echo ''", &["echo", ""]),
        ("echo 'a b' \"c d\"e", &["echo", "a b", "c de"]),
        (r#"echo "\$x \a \" \\""#, &["echo", r#"$x \a " \"#]),
        ("echo '$HOME `id` *'", &["echo", "$HOME `id` *"]),
        ("echo a\\\nb", &["echo", "ab"]),
        ("echo \\\n b", &["echo", "b"]),
        ("tar --exclude=a=b x", &["tar", "--exclude=a=b", "x"]),
        ("git log HEAD~1 a#b", &["git", "log", "HEAD~1", "a#b"]),
        ("echo '(a)' \\; x", &["echo", "(a)", ";", "x"]),
        ("'if' x", &["if", "x"]),
        ("ls\n", &["ls"]),
    ] {
        assert_eq!(
            split(command).as_deref(),
            Some(
                &expected
                    .iter()
                    .map(|word| (*word).to_owned())
                    .collect::<Vec<_>>()[..]
            ),
            "{command}"
        );
    }
}

#[test]
fn what_needs_a_shell_has_no_words() {
    for command in [
        "echo $HOME",
        "echo \"$HOME\"",
        "echo `id`",
        "echo $(id)",
        "ls *.txt",
        "ls file?",
        "ls [a]",
        "ls ~",
        "ls a=~/x",
        "echo {a,b}",
        "(ls)",
        "if true; then ls; fi",
        "while x; do y; done",
        "! ls",
        "!!",
        "cat <<EOF\nx\nEOF",
        "diff <(a) <(b)",
        "ls # comment",
        "echo 'open",
        "echo \"open",
        "echo \\",
        "a;;b",
        "; a",
        "a |",
        "a && ",
        "a |& b",
        "f() { x; }",
        "a\0b",
        "x >",
        "x >&y",
    ] {
        assert_eq!(simple_commands(command.as_bytes()), None, "{command}");
        assert_eq!(words(command.as_bytes()), None, "{command}");
    }
}

#[test]
fn pipelines_and_lists_are_told_apart() {
    let commands = simple_commands(
        b"LANG=C sort -u </etc/passwd 2>/dev/null | head -n 1 >> out 2>&1 && sudo id; sleep 1 &\nls",
    )
    .unwrap();
    let programs: Vec<_> = commands
        .iter()
        .map(|command| command.words.join(&b' '))
        .collect();
    assert_eq!(
        programs,
        [&b"sort -u"[..], b"head -n 1", b"sudo id", b"sleep 1", b"ls"]
    );
    assert_eq!(commands[0].assignments, [b"LANG=C"]);
    assert_eq!(commands[0].files, [&b"/etc/passwd"[..], b"/dev/null"]);
    assert_eq!(commands[1].files, [b"out"]);
    assert!(commands[1].has_duplicates);
    // None of them is one plain command.
    for command in ["a | b", "A=b c", "a > b", "a 2>&1", "a; b", ""] {
        assert_eq!(words(command.as_bytes()), None, "{command}");
    }
}

/// What the system's shell makes of it.
fn by_sh(command: &str) -> Vec<String> {
    // The command becomes the arguments of a function that prints each behind a mark.
    let script =
        format!("show() {{ for word; do printf '%s\\0' \"$word\"; done; }}; show {command}");
    let output = Command::new("/bin/sh")
        .args(["-c", &script])
        .current_dir("/")
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert!(output.status.success(), "{command:?}: {output:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    text.split_terminator('\0').map(str::to_owned).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn words_are_those_of_a_shell(command in "w([ \t]|[a-z0-9=:,.+@%^_/~#!-]|'[ -&(-~]{0,4}'|\"[ !#%-Z^-_a-~]{0,4}\"|\\\\[ -~]){0,12}") {
        if let Some(words) = split(&command) {
            prop_assert_eq!(words, by_sh(&command), "{:?}", command);
        }
    }

    #[test]
    fn any_bytes_are_read_to_their_end(command in proptest::collection::vec(any::<u8>(), 0..80)) {
        if let Some(commands) = simple_commands(&command) {
            prop_assert!(commands.iter().all(|command| !command.is_empty()));
        }
    }

    #[test]
    fn quoted_words_come_back(given in proptest::collection::vec("[ -~]{0,6}", 0..5)) {
        let quoted: Vec<_> = given.iter().map(|word| format!("'{}'", word.replace('\'', "'\\''"))).collect();
        let command = format!("x {}", quoted.join(" "));
        let expected: Vec<_> = std::iter::once("x".to_owned()).chain(given).collect();
        prop_assert_eq!(split(&command), Some(expected));
    }
}
