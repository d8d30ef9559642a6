//! What the linter says of single commands.

#![expect(
    clippy::panic,
    reason = "a test that cannot go on has failed, in its helpers too"
)]

use portreeve_sudo_policy::bundle::Bundle;
use portreeve_sudo_policy::check::check;

/// The codes of everything that is found in a bundle of this intent with this command, errors
/// first in capitals, warnings in lower case.
fn codes(intent: &str, command: &str) -> Vec<String> {
    let text = format!(
        "name = \"x\"\ndescription = \"d\"\nintent = \"{intent}\"\n[[command]]\n{command}\n\
         [[expect]]\nrefuse = [\"/nowhere\"]\n"
    );
    let bundle = Bundle::parse("x.toml", text.as_bytes())
        .unwrap_or_else(|report| panic!("{}", report.render()));
    let report = check(&bundle);
    let code = |f: portreeve_sudo_policy::diagnostic::Finding<'_>| match f.severity {
        portreeve_sudo_policy::diagnostic::Severity::Error => f.code.to_string(),
        portreeve_sudo_policy::diagnostic::Severity::Warning => f.code.to_string().to_lowercase(),
    };
    let mut codes: Vec<String> = report.findings().map(code).collect();
    codes.sort();
    codes.dedup();
    codes
}

#[test]
fn known_escapes_are_errors_in_every_bundle() {
    for (command, code) in [
        ("path = \"/bin/bash\"", "SP101"),
        ("path = \"/usr/bin/busybox\"\nargs = [\"sh\"]", "SP101"),
        ("path = \"/usr/bin/python3.11\"\nargs = [\"-V\"]", "SP102"),
        ("path = \"/usr/bin/perl\"", "SP102"),
        ("path = \"/usr/bin/mawk\"\nargs = [\"{print}\"]", "SP102"),
        ("path = \"/usr/bin/vim.tiny\"", "SP103"),
        (
            "path = \"/usr/bin/less\"\nargs = [\"/var/log/syslog\"]",
            "SP103",
        ),
        ("path = \"/usr/bin/man\"\nargs = [\"ls\"]", "SP103"),
        (
            "path = \"/usr/bin/sed\"\nargs = [\"-n\", \"1p\", \"/etc/hosts\"]",
            "SP103",
        ),
        ("path = \"/usr/bin/env\"", "SP104"),
        ("path = \"/usr/bin/git\"\nargs = [\"log\"]", "SP104"),
        (
            "path = \"/usr/bin/find\"\nargs = [\"/\", \"-exec\", \"id\", \";\"]",
            "SP104",
        ),
        (
            "path = \"/usr/bin/find\"\nargs_pattern = \"^/var -(name|ok) [a-z]+$\"",
            "SP104",
        ),
        (
            "path = \"/usr/bin/tar\"\nargs = [\"-cf\", \"/dev/null\", \"x\", \"--checkpoint-action=exec=id\"]",
            "SP104",
        ),
        (
            "path = \"/usr/bin/tcpdump\"\nargs = [\"-ln\", \"-z\", \"/x\"]",
            "SP104",
        ),
        (
            "path = \"/usr/bin/tcpdump\"\nargs_pattern = \"^-[a-z]+$\"",
            "SP104",
        ),
        ("path = \"/usr/bin/docker\"\nargs = [\"ps\"]", "SP104"),
        ("path = \"/usr/bin/su\"", "SP115"),
        ("path = \"/usr/bin/apt-get\"\nargs = [\"update\"]", "SP116"),
        (
            "path = \"/usr/bin/dpkg\"\nargs = [\"-i\", \"/x.deb\"]",
            "SP116",
        ),
        ("path = \"/usr/bin/gdb\"", "SP117"),
        (
            "path = \"/usr/bin/strace\"\nargs_pattern = \"^-p <pid>$\"",
            "SP117",
        ),
        ("path = \"/tmp/tool\"", "SP106"),
        ("path = \"/home/alice/tool\"", "SP106"),
        (
            "path = \"/lib64/ld-linux-x86-64.so.2\"\nargs = [\"/usr/bin/id\"]",
            "SP108",
        ),
        (
            "path = \"/usr/bin/systemctl\"\nargs = [\"edit\", \"ssh\"]",
            "SP103",
        ),
        (
            "path = \"/usr/bin/systemctl\"\nargs_pattern = \"^[a-z]+ <unit>$\"",
            "SP103",
        ),
        ("path = \"/usr/bin/crontab\"\nargs = [\"-e\"]", "SP103"),
        (
            "path = \"/usr/bin/journalctl\"\nnoexec = false\nreason = \"r\"",
            "SP113",
        ),
    ] {
        for intent in ["read-only", "write"] {
            let found = codes(intent, command);
            assert!(
                found.contains(&code.to_owned()),
                "{intent} {command}: {found:?}"
            );
        }
    }
}

