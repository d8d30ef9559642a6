//! A host looks at itself when a session opens, signs what it found, and policy decides on it.

use std::time::Duration;

use portreeve_protocol::attest::{HostCheck, Reach};
use portreeve_protocol::event::DecisionNote;
use portreeve_tests::installation::{HOST, Installation, Story, Wish};
use portreeve_tests::{Host, Output, sudo_rs, until};

/// A bundle that both sudos can hold.
const FOR_BOTH: &str = r#"
name = "look"
description = "Who is here."
intent = "read-only"

[[command]]
path = "/usr/bin/id"
args = ["-u"]

[[command]]
path = "/usr/bin/ss"
args = ["-tnp"]

[[expect]]
refuse = ["cat", "/etc/shadow"]
"#;
const FORENSIC: &str = include_str!("../../sudo-policy/bundles/forensic-read-only.toml");
const PATIENCE: Duration = Duration::from_secs(15);

/// What a session on the host came to.
struct Tried {
    /// What the agent saw of its one command.
    output: Output,
    /// What the host found.
    check: HostCheck,
    /// The decision about the command.
    decision: DecisionNote,
    /// The trail as people read it.
    text: String,
}

/// A session with one command in it.
fn try_to_work(site: &Installation) -> Tried {
    let agent = site.agent();
    let granted = agent.start_session(&Wish::default()).unwrap();
    let output = agent
        .exec(granted.session, &["echo", "worked"])
        .run()
        .unwrap();
    agent.end(granted.session).unwrap();
    let story = until("the end of the trail", PATIENCE, || {
        let story = Story::of(&agent.trail(granted.session)?)?;
        Ok(story.closed().is_some().then_some(story))
    })
    .unwrap();
    let (_, decision) = story.channels().next().unwrap();
    Tried {
        output,
        check: story.attestation().unwrap().check.unwrap(),
        decision: decision.clone(),
        text: agent
            .account
            .portreeve(["trail", &granted.session.to_string()])
            .run()
            .unwrap()
            .ok()
            .unwrap()
            .text(),
    }
}

fn do_on(host: &Host, script: &str) {
    host.sh(script).unwrap().ok().unwrap();
}

/// The paths that a check names with this code.
fn paths<'c>(check: &'c HostCheck, code: &str) -> Vec<&'c str> {
    let with_code = check.findings.iter().filter(|found| found.code == code);
    with_code
        .filter_map(|found| found.path.as_deref())
        .collect()
}

fn assert_works(tried: &Tried) {
    assert_eq!(tried.output.text(), "worked", "{:?}", tried.check);
    assert!(tried.decision.permitted);
}

/// Refused by this policy because of the host, which the agent is told and the trail has.
fn assert_refused(tried: &Tried, policy: &str) {
    assert!(!tried.output.success(), "{:?}", tried.check);
    let told = tried.output.complaint();
    assert!(told.contains("on a host like this one"), "{told}");
    assert!(!tried.decision.permitted);
    assert_eq!(tried.decision.determining, [policy]);
    let found = &tried.decision.record["asked"]["host_check"];
    assert_eq!(found["complete"], true, "{found}");
}

/// Whether everything was looked at and nothing was found.
const fn is_clean(check: &HostCheck) -> bool {
    check.complete && check.findings.is_empty()
}

#[test]
fn what_a_host_finds_decides_what_is_done_on_it() {
    let site = Installation::new().unwrap();
    site.sign_in("alice").unwrap();
    let prod = site.lab().host(HOST);

    let clean = try_to_work(&site);
    assert!(is_clean(&clean.check), "{:?}", clean.check);
    assert!(clean.check.package.is_some());
    assert_works(&clean);

    // A program that anybody may write, and the directory that it lies in.
    for (path, code) in [("/usr/bin/ss", "SP403"), ("/usr/bin", "SP403")] {
        do_on(prod, &format!("chmod o+w {path}"));
        let tried = try_to_work(&site);
        do_on(prod, &format!("chmod o-w {path}"));
        assert!(
            paths(&tried.check, code).contains(&path),
            "{:?}",
            tried.check
        );
        assert_refused(&tried, "no-programs-that-others-replace");
        assert!(
            tried.text.contains(&format!("{code} {path}:")),
            "{}",
            tried.text
        );
    }
    do_on(prod, "chown 1234 /usr/bin/ss");
    let tried = try_to_work(&site);
    do_on(prod, "chown root /usr/bin/ss");
    assert_eq!(paths(&tried.check, "SP404"), ["/usr/bin/ss"]);
    assert_refused(&tried, "no-programs-that-others-replace");

    // Rights for everybody are the session's too, and without a password.
    let everybody = "/etc/sudoers.d/zz-everybody";
    prod.write(everybody, "ALL ALL=(ALL) /usr/bin/id\n", 0o440)
        .unwrap();
    let tried = try_to_work(&site);
    assert_refused(&tried, "no-rights-for-everybody");
    // Also where one is left out, and in a file elsewhere of which only the contents change.
    let more = "/etc/sudoers.more";
    let includes = format!("@include {more}\n");
    prod.write(everybody, includes, 0o440).unwrap();
    for (rule, is_for_all) in [
        ("carol ALL=(ALL) /usr/bin/id\n", false),
        ("ALL, !nobody ALL=(ALL) /usr/bin/id\n", true),
        (
            "User_Alias OURS = ALL, !%nogroup, !#1\nOURS ALL=(ALL) /usr/bin/id\n",
            true,
        ),
    ] {
        prod.write(more, rule, 0o440).unwrap();
        let tried = try_to_work(&site);
        if is_for_all {
            assert_refused(&tried, "no-rights-for-everybody");
        } else {
            assert_works(&tried);
            assert!(tried.check.complete, "{rule}: {:?}", tried.check);
        }
    }
    do_on(prod, &format!("rm {everybody} {more}"));

    // As if the last security updates of sudo had not been installed.
    do_on(
        prod,
        "cp -p /var/lib/dpkg/status /root/status && \
         sed -i '/^Package: sudo$/,/^$/ s/^\\(Version: .*\\)+deb12u[0-9]*$/\\1+deb12u1/' /var/lib/dpkg/status",
    );
    let tried = try_to_work(&site);
    do_on(prod, "cp -p /root/status /var/lib/dpkg/status");
    let known = tried.check.vulnerabilities.iter();
    let known: Vec<_> = known
        .filter(|known| known.certain && known.reach == Reach::Configured)
        .map(|known| known.id.as_str())
        .collect();
    assert!(known.contains(&"CVE-2025-32462"), "{:?}", tried.check);
    assert!(tried.text.contains("CVE-2025-32462"), "{}", tried.text);
    // It takes a rule that no bundle writes, so work goes on.
    assert_works(&tried);

    // A sudo that somebody built, of a release by which any account becomes root.
    do_on(
        prod,
        r#"mv /usr/bin/sudo /usr/bin/sudo.own
           printf '#!/bin/sh\n[ "$1" = --version ] && exec echo "Sudo version 1.9.15p5"\nexec /usr/bin/sudo.own "$@"\n' >/usr/bin/sudo
           chmod 4755 /usr/bin/sudo
           cp -p /var/lib/dpkg/info/sudo.list /root/sudo.list
           sed -i '\#^/usr/bin/sudo$#d' /var/lib/dpkg/info/sudo.list"#,
    );
    let tried = try_to_work(&site);
    do_on(
        prod,
        "mv /usr/bin/sudo.own /usr/bin/sudo && cp -p /root/sudo.list /var/lib/dpkg/info/sudo.list",
    );
    assert_refused(&tried, "no-work-past-a-vulnerable-sudo");
    let told = tried
        .text
        .contains("CVE-2025-32463 (ANY ACCOUNT BECOMES ROOT)");
    assert!(told, "{}", tried.text);

    // Everything is as it was, and looked at again.
    let clean = try_to_work(&site);
    assert!(is_clean(&clean.check), "{:?}", clean.check);
    assert_works(&clean);
    check_by_hand(prod);
}

