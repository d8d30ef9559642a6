//! What programs are searched by: the text of their command line, and its words.

use super::plain;
use crate::argv::{self, SimpleCommand};
use crate::event::Program;
use crate::redact::{Found, Redactor};

/// What stands in the place of a secret while a command line is split: nothing to a shell.
const SECRET: &str = "redacted";
/// The longest word that is compared, in bytes.
const MAX_WORD: usize = 4096;
/// How many words of one command line are.
const MAX_WORDS: usize = 1024;

/// The command line as text, secrets redacted.
pub(super) fn text(program: &Program) -> String {
    match program {
        Program::Shell => "(login shell)".into(),
        Program::Sftp => "(sftp)".into(),
        Program::Exec(command) => plain::whole(command),
    }
}

/// The words of a command line, each once; none when a shell is needed to tell them.
///
/// Secrets are found in the text as it was written, and taken out before it is split: a password
/// that stands alone is not known for one.
pub(super) fn words(program: &Program) -> Vec<String> {
    let Program::Exec(command) = program else {
        return Vec::new();
    };
    let Ok(text) = std::str::from_utf8(command) else {
        return Vec::new();
    };
    let commands = argv::simple_commands(without_secrets(text).as_bytes()).unwrap_or_default();
    let mut words: Vec<String> = Vec::new();
    for word in commands.iter().flat_map(of_command) {
        if word.len() <= MAX_WORD
            && words.len() < MAX_WORDS
            && word != SECRET
            && !words.contains(&word)
        {
            words.push(word);
        }
    }
    words
}

/// The words of one command, the last part of its program's name, and the files that it is
/// redirected to.
fn of_command(command: &SimpleCommand) -> impl Iterator<Item = String> {
    let name = command.words.first().and_then(|name| {
        let mut parts = name.rsplit(|byte| *byte == b'/');
        let last = parts.next()?;
        parts.next().is_some().then(|| last.to_vec())
    });
    let words = command.words.iter().chain(&command.files).cloned();
    words
        .chain(name)
        .filter_map(|word| String::from_utf8(word).ok())
        .filter(|word| !word.is_empty())
}

fn without_secrets(text: &str) -> String {
    let mut redactor = Redactor::default();
    let mut out = String::with_capacity(text.len());
    for line in text.split_inclusive('\n') {
        let bare = line.strip_suffix('\n').unwrap_or(line);
        let mut from = 0;
        for Found { range, .. } in redactor.find(bare) {
            out.push_str(bare.get(from..range.start).unwrap_or_default());
            out.push_str(SECRET);
            from = range.end;
        }
        out.push_str(line.get(from..).unwrap_or_default());
    }
    out
}
