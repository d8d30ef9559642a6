//! The shipped bundles hold what they promise.

#![expect(
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot go on has failed, in its helpers too"
)]

use std::collections::BTreeSet;

use portreeve_protocol::facts::Intent;
use portreeve_protocol::name::{AccountName, BundleName};
use portreeve_sudo_policy::STARTER_BUNDLE;
use portreeve_sudo_policy::bundle::{Arguments, Bundle, Outcome};
use portreeve_sudo_policy::check::check;
use portreeve_sudo_policy::code::Code;
use portreeve_sudo_policy::diagnostic::{Report, Severity};
use portreeve_sudo_policy::dialect::Dialect;
use portreeve_sudo_policy::expect::run_expectations;
use portreeve_sudo_policy::link::{Linked, link};
use portreeve_sudo_policy::render::{Target, render};
use portreeve_sudo_policy::shipped::{SHIPPED, shipped};
use portreeve_sudo_policy::simulate::{CommandLine, can};
use portreeve_sudo_policy::source::Source;
use portreeve_sudo_policy::word::RunAs;

/// Bundles that every supported sudo can hold.
const EVERYWHERE: [&str; 4] = [
    "forensic-exact",
    "web-triage",
    "db-triage",
    "service-restart",
];

fn bundle(name: &str) -> Bundle {
    let text = shipped(name).unwrap().text;
    Bundle::parse(&format!("{name}.toml"), text.as_bytes())
        .unwrap_or_else(|report| panic!("{}", report.render()))
}

fn bundles() -> impl Iterator<Item = Bundle> {
    SHIPPED.iter().map(|shipped| bundle(shipped.name))
}

/// A bundle of somebody who includes shipped ones.
fn linked(text: &str) -> Result<Linked, Report> {
    link(&Source::new("own.toml", text), &|name: &BundleName| {
        let found = shipped(name.as_str())?;
        Some(Source::new(format!("{name}.toml"), found.text))
    })
}

fn joined(intent: &str, names: &[&str]) -> Result<Linked, Report> {
    linked(&format!(
        "name = \"own\"\ndescription = \"Own.\"\nintent = \"{intent}\"\ninclude = {names:?}\n"
    ))
}

fn allows(bundle: &Bundle, line: &str) -> bool {
    let argv: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
    let line = CommandLine {
        argv: &argv,
        run_as: &RunAs::root(),
    };
    can(bundle, &line).is_allowed()
}

#[test]
fn every_file_is_listed_under_its_name_and_has_a_page() {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
    let names = |directory: &str, ending: &str| -> BTreeSet<String> {
        let entries = std::fs::read_dir(format!("{root}/{directory}")).unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        names
            .filter_map(|name| name.strip_suffix(ending).map(str::to_owned))
            .collect()
    };
    let listed: BTreeSet<String> = SHIPPED.iter().map(|one| one.name.to_owned()).collect();
    assert_eq!(names("sudo-policy/bundles", ".toml"), listed);
    assert_eq!(names("docs/bundles", ".md"), listed);
    for bundle in bundles() {
        assert_eq!(
            shipped(bundle.name().as_str()).unwrap().text,
            bundle.source().text()
        );
    }
    assert_eq!(shipped("forensic-read-only").unwrap().text, STARTER_BUNDLE);
}

#[test]
fn the_linter_finds_nothing_but_what_a_reason_is_given_for() {
    for bundle in bundles() {
        let report = check(&bundle);
        let unexpected = report.findings().filter(|finding| {
            // A script that starts its service's program cannot do without; of links a reason speaks.
            let has_reason = [Code::Exec, Code::FollowsLinks].contains(&finding.code);
            finding.severity != Severity::Note || !has_reason
        });
        assert_eq!(unexpected.count(), 0, "{}", report.render());
        let exec: Vec<_> = bundle
            .commands()
            .iter()
            .filter(|one| !one.noexec())
            .collect();
        for command in &exec {
            assert_eq!(command.path().as_str(), "/usr/sbin/apache2ctl");
            assert!(command.reason().is_some());
            assert!(matches!(command.arguments(), Arguments::Exactly(_)));
        }
    }
}

#[test]
fn every_expectation_holds_and_there_are_many() {
    for bundle in bundles() {
        let tried: Vec<_> = run_expectations(&bundle).collect();
        for one in &tried {
            assert!(
                one.holds(),
                "{}: {:?}",
                bundle.name(),
                one.expectation.argv()
            );
        }
        let refused = tried
            .iter()
            .filter(|one| one.expectation.outcome() == Outcome::Refuse);
        let refused = refused.count();
        assert!(refused >= 20, "{} {refused}", bundle.name());
        assert!(tried.len() - refused >= 15, "{}", bundle.name());
    }
}

