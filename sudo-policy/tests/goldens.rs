//! Rules as each sudo is given them, as files; and what the strict reader makes of them.
//!
//! `PORTREEVE_WRITE_GOLDENS=1` writes the files anew; then look at the difference.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::string_slice,
    reason = "a test that cannot go on has failed, in its helpers too"
)]

#[path = "goldens/files.rs"]
mod files;

use std::fs;

use portreeve_protocol::digest::Digest;
use portreeve_sudo_policy::bundle::{Arguments, Bundle, Command};
use portreeve_sudo_policy::sudoers::{Permission, ReadError, Rules};

use crate::files::{FILES, Golden};

#[test]
fn each_sudo_is_given_its_own_rules() {
    for golden in FILES {
        let rendered = golden.render();
        let path = golden.path();
        if std::env::var_os("PORTREEVE_WRITE_GOLDENS").is_some() {
            fs::write(&path, &rendered).unwrap();
        }
        let kept = fs::read_to_string(&path).unwrap_or_default();
        assert_eq!(rendered, kept, "{} is out of date", path.display());
    }
}

#[test]
fn rules_read_back_mean_what_the_bundle_says() {
    for golden in FILES {
        let bundle = golden.bundle();
        let rules = Rules::read(&golden.render()).unwrap();
        assert_eq!(
            (rules.bundle(), rules.digest()),
            (bundle.name(), bundle.digest())
        );
        assert_eq!(
            (rules.account(), rules.dialect()),
            (&golden.account(), golden.dialect())
        );
        assert_eq!(
            rules.log().map(ToString::to_string),
            golden.log.map(str::to_owned)
        );
        assert_eq!(
            rules.until().map(|until| until.to_string()),
            golden.until.map(str::to_owned)
        );
        let mut permissions = rules.permissions().iter();
        for command in bundle.commands() {
            for way in ways(command) {
                assert!(
                    is_same(permissions.next().unwrap(), command, &way),
                    "{command:?}"
                );
            }
        }
        assert_eq!(permissions.next(), None);
    }
}

/// The lists of arguments that a command may be given, each as a rule of its own.
fn ways(command: &Command) -> Vec<Arguments> {
    match command.arguments() {
        Arguments::Exactly(lists) => lists
            .iter()
            .map(|list| Arguments::Exactly(vec![list.clone()]))
            .collect(),
        one @ (Arguments::Any | Arguments::Pattern(_)) => vec![one.clone()],
    }
}

fn is_same(permission: &Permission, command: &Command, way: &Arguments) -> bool {
    let same_arguments = match (permission.arguments(), way) {
        (Arguments::Pattern(one), Arguments::Pattern(other)) => one.posix() == other.posix(),
        (one, other) => one == other,
    };
    same_arguments
        && permission.path() == command.path()
        && permission.run_as() == command.run_as()
        && *permission.cwd() == command.runs_in()
        && permission.noexec() == command.noexec()
        && permission.digests() == command.digests()
}

#[test]
fn a_file_with_one_byte_changed_removed_or_added_is_refused() {
    for golden in FILES {
        let good = golden.render().into_bytes();
        for at in 0..good.len() {
            let flipped = (0..8).map(|bit| with(&good, at, |bytes| bytes[at] ^= 1 << bit));
            let removed = with(&good, at, |bytes| {
                bytes.remove(at);
            });
            let added = b"\n #\\,*x!\xff\0"
                .iter()
                .map(|byte| with(&good, at, |bytes| bytes.insert(at, *byte)));
            for bytes in flipped
                .chain([removed])
                .chain(added)
                .filter(|bytes| *bytes != good)
            {
                assert!(
                    !is_read(&bytes),
                    "{}: byte {at}: {}",
                    golden.file(),
                    bytes.escape_ascii()
                );
            }
        }
        for length in 0..good.len() {
            assert!(
                !is_read(&good[..length]),
                "{}: cut after {length}",
                golden.file()
            );
        }
    }
}

fn with(good: &[u8], at: usize, change: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut bytes = good.to_vec();
    debug_assert!(at < bytes.len());
    change(&mut bytes);
    bytes
}

fn is_read(bytes: &[u8]) -> bool {
    std::str::from_utf8(bytes).is_ok_and(|text| Rules::read(text).is_ok())
}

#[test]
fn a_change_that_is_sealed_again_is_refused_or_means_something_else() {
    for golden in FILES {
        let good = golden.render();
        let rules = Rules::read(&good).unwrap();
        let body = body(&good);
        let mut taken = 0;
        // Each place with two of these, in turn.
        let bytes = b"0aZ \n#\\,:*!\"^$()=/-";
        for at in 0..body.len() {
            for byte in [2 * at, 2 * at + 1].map(|nth| bytes[nth % bytes.len()]) {
                let mut changed = body.as_bytes().to_vec();
                changed[at] = byte;
                let text = sealed(&String::from_utf8(changed).unwrap());
                if text == good {
                    continue;
                }
                if let Ok(other) = Rules::read(&text) {
                    assert_ne!(
                        other,
                        rules,
                        "{}: byte {at} is not read at all",
                        golden.file()
                    );
                    taken += 1;
                }
            }
        }
        assert!(taken > 0, "nothing was taken, so nothing was shown");
    }
}

