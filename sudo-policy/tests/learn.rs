//! Bundles that are proposed from what sessions did.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on has failed"
)]

use portreeve_protocol::id::SessionId;
use portreeve_protocol::time::Timestamp;
use portreeve_sudo_policy::bundle::Bundle;
use portreeve_sudo_policy::check::check;
use portreeve_sudo_policy::learn::{Learned, NotLearned, Observed, Wanted, learn};
use portreeve_sudo_policy::simulate::{CommandLine, can};
use proptest::prelude::*;

fn session(number: u8) -> SessionId {
    SessionId::new(Timestamp::from_seconds(1_800_000_000), [number; 10])
}

/// Something that was asked for, words separated by spaces, program first.
fn observed(allowed: bool, line: &str) -> Observed {
    let mut words = line.split(' ').map(str::to_owned);
    Observed {
        session: session(1),
        at: Timestamp::from_seconds(1_800_000_100),
        allowed,
        program: words.next().unwrap(),
        arguments: words.collect(),
        run_as: "root".into(),
    }
}

fn allowed(lines: &[&str]) -> Vec<Observed> {
    lines.iter().map(|line| observed(true, line)).collect()
}

fn wanted() -> Wanted {
    Wanted {
        name: "learned".parse().unwrap(),
        include_refused: false,
        refused_by: vec![],
    }
}

fn learned(observed: &[Observed]) -> Learned {
    learn(observed, &wanted()).unwrap_or_else(|error| panic!("{error}"))
}

fn allows(bundle: &Bundle, observed: &Observed) -> bool {
    let argv: Vec<String> = [&observed.program]
        .into_iter()
        .chain(&observed.arguments)
        .cloned()
        .collect();
    let run_as = observed.run_as.parse().unwrap();
    let line = CommandLine {
        argv: &argv,
        run_as: &run_as,
    };
    can(bundle, &line).is_allowed()
}

#[test]
fn few_command_lines_stay_exact_and_many_of_a_kind_become_a_placeholder() {
    for (lines, has, has_not) in [
        (
            &["/usr/bin/ss -tnp", "/usr/bin/ss -tlnp"][..],
            &["[\"-tlnp\"],", "[\"-tnp\"],"][..],
            &["args_pattern"][..],
        ),
        (
            &["/usr/bin/lsof -nP -p 12", "/usr/bin/lsof -nP -p 13"],
            &["[\"-nP\", \"-p\", \"12\"],"],
            &["args_pattern"],
        ),
        (
            &[
                "/usr/bin/lsof -nP -p 12",
                "/usr/bin/lsof -nP -p 13",
                "/usr/bin/lsof -nP -p 4711",
                "/usr/bin/lsof -nP",
            ],
            &["args_pattern = \"^-nP -p <pid>$\"", "args = [\"-nP\"]"],
            &["args_any_of"],
        ),
        (
            &[
                "/usr/bin/journalctl --no-pager -n 50",
                "/usr/bin/journalctl --no-pager -n 100",
                "/usr/bin/journalctl --no-pager -n 70",
            ],
            &["args_pattern = \"^--no-pager -n <number:50-100>$\""],
            &["any"],
        ),
        (
            &[
                "/usr/bin/systemctl status --no-pager nginx.service",
                "/usr/bin/systemctl status --no-pager ssh.service",
                "/usr/bin/systemctl status --no-pager cron.timer",
            ],
            &["<unit>"],
            &["args_any_of"],
        ),
    ] {
        let text = learned(&allowed(lines)).text;
        for part in has {
            assert!(text.contains(part), "{part} in\n{text}");
        }
        for part in has_not {
            assert!(!text.contains(part), "{part} in\n{text}");
        }
    }
}

