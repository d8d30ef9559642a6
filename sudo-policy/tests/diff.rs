//! Comparing bundles by the command lines that they allow.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on has failed"
)]

use std::fmt::Write as _;

use portreeve_sudo_policy::bundle::Bundle;
use portreeve_sudo_policy::diff::{self, Diff, Kind, compare};
use portreeve_sudo_policy::simulate::{CommandLine, Verdict, can};
use proptest::prelude::*;

const HEAD: &str = "name = \"b\"\ndescription = \"x\"\nintent = \"write\"\n";

fn bundle(commands: &str) -> Bundle {
    let text = format!("{HEAD}{commands}");
    Bundle::parse("b.toml", text.as_bytes())
        .unwrap_or_else(|report| panic!("{text}\n{}", report.render()))
}

/// A command of `/usr/bin/p` with these fields.
fn command(fields: &str) -> String {
    format!("\n[[command]]\npath = \"/usr/bin/p\"\n{fields}\n")
}

fn compared(before: &[&str], after: &[&str]) -> Diff {
    let side = |rules: &[&str]| bundle(&rules.iter().map(|rule| command(rule)).collect::<String>());
    compare(&side(before), &side(after))
}

/// Each change as its sign and its command lines, `…` when there are more.
fn shown(diff: &Diff) -> String {
    let mut out = String::new();
    for change in &diff.changes {
        let sign = match change.kind {
            Kind::Allowed => '+',
            Kind::Forbidden => '-',
            Kind::Changed => '~',
        };
        let more = if change.more { " …" } else { "" };
        let lines: Vec<_> = change
            .command_lines
            .iter()
            .map(|line| line.trim_start_matches("/usr/bin/"))
            .collect();
        let _ = writeln!(out, "{sign} {}{more}", lines.join(" | "));
    }
    out
}

#[test]
fn a_change_is_told_by_the_shortest_command_lines_that_show_it() {
    for (before, after, verdict, wanted) in [
        (
            &["args = [\"-a\"]"][..],
            &["args = [\"-a\"]"][..],
            diff::Verdict::Same,
            "",
        ),
        (
            &["args = [\"-a\"]"],
            &["args = [\"-a\"]", "args = [\"-b\"]"],
            diff::Verdict::Widens,
            "+ p -b\n",
        ),
        (
            &["args = [\"-a\"]"],
            &[],
            diff::Verdict::Narrows,
            "- p -a\n",
        ),
        (
            &["args = []"],
            &["args = [\"-a\"]"],
            diff::Verdict::Both,
            "- p\n+ p -a\n",
        ),
        // The same language written in another way.
        (
            &["args_any_of = [[\"a\"], [\"b\"]]"],
            &["args_pattern = \"^[ab]$\""],
            diff::Verdict::Same,
            "",
        ),
        (
            &["args_pattern = \"^a+$\""],
            &["args_pattern = \"^aa*$\""],
            diff::Verdict::Same,
            "",
        ),
        (
            &["args_pattern = \"^(a|b)c$\""],
            &["args = [\"ac\"]", "args = [\"bc\"]"],
            diff::Verdict::Same,
            "",
        ),
        (
            &["args_pattern = \"^-n [0-9]{1,2}$\""],
            &["args_pattern = \"^-n [0-9]{1,3}$\""],
            diff::Verdict::Widens,
            "+ p -n 111 …\n",
        ),
        (
            &["args_pattern = \"^-n [0-9]{1,3}$\""],
            &["args_pattern = \"^-n [0-9]{1,2}$\""],
            diff::Verdict::Narrows,
            "- p -n 111 …\n",
        ),
        (
            &["args_pattern = \"^[a-m]$\""],
            &["args_pattern = \"^[h-z]$\""],
            diff::Verdict::Both,
            "- p a …\n+ p n …\n",
        ),
        (
            &["args_pattern = \"^x<pid>$\""],
            &["args_pattern = \"^x<pid>$\"", "args = [\"x0\"]"],
            diff::Verdict::Widens,
            "+ p x0\n",
        ),
        (
            &["args = [\"a\"]"],
            &["args_pattern = \"^[a-c]$\""],
            diff::Verdict::Widens,
            "+ p b …\n",
        ),
        (
            &["args = [\"a\"]"],
            &["args = \"any\"\nreason = \"x\""],
            diff::Verdict::Widens,
            "+ p | p b …\n",
        ),
        (
            &["args = \"any\"\nreason = \"x\""],
            &["args_pattern = \"^[a-z]*$\""],
            diff::Verdict::Narrows,
            "- p 1 …\n",
        ),
        // What the last rule says counts.
        (
            &["args = [\"a\"]"],
            &["args = [\"a\"]\nnoexec = false\nreason = \"x\""],
            diff::Verdict::Widens,
            "~ p a\n",
        ),
        (
            &["args_pattern = \"^[a-z]$\"\nnoexec = false\nreason = \"x\""],
            &["args_pattern = \"^[a-z]$\""],
            diff::Verdict::Narrows,
            "~ p a …\n",
        ),
        (
            &["args_pattern = \"^[a-z]$\""],
            &[
                "args_pattern = \"^[a-z]$\"",
                "args = [\"q\"]\nnoexec = false\nreason = \"x\"",
            ],
            diff::Verdict::Widens,
            "~ p q\n",
        ),
        (
            &["args = [\"a\"]"],
            &["args = [\"a\"]\nrun_as = \"postgres\""],
            diff::Verdict::Both,
            "~ p a\n",
        ),
    ] {
        let diff = compared(before, after);
        assert!(diff.undecided.is_empty(), "{before:?} {after:?}");
        assert_eq!(
            diff.verdict,
            verdict,
            "{before:?} {after:?}\n{}",
            diff.render()
        );
        let first = |text: &str| -> Vec<String> {
            text.lines().map(|line| line.replace(" …", "")).collect()
        };
        let wanted_lines = first(wanted);
        let found = first(&shown(&diff));
        assert_eq!(found.len(), wanted_lines.len(), "{}", diff.render());
        for line in &wanted_lines {
            assert!(
                found
                    .iter()
                    .any(|found| found == line || found.starts_with(&format!("{line} |"))),
                "{line} in\n{}",
                shown(&diff)
            );
        }
        let more = |text: &str| text.contains('…');
        assert_eq!(more(&shown(&diff)), more(wanted), "{}", shown(&diff));
    }
}

