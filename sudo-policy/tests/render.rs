//! The rules as they are written for each sudo, and what is refused instead of weakened.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on has failed, in its helpers too"
)]

use portreeve_protocol::name::AccountName;
use portreeve_sudo_policy::bundle::Bundle;
use portreeve_sudo_policy::dialect::{Dialect, Version};
use portreeve_sudo_policy::render::{LogFile, RenderError, Target, render};

const SUDO: Dialect = Dialect::Sudo(Version(1, 9, 13));
const SUDO_RS: Dialect = Dialect::SudoRs(Version(0, 2, 8));

const EXACT: &str = r#"
[[command]]
path = "/usr/bin/ss"
args_any_of = [["-tnp"], ["-t", "-n"], []]

[[command]]
path = "/usr/bin/ps"
args = ["-eo", "pid,args"]
run_as = "nobody"

[[command]]
path = "/usr/bin/uptime"
args = "any"
noexec = false
reason = "it takes no file"
"#;

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
    };
    // The digest in the first line is the only thing that a change of the bundle's text changes.
    render(&bundle, &target).map(|sudoers| sudoers.as_str().split_once('\n').unwrap().1.to_owned())
}

#[test]
fn rules_for_sudo() {
    let commands = format!(
        "{EXACT}\n[[command]]\npath = \"/usr/bin/ls\"\nargs_pattern = \"^-l /proc/<pid>/exe$\"\ndigest = \"sha256:{}\"\n\
         [[command]]\npath = \"/usr/bin/echo\"\nargs = [\"a\\\\b\", \"*\", \"[x]\", \"#\", \"^y$\", \"!z\"]\n",
        "0".repeat(64)
    );
    insta::assert_snapshot!(rendered(&commands, SUDO, Some("/run/portreeve/log.json")).unwrap(), @r#"
    Defaults:pr-0123456789abcdef !authenticate, !lecture, !requiretty, !fqdn, !pam_session, env_reset, !env_keep, !setenv, use_pty, noexec, runas_default=root, timestamp_timeout=0, secure_path="/usr/sbin:/usr/bin:/sbin:/bin"
    Defaults:pr-0123456789abcdef log_format=json, logfile="/run/portreeve/log.json", log_allowed, log_denied, !ignore_logfile_errors
    pr-0123456789abcdef ALL=(root) NOPASSWD: NOEXEC: NOSETENV: /usr/bin/ss -tnp
    pr-0123456789abcdef ALL=(root) NOPASSWD: NOEXEC: NOSETENV: /usr/bin/ss -t -n
    pr-0123456789abcdef ALL=(root) NOPASSWD: NOEXEC: NOSETENV: /usr/bin/ss ""
    pr-0123456789abcdef ALL=(nobody) NOPASSWD: NOEXEC: NOSETENV: /usr/bin/ps -eo pid\,args
    pr-0123456789abcdef ALL=(root) NOPASSWD: EXEC: NOSETENV: /usr/bin/uptime
    pr-0123456789abcdef ALL=(root) NOPASSWD: NOEXEC: NOSETENV: sha256:0000000000000000000000000000000000000000000000000000000000000000 /usr/bin/ls ^-l /proc/([1-9][0-9]{0,6})/exe$
    pr-0123456789abcdef ALL=(root) NOPASSWD: NOEXEC: NOSETENV: /usr/bin/echo a\\\\b \* \[x\] \# \^y$ !z
    "#);
}

#[test]
fn rules_for_sudo_rs() {
    insta::assert_snapshot!(rendered(EXACT, SUDO_RS, None).unwrap(), @r#"
    Defaults:pr-0123456789abcdef use_pty, noexec, !env_keep, !setenv, timestamp_timeout=0, secure_path="/usr/sbin:/usr/bin:/sbin:/bin"
    pr-0123456789abcdef ALL=(root) NOPASSWD: NOEXEC: NOSETENV: /usr/bin/ss -tnp
    pr-0123456789abcdef ALL=(root) NOPASSWD: NOEXEC: NOSETENV: /usr/bin/ss -t -n
    pr-0123456789abcdef ALL=(root) NOPASSWD: NOEXEC: NOSETENV: /usr/bin/ss ""
    pr-0123456789abcdef ALL=(nobody) NOPASSWD: NOEXEC: NOSETENV: /usr/bin/ps -eo pid\,args
    pr-0123456789abcdef ALL=(root) NOPASSWD: EXEC: NOSETENV: /usr/bin/uptime
    "#);
}

#[test]
fn an_empty_bundle_allows_nothing() {
    let text = rendered("", SUDO, None).unwrap();
    assert_eq!(text.lines().count(), 1, "{text}");
    assert!(text.starts_with("Defaults:pr-0123456789abcdef "), "{text}");
}

#[test]
fn what_a_dialect_cannot_express_is_refused_with_an_alternative() {
    let pattern = "[[command]]\npath = \"/usr/bin/ls\"\nargs_pattern = \"^-l$\"\n";
    let digest = format!(
        "[[command]]\npath = \"/usr/bin/ls\"\ndigest = \"sha256:{}\"\n",
        "0".repeat(64)
    );
    let wildcard = "[[command]]\npath = \"/usr/bin/ls\"\nargs = [\"*.log\"]\n";
    for (commands, dialect, log, alternative) in [
        (
            pattern,
            Dialect::Sudo(Version(1, 9, 9)),
            None,
            "line 4: it has no patterns; list exact arguments in `args_any_of`",
        ),
        (pattern, SUDO_RS, None, "line 4: it has no patterns"),
        (&digest, SUDO_RS, None, "line 4: it has no digests"),
        (
            wildcard,
            SUDO_RS,
            None,
            "line 4: it reads `*` in `*.log` as more than itself",
        ),
        ("", SUDO_RS, Some("/run/x.json"), "it writes to syslog only"),
        (
            "",
            Dialect::Sudo(Version(1, 9, 4)),
            None,
            "sudo 1.9.4 is too old",
        ),
        (
            "",
            Dialect::SudoRs(Version(0, 2, 7)),
            None,
            "sudo-rs 0.2.7 is too old",
        ),
    ] {
        let error = rendered(commands, dialect, log).unwrap_err().to_string();
        assert!(error.contains(alternative), "{error}");
    }
}

#[test]
fn everything_that_cannot_be_expressed_is_told_at_once() {
    let commands = "[[command]]\npath = \"/a\"\nargs_pattern = \"^a$\"\n[[command]]\npath = \"/b\"\nargs = [\"?\"]\n";
    let RenderError::Inexpressible { problems, .. } =
        rendered(commands, SUDO_RS, None).unwrap_err()
    else {
        panic!("not about the commands");
    };
    assert_eq!(
        problems
            .iter()
            .map(|problem| problem.line)
            .collect::<Vec<_>>(),
        [Some(4), Some(7)]
    );
}

#[test]
fn a_log_file_is_a_plain_path() {
    for bad in [
        "", "x", "/a b", "/a\"b", "/a,b", "/../a", "/a/", "/a\n", "/a%b",
    ] {
        assert!(bad.parse::<LogFile>().is_err(), "{bad}");
    }
}
