//! What is said about files that are not bundles, and about bundles that are unwise.

use portreeve_sudo_policy::bundle::Bundle;
use portreeve_sudo_policy::check::check;
use portreeve_sudo_policy::diagnostic::{Look, Report};

/// The smallest bundle, without an `intent` of its own.
const HEAD: &str = "name = \"x\"\ndescription = \"d\"\nintent = \"read-only\"\n";

fn report(text: &str) -> Report {
    match Bundle::parse("x.toml", text.as_bytes()) {
        Ok(bundle) => check(&bundle),
        Err(report) => report,
    }
}

/// `line:column code severity` of every problem.
fn places(report: &Report) -> Vec<String> {
    let place = |f: portreeve_sudo_policy::diagnostic::Finding<'_>| {
        format!("{}:{} {}", f.line, f.column, f.code)
    };
    report.findings().map(place).collect()
}

#[test]
fn every_problem_of_a_file_is_reported_at_its_place() {
    for (text, wanted) in [
        ("", &["1:1 SP005", "1:1 SP005", "1:1 SP005"][..]),
        ("name = x\nintent = \n", &["1:8 SP001", "2:10 SP001"]),
        (
            "name = \"A\"\ndescription = 3\nintent = \"look\"\nextra = 1\n",
            &["1:8 SP007", "2:15 SP006", "3:10 SP008", "4:1 SP004"],
        ),
        ("name = \"a\u{7}b\"", &["1:10 SP003"]),
        ("# \u{202e}b\n", &["1:3 SP003"]),
        ("\u{feff}name = \"a\"", &["1:1 SP003"]),
    ] {
        assert_eq!(places(&report(text)), wanted, "{text}");
    }
    for (body, wanted) in [
        (
            "[[command]]\npath = \"ss\"\nargs = [\"a b\", \"\"]\n",
            &["5:8 SP009", "6:9 SP011", "6:16 SP011"][..],
        ),
        (
            "[[command]]\nargs = \"all\"\nrun_as = \"ALL\"\n",
            &["4:1 SP005", "5:8 SP010", "6:10 SP014"],
        ),
        (
            "[[command]]\npath = \"/bin/ls\"\nargs = []\nargs_pattern = \"^a$\"\n",
            &["4:1 SP010"],
        ),
        (
            "[[command]]\npath = \"/bin/ls\"\nargs_pattern = \"a.*\"\n",
            &["6:16 SP012"],
        ),
        (
            "[[command]]\npath = \"/bin/ls\"\nargs = \"any\"\n",
            &["4:1 SP013"],
        ),
        (
            "[[command]]\npath = \"/bin/ls\"\nnoexec = false\n",
            &["4:1 SP013"],
        ),
        (
            "[[command]]\npath = \"/bin/ls\"\ndigest = \"sha256:12\"\n",
            &["6:10 SP015"],
        ),
        (
            "[[command]]\npath = \"/bin/ls\"\ncomment = \"a\\u0007\"\n",
            &["6:11 SP003"],
        ),
        (
            "[[command]]\npath = \"/bin/ls\"\ncomment = \"a\\u2066\"\n",
            &["6:11 SP003"],
        ),
        (
            "[[command]]\npath = \"/bin/ls\"\nargs_any_of = []\n",
            &["6:15 SP010"],
        ),
        (
            "[[command]]\npath = \"/bin/ls\"\nnegate = true\n",
            &["6:1 SP004"],
        ),
        (
            "[[expect]]\nallow = [\"a\"]\nrefuse = [\"b\"]\n",
            &["4:1 SP016"],
        ),
        ("[[expect]]\nrefuse = []\n", &["5:10 SP016"]),
        ("[command]\npath = \"/bin/ls\"\n", &["4:1 SP006"]),
        ("command = 7\n", &["4:11 SP006"]),
    ] {
        assert_eq!(places(&report(&format!("{HEAD}{body}"))), wanted, "{body}");
    }
}

#[test]
fn size_is_bounded_before_anything_is_read() {
    let many = "[[command]]\npath=\"/a\"\n".repeat(1001);
    let long = format!("# {}", "x".repeat(70_000));
    let lists = format!(
        "[[command]]\npath = \"/a\"\nargs_any_of = [{}]\n",
        "[],".repeat(101)
    );
    for (text, code) in [(many, "SP002"), (long, "SP002"), (lists, "SP010")] {
        let report = report(&format!("{HEAD}{text}"));
        assert!(
            report
                .findings()
                .any(|finding| finding.code.as_str() == code),
            "{}",
            report.render()
        );
    }
    assert!(report(&"[".repeat(60_000)).has_errors());
    let nested = format!("{HEAD}command = {}{}", "[".repeat(5000), "]".repeat(5000));
    assert!(report(&nested).has_errors());
}

