//! What the rules do when a command really runs: the log, `noexec`, the environment, the directory.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::time::{Duration, SystemTime};

use portreeve_protocol::time::Timestamp;
use portreeve_sudo_policy::bundle::Bundle;
use portreeve_sudo_policy::dialect::Dialect;
use portreeve_sudo_policy::render::{LogFile, Target, Until, render};
use portreeve_sudo_policy::word::RunAs;

use crate::machine::{ACCOUNT, Inside, Machine, said};
use crate::program::Program;

fn rules(commands: &str, dialect: Dialect, log: Option<&LogFile>) -> String {
    let text = format!("name = \"x\"\ndescription = \"d\"\nintent = \"write\"\n{commands}");
    let bundle = Bundle::parse("x.toml", text.as_bytes())
        .unwrap_or_else(|report| panic!("{}", report.render()));
    let account = ACCOUNT.parse().unwrap();
    let target = Target {
        account: &account,
        dialect,
        log,
        until: None,
    };
    render(&bundle, &target).unwrap().as_str().to_owned()
}

const LOOK: &str = r#"name = "x"
description = "d"
intent = "write"

[[command]]
path = "/usr/bin/pr-look"
noexec = false
reason = "a script"
"#;

#[expect(
    clippy::disallowed_methods,
    reason = "sudo reads the same clock, which a test cannot set"
)]
fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    Timestamp::from_seconds(i64::try_from(since.unwrap().as_secs()).unwrap())
}

#[test]
fn rules_end_by_themselves_whatever_zone_the_caller_names() {
    let program = Program::original();
    let bundle = Bundle::parse("x.toml", LOOK.as_bytes()).unwrap();
    let account = ACCOUNT.parse().unwrap();
    let now = now();
    // An hour or a zone that is read wrongly is more than this.
    let soon = Duration::from_secs(20 * 60);
    Machine::new(&program).within(|inside| {
        for (end, counts) in [(now.plus(soon), true), (now.minus(soon), false)] {
            let target = Target {
                account: &account,
                dialect: program.dialect,
                log: None,
                until: Some(Until::of(end)),
            };
            inside.set_rules(render(&bundle, &target).unwrap().as_str());
            for zone in ["UTC0", "EAST-9", "WEST8"] {
                let zone = format!("TZ={zone}");
                let ran = inside.as_account(&["env", &zone, "sudo", "-n", "pr-look"]);
                assert_eq!(ran.status.success(), counts, "{zone}: {}", said(&ran));
            }
            let (may, _) = inside.may(&[b"pr-look".to_vec()], &RunAs::root());
            assert_eq!(may, counts);
        }
    });
}

fn run(inside: &Inside<'_>, argv: &[&str]) -> String {
    let all: Vec<&str> = ["sudo", "-n"].iter().chain(argv).copied().collect();
    said(&inside.as_account(&all))
}

#[test]
fn the_log_of_an_account_names_what_it_ran_and_what_it_was_refused() {
    let program = Program::original();
    let machine = Machine::new(&program);
    let log = machine.path("sudo.json");
    let log_file: LogFile = log.to_str().unwrap().parse().unwrap();
    let commands = "[[command]]\npath = \"/usr/bin/pr-look\"\nargs = [\"-x\"]\nnoexec = false\nreason = \"a script\"\n";
    machine.within(|inside| {
        inside.set_rules(&rules(commands, program.dialect, Some(&log_file)));
        assert_eq!(run(inside, &["pr-look", "-x"]).trim(), "/usr/bin/pr-look");
        let refused = run(inside, &["cat", "/etc/shadow"]);
        assert!(
            refused.contains("is not allowed to execute '/usr/bin/cat /etc/shadow'"),
            "{refused}"
        );
        run(inside, &["nowhere"]);
    });
    let text = fs::read_to_string(log).unwrap();
    for (part, count) in [
        ("\"accept\": {", 1),
        ("\"reject\": {", 2),
        ("\"reason\": \"command not allowed\"", 2),
        ("\"submituser\": \"pr-0123456789abcdef\"", 3),
        ("\"command\": \"nowhere\"", 1),
    ] {
        assert_eq!(text.matches(part).count(), count, "{part} in {text}");
    }
}

#[test]
fn a_command_of_a_bundle_starts_no_other_program() {
    for program in Program::all() {
        let machine = Machine::new(&program);
        let find = "[[command]]\npath = \"/usr/bin/find\"\nargs = [\"/etc/hosts\", \"-exec\", \"/usr/bin/id\", \";\"]\n";
        let free = format!("{find}noexec = false\nreason = \"to show the difference\"\n");
        machine.within(|inside| {
            let argv = ["find", "/etc/hosts", "-exec", "/usr/bin/id", ";"];
            inside.set_rules(&rules(find, program.dialect, None));
            let kept = run(inside, &argv);
            assert!(
                !kept.contains("uid=0") && kept.contains("denied"),
                "{}: {kept}",
                program.dialect
            );
            inside.set_rules(&rules(&free, program.dialect, None));
            let free = run(inside, &argv);
            assert!(free.contains("uid=0"), "{}: {free}", program.dialect);
        });
    }
}