#[test]
fn no_shipped_bundle_hands_out_a_shell_or_a_secret() {
    for bundle in bundles() {
        for line in [
            "bash",
            "sh",
            "su",
            "sudo -i",
            "env",
            "python3",
            "perl",
            "vi /etc/hosts",
            "less /var/log/syslog",
            "man ls",
            "awk BEGIN{}",
            "find / -exec id ;",
            "tar -cf /dev/null /etc --checkpoint-action=exec=id",
            "psql",
            "mysql",
            "redis-cli",
            "docker run alpine",
            "systemctl edit nginx",
            "systemctl",
            "journalctl",
            "git log",
            "apt-get install x",
            "dpkg -i /tmp/x.deb",
            "rpm -i /tmp/x.rpm",
            "cat /etc/shadow",
            "cat /proc/1/environ",
            "cat /proc/1/maps",
            "dd if=/proc/1/mem",
            "gdb -p 1",
            "strace -p 1",
            "cat /root/.ssh/id_rsa",
            "visudo",
            "usermod -aG sudo x",
            "chmod 4755 /bin/bash",
            "tee /etc/sudoers",
            "cp /tmp/x /etc/sudoers.d/x",
            "ln -s a b",
            "crontab -e",
            "at now",
            "mount --bind /tmp /etc",
            "insmod x.ko",
            "modprobe x",
            "nc -l 1",
            "ssh x",
            "curl x",
        ] {
            assert!(!allows(&bundle, line), "{} allows `{line}`", bundle.name());
        }
    }
}

/// Directories in which services make files, and so links, as Debian and RHEL install them.
const OF_SERVICES: [&str; 14] = [
    "/var/log/postgresql/",
    "/var/log/mysql/",
    "/var/log/mariadb/",
    "/var/log/redis/",
    "/var/log/valkey/",
    "/var/log/caddy/",
    "/var/log/php-fpm/",
    "/var/lib/postgresql/",
    "/var/lib/pgsql/",
    "/var/lib/mysql/",
    "/var/lib/redis/",
    "/run/postgresql/",
    "/run/php/",
    "/etc/postgresql/",
];

#[test]
fn root_opens_nothing_where_a_service_may_put_a_link() {
    for bundle in bundles() {
        for command in bundle.commands() {
            let written: Vec<String> = match command.arguments() {
                Arguments::Exactly(lists) => {
                    let words = lists.iter().flatten();
                    words.map(|word| word.as_str().to_owned()).collect()
                }
                Arguments::Pattern(pattern) => vec![pattern.posix().to_owned()],
                Arguments::Any => Vec::new(),
            };
            let is_pattern = matches!(command.arguments(), Arguments::Pattern(_));
            let is_there = OF_SERVICES.iter().any(|directory| {
                // A pattern may hold the slash behind it in some other way.
                let within = directory.trim_end_matches('/');
                let sought = if is_pattern { within } else { directory };
                written.iter().any(|text| text.contains(sought))
            });
            let is_root = command.run_as() == &RunAs::root();
            assert!(
                !(is_there && is_root),
                "{}: {} {written:?}",
                bundle.name(),
                command.path()
            );
        }
    }
}

#[test]
fn only_two_bundles_need_patterns() {
    let account: AccountName = "pr-0123456789abcdef".parse().unwrap();
    let renders = |bundle: &Bundle, sudo: &str| {
        let target = Target {
            account: &account,
            dialect: Dialect::from_version_output(sudo).unwrap(),
            log: None,
            until: None,
        };
        render(bundle, &target).map(|_| ())
    };
    for bundle in bundles() {
        renders(&bundle, "Sudo version 1.9.10").unwrap();
        for old in ["Sudo version 1.9.5", "sudo-rs 0.2.8"] {
            let rendered = renders(&bundle, old);
            if EVERYWHERE.contains(&bundle.name().as_str()) {
                rendered.unwrap();
            } else {
                // The message names the alternative.
                let error = rendered.unwrap_err();
                let said = error.report().unwrap().render();
                assert!(
                    said.contains("SP301") && said.contains("args_any_of"),
                    "{said}"
                );
            }
        }
    }
}

