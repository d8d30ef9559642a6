//! What is said about files that are not bundles, and about bundles that are unwise.

use portreeve_sudo_policy::bundle::Bundle;
use portreeve_sudo_policy::check::check;
use portreeve_sudo_policy::diagnostic::Report;

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
fn a_report_reads_well_without_colour() {
    let text = format!(
        "{HEAD}\n[[command]]\npath = \"/usr/bin/find\"\nargs = [\"/etc\", \"-exec\", \"id\", \";\"]\n\n[[expect]]\nrefuse = [\"find\"]\n"
    );
    insta::assert_snapshot!(report(&text).render(), @r#"
    error[SP104]: `find -exec` runs a program
     --> x.toml:7:8
      |
    7 | args = ["/etc", "-exec", "id", ";"]
      |        ^^^^^^^^^^^^^^^^^^^^^^^^^^^^
      = help: allow exactly the arguments that are needed, without this one
    "#);
}

#[test]
fn a_report_is_data_too() {
    let report = report(&format!("{HEAD}[[command]]\npath = \"ss\"\n"));
    let json = serde_json::to_value(report.findings().collect::<Vec<_>>()).unwrap();
    assert_eq!(json[0]["code"], "SP009");
    assert_eq!(json[0]["severity"], "error");
    assert_eq!(json[0]["line"], 5);
}
