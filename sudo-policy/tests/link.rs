//! Bundles that include others become one that needs none.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on has failed, in its helpers too"
)]

use portreeve_protocol::digest::Digest;
use portreeve_sudo_policy::bundle::Bundle;
use portreeve_sudo_policy::check::check;
use portreeve_sudo_policy::diagnostic::Report;
use portreeve_sudo_policy::link::{Linked, link};
use portreeve_sudo_policy::simulate::{CommandLine, can};
use portreeve_sudo_policy::source::Source;
use portreeve_sudo_policy::word::RunAs;
use proptest::prelude::*;

/// A bundle with this name and intent and whatever follows.
fn text(name: &str, intent: &str, body: &str) -> String {
    format!("name = \"{name}\"\ndescription = \"d\"\nintent = \"{intent}\"\n{body}")
}

/// Links the first of these texts; the others are found by the name in front of them.
fn linked(files: &[(&str, String)]) -> Result<Linked, Report> {
    let source = |(name, text): &(&str, String)| Source::new(format!("{name}.toml"), text.clone());
    link(&source(files.first().unwrap()), &|wanted| {
        files
            .iter()
            .find(|(name, _)| *name == wanted.as_str())
            .map(source)
    })
}

/// `file:line:column code` of every problem, and `-> file:line` of the other place.
fn places(report: &Report) -> Vec<String> {
    let places = report.findings().map(|one| {
        let other = one
            .related
            .map(|other| format!(" -> {}:{}", other.file, other.line));
        format!(
            "{}:{}:{} {}{}",
            one.file,
            one.line,
            one.column,
            one.code,
            other.unwrap_or_default()
        )
    });
    places.collect()
}

const SS: &str = "[[command]]\npath = \"/usr/bin/ss\"\nargs = [\"-tnp\"]\n";