#[test]
fn a_digest_narrows_and_an_intent_is_told_apart_from_the_commands() {
    let digest = format!("digest = \"sha256:{}\"", "0".repeat(64));
    let diff = compared(&["args = [\"a\"]"], &[&format!("args = [\"a\"]\n{digest}")]);
    assert_eq!(diff.verdict, diff::Verdict::Narrows);
    assert_eq!(diff.changes[0].differs[0].field, "digest");

    let before = bundle(&command("args = []"));
    let text = before.source().text().replace("write", "read-only");
    let after = Bundle::parse("a.toml", text.as_bytes()).unwrap();
    let diff = compare(&before, &after);
    assert_eq!(diff.verdict, diff::Verdict::Same);
    assert!(!diff.is_same());
    assert_eq!(diff.about[0].field, "intent");
}

#[test]
fn what_cannot_be_compared_to_the_end_may_be_anything() {
    let wild = |letter: char| format!("args_pattern = \"^(a|b)*{letter}(a|b){{90}}$\"");
    let diff = compared(&[&wild('a')], &[&wild('b')]);
    assert_eq!(diff.undecided.len(), 1);
    assert_eq!(diff.verdict, diff::Verdict::Both);
    assert!(diff.render().contains("too intricate"));
}

#[test]
fn units_and_paths_are_compared_to_the_end() {
    let rules = [
        "status <unit>",
        "show <unit>",
        "cat <unit>",
        "is-active <unit>",
    ];
    let rule = |verb: &str| format!("args_pattern = \"^{verb}$\"");
    let all: Vec<String> = rules.iter().map(|verb| rule(verb)).collect();
    let all: Vec<&str> = all.iter().map(String::as_str).collect();
    let joined = rule("(status|show|cat|is-active|restart) <unit>");
    let diff = compared(&all, &[&joined]);
    assert!(diff.undecided.is_empty());
    assert_eq!(diff.verdict, diff::Verdict::Widens);
    assert!(
        diff.changes[0].command_lines[0].starts_with("/usr/bin/p restart "),
        "{}",
        diff.render()
    );
}