#[test]
fn a_rule_says_where_it_comes_from_and_what_is_left_out_is_said() {
    let mut seen = allowed(&["/usr/bin/ss -tnp", "/usr/bin/ss -tnp", "/bin/bash"]);
    seen[1].session = session(2);
    seen.push(observed(false, "/usr/bin/cat /etc/hostname"));
    seen.push(observed(true, "/usr/bin/printf a\"b"));
    let learned = learned(&seen);
    let text = &learned.text;
    for session in [session(1), session(2)] {
        let origin = format!(
            "# allowed in session {session} at 2027-01-15T08:01:40.000000Z: /usr/bin/ss -tnp\n"
        );
        assert!(text.contains(&origin), "{text}");
    }
    assert!(
        text.contains("comment = \"learned from 1 command line of 2 sessions\""),
        "{text}"
    );
    assert!(
        text.contains("refuse = [\"/usr/bin/cat\", \"/etc/hostname\"]"),
        "{text}"
    );
    assert!(text.contains("#   path = \"/usr/bin/cat\"\n"), "{text}");
    let left: Vec<_> = learned
        .left_out
        .iter()
        .map(|out| (out.argv[0].as_str(), out.why.as_str()))
        .collect();
    assert!(
        matches!(left[..], [("/usr/bin/printf", _), ("/bin/bash", why)] if why.starts_with("SP101: ")),
        "{left:?}"
    );
    assert!(text.contains("# /bin/bash\n#   SP101: "), "{text}");
    assert!(!allows(&learned.bundle, &seen[2]));
}

#[test]
fn what_was_refused_is_allowed_only_when_that_is_asked_for() {
    let seen = [
        observed(true, "/usr/bin/ss -tnp"),
        observed(false, "/usr/bin/ss -K"),
        observed(false, "/usr/bin/uptime"),
    ];
    let careful = learned(&seen);
    assert!(!allows(&careful.bundle, &seen[2]));
    let bold = Wanted {
        include_refused: true,
        ..wanted()
    };
    let bold = learn(&seen, &bold).unwrap();
    assert!(allows(&bold.bundle, &seen[2]));
    assert!(bold.text.contains("# REFUSED in session"), "{}", bold.text);
    assert!(
        bold.text.contains("1 of them refused then"),
        "{}",
        bold.text
    );
}

#[test]
fn the_last_answer_counts() {
    let mut earlier = observed(true, "/usr/bin/uptime");
    earlier.at = Timestamp::from_seconds(1_800_000_000);
    let later = observed(false, "/usr/bin/uptime");
    assert!(!allows(
        &learned(&[later.clone(), earlier.clone()]).bundle,
        &earlier
    ));
    let (earlier, later) = (
        Observed {
            allowed: false,
            ..earlier
        },
        Observed {
            allowed: true,
            ..later
        },
    );
    assert!(allows(&learned(&[later, earlier.clone()]).bundle, &earlier));
}

#[test]
fn no_pattern_takes_what_was_refused() {
    let mut seen = allowed(&[
        "/usr/bin/journalctl --no-pager -n 10",
        "/usr/bin/journalctl --no-pager -n 20",
        "/usr/bin/journalctl --no-pager -n 40",
    ]);
    assert!(learned(&seen).text.contains("<number:10-40>"));
    seen.push(observed(false, "/usr/bin/journalctl --no-pager -n 30"));
    let learned = learned(&seen);
    assert!(
        !learned.text.contains("args_pattern = "),
        "{}",
        learned.text
    );
    assert!(!allows(&learned.bundle, &seen[3]));
}

