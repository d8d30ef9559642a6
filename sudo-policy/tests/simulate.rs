//! What a bundle allows, and the words in which that is explained.

use portreeve_sudo_policy::bundle::Bundle;
use portreeve_sudo_policy::explain::explain;
use portreeve_sudo_policy::simulate::{CommandLine, can};
use portreeve_sudo_policy::word::UserName;

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
            "`ss -K` is refused: the nearest rule, x.toml:5, takes `-tnp` or `-t -n`",
        ),
        (
            "ss -tnp",
            "postgres",
            "`ss -tnp` is refused: the nearest rule, x.toml:5, runs it as `root` and not as `postgres`",
        ),
        (
            "ls -l /proc/1/mem",
            "root",
            "`ls -l /proc/1/mem` is refused: the nearest rule, x.toml:9, takes arguments like `^-l /proc/<pid>/exe$`",
        ),
        (
            "psql x",
            "postgres",
            "`psql x` is refused: the nearest rule, x.toml:13, takes no arguments",
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
            "`ss \\u{1b}[2J` is refused: the nearest rule, x.toml:5, takes `-tnp` or `-t -n`",
        ),
    ] {
        let argv: Vec<String> = line.split(' ').map(ToOwned::to_owned).collect();
        let run_as: UserName = run_as.parse().unwrap();
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
                run_as: &UserName::root()
            }
        )
        .is_allowed()
    );
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
        run_as: &UserName::root(),
    };
    assert_eq!(
        explain(&bundle, &line, &can(&bundle, &line)),
        "`ss -tnp` is allowed as `root` by x.toml:20"
    );
}
