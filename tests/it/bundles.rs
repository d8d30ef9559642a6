//! A version of a bundle from its publication to its withdrawal: the same digest stands everywhere, a
//! session keeps what it began with, and a withdrawal ends it down to the receipt.

use std::time::Duration;

use portreeve_protocol::attest::EndCause;
use portreeve_protocol::bundle::{BundlePublished, BundleWithdrawn, PublishOutcome};
use portreeve_protocol::certificate::EXTENSION_BUNDLE;
use portreeve_protocol::digest::Digest;
use portreeve_protocol::event::AccessFact;
use portreeve_protocol::order::Order;
use portreeve_protocol::session::{BundleRef, SessionGranted, SessionState};
use portreeve_tests::installation::{HOST, Installation, Story, Wish, open_grant, traces};
use portreeve_tests::until;
use serde_json::Value;

const PATIENCE: Duration = Duration::from_secs(10);

const FIRST: &str = r#"
name = "look"
description = "Looks at sockets."
intent = "read-only"

[[command]]
path = "/usr/bin/ss"
args_any_of = [["-tnp"], ["-s"]]

[[expect]]
refuse = ["cat", "/etc/shadow"]
"#;

/// The same without what the first one allows, and with something else.
const SECOND: &str = r#"
name = "look"
description = "Looks at how long the host has been up."
intent = "read-only"

[[command]]
path = "/usr/bin/uptime"

[[expect]]
refuse = ["ss", "-s"]
"#;

#[test]
fn a_session_keeps_its_version_of_a_bundle_until_that_is_withdrawn() {
    let site = Installation::new().unwrap();
    site.sign_in("alice").unwrap();
    let first = publish(&site, FIRST, PublishOutcome::Published);
    publish(&site, FIRST, PublishOutcome::Unchanged);
    let wish = Wish {
        bundle: "look",
        ..Wish::default()
    };
    let older = site.agent().start_session(&wish).unwrap();
    assert_eq!(older.bundle, first);
    assert_eq!(sudo(&site, &older, &["ss", "-s"]), Some(0));

    let second = publish(&site, SECOND, PublishOutcome::Published);
    assert_eq!(sudo(&site, &older, &["ss", "-s"]), Some(0));
    assert_eq!(sudo(&site, &older, &["uptime"]), Some(1));
    let newer = site.agent().start_session(&wish).unwrap();
    assert_eq!(newer.bundle, second);
    assert_eq!(sudo(&site, &newer, &["uptime"]), Some(0));
    assert_eq!(sudo(&site, &newer, &["ss", "-s"]), Some(1));

    let prod = site.lab().host(HOST);
    let uid = prod.user(older.account.as_str()).unwrap().uid;
    let mut waiting = site
        .agent()
        .exec(older.session, &["sleep", "3600"])
        .spawn("waiting")
        .unwrap();
    until("the command to run", PATIENCE, || {
        let all = prod.processes_of(uid)?;
        Ok(all
            .iter()
            .any(|process| process.argv == ["sleep", "3600"])
            .then_some(()))
    })
    .unwrap();

    withdraw(&site, &first);
    let status = waiting.wait(PATIENCE).unwrap();
    let said = waiting.log().unwrap();
    assert_eq!(status.code(), Some(125), "{said}");
    assert!(said.contains("withdrawn: it shows too much"), "{said}");
    let story = over(&site, &older);
    assert_eq!(story.closed(), Some((EndCause::Killed, true)));
    assert_eq!(story.receipt().unwrap().left, Vec::<String>::new());
    assert_eq!(
        traces(prod, older.account.as_str(), uid).unwrap(),
        Vec::<String>::new()
    );
    the_same_digest_stands_everywhere(&site, &older, &story, &first);

    a_bundle_is_learned_from_what_was_asked_for(&site, &older);
    assert_eq!(sudo(&site, &newer, &["uptime"]), Some(0));
    nothing_begins_with_what_is_withdrawn(&site, &second);
}

fn administrator(site: &Installation) -> &portreeve_tests::installation::Account {
    &site.person("carol").unwrap().account
}

fn publish(site: &Installation, text: &str, outcome: PublishOutcome) -> BundleRef {
    let carol = administrator(site);
    let path = format!("{}/look.toml", carol.home());
    carol.write(&path, text.as_bytes()).unwrap();
    let published: BundlePublished = carol
        .ask(&["bundle", "publish", &path, "--message", "for the test"])
        .unwrap();
    assert_eq!(published.outcome, outcome);
    assert_eq!(published.bundle.digest, Digest::of(text.as_bytes()));
    BundleRef {
        name: published.bundle.name,
        digest: published.bundle.digest,
    }
}

/// The exit code of a command that sudo is asked for.
fn sudo(site: &Installation, granted: &SessionGranted, argv: &[&str]) -> Option<i32> {
    let argv: Vec<&str> = ["sudo"].iter().chain(argv).copied().collect();
    site.agent()
        .exec(granted.session, &argv)
        .run()
        .unwrap()
        .code()
}

