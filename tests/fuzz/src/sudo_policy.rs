//! Bundles, and what hosts say of their sudo: `portreeve-sudo-policy`.

use portreeve_protocol::name::AccountName;
use portreeve_sudo_policy::STARTER_BUNDLE;
use portreeve_sudo_policy::bundle::Bundle;
use portreeve_sudo_policy::check::check;
use portreeve_sudo_policy::dialect::Dialect;
use portreeve_sudo_policy::render::{Target as For, render};

use crate::target::Target;

pub(crate) const TARGETS: &[Target] = &[
    Target {
        name: "bundle",
        feed: bundle,
        seeds: bundle_seeds,
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
    for version in [
        "Sudo version 1.9.5",
        "Sudo version 1.9.13p3",
        "sudo-rs 0.2.8",
    ] {
        let dialect = Dialect::from_version_output(version).unwrap();
        let target = For {
            account: &account,
            dialect,
            log: None,
        };
        let Ok(sudoers) = render(&bundle, &target) else {
            continue;
        };
        for line in sudoers.as_str().lines() {
            let ours = line.starts_with("# ")
                || line.starts_with("Defaults:pr-0123456789abcdef ")
                || line.starts_with("pr-0123456789abcdef ALL=(");
            assert!(
                ours && !line.ends_with('\\'),
                "a line of sudoers is `{line}`"
            );
            assert!(!line.chars().any(|c| c.is_control()));
        }
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