/// What stands before the last line.
fn body(text: &str) -> &str {
    let end = text.trim_end().rfind('\n').unwrap() + 1;
    &text[..end]
}

fn sealed(body: &str) -> String {
    format!("{body}# end {}\n", Digest::of(body.as_bytes()))
}

#[test]
fn what_is_never_written_is_not_read() {
    let golden = &FILES[0];
    let good = golden.render();
    let body = body(&good);
    let rule = body.lines().last().unwrap();
    for (what, changed) in [
        (
            "a rule for somebody else",
            body.replacen(rule, &rule.replace("pr-0", "pr-1"), 1),
        ),
        (
            "a rule for all",
            format!("{body}pr-0123456789abcdef ALL=(ALL) CWD=/ NOPASSWD: EXEC: NOSETENV: ALL\n"),
        ),
        ("an include", format!("{body}@include /etc/passwd\n")),
        ("a comment", format!("{body}# hello\n")),
        ("an empty line", format!("{body}\n")),
        ("a blank at the end", format!("{} \n", body.trim_end())),
        ("a tab", body.replacen("NOPASSWD: ", "NOPASSWD:\t", 1)),
        ("windows line ends", body.replace('\n', "\r\n")),
        (
            "a setting more",
            body.replacen("noexec", "noexec, setenv", 1),
        ),
        ("a setting less", body.replacen("noexec, ", "", 1)),
        (
            "a rule that runs where its caller stands",
            body.replacen("CWD=/ ", "", 1),
        ),
        (
            "a directory of the caller's choice",
            body.replacen("CWD=/ ", "CWD=* ", 1),
        ),
        ("a password", body.replacen("NOPASSWD: ", "PASSWD: ", 1)),
        ("an environment", body.replacen("NOSETENV: ", "SETENV: ", 1)),
        ("a wildcard", format!("{} *\n", body.trim_end())),
        ("an escape without need", body.replacen("-tnp", "-t\\np", 1)),
        ("another sudo", body.replacen("sudo 1.9.5", "sudo 1.9.4", 1)),
        (
            "nothing but its first line",
            body.lines().next().unwrap().to_owned() + "\n",
        ),
    ] {
        assert_ne!(changed, body, "{what} is no change");
        let read = Rules::read(&sealed(&changed));
        assert!(matches!(read, Err(ReadError::Line(_))), "{what}: {read:?}");
    }
    assert_eq!(Rules::read(""), Err(ReadError::Seal));
    assert_eq!(Rules::read(&sealed("")), Err(ReadError::Seal));
    assert_eq!(
        Rules::read(&"#".repeat(2_000_000)),
        Err(ReadError::TooLarge)
    );
}

#[test]
fn no_rule_outlives_the_others() {
    let golden = FILES.iter().find(|one| one.until.is_some()).unwrap();
    let good = golden.render();
    let body = body(&good);
    let end = golden.until.unwrap();
    let (head, rules) = body.split_once('\n').unwrap();
    let endless = head.replacen(&format!(" until {end}"), "", 1);
    let rs = head.replacen("sudo 1.9.13", "sudo-rs 0.2.14", 1);
    for (what, changed) in [
        (
            "a rule without an end",
            body.replacen(&format!("NOTAFTER={end} "), "", 1),
        ),
        (
            "a rule that ends later",
            body.replacen(&format!("NOTAFTER={end}"), "NOTAFTER=20270131120000Z", 1),
        ),
        (
            "an end in another form",
            body.replace(end, "20260131120000+0100"),
        ),
        ("an end without seconds", body.replace(end, "202601311200Z")),
        (
            "two ends",
            body.replacen("NOTAFTER", "NOTBEFORE=20260101000000Z NOTAFTER", 1),
        ),
        (
            "ends that the first line does not tell",
            format!("{endless}\n{rules}"),
        ),
        ("ends for a sudo that has none", format!("{rs}\n{rules}")),
    ] {
        assert_ne!(changed, body, "{what} is no change");
        let read = Rules::read(&sealed(&changed));
        assert!(matches!(read, Err(ReadError::Line(_))), "{what}: {read:?}");
    }
}

#[test]
fn the_first_golden_is_for_the_oldest_sudo() {
    let first: &Golden = &FILES[0];
    assert_eq!(first.dialect().to_string(), "sudo 1.9.5");
    assert!(Bundle::parse("x", b"").is_err());
}
