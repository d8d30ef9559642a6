//! What the linter says, command by command.
//!
//! The tables in `linter/` say which codes each command gets, and which commands get none.

#![expect(
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot go on has failed, in its helpers too"
)]

use std::fmt::Write as _;

use portreeve_sudo_policy::bundle::Bundle;
use portreeve_sudo_policy::check::{check, known_programs, may_start_programs};
use portreeve_sudo_policy::diagnostic::{Finding, Severity};

/// The codes of everything that is found in a bundle of this intent with this command: errors in
/// capitals, warnings in small letters, notes in brackets.
fn codes(intent: &str, command: &str) -> Vec<String> {
    let report = check(&bundle(intent, command));
    let code = |f: Finding<'_>| match f.severity {
        Severity::Error => f.code.to_string(),
        Severity::Warning => f.code.to_string().to_lowercase(),
        Severity::Note => format!("({})", f.code.to_string().to_lowercase()),
    };
    let mut codes: Vec<String> = report.findings().map(code).collect();
    codes.sort();
    codes.dedup();
    codes
}

fn bundle(intent: &str, command: &str) -> Bundle {
    let text = format!(
        "name = \"x\"\ndescription = \"d\"\nintent = \"{intent}\"\n[[command]]\n{command}\n\
         [[expect]]\nrefuse = [\"/nowhere\"]\n"
    );
    Bundle::parse("x.toml", text.as_bytes())
        .unwrap_or_else(|report| panic!("{text}\n{}", report.render()))
}

/// A line of a table: the intents, the codes, and the command as TOML.
struct Row<'t> {
    line: &'t str,
    intents: &'static [&'static str],
    codes: Vec<String>,
    command: String,
}

fn rows(table: &str) -> Vec<Row<'_>> {
    let says_something = |line: &&str| !line.is_empty() && !line.starts_with('#');
    table.lines().filter(says_something).map(row).collect()
}

fn row(line: &str) -> Row<'_> {
    let mut parts = line.splitn(3, '|').map(str::trim);
    let (Some(intents), Some(wanted), Some(command)) = (parts.next(), parts.next(), parts.next())
    else {
        panic!("`{line}` is not a row");
    };
    let mut codes: Vec<String> = wanted.split_whitespace().map(str::to_owned).collect();
    codes.sort();
    Row {
        line,
        intents: match intents {
            "both" => &["read-only", "write"],
            "ro" => &["read-only"],
            "rw" => &["write"],
            other => panic!("`{other}` is no intent"),
        },
        codes,
        command: command_of(command),
    }
}

/// `program arguments {field}` as TOML.
fn command_of(text: &str) -> String {
    let with_field = text
        .strip_suffix('}')
        .and_then(|text| text.rsplit_once(" {"));
    let (text, field) = with_field.unwrap_or((text, ""));
    let (program, arguments) = text.split_once(' ').unwrap_or((text, ""));
    let directory = if program.contains('/') {
        ""
    } else {
        "/usr/bin/"
    };
    let mut out = format!("path = \"{directory}{program}\"\n");
    let arguments = match (arguments, arguments.strip_prefix("~ ")) {
        (_, Some(pattern)) => format!("args_pattern = '''{pattern}'''"),
        ("ANY", _) => "args = \"any\"\nreason = \"r\"".to_owned(),
        (list, _) => {
            let quoted = list.split_whitespace().map(|word| format!("'''{word}'''"));
            format!("args = [{}]", quoted.collect::<Vec<_>>().join(", "))
        }
    };
    writeln!(out, "{arguments}").unwrap();
    match field.split_once('=') {
        None if field.is_empty() => {}
        None if field == "noexec" => out.push_str("noexec = false\nreason = \"r\"\n"),
        None if field == "reason" => out.push_str("reason = \"r\"\n"),
        Some(("group", group)) => writeln!(out, "run_as_group = \"{group}\"").unwrap(),
        Some(("user", user)) => writeln!(out, "run_as = \"{user}\"").unwrap(),
        Some(("cwd", cwd)) => writeln!(out, "cwd = \"{cwd}\"").unwrap(),
        _ => panic!("`{field}` is no field"),
    }
    out
}

/// Every row whose codes are not those that it says.
fn differences(table: &str) -> String {
    let mut out = String::new();
    for row in rows(table) {
        for intent in row.intents {
            let found = codes(intent, &row.command);
            if found != row.codes {
                writeln!(out, "{intent}: {}\n    found {found:?}", row.line).unwrap();
            }
        }
    }
    out
}

const REPORTED: &str = include_str!("linter/reported.txt");
const SILENT: &str = include_str!("linter/silent.txt");

#[test]
fn what_must_be_reported_is_reported_under_its_codes() {
    assert!(rows(REPORTED).iter().all(|row| !row.codes.is_empty()));
    let differences = differences(REPORTED);
    assert!(differences.is_empty(), "\n{differences}");
}

#[test]
fn what_is_fine_is_not_reported() {
    assert!(rows(SILENT).iter().all(|row| row.codes.is_empty()));
    let differences = differences(SILENT);
    assert!(differences.is_empty(), "\n{differences}");
}

/// The same command with its exact arguments written as a pattern, where a pattern can say them.
fn as_pattern(command: &str) -> Option<String> {
    let (before, rest) = command.split_once("args = [")?;
    let (list, after) = rest.split_once("]\n")?;
    let words: Vec<&str> = list
        .split(", ")
        .map(|word| word.trim_matches('\''))
        .collect();
    let text = words.join(" ");
    let is_plain = |c: char| c.is_ascii_alphanumeric() || " _/:@%,=~-.+".contains(c);
    // A way up is an error in every pattern.
    if text.is_empty() || text.contains("..") || !text.chars().all(is_plain) {
        return None;
    }
    let escaped = text.replace('.', "\\.").replace('+', "\\+");
    Some(format!("{before}args_pattern = '''^{escaped}$'''\n{after}"))
}

