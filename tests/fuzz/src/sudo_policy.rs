//! Bundles, and what hosts say of their sudo: `portreeve-sudo-policy`.

use portreeve_protocol::digest::Digest;
use portreeve_protocol::name::{AccountName, BundleName};
use portreeve_sudo_policy::STARTER_BUNDLE;
use portreeve_sudo_policy::bundle::Bundle;
use portreeve_sudo_policy::check::check;
use portreeve_sudo_policy::dialect::Dialect;
use portreeve_sudo_policy::link::link;
use portreeve_sudo_policy::render::{Target as For, Until, render};
use portreeve_sudo_policy::simulate::CommandLine;
use portreeve_sudo_policy::source::Source;
use portreeve_sudo_policy::sudoers::Rules;
use portreeve_sudo_policy::word::RunAs;

use crate::target::Target;

pub(crate) const TARGETS: &[Target] = &[
    Target {
        name: "bundle",
        feed: bundle,
        seeds: bundle_seeds,
    },
    Target {
        name: "bundle_link",
        feed: bundle_link,
        seeds: bundle_link_seeds,
    },
    Target {
        name: "sudoers",
        feed: sudoers,
        seeds: sudoers_seeds,
    },
    Target {
        name: "sudo_version",
        feed: sudo_version,
        seeds: sudo_version_seeds,
    },
];

/// Reads, checks and renders. No text in a bundle becomes a line of sudoers that is not a rule for
/// the one account.
fn bundle(bytes: &[u8]) -> bool {
    let bundle = match Bundle::parse("bundle.toml", bytes) {
        Ok(bundle) => bundle,
        Err(report) => {
            assert!(report.has_errors());
            assert!(!report.render().is_empty());
            return false;
        }
    };
    let report = check(&bundle);
    let _ = (report.render(), report.findings().count());
    let account: AccountName = "pr-0123456789abcdef".parse().unwrap();
    let end: Until = "20260131120000Z".parse().unwrap();
    for (version, until) in [
        ("Sudo version 1.9.5", None),
        ("Sudo version 1.9.13p3", Some(end)),
        ("sudo-rs 0.2.8", None),
    ] {
        let dialect = Dialect::from_version_output(version).unwrap();
        let target = For {
            account: &account,
            dialect,
            log: None,
            until,
        };
        let Ok(sudoers) = render(&bundle, &target) else {
            continue;
        };
        for line in sudoers.as_str().lines() {
            let ours = line.starts_with("# ")
                || line.starts_with("Defaults:pr-0123456789abcdef ")
                || line.starts_with("pr-0123456789abcdef ALL=(");
            // An odd one would take the next line's start for its own.
            let backslashes = line.chars().rev().take_while(|c| *c == '\\').count();
            assert!(
                ours && backslashes % 2 == 0,
                "a line of sudoers is `{line}`"
            );
            assert!(!line.chars().any(|c| c.is_control()));
        }
        let read = Rules::read(sudoers.as_str()).unwrap();
        assert_eq!(read.account(), &account);
        assert_eq!(read.digest(), bundle.digest());
        assert_eq!(read.until(), until);
    }
    true
}

fn bundle_seeds() -> Vec<Vec<u8>> {
    let pattern = r#"name = "x"
description = "d"
intent = "write"
[[command]]
path = "/usr/bin/systemctl"
args_pattern = "^(status|show) [a-z][a-z0-9@.-]{0,40}$"
run_as = "root"
digest = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
noexec = false
reason = "it starts a pager"
[[command]]
path = "/usr/bin/cat"
args_any_of = [["/etc/hosts"], ["-n", "a*b?c[d]\\e,f:g=h#i"]]
[[expect]]
refuse = ["cat", "/etc/shadow"]
"#;
    vec![
        STARTER_BUNDLE.as_bytes().to_vec(),
        pattern.as_bytes().to_vec(),
    ]
}

/// Stands between the bundles of one input. They are found as `p0`, which is linked, `p1` and so on.
const NEXT: &str = "\n---\n";

/// Links what may include itself, nothing, or too much. What comes out needs nothing more, says of
/// each part where it was written, and is linked already.
fn bundle_link(bytes: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return false;
    };
    let mut texts = text.split(NEXT);
    let root = Source::new("p0.toml", texts.next().unwrap_or_default());
    let others: Vec<&str> = texts.take(64).collect();
    let find = |name: &BundleName| {
        let number: usize = name.as_str().strip_prefix('p')?.parse().ok()?;
        let text = others.get(number.checked_sub(1)?)?;
        Some(Source::new(format!("{name}.toml"), *text))
    };
    let linked = match link(&root, &find) {
        Ok(linked) => linked,
        Err(report) => {
            assert!(report.has_errors());
            assert!(!report.render().is_empty() && report.findings().count() > 0);
            return false;
        }
    };
    let bundle = linked.bundle();
    let again = Bundle::parse("again.toml", linked.text().as_bytes()).unwrap();
    assert_eq!(again.commands(), bundle.commands());
    assert_eq!(again.digest(), bundle.digest());
    let is_whole = bundle.ingredients().is_empty();
    for command in bundle.commands() {
        let named = command.origin().map(|origin| origin.bundle());
        let known = bundle
            .ingredients()
            .iter()
            .any(|one| Some(one.name()) == named);
        assert!(known || (is_whole && named.is_none()), "{}", linked.text());
    }
    let nothing = |_: &BundleName| None;
    let twice = link(&Source::new("again.toml", linked.text()), &nothing).unwrap();
    assert_eq!(twice.text(), linked.text());
    let _ = linked.retraced(check(bundle)).render();
    true
}