#[test]
fn what_changes_something_or_is_not_known_is_never_generalised() {
    for (lines, other) in [
        (
            [
                "/usr/bin/systemctl restart nginx.service",
                "/usr/bin/systemctl restart ssh.service",
                "/usr/bin/systemctl restart cron.service",
            ],
            "/usr/bin/systemctl restart dbus.service",
        ),
        (
            [
                "/usr/bin/systemctl --no-pager stop nginx",
                "/usr/bin/systemctl --no-pager stop ssh",
                "/usr/bin/systemctl --no-pager stop cron",
            ],
            "/usr/bin/systemctl --no-pager stop dbus",
        ),
        (
            [
                "/usr/bin/kill 12",
                "/usr/bin/kill 130",
                "/usr/bin/kill 4711",
            ],
            "/usr/bin/kill 13",
        ),
        (
            [
                "/usr/bin/rm /srv/web/cache/a",
                "/usr/bin/rm /srv/web/cache/b",
                "/usr/bin/rm /srv/web/cache/c",
            ],
            "/usr/bin/rm /srv/web/cache/d",
        ),
        (
            [
                "/usr/bin/umount /srv/web/cache/a",
                "/usr/bin/umount /srv/web/cache/b",
                "/usr/bin/umount /srv/web/cache/c",
            ],
            "/usr/bin/umount /srv/web/cache/d",
        ),
        (
            [
                "/usr/bin/ping -c1 192.0.2.1",
                "/usr/bin/ping -c1 192.0.2.2",
                "/usr/bin/ping -c1 192.0.2.3",
            ],
            "/usr/bin/ping -c1 192.0.2.4",
        ),
        (
            [
                "/opt/acme/tool -p 12",
                "/opt/acme/tool -p 13",
                "/opt/acme/tool -p 14",
            ],
            "/opt/acme/tool -p 15",
        ),
    ] {
        let seen = allowed(&lines);
        let learned = learned(&seen);
        assert!(
            !learned.text.contains("args_pattern = "),
            "{}",
            learned.text
        );
        assert!(!allows(&learned.bundle, &observed(true, other)), "{other}");
        for one in &seen {
            let is_left_out = learned
                .left_out
                .iter()
                .any(|out| out.argv[1..] == one.arguments);
            assert!(allows(&learned.bundle, one) || is_left_out, "{one:?}");
        }
    }
}

#[test]
fn what_the_bundles_of_the_sessions_refuse_stays_refused() {
    let refusing = |command: &str| {
        let text = format!(
            "name = \"former\"\ndescription = \"x\"\nintent = \"read-only\"\n\n\
             [[command]]\npath = \"/usr/bin/uptime\"\nargs = []\n\n\
             [[expect]]\nrefuse = [{command}]\n"
        );
        Wanted {
            include_refused: true,
            refused_by: vec![Bundle::parse("former.toml", text.as_bytes()).unwrap()],
            ..wanted()
        }
    };
    let seen = allowed(&[
        "/usr/bin/journalctl --no-pager -n 10",
        "/usr/bin/journalctl --no-pager -n 20",
        "/usr/bin/journalctl --no-pager -n 40",
    ]);
    let between = observed(false, "/usr/bin/journalctl --no-pager -n 30");
    let narrowed = learn(
        &seen,
        &refusing("\"journalctl\", \"--no-pager\", \"-n\", \"30\""),
    )
    .unwrap();
    assert!(!allows(&narrowed.bundle, &between), "{}", narrowed.text);
    for one in &seen {
        assert!(allows(&narrowed.bundle, one), "{}", narrowed.text);
    }
    // Also what a session was allowed, by another bundle, and what is asked for by an option.
    let one = "\"/usr/bin/journalctl\", \"--no-pager\", \"-n\", \"20\"";
    let without = learn(&seen, &refusing(one)).unwrap();
    assert!(!allows(&without.bundle, &seen[1]), "{}", without.text);
    assert!(
        matches!(&without.left_out[..], [out] if out.why == "it would allow what `former` refuses by its line 9"),
        "{:?}",
        without.left_out
    );
}

#[test]
fn an_argument_with_spaces_is_allowed_as_it_was_given() {
    let mut seen = observed(true, "/usr/bin/journalctl --no-pager --since");
    seen.arguments.push("1 hour ago".into());
    assert!(allows(&learned(std::slice::from_ref(&seen)).bundle, &seen));
}

#[test]
fn there_must_be_something_to_learn_from_and_not_too_much() {
    assert_eq!(learn(&[], &wanted()), Err(NotLearned::Nothing));
    let many: Vec<Observed> = (0..3000)
        .map(|number| observed(true, &format!("/usr/bin/p{number}")))
        .collect();
    assert_eq!(learn(&many, &wanted()), Err(NotLearned::TooMuch(3000)));
}

