//! Names of variables whose values are secrets, in files of many kinds. Pure; no value goes further.

use std::collections::BTreeSet;

use serde_json::Value;

/// Most names that are told of one file.
const MOST_NAMES: usize = 12;
/// The longest name that is one.
const MAX_NAME: usize = 80;
/// Endings of names whose values are secrets.
const SECRET: [&str; 14] = [
    "API_KEY",
    "APIKEY",
    "ACCESS_KEY",
    "SECRET_KEY",
    "PRIVATE_KEY",
    "SIGNING_KEY",
    "ENCRYPTION_KEY",
    "_TOKEN",
    "SECRET",
    "PASSWORD",
    "PASSWD",
    "_PAT",
    "CONNECTION_STRING",
    "DATABASE_URL",
];

/// Whether a variable of this name holds a secret.
fn is_secret_name(name: &str) -> bool {
    let upper = name.to_ascii_uppercase();
    let is_word = (1..=MAX_NAME).contains(&name.len())
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'));
    is_word && (SECRET.iter().any(|ending| upper.ends_with(ending)) || upper == "TOKEN")
}

/// Whether a value is one, and not a reference to where one is.
fn is_value(value: &str) -> bool {
    let value = value.trim().trim_matches(['"', '\'']);
    let is_reference = value.starts_with(['$', '/', '<', '{']) || value.starts_with("~/");
    let is_address = value.contains("://") && !value.contains('@');
    value.len() >= 4 && !is_reference && !is_address
}

/// The names in a text of lines `NAME=value`: `.env`, a shell's start-up files, `/etc/environment`,
/// units of systemd (`Environment=`), TOML.
pub(crate) fn in_lines(text: &str) -> Vec<String> {
    let mut names = BTreeSet::new();
    for line in text.lines() {
        let line = line.trim_start();
        if line.starts_with(['#', ';']) || line.starts_with("//") {
            continue;
        }
        let line = line.strip_prefix("export ").unwrap_or(line);
        match line.strip_prefix("Environment=") {
            // Several assignments in one line, each perhaps in quotes.
            Some(assignments) => {
                for assignment in assignments.split([' ', '\t']) {
                    note(assignment.trim_matches(['"', '\'']), &mut names);
                }
            }
            None => note(line, &mut names),
        }
    }
    names.into_iter().collect()
}

fn note(assignment: &str, names: &mut BTreeSet<String>) {
    let Some((name, value)) = assignment.split_once('=') else {
        return;
    };
    let name = name.trim().trim_matches('"');
    if names.len() < MOST_NAMES && is_secret_name(name) && is_value(value) {
        names.insert(name.to_owned());
    }
}

/// The names in a configuration of MCP servers or the like: members of objects named `env` or
/// `headers`, and members anywhere whose name says so.
pub(crate) fn in_json(text: &str) -> Vec<String> {
    let mut names = BTreeSet::new();
    // serde_json refuses what is nested deeper than 128.
    if let Ok(value) = serde_json::from_str::<Value>(text) {
        walk(&value, false, &mut names);
    }
    names.into_iter().collect()
}

fn walk(value: &Value, in_headers: bool, names: &mut BTreeSet<String>) {
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                let is_header = in_headers && name.eq_ignore_ascii_case("authorization");
                let is_value = member.as_str().is_some_and(is_value);
                if names.len() < MOST_NAMES && is_value && (is_header || is_secret_name(name)) {
                    names.insert(name.clone());
                }
                walk(member, name == "headers", names);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| walk(item, false, names)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_told_and_values_are_not() {
        let text = "# OLD_API_KEY=abcdef\n\
            export OPENAI_API_KEY='not-a-real-key'\n\
            DB_PASSWORD=hunter22\n\
            PATH=/usr/bin\n\
            TOKEN_FILE=/run/token\n\
            CI_TOKEN=$OTHER\n\
            EMPTY_TOKEN=\n\
            DATABASE_URL=postgres://db.example.com/app\n\
            APP_DATABASE_URL=postgres://app:secret@db.example.com/app\n\
            Environment=\"A_SECRET=abcdef\" B=1 C_API_KEY=abcdef\n\
            \"X_TOKEN\" = \"abcdef\"\n";
        assert_eq!(
            in_lines(text),
            [
                "APP_DATABASE_URL",
                "A_SECRET",
                "C_API_KEY",
                "DB_PASSWORD",
                "OPENAI_API_KEY",
                "X_TOKEN"
            ]
        );
    }

    #[test]
    fn servers_of_agents_name_their_keys() {
        let text = r#"{"mcpServers": {
            "a": {"command": "x", "env": {"A_API_KEY": "abcdef", "MODE": "abcdef", "B_TOKEN": "${B}"}},
            "b": {"url": "x", "headers": {"Authorization": "Bearer abcdef"}},
            "c": [{"apiKey": "abcdef", "Authorization": "abcdef"}] }}"#;
        assert_eq!(in_json(text), ["A_API_KEY", "Authorization", "apiKey"]);
        assert_eq!(in_json("{"), Vec::<String>::new());
    }

    #[test]
    fn a_file_of_nothing_but_secrets_is_told_by_its_first() {
        let text: String = (0..1000)
            .map(|n| format!("K{n:04}_TOKEN=abcdef\n"))
            .collect();
        assert_eq!(in_lines(&text).len(), MOST_NAMES);
    }
}