#[test]
fn bytes_that_are_not_text_are_refused() {
    for bytes in [&b"name = \"\xff\""[..], b"\x00", b"name = \"a\x1b[2J\""] {
        assert!(Bundle::parse("x.toml", bytes).is_err(), "{bytes:?}");
    }
}

#[test]
fn who_asks_for_the_environment_is_told_why_there_is_none() {
    for field in ["setenv = true", "env_keep = [\"LD_PRELOAD\"]"] {
        let text = format!("{HEAD}\n[[command]]\npath = \"/usr/bin/ss\"\n{field}\n");
        let said = report(&text).render();
        assert!(said.contains("error[SP004]: unknown field"), "{said}");
        assert!(said.contains("the environment is always reset"), "{said}");
    }
}

#[test]
fn a_report_reads_well_without_colour() {
    let text = format!("{HEAD}\n[[command]]\npaht = \"/usr/bin/ss\"\nargs = \"-tnp\"\n");
    insta::assert_snapshot!(report(&text).render(), @r#"
    error[SP005]: `path` is missing
     --> x.toml:5:1
      |
    5 | [[command]]
      | ^^^^^^^^^^^
      = help: add `path = "…"`

    error[SP004]: unknown field `paht`
     --> x.toml:6:1
      |
    6 | paht = "/usr/bin/ss"
      | ^^^^
      = help: did you mean `path`?

    error[SP010]: `args` is neither a list nor `none` nor `any`
     --> x.toml:7:8
      |
    7 | args = "-tnp"
      |        ^^^^^^
      = help: write each argument as a string of a list, as in `["-n", "100"]`
    "#);
}

#[test]
fn what_takes_several_lines_is_marked_from_the_first_to_the_last() {
    let text = format!(
        "{HEAD}\n[[command]]\npath = [\n\t\"/usr/bin/ss\",\n]\n[[command]]\npath = [\n  1,\n  2,\n  3,\n]\n"
    );
    insta::assert_snapshot!(report(&text).render(), @r#"
    error[SP006]: `path` is not a string but array
     --> x.toml:6:8
      |
    6 |   path = [
      |  ________^
    7 | |     "/usr/bin/ss",
    8 | | ]
      | |_^
      = help: write a string

    error[SP006]: `path` is not a string but array
      --> x.toml:10:8
       |
    10 |   path = [
       |  ________^
    ...
    14 | | ]
       | |_^
       = help: write a string
    "#);
}

#[test]
fn of_a_long_line_the_part_that_is_marked_is_shown() {
    let many = "\"-a\", ".repeat(20);
    let text =
        format!("{HEAD}[[command]]\npath = \"/usr/bin/ss\"\nargs = [{many}\"b c\", {many}]\n");
    let narrow = Look {
        width: 60,
        ..Look::default()
    };
    insta::assert_snapshot!(report(&text).render_as(narrow), @r#"
    error[SP011]: ' ' may not stand in an exact argument
     --> x.toml:6:129
      |
    6 | …"-a", "-a", "-a", "-a", "b c", "-a", "-a", "-a", "-a",…
      |                          ^^^^^
      = help: arguments are separate strings, as in `["-n", "100"]`, of printable ASCII without spaces and double quotes
    "#);
}

#[test]
fn colours_are_the_only_thing_that_drives_a_terminal() {
    let text = format!("{HEAD}[[command]]\npath = \"/usr/bin/\u{202e}ss\"\n");
    let Err(report) = Bundle::parse("\u{1b}[2Jx\n.toml", text.as_bytes()) else {
        unreachable!("the path is none")
    };
    let plain = report.render();
    assert!(!plain.contains(['\u{1b}', '\u{202e}']), "{plain}");
    assert!(
        plain.contains(" --> \\u{1b}[2Jx\\u{a}.toml:5:18\n"),
        "{plain}"
    );
    let coloured = report.render_as(Look {
        colour: true,
        ..Look::default()
    });
    let codes = ["\u{1b}[0m", "\u{1b}[1m", "\u{1b}[1;31m", "\u{1b}[1;34m"];
    let bare = codes
        .iter()
        .fold(coloured.clone(), |text, code| text.replace(code, ""));
    assert_eq!(bare, plain);
    assert_ne!(coloured, plain);
}

#[test]
fn a_report_is_data_too() {
    let report = report(&format!("{HEAD}[[command]]\npath = \"ss\"\n"));
    let json = serde_json::to_value(report.findings().collect::<Vec<_>>()).unwrap();
    assert_eq!(json[0]["code"], "SP009");
    assert_eq!(json[0]["severity"], "error");
    assert_eq!(json[0]["line"], 5);
}
