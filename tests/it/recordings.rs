//! Recordings in a real S3 store: there while the session runs, read through the CA, held, and deleted when their
//! time is over.

use std::time::Duration;

use portreeve_protocol::admin::Listing;
use portreeve_protocol::recording::{RecordingRow, RecordingState};
use portreeve_tests::installation::{Installation, PersonAccount, SessionGranted, Wish};
use portreeve_tests::{HostCommand, Ready, Service, moto, until};

const PATIENCE: Duration = Duration::from_secs(60);
const PORT: u16 = 9000;
const STORE: &str = "\n[store]\nendpoint = \"http://127.0.0.1:9000\"\nbucket = \"recordings\"\ncredentials = \"s3.toml\"\n";
const CA: (&str, &str) = ("portreeve-ca", "/var/lib/portreeve-ca");
const BASTION: (&str, &str) = ("portreeve-bastion", "/etc/portreeve-bastion");

/// An installation whose recordings are stored, and are due a second after their end.
struct Site {
    site: Installation,
    /// It runs until the test is over.
    _moto: Service,
}

impl Site {
    fn new() -> Self {
        let mut site = Installation::new().unwrap();
        let moto = start_moto(&site);
        let host = site.lab().host("bastion").clone();
        for (user, directory) in [CA, BASTION] {
            let credentials = format!("{directory}/s3.toml");
            let content = "access_key_id = \"test\"\nsecret_access_key = \"hunter2\"\n";
            host.write(&credentials, content, 0o600).unwrap();
            host.run(&["chown", user, &credentials])
                .unwrap()
                .ok()
                .unwrap();
            let config = format!("{directory}/config.toml");
            let retention = if user == CA.0 {
                "\n[recordings]\nretention = \"1s\"\n"
            } else {
                ""
            };
            let text = host.read_text(&config).unwrap();
            host.write(&config, format!("{text}{STORE}{retention}"), 0o600)
                .unwrap();
            host.run(&["chown", user, &config]).unwrap().ok().unwrap();
        }
        for service in [&mut site.ca, &mut site.bastion] {
            service.stop().unwrap();
            service.start_again().unwrap();
        }
        site.sign_in("alice").unwrap();
        site.person("carol").unwrap().login().unwrap();
        Self { site, _moto: moto }
    }

    fn lead(&self) -> &PersonAccount {
        self.site.person("carol").unwrap()
    }

    /// Without a review key, and without a folder of recordings.
    fn ask(&self, args: &[&str]) -> HostCommand {
        let command = self.lead().account.portreeve(args);
        command.env("PORTREEVE_RECORDINGS", "/nonexistent")
    }

    fn review(&self, args: &[&str]) -> HostCommand {
        let identity = &self.site.evidence.review_key;
        self.ask(args).env("PORTREEVE_REVIEW_KEY", identity)
    }

    fn wait_for(&self, granted: &SessionGranted, state: RecordingState) -> RecordingRow {
        let what = format!("the recording to be {state}");
        until(&what, PATIENCE, || {
            let listed: Listing<RecordingRow> = self.lead().account.ask(&["recording", "list"])?;
            let mut rows = listed.items.into_iter();
            Ok(rows.find(|row| row.session == granted.session && row.state == state))
        })
        .unwrap()
    }
}

fn start_moto(site: &Installation) -> Service {
    let program = moto::program().unwrap();
    let host = site.lab().host("bastion");
    let command = host.command(program.to_str().unwrap()).args([
        "--host",
        "127.0.0.1",
        "--port",
        &PORT.to_string(),
    ]);
    let service = Service::start(host, "moto", command, Ready::Port(PORT)).unwrap();
    let python = program.with_file_name("python");
    let bucket = "import urllib.request as r; r.urlopen(r.Request('http://127.0.0.1:9000/recordings', method='PUT'))";
    host.run(&[python.to_str().unwrap(), "-c", bucket])
        .unwrap()
        .ok()
        .unwrap();
    service
}