#[test]
fn what_exact_arguments_allow_patterns_allow_too() {
    let (exact, patterns) = (bundle("forensic-exact"), bundle("forensic-read-only"));
    for command in exact.commands() {
        let Arguments::Exactly(lists) = command.arguments() else {
            panic!("{} is not exact", command.path());
        };
        for list in lists {
            let words: Vec<String> = list.iter().map(ToString::to_string).collect();
            let line = format!("{} {}", command.path(), words.join(" "));
            assert!(allows(&patterns, &line), "{line}");
        }
    }
}

#[test]
fn shipped_bundles_can_be_joined() {
    for (intent, names) in [
        ("read-only", &["forensic-read-only", "web-triage"][..]),
        ("read-only", &["forensic-read-only", "db-triage"]),
        ("read-only", &["forensic-exact", "web-triage"]),
        ("read-only", &["forensic-exact", "db-triage"]),
        ("read-only", &["web-triage", "db-triage"]),
        ("write", &["web-triage", "service-restart"]),
        ("write", &["db-triage", "service-restart"]),
        ("write", &["forensic-read-only", "service-restart"]),
        ("write", &["forensic-exact", "service-restart"]),
        (
            "write",
            &["forensic-read-only", "web-triage", "service-restart"],
        ),
        (
            "write",
            &["forensic-read-only", "db-triage", "service-restart"],
        ),
        ("write", &["web-triage", "db-triage", "service-restart"]),
    ] {
        let linked = joined(intent, names).unwrap_or_else(|report| panic!("{}", report.render()));
        let report = linked.retraced(check(linked.bundle()));
        assert!(!report.has_errors(), "{}", report.render());
    }
    // What their pages say does not join, and why.
    for (names, why) in [
        (
            &["forensic-read-only", "web-triage", "db-triage"][..],
            Code::TooLarge,
        ),
        (&["forensic-read-only", "forensic-exact"], Code::Conflict),
        (&["break-glass", "forensic-read-only"], Code::Conflict),
        (&["break-glass", "web-triage"], Code::Conflict),
    ] {
        let refused = joined("write", names).unwrap_err();
        let mut codes = refused.findings().map(|finding| finding.code);
        assert!(codes.any(|code| code == why), "{}", refused.render());
    }
    // A bundle that says that it reads does not restart anything.
    let refused = joined("read-only", &["web-triage", "service-restart"]).unwrap_err();
    assert!(
        refused
            .findings()
            .any(|finding| finding.code == Code::IncludedIntent)
    );
}

#[test]
fn restarting_means_the_units_that_are_named() {
    let bundle = bundle("service-restart");
    assert_eq!(bundle.intent(), Intent::Write);
    let systemctl = bundle
        .commands()
        .iter()
        .filter(|one| one.path().file_name() == "systemctl");
    let changing: BTreeSet<String> = systemctl
        .filter_map(|command| match command.arguments() {
            Arguments::Exactly(lists) => Some(lists),
            Arguments::Any | Arguments::Pattern(_) => None,
        })
        .flatten()
        .filter(|list| list.iter().all(|word| word.as_str() != "--no-pager"))
        .map(|list| {
            let words: Vec<&str> = list.iter().map(|word| word.as_str()).collect();
            assert!(
                matches!(words.as_slice(), ["restart" | "reload", _]),
                "{words:?}"
            );
            words
                .last()
                .unwrap()
                .trim_end_matches(".service")
                .to_owned()
        })
        .collect();
    for unit in &changing {
        let is_vital = [
            "ssh",
            "systemd",
            "dbus",
            "cron",
            "portreeve",
            "sudo",
            "audit",
            "docker",
            "network",
        ];
        assert!(!is_vital.iter().any(|part| unit.contains(part)), "{unit}");
    }
    assert!(changing.contains("nginx") && changing.len() >= 10);
}

#[test]
fn the_bundles_on_the_pages_can_be_published() {
    let mut seen = 0;
    for one in SHIPPED.iter().filter(|one| one.name != "forensic-exact") {
        let path = format!(
            "{}/../docs/bundles/{}.md",
            env!("CARGO_MANIFEST_DIR"),
            one.name
        );
        let page = std::fs::read_to_string(path).unwrap();
        let blocks = page.split("```toml\n").skip(1);
        let blocks = blocks.filter_map(|block| block.split("```").next());
        for block in blocks.filter(|block| block.starts_with("name = ")) {
            let linked = linked(block).unwrap_or_else(|report| panic!("{}", report.render()));
            let report = linked.retraced(check(linked.bundle()));
            assert!(!report.has_errors(), "{}: {}", one.name, report.render());
            seen += 1;
        }
    }
    assert!(seen >= 5, "{seen}");
}
