//! What a bundle allows, and the words in which that is explained.

use portreeve_sudo_policy::bundle::Bundle;
use portreeve_sudo_policy::dialect::Dialect;
use portreeve_sudo_policy::explain::explain;
use portreeve_sudo_policy::simulate::{CommandLine, can, can_on};
use portreeve_sudo_policy::word::RunAs;

const BUNDLE: &str = r#"name = "x"
description = "d"
intent = "write"

[[command]]
path = "/usr/bin/ss"
args_any_of = [["-tnp"], ["-t", "-n"]]

[[command]]
path = "/usr/bin/ls"
args_pattern = "^-l /proc/<pid>/exe$"

[[command]]
path = "/usr/bin/psql"
run_as = "postgres"

[[command]]
path = "/opt/tool"

[[command]]
path = "/usr/bin/journal"
run_as_group = "adm"
cwd = "/var/log"
noexec = false
digest = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
reason = "r"
"#;

#[test]
fn answers_name_the_rule_or_the_nearest_one() {
    let bundle = Bundle::parse("x.toml", BUNDLE.as_bytes()).unwrap();
    for (line, run_as, answer) in [
        (
            "ss -tnp",
            "root",
            "`ss -tnp` is allowed as `root` by x.toml:5, and may start no other program",
        ),
        (
            "ss -K",
            "root",
            "`ss -K` is refused: the nearest rule, x.toml:5, takes `-tnp` or `-t -n`; \
             argument 1 is `-K` and not `-tnp`",
        ),
        (
            "ss",
            "root",
            "`ss` is refused: the nearest rule, x.toml:5, takes `-tnp` or `-t -n`; \
             argument 1, `-tnp`, is missing",
        ),
        (
            "ss -t",
            "root",
            "`ss -t` is refused: the nearest rule, x.toml:5, takes `-tnp` or `-t -n`; \
             argument 2, `-n`, is missing",
        ),
        (
            "ss -tnp -K",
            "root",
            "`ss -tnp -K` is refused: the nearest rule, x.toml:5, takes `-tnp` or `-t -n`; \
             argument 2, `-K`, is one too many",
        ),
        (
            "ss -tnp",
            "postgres",
            "`ss -tnp` is refused: the nearest rule, x.toml:5, runs it as `root` and not as `postgres`",
        ),
        (
            "ls -l /proc/1/mem",
            "root",
            "`ls -l /proc/1/mem` is refused: the nearest rule, x.toml:9, takes arguments like `^-l /proc/<pid>/exe$`; \
             it stops at character 9 of argument 2, `m`, where it wants `e`",
        ),
        (
            "ls -l /proc/x/exe",
            "root",
            "`ls -l /proc/x/exe` is refused: the nearest rule, x.toml:9, takes arguments like `^-l /proc/<pid>/exe$`; \
             it stops at character 7 of argument 2, `x`, where it wants `1`-`9`",
        ),
        (
            "ls -l",
            "root",
            "`ls -l` is refused: the nearest rule, x.toml:9, takes arguments like `^-l /proc/<pid>/exe$`; \
             argument 1 ends too early, and it wants a space",
        ),
        (
            "ls -l /proc/1/exe /root",
            "root",
            "`ls -l /proc/1/exe /root` is refused: the nearest rule, x.toml:9, takes arguments like `^-l /proc/<pid>/exe$`; \
             argument 2 ends too early, and it wants the end",
        ),
        (
            "psql x",
            "postgres",
            "`psql x` is refused: the nearest rule, x.toml:13, takes no arguments; \
             argument 1, `x`, is one too many",
        ),
        (
            "psql",
            "postgres",
            "`psql` is allowed as `postgres` by x.toml:13, and may start no other program",
        ),
        (
            "cat /etc/shadow",
            "root",
            "`cat /etc/shadow` is refused: no rule of `x` names this program",
        ),
        (
            "tool",
            "root",
            "`tool` is refused: no rule of `x` names this program",
        ),
        (
            "/opt/tool",
            "root",
            "`/opt/tool` is allowed as `root` by x.toml:17, and may start no other program",
        ),
        (
            "./ss -tnp",
            "root",
            "`./ss -tnp` is refused: no rule of `x` names this program",
        ),
        (
            "/usr/local/bin/ss -tnp",
            "root",
            "`/usr/local/bin/ss -tnp` is refused: no rule of `x` names this program",
        ),
        (
            "ss \u{1b}[2J",
            "root",
            "`ss \\u{1b}[2J` is refused: the nearest rule, x.toml:5, takes `-tnp` or `-t -n`; \
             argument 1 is `\\u{1b}[2J` and not `-tnp`",
        ),
    ] {
        let argv: Vec<String> = line.split(' ').map(ToOwned::to_owned).collect();
        let run_as: RunAs = run_as.parse().unwrap();
        let line = CommandLine {
            argv: &argv,
            run_as: &run_as,
        };
        assert_eq!(explain(&bundle, &line, &can(&bundle, &line)), answer);
    }
}

