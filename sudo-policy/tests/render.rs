//! The rules as they are written for each sudo, and what is refused instead of weakened.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on has failed, in its helpers too"
)]

use portreeve_protocol::name::AccountName;
use portreeve_sudo_policy::bundle::Bundle;
use portreeve_sudo_policy::code::Code;
use portreeve_sudo_policy::dialect::{Dialect, Version};
use portreeve_sudo_policy::render::{LogFile, RenderError, Target, Until, render};

const SUDO: Dialect = Dialect::Sudo(Version(1, 9, 13));
const SUDO_RS: Dialect = Dialect::SudoRs(Version(0, 2, 8));

fn rendered(commands: &str, dialect: Dialect, log: Option<&str>) -> Result<String, RenderError> {
    let text = format!("name = \"x\"\ndescription = \"d\"\nintent = \"write\"\n{commands}");
    let bundle = Bundle::parse("x.toml", text.as_bytes())
        .unwrap_or_else(|report| panic!("{}", report.render()));
    let account: AccountName = "pr-0123456789abcdef".parse().unwrap();
    let log: Option<LogFile> = log.map(|log| log.parse().unwrap());
    let target = Target {
        account: &account,
        dialect,
        log: log.as_ref(),
        until: None,
    };
    render(&bundle, &target).map(|sudoers| sudoers.as_str().to_owned())
}

#[test]
fn an_empty_bundle_allows_nothing() {
    let text = rendered("", SUDO, None).unwrap();
    let starts: Vec<_> = text
        .lines()
        .map(|line| line.split(' ').next().unwrap())
        .collect();
    assert_eq!(starts, ["#", "Defaults:pr-0123456789abcdef", "#"], "{text}");
}

#[test]
fn what_a_dialect_cannot_express_is_refused_with_an_alternative() {
    let pattern = "[[command]]\npath = \"/usr/bin/ls\"\nargs_pattern = \"^-l$\"\n";
    let digest = format!(
        "[[command]]\npath = \"/usr/bin/ls\"\ndigest = \"sha256:{}\"\n",
        "0".repeat(64)
    );
    let args = |args: &str| format!("[[command]]\npath = \"/usr/bin/ls\"\nargs = [{args}]\n");
    let wildcard = args("\"*.log\"");
    let expression = args("\"^x\"");
    let exactly = |length: usize| {
        // `/usr/bin/ls`, and 1 + 201 for each of the first.
        let last = "b".repeat(length - 11 - 4 * 201 - 1);
        args(&format!(
            "{}\"{last}\"",
            format!("\"{}\", ", "a".repeat(200)).repeat(4)
        ))
    };
    let (longest, too_long) = (exactly(1024), exactly(1025));
    for (commands, dialect, log, wanted) in [
        (
            pattern,
            Dialect::Sudo(Version(1, 9, 9)),
            None,
            Some("line 6: sudo 1.9.9 has no patterns; list exact arguments in `args_any_of`"),
        ),
        (pattern, Dialect::Sudo(Version(1, 9, 10)), None, None),
        (
            pattern,
            SUDO_RS,
            None,
            Some("line 6: sudo-rs 0.2.8 has no patterns"),
        ),
        (
            &digest,
            SUDO_RS,
            None,
            Some("line 4: sudo-rs 0.2.8 has no digests; leave"),
        ),
        (&digest, SUDO, None, None),
        (
            &wildcard,
            SUDO_RS,
            None,
            Some("line 6: sudo-rs 0.2.8 reads `*` in `*.log` as more"),
        ),
        (&wildcard, SUDO, None, None),
        (
            &expression,
            SUDO_RS,
            None,
            Some("reads `^` in `^x` as more than itself"),
        ),
        (&longest, SUDO_RS, None, None),
        (
            &too_long,
            SUDO_RS,
            None,
            Some("the rule has 1025 characters"),
        ),
        (&too_long, SUDO, None, None),
        (
            "",
            SUDO_RS,
            Some("/run/x.json"),
            Some("writes to syslog only"),
        ),
        (
            "",
            Dialect::Sudo(Version(1, 9, 4)),
            None,
            Some("sudo 1.9.4 is too old"),
        ),
        (
            "",
            Dialect::SudoRs(Version(0, 2, 7)),
            None,
            Some("sudo-rs 0.2.7 is too old"),
        ),
    ] {
        let error = rendered(commands, dialect, log)
            .err()
            .map(|error| error.to_string());
        match (&error, wanted) {
            (Some(error), Some(wanted)) => assert!(error.contains(wanted), "{error}"),
            (error, wanted) => assert_eq!(error.as_deref(), wanted, "{commands}"),
        }
    }
}