fn withdraw(site: &Installation, version: &BundleRef) {
    let version = version.to_string();
    let withdrawn: BundleWithdrawn = administrator(site)
        .ask(&[
            "bundle",
            "withdraw",
            &version,
            "--reason",
            "it shows too much",
            "--end-sessions",
        ])
        .unwrap();
    assert_eq!((withdrawn.ended, withdrawn.spared), (1, 0));
    let current = withdrawn.in_force.unwrap();
    assert_eq!(
        current,
        Digest::of(SECOND.as_bytes()),
        "it was not in force"
    );
}

/// The story of a session after its host has confirmed the end and its bastion has closed it.
fn over(site: &Installation, granted: &SessionGranted) -> Story {
    until("the host's receipt", PATIENCE, || {
        let state = site.agent().show(granted.session)?.state;
        Ok((state == SessionState::Ended).then_some(()))
    })
    .unwrap();
    until("the end of the trail", PATIENCE, || {
        let story = Story::of(&site.agent().trail(granted.session)?)?;
        Ok(story.closed().is_some().then_some(story))
    })
    .unwrap()
}

/// Certificate, grant, order, attestation, recording, trail and listing.
fn the_same_digest_stands_everywhere(
    site: &Installation,
    granted: &SessionGranted,
    story: &Story,
    version: &BundleRef,
) {
    let certificate = ssh_key::Certificate::from_openssh(granted.certificate.trim()).unwrap();
    let named = certificate.extensions().get(EXTENSION_BUNDLE).unwrap();
    assert_eq!(*named, version.to_string());

    let bastion = site.lab().host("bastion");
    let grant = open_grant(bastion, granted).unwrap();
    assert_eq!(grant.bundle, *version);
    let order: Order = serde_json::from_str(grant.order.unverified_payload()).unwrap();
    assert_eq!(order.bundle, *version);

    assert_eq!(story.attestation().unwrap().bundle, *version);
    let in_trail = story.facts().filter_map(|fact| {
        if let AccessFact::SessionIntended { bundle, .. }
        | AccessFact::BundleWithdrawn { bundle, .. } = fact
        {
            Some(bundle)
        } else {
            None
        }
    });
    let in_trail: Vec<_> = in_trail.collect();
    assert_eq!(in_trail, [version, version], "intended and withdrawn");

    let recording = site.evidence.recording(granted);
    let head = bastion
        .run(&["tar", "-xOf", &recording, "session.json"])
        .unwrap()
        .ok()
        .unwrap();
    let head: Value = serde_json::from_slice(&head.stdout).unwrap();
    assert_eq!(head["bundle"], serde_json::to_value(version).unwrap());

    let listed = site.agent().account.portreeve(["session", "list"]).run();
    let listed = listed.unwrap().ok().unwrap().text();
    let hex = version.digest.to_string();
    let hex = hex.trim_start_matches("sha256:").get(..12).unwrap();
    assert!(listed.contains(&format!("look@{hex}")), "{listed}");
}

/// What sudo was asked for in a session makes a bundle that allows what it allowed, and nothing that it
/// refused.
fn a_bundle_is_learned_from_what_was_asked_for(site: &Installation, granted: &SessionGranted) {
    let account = &site.agent().account;
    let session = granted.session.to_string();
    let learned = account.portreeve(["bundle", "learn", &session]).run();
    let learned = learned.unwrap().ok().unwrap().text();
    let file = format!("{}/learned.toml", account.home());
    account.write(&file, learned.as_bytes()).unwrap();
    let asked = |args: &[&str]| {
        let args = ["bundle"].iter().chain(args).copied();
        account.portreeve(args).run().unwrap().code()
    };
    assert_eq!(asked(&["check", "--strict", &file]), Some(0), "{learned}");
    assert_eq!(
        asked(&["can", &file, "--", "ss", "-s"]),
        Some(0),
        "{learned}"
    );
    assert_eq!(
        asked(&["can", &file, "--", "ss", "-tnp"]),
        Some(1),
        "{learned}"
    );
    assert_eq!(asked(&["can", &file, "--", "uptime"]), Some(1), "{learned}");
    assert!(
        learned.contains(&format!("# allowed in session {session}")),
        "{learned}"
    );
}

/// Spared sessions go on, and none begins.
fn nothing_begins_with_what_is_withdrawn(site: &Installation, version: &BundleRef) {
    let withdrawn: BundleWithdrawn = administrator(site)
        .ask(&[
            "bundle",
            "withdraw",
            "look",
            "--reason",
            "nobody needs it",
            "--spare-sessions",
        ])
        .unwrap();
    assert_eq!(withdrawn.bundle.digest, version.digest);
    assert_eq!((withdrawn.ended, withdrawn.spared), (0, 1));
    assert_eq!(withdrawn.in_force, None);
    let wish = Wish {
        bundle: "look",
        ticket: "INC-LATER",
        ..Wish::default()
    };
    let refused = site.agent().try_start_session(&wish).unwrap();
    assert_eq!(refused.code(), Some(3), "{refused:?}");
}