/// `portreeve-host bundle check`, as root and as somebody else.
fn check_by_hand(prod: &Host) {
    prod.add_user("ada").unwrap();
    let file = "/tmp/look.toml";
    prod.write(file, FOR_BOTH, 0o644).unwrap();
    let check = |user: &str| {
        let command = prod
            .command("portreeve-host")
            .args(["bundle", "check", file]);
        command.user(user).run().unwrap()
    };
    let by_root = check("root");
    assert_eq!(by_root.code(), Some(0), "{by_root:?}");
    assert!(by_root.text().contains("visudo takes them"), "{by_root:?}");
    let by_ada = check("ada");
    assert_eq!(by_ada.code(), Some(6), "{by_ada:?}");
    assert!(by_ada.text().contains("SP420"), "{by_ada:?}");

    // A bundle that is shipped, on a Debian as it is installed, has nothing to act on.
    let shipped = "/tmp/shipped.toml";
    prod.write(shipped, FORENSIC, 0o644).unwrap();
    let command = prod.command("portreeve-host");
    let output = command.args(["bundle", "check", shipped]).run().unwrap();
    assert_eq!(output.code(), Some(0), "{output:?}");
    assert!(output.text().contains("SP408"), "{output:?}");

    // What nobody can be asked about is said, and is no error.
    let all_but_many = "/etc/sudoers.d/zz-all-but-many";
    let many = "nobody, !daemon, !bin, !sys, !games, !man, !mail, !lp";
    prod.write(all_but_many, format!("ALL, !{many} ALL=(ALL) ALL\n"), 0o440)
        .unwrap();
    let unknown = check("root");
    assert_eq!(unknown.code(), Some(6), "{unknown:?}");
    assert!(unknown.text().contains("SP420"), "{unknown:?}");
    prod.write(all_but_many, "@include missing\n", 0o440)
        .unwrap();
    let unread = check("root");
    assert!(
        unread.text().contains("/etc/sudoers.d/missing"),
        "{unread:?}"
    );
    do_on(prod, &format!("rm {all_but_many}"));

    do_on(prod, "chmod o+w /usr/bin/ss");
    let open = prod
        .command("portreeve-host")
        .args(["bundle", "check", "--json", file])
        .run()
        .unwrap();
    do_on(prod, "chmod o-w /usr/bin/ss");
    assert_eq!(open.code(), Some(5), "{open:?}");
    let report: serde_json::Value = serde_json::from_str(&open.text()).unwrap();
    let programs = report["programs"].as_array().unwrap();
    let ss = programs
        .iter()
        .find(|program| program["path"] == "/usr/bin/ss")
        .unwrap();
    assert_eq!(ss["findings"][0]["code"], "SP403", "{ss}");
    assert!(ss["digest"].as_str().unwrap().starts_with("sha256:"));

    // The other sudo, which is asked in the same way.
    for version in sudo_rs::VERSIONS {
        prod.use_sudo_rs(version).unwrap();
        let by_rs = check("root");
        assert_eq!(by_rs.code(), Some(0), "{by_rs:?}");
        let name = format!("sudo-rs {version} at /usr/bin/sudo");
        assert!(by_rs.text().contains(&name), "{by_rs:?}");
    }

    prod.write(file, "name = 1\n", 0o644).unwrap();
    let no_bundle = check("root");
    assert_eq!(no_bundle.code(), Some(1), "{no_bundle:?}");
    assert!(no_bundle.complaint().contains("SP006"), "{no_bundle:?}");
}
