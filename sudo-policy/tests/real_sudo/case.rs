//! Bundles as the agreement test makes them, in a form that can be cut down.

use portreeve_protocol::digest::Digest;
use portreeve_sudo_policy::bundle::Bundle;

use crate::machine::{MISSING, text_of};

/// A command of a bundle.
#[derive(Debug, Clone)]
pub(crate) struct Rule {
    pub(crate) path: &'static str,
    pub(crate) arguments: Arguments,
    pub(crate) run_as: &'static str,
    pub(crate) cwd: bool,
    pub(crate) noexec: bool,
    pub(crate) digests: Digests,
}

/// The arguments of a rule.
#[derive(Debug, Clone)]
pub(crate) enum Arguments {
    Any,
    Lists(Vec<Vec<String>>),
    /// A pattern, and a text that it takes.
    Pattern(String, String),
}

/// The digests of a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Digests {
    None,
    Right,
    Wrong,
    OneIsRight,
}

/// A bundle and the command lines to ask about.
#[derive(Debug, Clone)]
pub(crate) struct Case {
    pub(crate) rules: Vec<Rule>,
    pub(crate) lines: Vec<Line>,
}

/// A command line.
#[derive(Debug, Clone)]
pub(crate) struct Line {
    pub(crate) argv: Vec<Vec<u8>>,
    pub(crate) run_as: &'static str,
}

impl Rule {
    /// Whether it matches anything on the test machine, which the simulator is not told: there it is
    /// taken for granted that programs exist and digests fit.
    fn is_live(&self) -> bool {
        self.path != MISSING && self.digests != Digests::Wrong
    }

    fn toml(&self) -> String {
        let mut text = format!("[[command]]\npath = \"{}\"\n", self.path);
        text.push_str(&match &self.arguments {
            Arguments::Any => "args = \"any\"\n".to_owned(),
            Arguments::Lists(lists) => {
                let lists: Vec<String> = lists.iter().map(|list| listed(list)).collect();
                format!("args_any_of = [{}]\n", lists.join(", "))
            }
            Arguments::Pattern(pattern, _) => format!("args_pattern = '{pattern}'\n"),
        });
        match self.run_as.split_once(':') {
            None => text.push_str(&format!("run_as = \"{}\"\n", self.run_as)),
            Some((user, group)) => {
                if !user.is_empty() {
                    text.push_str(&format!("run_as = \"{user}\"\n"));
                }
                text.push_str(&format!("run_as_group = \"{group}\"\n"));
            }
        }
        if self.cwd {
            text.push_str("cwd = \"/var/log\"\n");
        }
        if !self.noexec {
            text.push_str("noexec = false\n");
        }
        let right = Digest::of(text_of(real(self.path)).as_bytes());
        let wrong = Digest::of(b"another program");
        match self.digests {
            Digests::None => {}
            Digests::Right => text.push_str(&format!("digest = \"{right}\"\n")),
            Digests::Wrong => text.push_str(&format!("digest = \"{wrong}\"\n")),
            Digests::OneIsRight => {
                text.push_str(&format!("digests = [\"{wrong}\", \"{right}\"]\n"));
            }
        }
        text + "reason = \"r\"\n"
    }
}

/// The file behind a path of the test machine.
fn real(path: &'static str) -> &'static str {
    if path == "/usr/bin/pr-link" {
        "/usr/bin/pr-look"
    } else {
        path
    }
}

fn listed(list: &[String]) -> String {
    let quoted: Vec<String> = list
        .iter()
        .map(|argument| format!("\"{}\"", argument.replace('\\', "\\\\")))
        .collect();
    format!("[{}]", quoted.join(", "))
}

impl Case {
    /// The bundle as it is rendered.
    pub(crate) fn bundle(&self) -> Bundle {
        parsed(self.rules.iter())
    }

    /// The bundle with the rules that can match anything on the test machine.
    pub(crate) fn live_bundle(&self) -> Bundle {
        parsed(self.rules.iter().filter(|rule| rule.is_live()))
    }

    /// The bundle's text.
    pub(crate) fn toml(&self) -> String {
        toml(self.rules.iter())
    }
}

fn toml<'r>(rules: impl Iterator<Item = &'r Rule>) -> String {
    let commands: String = rules.map(Rule::toml).collect();
    format!("name = \"x\"\ndescription = \"d\"\nintent = \"write\"\n{commands}")
}

fn parsed<'r>(rules: impl Iterator<Item = &'r Rule>) -> Bundle {
    let text = toml(rules);
    Bundle::parse("case.toml", text.as_bytes())
        .unwrap_or_else(|report| panic!("{text}\n{}", report.render()))
}

impl Line {
    /// Whether all of it is UTF-8.
    pub(crate) fn is_text(&self) -> bool {
        self.argv
            .iter()
            .all(|argument| std::str::from_utf8(argument).is_ok())
    }

    /// The arguments as the simulator takes them. What is not UTF-8 becomes a character that no rule
    /// can name.
    pub(crate) fn text(&self) -> Vec<String> {
        self.argv
            .iter()
            .map(|argument| String::from_utf8_lossy(argument).into_owned())
            .collect()
    }
}