fn bundle_link_seeds() -> Vec<Vec<u8>> {
    let bundle = |number: usize, body: &str| {
        format!("name = \"p{number}\"\ndescription = \"d\"\nintent = \"read-only\"\n{body}")
    };
    let parts = [
        bundle(
            0,
            "include = [\"p1\", \"p2\"]\n[[command]]\npath = \"/usr/bin/ss\"\nargs_pattern = \"^-p <number:1-9>$\"\n",
        ),
        bundle(
            1,
            "include = [\"p2\"]\n[[command]]\npath = \"/usr/bin/ss\"\nargs = [\"-tnp\"]\nrun_as_group = \"adm\"\ncwd = \"/var\"\n",
        ),
        bundle(
            2,
            "[[command]]\npath = \"/usr/bin/tail\"\nargs_pattern = \"^<path:/var/log> <ip>$\"\n[[expect]]\nrefuse = [\"cat\", \"/etc/shadow\"]\n",
        ),
    ];
    vec![
        parts.join(NEXT).into_bytes(),
        bundle(0, "").into_bytes(),
        STARTER_BUNDLE.as_bytes().to_vec(),
    ]
}

/// Reads rules as they are, which can only be refused, and once more with a seal that is right.
/// Whatever is taken then allows no more than its lines say.
fn sudoers(bytes: &[u8]) -> bool {
    let Ok(body) = std::str::from_utf8(bytes) else {
        return false;
    };
    let _ = Rules::read(body);
    let sealed = format!("{body}# end {}\n", Digest::of(bytes));
    let Ok(rules) = Rules::read(&sealed) else {
        return false;
    };
    let start = format!("{} ALL=(", rules.account());
    let lines: Vec<&str> = body
        .lines()
        .filter(|line| line.starts_with(&start))
        .collect();
    assert_eq!(lines.len(), rules.permissions().len());
    let others = 2 + usize::from(rules.log().is_some());
    assert_eq!(body.lines().count(), lines.len() + others);
    for (line, permission) in lines.iter().zip(rules.permissions()) {
        if let Some(until) = rules.until() {
            assert!(line.contains(&format!(") NOTAFTER={until} ")), "{line}");
        }
        assert!(line.contains(" NOPASSWD: ") && line.contains(" NOSETENV: "));
        assert_eq!(line.contains(" NOEXEC: "), permission.noexec(), "{line}");
        assert!(line.contains(permission.path().as_str()), "{line}");
        assert!(
            line.contains(&format!("({})", permission.run_as())),
            "{line}"
        );
    }
    let argv = ["/usr/bin/ss".to_owned(), "-tnp".to_owned()];
    let asked = CommandLine {
        argv: &argv,
        run_as: &RunAs::root(),
    };
    let allowed = rules.permission_for(&asked);
    assert!(allowed.is_none_or(|rule| rule.path().file_name() == "ss"));
    true
}

fn sudoers_seeds() -> Vec<Vec<u8>> {
    let files = [
        include_str!("../../../sudo-policy/tests/goldens/portable.sudo-1.9.13.sudoers"),
        include_str!("../../../sudo-policy/tests/goldens/portable.sudo-rs-0.2.14.sudoers"),
        include_str!("../../../sudo-policy/tests/goldens/escapes.sudo-1.9.5.sudoers"),
        include_str!("../../../sudo-policy/tests/goldens/patterns.sudo-1.9.10.sudoers"),
    ];
    // Without the seal, which the target makes.
    let bodies = files.iter().filter_map(|text| text.split_once("# end "));
    bodies.map(|(body, _)| body.as_bytes().to_vec()).collect()
}

fn sudo_version(bytes: &[u8]) -> bool {
    let dialect = std::str::from_utf8(bytes)
        .ok()
        .and_then(Dialect::from_version_output);
    dialect.is_some_and(|dialect| !dialect.to_string().is_empty())
}

fn sudo_version_seeds() -> Vec<Vec<u8>> {
    vec![
        b"Sudo version 1.9.13p3\nSudoers policy plugin".to_vec(),
        b"sudo-rs 0.2.8".to_vec(),
    ]
}