#[test]
fn intent_is_read_only_where_the_linter_agrees() {
    let looking = learned(&allowed(&["/usr/bin/ss -tnp"]));
    assert!(
        looking.text.contains("intent = \"read-only\""),
        "{}",
        looking.text
    );
    let acting = learned(&allowed(&["/usr/bin/systemctl restart nginx.service"]));
    assert!(
        acting.text.contains("intent = \"write\""),
        "{}",
        acting.text
    );
}

fn word() -> impl Strategy<Value = String> {
    prop_oneof![
        "[0-9]{1,5}",
        "-[a-z]{1,2}",
        "--[a-z]{2,4}=[0-9a-z.]{1,4}",
        "/var/log/[a-z]{1,3}(/[a-z]{1,3})?",
        "/proc/[1-9][0-9]{0,3}/(status|maps|exe)",
        "[a-z]{1,4}[.](service|timer)",
        "10[.]0[.]0[.][1-9]",
        "[!-~]{1,4}",
        "[a-z] [a-z]",
        "\\PC{0,3}",
    ]
}

fn any_observation() -> impl Strategy<Value = Observed> {
    let program = prop_oneof![
        "/usr/s?bin/[a-c]",
        Just("/usr/bin/cat".to_owned()),
        Just("/bin/journalctl".to_owned()),
        Just("/usr/bin/systemctl".to_owned()),
        Just("/usr/bin/bash".to_owned()),
        "[a-z/]{0,4}",
    ];
    (
        program,
        prop::collection::vec(word(), 0..4),
        prop::bool::weighted(0.7),
        0..4_u8,
        0..20_i64,
        prop::sample::select(vec!["root", "root", "postgres", "root:adm", ":adm", "#0"]),
    )
        .prop_map(
            |(program, arguments, allowed, number, second, user)| Observed {
                session: session(number),
                at: Timestamp::from_seconds(1_800_000_000 + second),
                allowed,
                program,
                arguments,
                run_as: user.into(),
            },
        )
}

proptest! {
    #[test]
    fn what_was_allowed_is_allowed_and_what_was_refused_is_not(
        seen in prop::collection::vec(any_observation(), 1..30),
    ) {
        let learned = learn(&seen, &wanted()).unwrap();
        let again = Bundle::parse("again.toml", learned.text.as_bytes())
            .map_err(|report| TestCaseError::fail(format!("{}\n{}", learned.text, report.render())))?;
        let report = check(&again);
        prop_assert!(!report.has_errors(), "{}", report.render());
        for one in &seen {
            let is_same = |other: &&Observed| {
                other.run_as == one.run_as
                    && other.arguments.join(" ") == one.arguments.join(" ")
                    && other.arguments.is_empty() == one.arguments.is_empty()
                    && other.program.trim_start_matches("/usr") == one.program.trim_start_matches("/usr")
            };
            let last = seen
                .iter()
                .filter(is_same)
                .map(|other| (other.at, !other.allowed))
                .max();
            let was_allowed = last.is_some_and(|(_, refused)| !refused);
            let Ok(_) = one.run_as.parse::<portreeve_sudo_policy::word::RunAs>() else {
                continue;
            };
            let is_left_out = learned.left_out.iter().any(|out| {
                out.run_as == one.run_as
                    && out.argv[0] == one.program
                    && out.argv[1..] == one.arguments
            });
            if was_allowed {
                prop_assert!(
                    allows(&learned.bundle, one) || is_left_out,
                    "{:?} is not allowed by\n{}", one, learned.text
                );
            } else if one.program.starts_with('/') {
                // A name that sudo found no program for says nothing of one that is there now.
                prop_assert!(
                    !allows(&learned.bundle, one),
                    "{:?} is allowed by\n{}", one, learned.text
                );
            }
        }
    }

    /// The same evidence in another order makes the same file.
    #[test]
    fn the_order_of_evidence_does_not_matter(
        seen in prop::collection::vec(any_observation(), 1..12),
    ) {
        let mut turned = seen.clone();
        turned.reverse();
        let texts = [&seen, &turned].map(|seen| learn(seen, &wanted()).map(|learned| learned.bundle.commands().len()));
        prop_assert_eq!(&texts[0], &texts[1]);
    }
}
