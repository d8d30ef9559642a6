//! Where in sudoers the rules stand, and what sudo says where nobody can convert its rules. Pure.

use std::path::{Path, PathBuf};

/// Most lines of rules whose places are kept.
const MOST: usize = 10_000;

/// A line of sudoers that is a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    /// The file.
    pub(crate) path: PathBuf,
    /// The line in it at which the rule begins, from 1.
    pub(crate) line: usize,
    /// The rule.
    pub(crate) text: String,
}

/// A part of a file of rules.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Part {
    /// A rule.
    Rule(Place),
    /// Another file, or a directory of files, is read here.
    Include {
        /// Which, as it is written.
        path: String,
        /// Whether it is a directory.
        is_directory: bool,
    },
}

/// The parts of a file of sudoers, in order.
pub(crate) fn parts(path: &Path, text: &str) -> Vec<Part> {
    let mut parts = Vec::new();
    for (line, logical) in logical_lines(text) {
        if let Some(part) = part(path, line, &logical)
            && parts.len() < MOST
        {
            parts.push(part);
        }
    }
    parts
}

/// Lines with those joined that end in a backslash, each with the number of its first one.
fn logical_lines(text: &str) -> Vec<(usize, String)> {
    let mut lines = Vec::new();
    let mut open: Option<(usize, String)> = None;
    for (index, line) in text.lines().enumerate() {
        let (first, mut joined) = open.take().unwrap_or((index + 1, String::new()));
        match line.strip_suffix('\\') {
            Some(head) => {
                joined.push_str(head);
                open = Some((first, joined));
            }
            None => {
                joined.push_str(line);
                lines.push((first, joined));
            }
        }
    }
    lines.extend(open);
    lines
}

fn part(path: &Path, line: usize, text: &str) -> Option<Part> {
    let text = text.trim();
    let include = |directive: &str, is_directory| {
        let rest = text.strip_prefix(['@', '#'])?.strip_prefix(directive)?;
        let name = rest.strip_prefix([' ', '\t'])?.trim().trim_matches('"');
        Some(Part::Include {
            path: name.replace("\\ ", " "),
            is_directory,
        })
    };
    if let Some(part) = include("includedir", true).or_else(|| include("include", false)) {
        return Some(part);
    }
    let word = text.split([' ', '\t', '=']).next().unwrap_or_default();
    let is_alias = [
        "User_Alias",
        "Runas_Alias",
        "Host_Alias",
        "Cmnd_Alias",
        "Cmd_Alias",
    ];
    // `#` and digits are a UID; any other `#` begins a comment.
    let is_comment = text.starts_with('#')
        && !text
            .get(1..2)
            .is_some_and(|c| c.as_bytes().iter().all(u8::is_ascii_digit));
    let is_defaults = word == "Defaults"
        || ["Defaults@", "Defaults:", "Defaults!", "Defaults>"]
            .iter()
            .any(|head| word.starts_with(head));
    if text.is_empty() || is_comment || is_defaults || is_alias.contains(&word) {
        return None;
    }
    Some(Part::Rule(Place {
        path: path.to_owned(),
        line,
        text: text.to_owned(),
    }))
}

/// Whether sudo reads a file of this name in a directory of rules.
pub(crate) fn is_read_in_directory(name: &str) -> bool {
    !name.contains('.') && !name.ends_with('~')
}

/// A rule in sudo's answer to `sudo -l -U <user>`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Listed {
    /// The rule as sudo says it.
    pub(crate) text: String,
    /// Whether it asks for no password.
    pub(crate) is_free: bool,
    /// Whether everything may be run.
    pub(crate) is_all: bool,
}

/// Reads the rules out of sudo's answer, in the locale `C`; nothing when it is no answer.
pub(crate) fn listed(answer: &str) -> Option<Vec<Listed>> {
    let mut rules: Option<Vec<Listed>> = None;
    for line in answer.lines() {
        if line.contains(" may run the following commands on ") {
            rules = Some(Vec::new());
        } else if line.contains(" is not allowed to run sudo on ") {
            return Some(Vec::new());
        } else if line.starts_with([' ', '\t'])
            && let Some(rules) = &mut rules
            && rules.len() < MOST
            && let Some(rule) = listed_rule(line.trim())
        {
            rules.push(rule);
        }
    }
    rules
}

fn listed_rule(text: &str) -> Option<Listed> {
    let commands = match text.strip_prefix('(') {
        Some(rest) => rest.split_once(')')?.1,
        None => text,
    };
    let words: Vec<&str> = commands
        .split([' ', '\t', ','])
        .filter(|word| !word.is_empty())
        .collect();
    let is_tag = |word: &&&str| word.ends_with(':');
    let is_free = words.contains(&"NOPASSWD:");
    let is_all = words.iter().find(|word| !is_tag(word)) == Some(&"ALL");
    (!words.is_empty()).then(|| Listed {
        text: text.to_owned(),
        is_free,
        is_all,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const SUDOERS: &str = "# alice ALL=ALL\n\
        Defaults env_reset\n\
        Defaults:bob !authenticate\n\
        User_Alias ADMINS = alice, \\\n  bob\n\
        \n\
        root ALL=(ALL:ALL) ALL\n\
        ADMINS ALL=(ALL) \\\n    NOPASSWD: ALL\n\
        #1001 ALL=ALL\n\
        @includedir /etc/sudoers.d\n\
        #include \"/etc/sudoers local\"\n\
        #includes are not this\n\
        DefaultsX ALL=ALL";

    #[test]
    fn rules_are_found_with_the_line_at_which_they_begin() {
        let found = parts(Path::new("/etc/sudoers"), SUDOERS);
        let told: Vec<String> = found
            .iter()
            .map(|part| match part {
                Part::Rule(place) => format!("{} {}", place.line, place.text),
                Part::Include { path, is_directory } => format!("{path} {is_directory}"),
            })
            .collect();
        assert_eq!(
            told,
            [
                "7 root ALL=(ALL:ALL) ALL",
                "8 ADMINS ALL=(ALL)     NOPASSWD: ALL",
                "10 #1001 ALL=ALL",
                "/etc/sudoers.d true",
                "/etc/sudoers local false",
                "14 DefaultsX ALL=ALL",
            ]
        );
    }

    #[test]
    fn sudo_skips_what_package_managers_and_editors_leave() {
        for (name, expected) in [("90-ops", true), ("ops.dpkg-old", false), ("ops~", false)] {
            assert_eq!(is_read_in_directory(name), expected, "{name}");
        }
    }

    #[test]
    fn answers_of_both_sudos_are_read() {
        let sudo = "Matching Defaults entries for alice on prod-1:\n    env_reset\n\n\
            User alice may run the following commands on prod-1:\n    (ALL : ALL) ALL\n    \
            (root) NOPASSWD: /usr/bin/ss, /bin/cat\n";
        let rules = listed(sudo).unwrap();
        assert_eq!(
            rules
                .iter()
                .map(|r| (r.is_free, r.is_all))
                .collect::<Vec<_>>(),
            [(false, true), (true, false)]
        );
        let sudo_rs =
            "User alice may run the following commands on prod-1:\n    (ALL : ALL) NOPASSWD: ALL\n";
        let rules = listed(sudo_rs).unwrap();
        assert!(rules[0].is_free && rules[0].is_all);
        assert_eq!(
            listed("User bob is not allowed to run sudo on prod-1.\n"),
            Some(vec![])
        );
        assert_eq!(listed("sudo: unknown user\n"), None);
    }
}