#[test]
fn a_recording_goes_to_the_store_is_read_by_session_and_expires_unless_it_is_held() {
    let mut at = Site::new();
    let granted = at.site.agent().start_session(&Wish::default()).unwrap();
    let session = granted.session.to_string();
    let said = at
        .site
        .agent()
        .exec(granted.session, &["echo", "in the store"])
        .run()
        .unwrap();
    assert!(said.ok().unwrap().text().contains("in the store"));
    at.ask(&["recording", "hold", &session, "--reason", "case 42"])
        .run()
        .unwrap()
        .ok()
        .unwrap();
    at.site.agent().end(granted.session).unwrap();
    let row = at.wait_for(&granted, RecordingState::Stored);
    assert_eq!(row.hold.unwrap().reason.as_str(), "case 42");
    let host = at.site.lab().host("bastion").clone();
    assert!(!host.exists(&at.site.evidence.recording(&granted)).unwrap());

    // By session, through the CA: listed, converted, verified; and as a file.
    let listed = at
        .review(&["replay", &session, "--commands"])
        .run()
        .unwrap()
        .ok()
        .unwrap();
    assert!(
        listed.text().contains("echo 'in the store'"),
        "{}",
        listed.text()
    );
    let export = ["export", &session, "--format", "transcript"];
    assert!(
        at.review(&export)
            .run()
            .unwrap()
            .ok()
            .unwrap()
            .text()
            .contains("in the store")
    );
    let verified = at
        .review(&["verify", &session])
        .run()
        .unwrap()
        .ok()
        .unwrap();
    assert!(
        verified.text().contains("recording holds"),
        "{}",
        verified.text()
    );
    let home = at.lead().account.home().to_owned();
    let file = format!("{home}/recording.tar");
    // What an earlier try left is gone on with, and thrown away when it is of something else.
    at.lead()
        .account
        .write(&format!("{file}.partial"), b"something else")
        .unwrap();
    at.ask(&["recording", "fetch", &session, "--output", &file])
        .run()
        .unwrap()
        .ok()
        .unwrap();
    assert!(!host.exists(&format!("{file}.partial")).unwrap());
    let checked = at
        .site
        .evidence
        .verify(&host, &[&file])
        .unwrap()
        .ok()
        .unwrap();
    assert!(
        checked.text().contains("recording holds"),
        "{}",
        checked.text()
    );
    // Without a key: whose it is, how much there is, and to which key it is sealed.
    let sealed = at.ask(&["replay", &file, "--commands"]).run().unwrap();
    assert_eq!(sealed.code(), Some(8), "{sealed:?}");
    assert!(
        sealed.text().contains("alice") && sealed.text().contains("segments"),
        "{}",
        sealed.text()
    );
    assert!(
        !sealed.text().contains("in the store") && sealed.complaint().contains("age1"),
        "{sealed:?}"
    );

    // The CA looks for what is due when it starts: held, it stays; released, it goes.
    at.site.ca.stop().unwrap();
    at.site.ca.start_again().unwrap();
    at.wait_for(&granted, RecordingState::Stored);
    let release = ["recording", "release", &session, "--reason", "case closed"];
    at.ask(&release).run().unwrap().ok().unwrap();
    at.site.ca.stop().unwrap();
    at.site.ca.start_again().unwrap();
    let row = at.wait_for(&granted, RecordingState::Deleted);
    let gone = at
        .ask(&["recording", "fetch", &session, "--output", "again.tar"])
        .run()
        .unwrap();
    assert!(
        !gone.success() && gone.complaint().contains("was deleted at"),
        "{gone:?}"
    );
    let agent = at.site.agent();
    let trail = agent.account.portreeve(["trail", &session]).run().unwrap();
    let trail = trail.ok().unwrap().text();
    let manifest = row.manifest.unwrap().to_string();
    for told in [
        "recording stored in s3://127.0.0.1:9000/recordings",
        "recording fetched by carol",
        "recording held by carol",
        "recording expired",
        "recording DELETED",
    ] {
        assert!(trail.contains(told), "{told}: {trail}");
    }
    let tombstone = trail
        .lines()
        .find(|line| line.contains("recording DELETED"))
        .unwrap();
    assert!(tombstone.contains(&manifest), "{tombstone}");
}
