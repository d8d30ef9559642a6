//! A host whose sudo is sudo-rs: the same bundle, the same refusals, and no log but its own.

use portreeve_protocol::bundle::BundlePublished;
use portreeve_tests::installation::{HOST, Installation, Wish};
use portreeve_tests::sudo_rs;

/// A bundle that both sudos can hold.
const BUNDLE: &str = r#"
name = "look"
description = "Who is here, and with what."
intent = "read-only"

[[command]]
path = "/usr/bin/id"
args_any_of = [["-u"], ["-g"]]

[[command]]
path = "/usr/bin/find"
args = ["/etc/hostname", "-newer", "/etc/hosts"]

[[expect]]
refuse = ["cat", "/etc/shadow"]
"#;

/// A bundle that sudo-rs cannot hold.
const PATTERN: &str = r#"
name = "pattern"
description = "What needs an expression."
intent = "read-only"

[[command]]
path = "/usr/bin/id"
args_pattern = "^-[ug]$"

[[expect]]
refuse = ["cat", "/etc/shadow"]
"#;

#[test]
fn a_host_with_sudo_rs_holds_an_agent_to_its_bundle() {
    let site = Installation::new().unwrap();
    site.sign_in("alice").unwrap();
    let administrator = &site.person("carol").unwrap().account;
    for (name, text) in [("look", BUNDLE), ("pattern", PATTERN)] {
        let path = format!("{}/{name}.toml", administrator.home());
        administrator.write(&path, text.as_bytes()).unwrap();
        let published: BundlePublished = administrator.ask(&["bundle", "publish", &path]).unwrap();
        assert_eq!(published.bundle.name.as_str(), name);
    }
    let prod = site.lab().host(HOST);
    let agent = site.agent();
    for version in sudo_rs::VERSIONS {
        prod.use_sudo_rs(version).unwrap();
        let wish = Wish {
            bundle: "look",
            ..Wish::default()
        };
        let granted = agent.start_session(&wish).unwrap();
        let run = |argv: &[&str]| agent.exec(granted.session, argv).run().unwrap();

        let allowed = run(&["sudo", "id", "-u"]);
        assert_eq!(allowed.ok().unwrap().text(), "0");
        let rules = prod.sh("cat /etc/sudoers.d/portreeve-pr-*");
        let rules = rules.unwrap().ok().unwrap().text();
        assert!(
            rules.contains(&format!(" for sudo-rs {version}\n")),
            "{rules}"
        );
        for refused in [
            &["sudo", "cat", "/etc/shadow"][..],
            &["sudo", "id"],
            &["sudo", "id", "-u", "-g"],
            &["sudo", "-u", "nobody", "id", "-u"],
            &["sudo", "A=b", "id", "-u"],
            &["sudo", "-D", "/root", "id", "-u"],
            &["sudo", "-s"],
        ] {
            let output = run(refused);
            assert!(!output.success(), "{version} {refused:?}: {output:?}");
            assert!(!output.text().contains("root:"), "{refused:?}: {output:?}");
        }
        agent.end(granted.session).unwrap();

        let wish = Wish {
            bundle: "pattern",
            ..Wish::default()
        };
        let granted = agent.start_session(&wish).unwrap();
        let output = agent.exec(granted.session, &["true"]).run().unwrap();
        assert!(!output.success(), "{output:?}");
        let left = prod.sh("ls /etc/sudoers.d").unwrap().ok().unwrap().text();
        assert!(!left.contains("portreeve-pr-"), "{left}");
    }
}