#[test]
fn a_command_runs_as_and_where_its_rule_says() {
    let commands = "[[command]]\npath = \"/usr/bin/id\"\nrun_as = \"daemon\"\nrun_as_group = \"adm\"\n\
                    [[command]]\npath = \"/usr/bin/pwd\"\ncwd = \"/usr/lib\"\n";
    for program in Program::all() {
        Machine::new(&program).within(|inside| {
            inside.set_rules(&rules(commands, program.dialect, None));
            let id = run(inside, &["-u", "daemon", "-g", "adm", "id"]);
            assert!(
                id.contains("uid=1(daemon) gid=4(adm)"),
                "{}: {id}",
                program.dialect
            );
            assert_eq!(
                run(inside, &["pwd"]).trim(),
                "/usr/lib",
                "{}",
                program.dialect
            );
            let elsewhere = run(inside, &["-D", "/root", "pwd"]);
            assert!(
                !elsewhere.contains("/root\n") || elsewhere.contains("sudo"),
                "{}: {elsewhere}",
                program.dialect
            );
        });
    }
}

/// Original sudo compares arguments joined by blanks. `-t` and `/srv` may so come as one argument, of
/// which a program takes ` /srv`, a path below the directory that it runs in, for the option's value.
#[test]
fn a_command_never_runs_where_its_caller_stands() {
    let commands = "[[command]]\npath = \"/usr/bin/pwd\"\nargs = []\n\
                    [[command]]\npath = \"/usr/bin/cp\"\nargs = [\"-t\", \"/srv\", \"/etc/hosts\"]\n";
    for program in Program::all() {
        // A directory of the caller's, with a link where ` /srv` leads from there.
        let hostile = tempfile::tempdir().unwrap();
        fs::set_permissions(hostile.path(), fs::Permissions::from_mode(0o755)).unwrap();
        fs::create_dir(hostile.path().join(" ")).unwrap();
        symlink(hostile.path(), hostile.path().join(" /srv")).unwrap();
        let copy = hostile.path().join("hosts");
        let cd = format!("--chdir={}", hostile.path().display());
        Machine::new(&program).within(|inside| {
            let there = |argv: &[&str]| {
                let all = ["env", &cd, "sudo", "-n"]
                    .into_iter()
                    .chain(argv.iter().copied());
                said(&inside.as_account(&all.collect::<Vec<_>>()))
            };
            let ours = rules(commands, program.dialect, None);
            inside.set_rules(&ours);
            assert_eq!(there(&["pwd"]).trim(), "/", "{}", program.dialect);
            let merged = there(&["cp", "-t /srv", "/etc/hosts"]);
            assert!(!copy.exists(), "{}: {merged}", program.dialect);
            if matches!(program.dialect, Dialect::Sudo(_)) {
                assert!(merged.contains("cp: "), "{merged}");
                // Without the directory in the rule, it is an escape.
                inside.set_rules(&ours.replace("CWD=/ ", ""));
                let merged = there(&["cp", "-t /srv", "/etc/hosts"]);
                assert!(copy.exists(), "{merged}");
            }
        });
    }
}

#[test]
fn settings_of_the_host_and_the_caller_do_not_reach_a_command() {
    let printenv = "[[command]]\npath = \"/usr/bin/printenv\"\n";
    for program in Program::all() {
        let host = match program.dialect {
            Dialect::Sudo(_) => {
                "Defaults !env_reset, setenv, requiretty, runas_default=daemon, runcwd=*, runchroot=*\n\
                 Defaults env_keep += \"SECRET PAGER\"\n"
            }
            Dialect::SudoRs(_) => "Defaults setenv\nDefaults env_keep += \"SECRET PAGER\"\n",
        };
        Machine::new(&program).within(|inside| {
            inside.set_rules(&format!("{host}{}", rules(printenv, program.dialect, None)));
            let argv = ["env", "SECRET=1", "PAGER=/x", "sudo", "-n", "printenv"];
            let printed = said(&inside.as_account(&argv));
            for line in [
                "SUDO_USER=pr-0123456789abcdef",
                "USER=root",
                "PATH=/usr/sbin:/usr/bin:/sbin:/bin",
            ] {
                assert!(
                    printed.lines().any(|printed| printed == line),
                    "{}: {line} in {printed}",
                    program.dialect
                );
            }
            assert!(
                !printed.contains("SECRET") && !printed.contains("PAGER"),
                "{}: {printed}",
                program.dialect
            );
            for refused in [
                &["A=b", "printenv"][..],
                &["-D", "/root", "printenv"],
                &["-R", "/", "printenv"],
            ] {
                let said = run(inside, refused);
                assert!(
                    !said.contains("SUDO_USER="),
                    "{}: {refused:?} gives {said}",
                    program.dialect
                );
            }
        });
    }
}

#[test]
fn nobody_is_asked_for_a_password() {
    for program in Program::all() {
        Machine::new(&program).within(|inside| {
            inside.set_rules(&rules(
                "[[command]]\npath = \"/usr/bin/id\"\n",
                program.dialect,
                None,
            ));
            // Without `-n`: a question would be on the terminal, of which there is none.
            let refused = said(&inside.as_account(&["sudo", "cat", "/etc/shadow"]));
            assert!(
                !refused.to_lowercase().contains("password"),
                "{}: {refused}",
                program.dialect
            );
        });
    }
}
