//! Writes a linked bundle, and remembers where each part of it was written first.

use std::sync::Arc;

use portreeve_protocol::facts::Intent;

use super::trace::Trace;
use crate::bundle::{Arguments, Bundle, Command, Expectation, Outcome, Parsed};
use crate::source::{Source, Span};
use crate::word::{Argument, RunAs};

/// Alternatives go on a new line behind this column.
const WIDTH: usize = 100;

/// The linked text of `root` and what it includes.
pub(super) fn write(root: &Parsed, included: &[Parsed]) -> (String, Trace) {
    let bundle = &root.bundle;
    let mut writer = Writer {
        text: String::from(
            "# Written by `portreeve bundle link`. To change it, change the bundles below and link again.\n\n",
        ),
        trace: Trace::of(bundle.shared_source().clone()),
    };
    writer.string("name", bundle.name().as_str());
    writer.string("description", bundle.description());
    let intent = match bundle.intent() {
        Intent::ReadOnly => "read-only",
        Intent::Write => "write",
    };
    writer.string("intent", intent);
    let all = || std::iter::once(root).chain(included);
    for one in all() {
        writer.line("\n[[source]]");
        writer.string("name", one.bundle.name().as_str());
        writer.string("digest", &one.bundle.digest().to_string());
    }
    // What is included comes first, as if it stood where it is included.
    let parts = || included.iter().chain([root]).map(|one| &one.bundle);
    for bundle in parts() {
        for one in bundle.commands() {
            writer.item(bundle, one.span(), |writer| command(writer, bundle, one));
        }
    }
    for bundle in parts() {
        for one in bundle.expectations() {
            writer.item(bundle, one.span(), |writer| {
                expectation(writer, bundle, one)
            });
        }
    }
    (writer.text, writer.trace)
}

fn command(writer: &mut Writer, bundle: &Bundle, command: &Command) {
    let source = bundle.shared_source();
    writer.line("[[command]]");
    writer.traced(
        source,
        command.path_span(),
        "path",
        &quoted(command.path().as_str()),
    );
    let (key, value) = arguments(command.arguments());
    writer.traced(source, command.arguments_span(), key, &value);
    run_as(writer, command.run_as());
    if !command.noexec() {
        writer.line("noexec = false");
    }
    if let Some(cwd) = command.cwd() {
        writer.string("cwd", cwd.as_str());
    }
    match command.digests() {
        [] => {}
        [digest] => writer.string("digest", &digest.to_string()),
        digests => {
            let digests: Vec<String> = digests.iter().map(|one| quoted(&one.to_string())).collect();
            writer.line(&format!("digests = {}", list(&digests)));
        }
    }
    if let Some(comment) = command.comment() {
        writer.string("comment", comment);
    }
    if let Some(reason) = command.reason() {
        writer.string("reason", reason);
    }
    writer.from(bundle, command.span());
}

fn expectation(writer: &mut Writer, bundle: &Bundle, expectation: &Expectation) {
    writer.line("[[expect]]");
    let key = match expectation.outcome() {
        Outcome::Allow => "allow",
        Outcome::Refuse => "refuse",
    };
    let argv: Vec<String> = expectation.argv().iter().map(|word| quoted(word)).collect();
    writer.line(&format!("{key} = [{}]", argv.join(", ")));
    run_as(writer, expectation.run_as());
    if let Some(comment) = expectation.comment() {
        writer.string("comment", comment);
    }
    writer.from(bundle, expectation.span());
}

fn run_as(writer: &mut Writer, run_as: &RunAs) {
    if *run_as == RunAs::root() {
        return;
    }
    if let Some(user) = run_as.user() {
        writer.string("run_as", user.as_str());
    }
    if let Some(group) = run_as.group() {
        writer.string("run_as_group", group.as_str());
    }
}

fn arguments(arguments: &Arguments) -> (&'static str, String) {
    let words = |words: &[Argument]| {
        let words: Vec<String> = words.iter().map(|word| quoted(word.as_str())).collect();
        format!("[{}]", words.join(", "))
    };
    match arguments {
        Arguments::Any => ("args", quoted("any")),
        Arguments::Pattern(pattern) => ("args_pattern", quoted(pattern.as_str())),
        Arguments::Exactly(lists) => match lists.as_slice() {
            [one] => ("args", words(one)),
            many => {
                let many: Vec<String> = many.iter().map(|one| words(one)).collect();
                ("args_any_of", list(&many))
            }
        },
    }
}

/// A list, on several lines when it is long.
fn list(items: &[String]) -> String {
    let one_line = format!("[{}]", items.join(", "));
    if one_line.len() <= WIDTH {
        return one_line;
    }
    let mut text = String::from("[");
    let mut column = WIDTH;
    for item in items {
        if column + item.len() > WIDTH {
            text.push_str("\n    ");
            column = 4;
        } else {
            text.push(' ');
        }
        text.push_str(item);
        text.push(',');
        column += item.len() + 2;
    }
    text.push_str("\n]");
    text
}

/// A TOML string. What was read holds no control characters, so two escapes are enough.
fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

struct Writer {
    text: String,
    trace: Trace,
}

impl Writer {
    fn line(&mut self, line: &str) {
        self.text.push_str(line);
        self.text.push('\n');
    }

    fn string(&mut self, key: &str, value: &str) {
        self.line(&format!("{key} = {}", quoted(value)));
    }

    /// A field whose value has a place of its own.
    fn traced(&mut self, source: &Arc<Source>, span: Span, key: &str, value: &str) {
        self.text.push_str(&format!("{key} = "));
        let start = self.text.len();
        self.text.push_str(value);
        let end = self.text.len();
        self.trace.add(Span { start, end }, source, span);
        self.text.push('\n');
    }

    /// A command or an expectation with an empty line before it.
    fn item(&mut self, bundle: &Bundle, span: Span, write: impl FnOnce(&mut Self)) {
        self.text.push('\n');
        let start = self.text.len();
        write(self);
        let end = self.text.len();
        self.trace
            .add(Span { start, end }, bundle.shared_source(), span);
    }

    fn from(&mut self, bundle: &Bundle, span: Span) {
        self.string("from", &format!("{}:{}", bundle.name(), bundle.line(span)));
    }
}