#[test]
fn people_read_what_changed_and_a_verdict() {
    let diff = compared(
        &["args_pattern = \"^-n [0-9]{1,2}$\"", "args = [\"-q\"]"],
        &[
            "args_pattern = \"^-n [0-9]{1,3}$\"",
            "args = [\"-q\"]\nnoexec = false\nreason = \"x\"",
        ],
    );
    insta::assert_snapshot!(diff.render(), @r"
    allowed now, and not before:
      + /usr/bin/p -n 111
      + … and others: ^-n [0-9]{1,3}$
          as root, b.toml:5

    allowed in another way:
      ~ /usr/bin/p -q
          as root, b.toml:9 → b.toml:9
          noexec: true → false

    widens: more is allowed
    ");
}

/// Arguments of a small alphabet, so that random bundles meet.
fn arguments() -> impl Strategy<Value = String> {
    let word = "[ab]{1,2}";
    prop_oneof![
        prop::collection::vec(word, 0..3).prop_map(|words| format!("args = {words:?}")),
        prop::collection::vec(prop::collection::vec(word, 0..3), 1..3)
            .prop_map(|lists| format!("args_any_of = {lists:?}")),
        "\\^(\\(a\\|bb\\)|[ab]|\\[ab\\])( [ab]|\\[ab\\]|a\\{1,2\\}|\\(b\\)\\*|a\\+){0,2}\\$"
            .prop_map(|pattern| format!("args_pattern = {pattern:?}")),
        Just("args = \"any\"\nreason = \"x\"".to_owned()),
    ]
}

fn rule() -> impl Strategy<Value = String> {
    (
        arguments(),
        prop::bool::weighted(0.3),
        prop::bool::weighted(0.2),
    )
        .prop_map(|(arguments, exec, other)| {
            let exec = if exec { "noexec = false\n" } else { "" };
            let reason = if exec.is_empty() || arguments.contains("reason") {
                ""
            } else {
                "reason = \"x\"\n"
            };
            let user = if other { "run_as = \"u\"\n" } else { "" };
            command(&format!("{arguments}\n{exec}{reason}{user}"))
        })
}

fn any_bundle() -> impl Strategy<Value = Bundle> {
    prop::collection::vec(rule(), 0..4).prop_map(|rules| bundle(&rules.concat()))
}

/// How a bundle takes a command line: not at all, or by a rule with or without `noexec`.
fn taken(bundle: &Bundle, argv: &[String], user: &str) -> Option<bool> {
    let run_as = user.parse().unwrap();
    let line = CommandLine {
        argv,
        run_as: &run_as,
    };
    match can(bundle, &line) {
        Verdict::Allowed(command) => Some(command.noexec()),
        Verdict::Refused(_) => None,
    }
}

proptest! {
    /// Nothing that differs is missed, whichever command line one tries.
    #[test]
    fn a_command_line_that_differs_has_a_change_of_its_kind(
        before in any_bundle(),
        after in any_bundle(),
        words in prop::collection::vec("[abc]{1,3}", 0..3),
    ) {
        let diff = compare(&before, &after);
        prop_assert!(diff.undecided.is_empty());
        let argv: Vec<String> = ["/usr/bin/p".to_owned()].into_iter().chain(words).collect();
        for user in ["root", "u"] {
            let sides = (taken(&before, &argv, user), taken(&after, &argv, user));
            let wanted = match sides {
                (None, Some(_)) => Kind::Allowed,
                (Some(_), None) => Kind::Forbidden,
                (Some(one), Some(other)) if one != other => Kind::Changed,
                _ => continue,
            };
            prop_assert!(
                diff.changes.iter().any(|change| change.kind == wanted
                    // A rule that moved to another user is one change.
                    || change.differs.iter().any(|one| one.field == "run_as")),
                "{:?} as {}: {}", argv, user, diff.render()
            );
            prop_assert!(diff.verdict != diff::Verdict::Same);
        }
    }

    /// Every command line that is shown differs as it is said to.
    #[test]
    fn what_is_shown_is_true(before in any_bundle(), after in any_bundle()) {
        for change in compare(&before, &after).changes {
            for shown in &change.command_lines {
                let argv: Vec<String> = shown.split(' ').map(str::to_owned).collect();
                // A trailing space would be an empty argument, which is not what is meant.
                if argv.iter().any(String::is_empty) {
                    continue;
                }
                let sides = (
                    taken(&before, &argv, &change.run_as),
                    taken(&after, &argv, &change.run_as),
                );
                let is_true = match change.kind {
                    Kind::Allowed => matches!(sides, (None, Some(_))),
                    Kind::Forbidden => matches!(sides, (Some(_), None)),
                    Kind::Changed => {
                        change.differs.iter().any(|one| one.field == "run_as")
                            || matches!(sides, (Some(one), Some(other)) if one != other)
                    }
                };
                prop_assert!(is_true, "{:?} {:?} {:?}", change, sides, shown);
            }
        }
    }

    /// A bundle is the same as itself, and a comparison read backwards says the opposite.
    #[test]
    fn widening_backwards_is_narrowing(before in any_bundle(), after in any_bundle()) {
        prop_assert!(compare(&before, &before).is_same());
        let (there, back) = (compare(&before, &after), compare(&after, &before));
        let opposite = match there.verdict {
            diff::Verdict::Widens => diff::Verdict::Narrows,
            diff::Verdict::Narrows => diff::Verdict::Widens,
            same @ (diff::Verdict::Same | diff::Verdict::Both) => same,
        };
        prop_assert_eq!(back.verdict, opposite);
    }
}