#[test]
fn a_pattern_that_takes_one_command_line_is_judged_like_that_command_line() {
    // Of a pattern less is told: it has no habits, and a secret counts in it where it belongs.
    const ONLY_EXACT: [&str; 4] = ["SP106", "SP107", "SP123", "sp124"];
    let mut differences = String::new();
    let mut tried = 0;
    for table in [REPORTED, SILENT] {
        for row in rows(table) {
            let Some(pattern) = as_pattern(&row.command) else {
                continue;
            };
            tried += 1;
            for intent in row.intents {
                let found = codes(intent, &pattern);
                let missing = row
                    .codes
                    .iter()
                    .any(|code| !found.contains(code) && !ONLY_EXACT.contains(&code.as_str()));
                let added = found.iter().any(|code| !row.codes.contains(code));
                if missing || added {
                    writeln!(differences, "{intent}: {}\n    found {found:?}", row.line).unwrap();
                }
            }
        }
    }
    assert!(differences.is_empty(), "\n{differences}");
    assert!(tried >= 350, "{tried}");
}

#[test]
fn the_tables_have_what_the_linter_is_trusted_with() {
    assert!(rows(REPORTED).len() >= 300, "{}", rows(REPORTED).len());
    assert!(rows(SILENT).len() >= 150, "{}", rows(SILENT).len());
}

#[test]
fn the_documentation_counts_the_programs_that_are_known() {
    let page = include_str!("../../docs/spec/bundle-linter.md");
    let known: Vec<_> = known_programs().collect();
    let told = |count: usize, of: &str| page.contains(&format!("**{count}** {of}"));
    let dangerous = known.iter().filter(|program| {
        let harmless = ["look", "names", "glob"];
        program
            .abilities
            .iter()
            .any(|ability| !harmless.contains(ability))
    });
    assert!(told(known.len(), "programs"), "{} programs", known.len());
    let dangerous = dangerous.count();
    assert!(dangerous >= 350);
    assert!(told(dangerous, "of them"), "{dangerous} of them");
}

#[test]
fn what_starts_no_other_program_is_known_by_its_arguments() {
    for (command, expected) in [
        ("chage ~ ^-l <name>$", false),
        ("crontab ~ ^-l( -u <name>)?$", false),
        ("uptime", false),
        ("cat /etc/hosts", false),
        ("crontab -e", true),
        ("chage -R /srv/root -l alice", true),
        ("find /srv -exec id ;", true),
        ("find /srv -name core", false),
        ("journalctl --no-pager", true),
        ("bash", true),
        ("a-program-of-ours", true),
    ] {
        let bundle = bundle("write", &command_of(command));
        let rule = bundle.commands().first().unwrap();
        assert_eq!(may_start_programs(&bundle, rule), expected, "{command}");
    }
}

#[test]
fn rules_for_the_same_command_line_are_reported() {
    let twice = |first: &str, second: &str| {
        codes(
            "write",
            &format!(
                "path = \"/usr/bin/uptime\"\n{first}\n[[command]]\npath = \"/usr/bin/uptime\"\n{second}"
            ),
        )
    };
    assert_eq!(
        twice("args = [\"-p\"]", "args = [\"-s\"]"),
        Vec::<String>::new()
    );
    assert_eq!(twice("args = [\"-p\"]", "args = [\"-p\"]"), ["sp114"]);
    assert_eq!(
        twice("args = [\"-p\"]", "args_pattern = \"^-[a-z]$\""),
        ["sp114"]
    );
    assert_eq!(
        twice("args = [\"-p\"]", "args = [\"-p\"]\nrun_as = \"nobody\""),
        Vec::<String>::new()
    );
    assert_eq!(
        twice(
            "args = [\"-p\"]",
            "args = [\"-p\"]\nnoexec = false\nreason = \"r\""
        ),
        ["(sp110)", "SP114"]
    );
}

#[test]
fn a_bundle_without_a_refusal_is_not_proved() {
    let text = "name = \"x\"\ndescription = \"d\"\nintent = \"write\"\n[[command]]\npath = \"/usr/bin/uptime\"\n";
    let report = check(&Bundle::parse("x.toml", text.as_bytes()).unwrap());
    assert_eq!(
        report
            .findings()
            .map(|finding| finding.code.as_str())
            .collect::<Vec<_>>(),
        ["SP119"]
    );
    assert!(!report.has_errors());
}

#[test]
fn expectations_that_do_not_hold_are_errors() {
    let text = "name = \"x\"\ndescription = \"d\"\nintent = \"write\"\n[[command]]\npath = \"/usr/bin/uptime\"\n\
                [[expect]]\nallow = [\"uptime\", \"-p\"]\n[[expect]]\nrefuse = [\"/usr/bin/uptime\"]\n";
    let report = check(&Bundle::parse("x.toml", text.as_bytes()).unwrap());
    let found: Vec<_> = report
        .findings()
        .map(|finding| format!("{} {}", finding.code, finding.message))
        .collect();
    assert_eq!(
        found,
        [
            "SP201 `uptime -p` is refused: the nearest rule, x.toml:4, takes no arguments; argument 1, `-p`, is one too many",
            "SP202 `/usr/bin/uptime` is allowed as `root` by x.toml:4, and may start no other program",
        ]
    );
}
