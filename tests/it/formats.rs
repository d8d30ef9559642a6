//! Our formats open with programs that are not ours: `ssh-keygen`, `age`, `tar`, `zstd`.

use std::sync::LazyLock;
use std::time::Duration;

use portreeve_protocol::certificate::OPTION_BASTION;
use portreeve_protocol::signed::{Signed, Statement};
use portreeve_tests::installation::{
    HOST, Installation, SessionGranted, Story, Visit, Wish, open_grant,
};
use portreeve_tests::{Host, Output, until};
use serde_json::Value;

const PATIENCE: Duration = Duration::from_secs(10);

/// An installation with one session that is over.
struct Finished {
    site: Installation,
    granted: SessionGranted,
    story: Story,
    /// What one of its commands printed.
    seen: Vec<u8>,
}

static FINISHED: LazyLock<Finished> = LazyLock::new(|| {
    let site = Installation::new().unwrap();
    site.sign_in("alice").unwrap();
    let agent = site.agent();
    let granted = agent.start_session(&Wish::default()).unwrap();
    let seen = agent
        .exec(granted.session, &["sudo", "ss", "-tnp"])
        .run()
        .unwrap()
        .ok()
        .unwrap()
        .stdout;
    agent.end(granted.session).unwrap();
    let story = until("the end of the trail", PATIENCE, || {
        let story = Story::of(&agent.trail(granted.session)?)?;
        Ok(story.closed().is_some().then_some(story))
    })
    .unwrap();
    Finished {
        site,
        granted,
        story,
        seen,
    }
});

fn finished() -> (Visit, &'static Finished) {
    (FINISHED.site.visit(), &FINISHED)
}

#[test]
fn ssh_keygen_reads_an_access_certificate() {
    let (site, finished) = finished();
    let shown = shown(site.lab().host("agent"), &finished.granted.certificate);
    let account = finished.granted.account.as_str();
    let session = finished.granted.session.to_string();
    for wanted in [
        "user certificate",
        account,
        OPTION_BASTION,
        "source-address 192.0.2.10/32",
    ] {
        assert!(shown.contains(wanted), "no `{wanted}` in {shown}");
    }
    let key_id = format!(
        "portreeve access session={session} human=alice@example.com agent=soc/forensics task=INC-4711"
    );
    assert!(shown.contains(&key_id), "{shown}");
    assert!(!shown.contains("permit-"), "{shown}");
}

#[test]
fn age_opens_the_grant_and_ssh_keygen_what_is_in_it() {
    let (site, finished) = finished();
    let (prod, bastion) = (site.lab().host(HOST), site.lab().host("bastion"));
    let grant = open_grant(bastion, &finished.granted).unwrap();
    let account = finished.granted.account.as_str();

    let session = shown(bastion, &grant.session_certificate);
    for wanted in [
        &format!("{account}@{HOST}"),
        "source-address 198.51.100.20",
        "permit-pty",
        "portreeve session session=",
    ] {
        assert!(session.contains(wanted), "no `{wanted}` in {session}");
    }
    let control = shown(bastion, &grant.control_certificate);
    assert!(control.contains(&format!("portreeve@{HOST}")), "{control}");
    assert!(!control.contains("permit-"), "{control}");

    let trust: Value =
        serde_json::from_slice(&prod.read("/etc/portreeve/trust.json").unwrap()).unwrap();
    let key = |name: &str| trust[name].as_str().unwrap();
    verify(prod, key("order_key"), &grant.order).ok().unwrap();
    assert!(!verify(prod, key("session_ca"), &grant.order).success());
}

#[test]
fn ssh_keygen_verifies_what_a_host_signs() {
    let (site, finished) = finished();
    let reviewer = site.lab().host("bastion");
    let key = reviewer.read_text(&site.evidence.host_key).unwrap();
    let (attestation, receipt) = (
        finished.story.signed_attestation().unwrap(),
        finished.story.signed_receipt().unwrap(),
    );
    verify(reviewer, &key, attestation).ok().unwrap();
    verify(reviewer, &key, receipt).ok().unwrap();

    let altered = receipt.unverified_payload().replacen("asked", "killed", 1);
    let altered = Signed::assemble(altered, receipt.signature().to_owned());
    assert_ne!(&altered, receipt);
    assert!(!verify(reviewer, &key, &altered).success());
}

#[test]
fn tar_age_and_zstd_open_a_recording() {
    let (site, finished) = finished();
    let reviewer = site.lab().host("bastion");
    let script = r#"cd "$(mktemp -d)"
        tar -xf "$1"
        for segment in segments/*.age; do age -d -i "$2" "$segment" | zstd -d -q; done"#;
    let opened = reviewer.command("sh").args([
        "-euc",
        script,
        "open",
        &site.evidence.recording(&finished.granted),
    ]);
    let opened = opened
        .arg(&site.evidence.review_key)
        .run()
        .unwrap()
        .ok()
        .unwrap();
    assert!(
        opened
            .stdout
            .windows(finished.seen.len())
            .any(|window| window == finished.seen),
        "{}",
        String::from_utf8_lossy(&opened.stdout)
    );
}

#[test]
fn ssh_keygen_verifies_a_recordings_manifest() {
    let (site, finished) = finished();
    let reviewer = site.lab().host("bastion");
    let key = reviewer.read_text(&site.evidence.bastion_key).unwrap();
    let script = r#"cd "$(mktemp -d)"
        tar -xf "$1"
        echo "bastion $2" >allowed
        ssh-keygen -Y verify -f allowed -I bastion -n manifest@portreeve -s manifest.json.sig <manifest.json
        for segment in segments/*.age; do
            digest=$(sha256sum "$segment" | cut -d ' ' -f 1)
            grep -q "$digest" manifest.json
        done"#;
    let command = reviewer.command("sh").args([
        "-euc",
        script,
        "verify",
        &site.evidence.recording(&finished.granted),
    ]);
    command.arg(key.trim()).run().unwrap().ok().unwrap();
}

/// A certificate as `ssh-keygen -L` shows it.
fn shown(host: &Host, certificate: &str) -> String {
    let command = host.command("ssh-keygen").args(["-L", "-f", "-"]);
    command
        .input(certificate.as_bytes())
        .run()
        .unwrap()
        .ok()
        .unwrap()
        .text()
}

/// Has `ssh-keygen -Y verify` check a statement.
fn verify<T: Statement>(host: &Host, key: &str, statement: &Signed<T>) -> Output {
    let script = r#"cd "$(mktemp -d)"
        echo "signer $1" >allowed
        echo "$2" >signature
        ssh-keygen -Y verify -f allowed -I signer -n "$3" -s signature"#;
    host.command("sh")
        .args([
            "-euc",
            script,
            "verify",
            key.trim(),
            statement.signature(),
            T::NAMESPACE,
        ])
        .input(statement.unverified_payload().as_bytes())
        .run()
        .unwrap()
}