#[test]
fn nothing_is_not_a_command_line() {
    let bundle = Bundle::parse("x.toml", BUNDLE.as_bytes()).unwrap();
    assert!(
        !can(
            &bundle,
            &CommandLine {
                argv: &[],
                run_as: &RunAs::root()
            }
        )
        .is_allowed()
    );
}

#[test]
fn the_two_programs_differ_in_spaces_and_in_slashes() {
    let bundle = Bundle::parse("x.toml", BUNDLE.as_bytes()).unwrap();
    let original: Dialect = "sudo:1.9.13".parse().unwrap();
    let rs: Dialect = "sudo-rs:0.2.14".parse().unwrap();
    for (argv, either, on_original, on_rs) in [
        (&["ss", "-t", "-n"][..], true, true, true),
        (&["ss", "-t -n"], true, true, false),
        (&["/usr/bin/ss/", "-tnp"], true, false, true),
        (&["/usr/bin/ss/.", "-tnp"], true, false, true),
        (&["ss", "-t", "-n", ""], false, false, false),
        (&["ss", ""], false, false, false),
    ] {
        let argv: Vec<String> = argv.iter().map(ToString::to_string).collect();
        let line = CommandLine {
            argv: &argv,
            run_as: &RunAs::root(),
        };
        assert_eq!(can(&bundle, &line).is_allowed(), either, "{argv:?}");
        for (dialect, wanted) in [(original, on_original), (rs, on_rs)] {
            let verdict = can_on(&bundle, &line, dialect);
            assert_eq!(verdict.is_allowed(), wanted, "{argv:?} {dialect}");
        }
    }
}

#[test]
fn what_else_holds_is_said() {
    let bundle = Bundle::parse("x.toml", BUNDLE.as_bytes()).unwrap();
    for (argv, run_as, answer) in [
        (
            "journal",
            ":adm",
            "`journal` is allowed as `:adm` by x.toml:20, in `/var/log`, \
             as long as the program has the digest sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        ),
        (
            "journal",
            "root",
            "`journal` is refused: the nearest rule, x.toml:20, runs it as `:adm` and not as `root`",
        ),
    ] {
        let line = CommandLine {
            argv: &[argv.to_owned()],
            run_as: &run_as.parse().unwrap(),
        };
        assert_eq!(explain(&bundle, &line, &can(&bundle, &line)), answer);
    }
}

#[test]
fn of_several_matching_rules_the_last_one_counts() {
    let text = format!(
        "{BUNDLE}\n[[command]]\npath = \"/usr/bin/ss\"\nargs = [\"-tnp\"]\nnoexec = false\nreason = \"r\"\n"
    );
    let bundle = Bundle::parse("x.toml", text.as_bytes()).unwrap();
    let argv = ["ss".to_owned(), "-tnp".to_owned()];
    let line = CommandLine {
        argv: &argv,
        run_as: &RunAs::root(),
    };
    assert_eq!(
        explain(&bundle, &line, &can(&bundle, &line)),
        "`ss -tnp` is allowed as `root` by x.toml:28"
    );
}