#[test]
fn everything_that_cannot_be_expressed_is_told_at_once_and_underlined() {
    let commands = "[[command]]\npath = \"/a\"\nargs_pattern = \"^a$\"\n[[command]]\npath = \"/b\"\nargs = [\"?\"]\n";
    let error = rendered(commands, SUDO_RS, None).unwrap_err();
    insta::assert_snapshot!(error.report().unwrap().render(), @r#"
error[SP301]: sudo-rs 0.2.8 has no patterns
 --> x.toml:6:16
  |
6 | args_pattern = "^a$"
  |                ^^^^^
  = help: list exact arguments in `args_any_of`, or use sudo 1.9.10 or later on this host

error[SP303]: sudo-rs 0.2.8 reads `?` in `?` as more than itself
 --> x.toml:9:8
  |
9 | args = ["?"]
  |        ^^^^^
  = help: use the original sudo for this command, or leave the argument out
"#);
}

#[test]
fn rules_are_bounded() {
    // A short bundle may stand for many rules.
    let command = |lists: usize| {
        let lists = vec!["[]"; lists].join(", ");
        format!("[[command]]\npath = \"/usr/bin/a-program-with-a-name\"\nargs_any_of = [{lists}]\n")
    };
    assert!(rendered(&command(100), SUDO, None).is_ok());
    let many = command(100).repeat(140);
    let error = rendered(&many, SUDO, None).err();
    assert!(
        matches!(error, Some(RenderError::TooLarge { .. })),
        "{error:?}"
    );
}

#[test]
fn a_page_shows_what_the_sudo_cannot_express_and_what_it_can() {
    let newest = Dialect::SudoRs(Version(0, 2, 14));
    let codes = Code::ALL
        .iter()
        // How much all rules take together is told of no single one.
        .filter(|&&code| code.as_str().starts_with("SP3") && code != Code::RulesTooLarge);
    let mut shown = 0;
    for code in codes {
        let mut blocks = code.page().split("```toml ").skip(1);
        for (kind, block) in blocks.by_ref().filter_map(|block| block.split_once('\n')) {
            let (commands, _) = block.split_once("```").unwrap();
            let answer = rendered(commands, newest, None);
            shown += 1;
            match (kind, answer) {
                ("right", answer) => assert!(answer.is_ok(), "{code}: {answer:?}"),
                ("wrong", Err(RenderError::Inexpressible { report, .. })) => {
                    let codes: Vec<_> = report.findings().map(|finding| finding.code).collect();
                    assert_eq!(codes, [*code], "{}", report.render());
                }
                (kind, answer) => panic!("{code}: {kind} {answer:?}"),
            }
        }
    }
    assert_eq!(shown, 8, "a right and a wrong one for each code");
}

#[test]
fn rules_that_end_say_so_in_each_of_them() {
    let text = "name = \"x\"\ndescription = \"d\"\nintent = \"write\"\n[[command]]\npath = \"/usr/bin/ls\"\nargs_any_of = [[], [\"-l\"]]\n";
    let bundle = Bundle::parse("x.toml", text.as_bytes()).unwrap();
    let account: AccountName = "pr-0123456789abcdef".parse().unwrap();
    let until: Until = "20260131120000Z".parse().unwrap();
    let rendered = |dialect| {
        let target = Target {
            account: &account,
            dialect,
            log: None,
            until: Some(until),
        };
        render(&bundle, &target).map(|rules| rules.as_str().to_owned())
    };
    let rules = rendered(SUDO).unwrap();
    assert_eq!(rules.matches(" NOTAFTER=20260131120000Z ").count(), 2);
    let error = rendered(SUDO_RS).unwrap_err();
    assert_eq!(error, RenderError::NoEnd { dialect: SUDO_RS });
}

#[test]
fn a_log_file_is_a_plain_path() {
    for bad in [
        "", "x", "/a b", "/a\"b", "/a,b", "/../a", "/a/", "/a\n", "/a%b",
    ] {
        assert!(bad.parse::<LogFile>().is_err(), "{bad}");
    }
}