#[test]
fn a_linked_bundle_says_of_each_part_where_it_was_written() {
    let base = text(
        "base",
        "read-only",
        &format!(
            "{SS}comment = \"with \\\"quotes\\\" and \\\\\"\n\n[[expect]]\nrefuse = [\"cat\", \"/etc/shadow\"]\n"
        ),
    );
    let root = text(
        "root",
        "read-only",
        "include = [\"base\"]\n\n[[command]]\npath = \"/usr/bin/id\"\nrun_as = \"www-data\"\nrun_as_group = \"adm\"\ncwd = \"/var/lib\"\nargs_any_of = [[], [\"-u\"]]\n",
    );
    let digest = |text: &str| Digest::of(text.as_bytes()).to_string();
    let (root_digest, base_digest) = (digest(&root), digest(&base));
    let linked = linked(&[("root", root), ("base", base)]).unwrap();
    let shown = linked
        .text()
        .replace(&root_digest, "sha256:root")
        .replace(&base_digest, "sha256:base");
    insta::assert_snapshot!(shown, @r#"
    # Written by `portreeve bundle link`. To change it, change the bundles below and link again.

    name = "root"
    description = "d"
    intent = "read-only"

    [[source]]
    name = "root"
    digest = "sha256:root"

    [[source]]
    name = "base"
    digest = "sha256:base"

    [[command]]
    path = "/usr/bin/ss"
    args = ["-tnp"]
    comment = "with \"quotes\" and \\"
    from = "base:4"

    [[command]]
    path = "/usr/bin/id"
    args_any_of = [[], ["-u"]]
    run_as = "www-data"
    run_as_group = "adm"
    cwd = "/var/lib"
    from = "root:6"

    [[expect]]
    refuse = ["cat", "/etc/shadow"]
    from = "base:9"
    "#);
    let bundle = Bundle::parse("x", linked.text().as_bytes()).unwrap();
    assert_eq!(bundle.commands(), linked.bundle().commands());
    assert_eq!(bundle.digest(), linked.bundle().digest());
    let names: Vec<&str> = bundle
        .ingredients()
        .iter()
        .map(|one| one.name().as_str())
        .collect();
    assert_eq!(names, ["root", "base"]);
}

#[test]
fn a_bundle_that_includes_nothing_stays_what_it_is() {
    let alone = text("root", "read-only", SS);
    let linked = linked(&[("root", alone.clone())]).unwrap();
    assert_eq!(linked.text(), alone);
    assert!(linked.bundle().ingredients().is_empty());
}

#[test]
fn a_linked_bundle_is_linked_once() {
    let files = [
        ("root", text("root", "read-only", "include = [\"base\"]\n")),
        ("base", text("base", "read-only", SS)),
    ];
    let first = linked(&files).unwrap().text().to_owned();
    assert_eq!(linked(&[("root", first.clone())]).unwrap().text(), first);
    let outer = text("outer", "read-only", "include = [\"root\"]\n");
    let report = linked(&[("outer", outer), ("root", first)]).unwrap_err();
    assert_eq!(places(&report), ["outer.toml:4:12 SP018"]);
}

#[test]
fn what_two_others_include_is_there_once() {
    let files = [
        (
            "root",
            text("root", "read-only", "include = [\"a\", \"b\"]\n"),
        ),
        ("a", text("a", "read-only", "include = [\"base\"]\n")),
        ("b", text("b", "read-only", "include = [\"base\"]\n")),
        ("base", text("base", "read-only", SS)),
    ];
    let linked = linked(&files).unwrap();
    assert_eq!(linked.bundle().commands().len(), 1);
    assert_eq!(linked.bundle().ingredients().len(), 4);
}

#[test]
fn nobody_but_the_linker_takes_a_bundle_with_includes() {
    let root = text("root", "read-only", "include = [\"base\"]\n");
    let report = Bundle::parse("root.toml", root.as_bytes()).unwrap_err();
    assert_eq!(places(&report), ["root.toml:4:12 SP017"]);
    assert!(report.render().contains("portreeve bundle link"));
}

#[test]
fn includes_that_lead_nowhere_are_refused_where_they_stand() {
    let include = |name: &str, of: &str| text(name, "read-only", &format!("include = [{of}]\n"));
    let deep: Vec<(String, String)> = (0..12)
        .map(|n| {
            (
                format!("d{n}"),
                include(&format!("d{n}"), &format!("\"d{}\"", n + 1)),
            )
        })
        .collect();
    let deep: Vec<(&str, String)> = deep
        .iter()
        .map(|(name, text)| (name.as_str(), text.clone()))
        .collect();
    for (files, wanted) in [
        (
            vec![("root", include("root", "\"nowhere\""))],
            &["root.toml:4:12 SP018"][..],
        ),
        (
            vec![("root", include("root", "\"root\""))],
            &["root.toml:4:12 SP019"],
        ),
        (
            vec![
                ("root", include("root", "\"a\"")),
                ("a", include("a", "\"root\"")),
            ],
            &["a.toml:4:12 SP019"],
        ),
        (
            vec![
                ("root", include("root", "\"a\"")),
                ("a", text("b", "read-only", "")),
            ],
            &["root.toml:4:12 SP018 -> a.toml:1"],
        ),
        (
            vec![
                ("root", include("root", "\"a\", \"a\", \"B\"")),
                ("a", text("a", "read-only", "")),
            ],
            &["root.toml:4:17 SP018", "root.toml:4:22 SP018"],
        ),
        (
            vec![
                ("root", include("root", "\"a\"")),
                ("a", text("a", "write", "")),
            ],
            &["root.toml:4:12 SP021 -> a.toml:3"],
        ),
        (
            vec![
                ("root", include("root", "\"a\"")),
                ("a", text("a", "read-only", "x = 1\n[[command]]\n")),
            ],
            &["a.toml:4:1 SP004", "a.toml:5:1 SP005"],
        ),
        (deep, &["d8.toml:4:12 SP019"]),
        (
            vec![(
                "root",
                include(
                    "root",
                    &(0..17).map(|n| format!("\"a{n}\",")).collect::<String>(),
                ),
            )],
            &["root.toml:4:98 SP002"],
        ),
    ] {
        let report = linked(&files).unwrap_err();
        assert_eq!(places(&report), wanted, "{}", report.render());
    }
}

#[test]
fn bundles_that_contradict_or_repeat_each_other_are_refused_with_both_places() {
    let command = |fields: &str| format!("[[command]]\npath = \"/usr/bin/ss\"\n{fields}\n");
    let exec = "noexec = false\nreason = \"r\"";
    for (base, own, message) in [
        (
            "args = [\"-tnp\"]",
            "args_pattern = \"^-[a-z]{3}$\"\nrun_as = \"nobody\"",
            Some("`/usr/bin/ss -tnp` is allowed twice, with another `run_as`"),
        ),
        (
            "args = [\"-a\"]",
            &format!("args_any_of = [[\"-b\"], [\"-a\"]]\n{exec}"),
            Some("`/usr/bin/ss -a` is allowed twice, with another `noexec`"),
        ),
        (
            "args = []",
            "cwd = \"/var\"",
            Some("`/usr/bin/ss` is allowed twice, with another `cwd`"),
        ),
        (
            "args_pattern = \"^-p <number:1-50>$\"",
            &format!("args_pattern = \"^-[a-z] <number:50-90>$\"\n{exec}"),
            Some("`/usr/bin/ss -p 50` is allowed twice, with another `noexec`"),
        ),
        (
            "args = \"any\"\nreason = \"r\"",
            "args_pattern = \"^-x$\"\nrun_as_group = \"adm\"",
            Some("`/usr/bin/ss -x` is allowed twice, with another `run_as`"),
        ),
        (
            "args = [\"-a\"]",
            "args = [\"-a\"]",
            Some("`/usr/bin/ss` is allowed with the same arguments by two bundles"),
        ),
        (
            "args_any_of = [[\"-a\"], [\"-b\"]]",
            "args_any_of = [[\"-b\"], [\"-a\"]]",
            Some("`/usr/bin/ss` is allowed with the same arguments by two bundles"),
        ),
        (
            "args = [\"-a\"]",
            "args_any_of = [[\"-b\"], [\"-a\"]]",
            None,
        ),
        (
            "args_pattern = \"^-p <number:1-50>$\"",
            &format!("args_pattern = \"^-p <number:51-90>$\"\n{exec}"),
            None,
        ),
        ("args = [\"-a\"]", &format!("args = []\n{exec}"), None),
    ] {
        let files = [
            (
                "root",
                text(
                    "root",
                    "write",
                    &format!("include = [\"base\"]\n\n{}", command(own)),
                ),
            ),
            ("base", text("base", "write", &command(base))),
        ];
        match (linked(&files), message) {
            (Ok(_), None) => {}
            (Err(report), Some(message)) => {
                assert_eq!(
                    places(&report),
                    ["root.toml:6:1 SP020 -> base.toml:4"],
                    "{own}"
                );
                let found = report.diagnostics().first().unwrap();
                assert_eq!(found.message, message);
            }
            (Ok(_), Some(message)) => panic!("not refused: {message}"),
            (Err(report), None) => panic!("{}", report.render()),
        }
    }
    // The other path to the same program is no way around.
    let files = [
        (
            "root",
            text(
                "root",
                "write",
                "include = [\"base\"]\n[[command]]\npath = \"/bin/ss\"\nrun_as = \"nobody\"\n",
            ),
        ),
        ("base", text("base", "write", &command(""))),
    ];
    assert_eq!(
        places(&linked(&files).unwrap_err()),
        ["root.toml:5:1 SP020 -> base.toml:4"]
    );
}

#[test]
fn a_conflict_is_shown_with_both_lines() {
    let files = [
        (
            "root",
            text(
                "root",
                "write",
                "include = [\"base\"]\n[[command]]\npath = \"/usr/bin/ss\"\nargs = [\"-tnp\"]\nrun_as = \"nobody\"\n",
            ),
        ),
        ("base", text("base", "write", SS)),
    ];
    insta::assert_snapshot!(linked(&files).unwrap_err().render(), @r"
    error[SP020]: `/usr/bin/ss -tnp` is allowed twice, with another `run_as`
     --> root.toml:5:1
      |
    5 | [[command]]
      | ^^^^^^^^^^^
     ::: base.toml:4:1 (the other one)
      |
    4 | [[command]]
      | ^^^^^^^^^^^
      = help: say the same in both, or give the two commands different arguments
    ");
}

#[test]
fn problems_of_the_whole_are_shown_where_they_were_written() {
    let files = [
        (
            "root",
            text(
                "root",
                "read-only",
                "include = [\"base\"]\n\n[[command]]\npath = \"/usr/bin/find\"\nargs = [\"/etc\", \"-exec\", \"id\", \";\"]\n",
            ),
        ),
        (
            "base",
            text(
                "base",
                "read-only",
                &format!(
                    "{SS}\n[[expect]]\nrefuse = [\"find\", \"/etc\", \"-exec\", \"id\", \";\"]\n"
                ),
            ),
        ),
    ];
    let linked = linked(&files).unwrap();
    let report = linked.retraced(check(linked.bundle()));
    assert_eq!(
        places(&report),
        ["root.toml:8:8 SP104", "base.toml:8:1 SP202"],
        "{}",
        report.render()
    );
    let told = &report.diagnostics().last().unwrap().message;
    assert!(told.contains("by root:6"), "{told}");
}

#[test]
fn the_limits_of_one_file_hold_for_all_together() {
    let many = |letter: char, count: usize| -> String {
        (0..count)
            .map(|n| format!("[[command]]\npath=\"/{letter}{n}\"\n"))
            .collect()
    };
    let wide = |letter: char| -> String {
        (0..400)
            .map(|n| {
                format!(
                    "[[command]]\npath=\"/{letter}{n}\"\ncomment=\"{}\"\n",
                    "x".repeat(120)
                )
            })
            .collect()
    };
    for (own, base, what) in [
        (many('a', 600), many('b', 500), "1100 commands"),
        (wide('a'), wide('b'), "bytes"),
    ] {
        let files = [
            (
                "root",
                text("root", "read-only", &format!("include = [\"base\"]\n{own}")),
            ),
            ("base", text("base", "read-only", &base)),
        ];
        let report = linked(&files).unwrap_err();
        assert!(
            report
                .diagnostics()
                .iter()
                .any(|one| one.message.contains(what)),
            "{report}"
        );
        assert!(
            report
                .findings()
                .all(|one| one.code.as_str() == "SP002" && one.line == 4)
        );
    }
}

#[test]
fn what_was_linked_by_hand_must_fit_together() {
    let source = |name: &str| {
        format!(
            "[[source]]\nname = \"{name}\"\ndigest = \"sha256:{}\"\n",
            "0".repeat(64)
        )
    };
    for (body, wanted) in [
        (format!("{}{SS}from = \"a:1\"\n", source("a")), &[][..]),
        (format!("{}{SS}", source("a")), &["SP022"]),
        (format!("{}{SS}from = \"b:1\"\n", source("a")), &["SP022"]),
        (format!("{}{SS}from = \"a:0\"\n", source("a")), &["SP022"]),
        (format!("{SS}from = \"a:1\"\n"), &["SP022"]),
        (format!("{}{}", source("a"), source("a")), &["SP022"]),
        (format!("include = [\"b\"]\n{}", source("a")), &["SP022"]),
        ("[[source]]\nname = \"A\"\n".to_owned(), &["SP005", "SP022"]),
        (source("a").repeat(33), &["SP002"]),
    ] {
        let found = match Bundle::parse("x.toml", text("x", "read-only", &body).as_bytes()) {
            Ok(_) => Vec::new(),
            Err(report) => report.findings().map(|one| one.code.to_string()).collect(),
        };
        assert!(
            wanted
                .iter()
                .all(|code| found.contains(&(*code).to_owned())),
            "{body}: {found:?}"
        );
        assert_eq!(found.is_empty(), wanted.is_empty(), "{body}: {found:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn a_linked_bundle_allows_what_its_parts_allow(
        parts in prop::collection::vec(prop::collection::vec(0u8..5, 0..6), 2..4),
        asked in 0u8..5,
        program in 0usize..4,
    ) {
        // Each part has programs of its own, so none contradicts another.
        let body = |part: usize| -> String {
            let arguments = parts.get(part).into_iter().flatten();
            arguments.map(|n| format!("[[command]]\npath = \"/usr/bin/p{part}\"\nargs = [\"-{n}\"]\n")).collect()
        };
        let names: Vec<String> = (0..parts.len()).map(|part| format!("part{part}")).collect();
        let files: Vec<(&str, String)> = names.iter().enumerate().map(|(part, name)| {
            let next = names.get(part + 1).map_or(String::new(), |next| format!("include = [\"{next}\"]\n"));
            (name.as_str(), text(name, "write", &format!("{next}{}", body(part))))
        }).collect();
        let whole = linked(&files).unwrap();
        let argv = [format!("p{program}"), format!("-{asked}")];
        let line = CommandLine { argv: &argv, run_as: &RunAs::root() };
        let wanted = parts.get(program).is_some_and(|arguments| arguments.contains(&asked));
        prop_assert_eq!(can(whole.bundle(), &line).is_allowed(), wanted);
        let again = linked(&files).unwrap();
        prop_assert_eq!(whole.text(), again.text());
    }
}