#[test]
fn secrets_are_errors_however_they_are_reached() {
    for command in [
        "path = \"/usr/bin/cat\"\nargs = [\"/etc/shadow\"]",
        "path = \"/usr/bin/cat\"\nargs = [\"shadow\"]",
        "path = \"/usr/bin/cat\"\nargs = \"any\"\nreason = \"r\"",
        "path = \"/usr/bin/cat\"\nargs_pattern = \"^/etc/[a-z]+$\"",
        "path = \"/usr/bin/cat\"\nargs_pattern = \"^/proc/<pid>/(maps|status)$\"",
        "path = \"/usr/bin/cat\"\nargs_pattern = \"^/proc/<pid>/[a-z]+$\"",
        "path = \"/usr/bin/cat\"\nargs = [\"/proc/self/environ\"]",
        "path = \"/usr/bin/stat\"\nargs_pattern = \"^/proc/<pid>/root/[a-z]+$\"",
        "path = \"/usr/bin/head\"\nargs = [\"/root/.ssh/id_ed25519\"]",
        "path = \"/usr/bin/xxd\"\nargs = [\"/dev/mem\"]",
        "path = \"/usr/bin/xxd\"\nargs_pattern = \"^/dev/[a-z0-9]+$\"",
        "path = \"/usr/bin/strings\"\nargs = [\"/var/lib/systemd/coredump/x\"]",
        "path = \"/usr/bin/dmesg\"\nargs_pattern = \"^(-T|-F [a-z/]+)$\"",
        "path = \"/usr/bin/ss\"\nargs = [\"-F\", \"/etc/hosts\"]",
        "path = \"/usr/bin/ps\"\nargs = [\"auxe\"]",
        "path = \"/usr/bin/ps\"\nargs_pattern = \"^[a-z]+$\"",
    ] {
        let found = codes("write", command);
        assert!(found.contains(&"SP107".to_owned()), "{command}: {found:?}");
    }
}

#[test]
fn patterns_that_take_too_much_are_errors() {
    for pattern in [
        "^status [a-z-]+$",
        "^[ a-z]+$",
        "^x( [a-z ]+)?$",
        "^/var/log/[a-z./]+$",
        "^-n [0-9-]+$",
    ] {
        let found = codes(
            "write",
            &format!("path = \"/usr/bin/ls\"\nargs_pattern = \"{pattern}\""),
        );
        assert!(found.contains(&"SP109".to_owned()), "{pattern}: {found:?}");
    }
    for pattern in [
        "^status [a-z][a-z-]*$",
        "^/var/log/[a-z]+[.]log$",
        "^-n <number>$",
        "^-a( -b| -c)?$",
    ] {
        let found = codes(
            "write",
            &format!("path = \"/usr/bin/ls\"\nargs_pattern = \"{pattern}\""),
        );
        assert_eq!(found, Vec::<String>::new(), "{pattern}");
    }
}

#[test]
fn a_read_only_bundle_is_held_to_its_word() {
    for (command, code) in [
        ("path = \"/usr/bin/tee\"\nargs = [\"/etc/motd\"]", "SP111"),
        ("path = \"/usr/bin/rm\"\nargs = [\"/tmp/x\"]", "SP111"),
        ("path = \"/usr/bin/nc\"\nargs = [\"-l\", \"4444\"]", "SP112"),
        (
            "path = \"/usr/bin/curl\"\nargs = [\"http://192.0.2.1/\"]",
            "SP112",
        ),
        ("path = \"/usr/bin/kill\"\nargs = [\"-9\", \"1\"]", "SP118"),
        (
            "path = \"/usr/bin/systemctl\"\nargs = [\"--no-pager\", \"stop\", \"ssh\"]",
            "SP118",
        ),
        (
            "path = \"/usr/bin/systemctl\"\nargs = [\"-t\", \"service\", \"stop\", \"--no-pager\"]",
            "SP118",
        ),
        ("path = \"/usr/bin/ss\"\nargs = [\"-tK\"]", "SP118"),
        (
            "path = \"/usr/bin/mount\"\nargs = [\"-o\", \"remount,rw\", \"/\"]",
            "SP118",
        ),
        (
            "path = \"/usr/bin/journalctl\"\nargs = [\"--no-pager\", \"--vacuum-size=1\"]",
            "SP111",
        ),
    ] {
        assert_eq!(codes("read-only", command), [code], "{command}");
        assert_eq!(codes("write", command), Vec::<String>::new(), "{command}");
        let with_reason = format!("{command}\nreason = \"r\"");
        assert_eq!(
            codes("read-only", &with_reason),
            [code.to_lowercase()],
            "{command}"
        );
    }
}

#[test]
fn writing_any_file_is_an_error_in_a_write_bundle_too() {
    for program in ["tee", "cp", "dd", "chmod", "mount"] {
        let any = format!("path = \"/usr/bin/{program}\"\nargs = \"any\"\nreason = \"r\"");
        let is_error = codes("write", &any).contains(&"SP111".to_owned());
        assert_eq!(is_error, program != "mount", "{program}");
        let one = format!("path = \"/usr/bin/{program}\"\nargs = [\"/srv/motd\"]");
        assert_eq!(codes("write", &one), Vec::<String>::new(), "{program}");
    }
}

#[test]
fn doubts_are_warnings() {
    for (command, code) in [
        (
            "path = \"/usr/bin/uptime\"\nargs = \"any\"\nreason = \"r\"",
            "sp105",
        ),
        (
            "path = \"/usr/bin/uptime\"\nnoexec = false\nreason = \"r\"",
            "sp110",
        ),
        (
            "path = \"/usr/bin/journalctl\"\nargs = [\"-n\", \"5\"]",
            "sp113",
        ),
    ] {
        assert_eq!(codes("read-only", command), [code], "{command}");
    }
    assert_eq!(
        codes("read-only", "path = \"/usr/local/bin/tool\""),
        ["sp106", "sp120"]
    );
    let digest = format!(
        "path = \"/usr/local/bin/tool\"\ndigest = \"sha256:{}\"",
        "0".repeat(64)
    );
    assert_eq!(codes("read-only", &digest), ["sp120"]);
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
        ["SP114", "sp110"]
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
            "SP201 `uptime -p` is refused: the nearest rule, x.toml:4, takes no arguments",
            "SP202 `/usr/bin/uptime` is allowed as `root` by x.toml:4, and may start no other program",
        ]
    );
}
