//! A folder as the store: the bastion writes it and the CA reads it, each as its own user. What the administrators'
//! guide says lets both in is run as it stands there.

use std::time::Duration;

use portreeve_protocol::admin::Listing;
use portreeve_protocol::recording::{RecordingRow, RecordingState};
use portreeve_tests::installation::{BASTION_PORT, Installation, SessionGranted, Wish};
use portreeve_tests::{Host, Output, Ready, Service, until};

const GUIDE: &str = include_str!("../../docs/guide/admin.md");
const PATIENCE: Duration = Duration::from_secs(60);
const STORE: &str = "\n[store]\nfolder = \"/srv/recordings\"\n";
const CONFIGS: [(&str, &str); 2] = [
    ("portreeve-ca", "/var/lib/portreeve-ca/config.toml"),
    ("portreeve-bastion", "/etc/portreeve-bastion/config.toml"),
];

/// The block of commands in the guide that begins so.
fn commands(first: &str) -> &'static str {
    let blocks = GUIDE.split("```\n");
    let found: Vec<_> = blocks.filter(|block| block.starts_with(first)).collect();
    assert_eq!(found.len(), 1, "`{first}`");
    found[0]
}

fn host(site: &Installation) -> Host {
    site.lab().host("bastion").clone()
}

/// Starts the bastion again under the mask that its unit has.
fn restart_bastion(site: &mut Installation, mask: &str) {
    let host = host(site);
    site.bastion.stop().unwrap();
    let script = format!(
        "umask {mask}; exec portreeve-bastion serve --config {}",
        CONFIGS[1].1
    );
    let command = host
        .command("sh")
        .user("portreeve-bastion")
        .args(["-c", &script]);
    let port = Ready::Port(BASTION_PORT);
    site.bastion = Service::start(&host, "bastion", command, port).unwrap();
}

fn restart_ca(site: &mut Installation) {
    site.ca.stop().unwrap();
    site.ca.start_again().unwrap();
}

/// A session whose recording is in the store.
fn stored(site: &Installation) -> SessionGranted {
    let granted = site.agent().start_session(&Wish::default()).unwrap();
    let said = site.agent().exec(granted.session, &["echo", "kept"]).run();
    said.unwrap().ok().unwrap();
    site.agent().end(granted.session).unwrap();
    until("the recording to be stored", PATIENCE, || {
        let carol = &site.person("carol")?.account;
        let listed: Listing<RecordingRow> = carol.ask(&["recording", "list"])?;
        let mut rows = listed.items.iter();
        let is_stored = |row: &&RecordingRow| {
            row.session == granted.session && row.state == RecordingState::Stored
        };
        Ok(rows.find(is_stored).map(drop))
    })
    .unwrap();
    granted
}

fn replay(site: &Installation, granted: &SessionGranted) -> Output {
    let carol = &site.person("carol").unwrap().account;
    carol
        .portreeve(["replay", &granted.session.to_string(), "--commands"])
        .env("PORTREEVE_RECORDINGS", "/nonexistent")
        .env("PORTREEVE_REVIEW_KEY", &site.evidence.review_key)
        .run()
        .unwrap()
}

/// The CA's log says which folder or file may not be read, and what to do; the reviewer is only told whom to ask.
fn is_kept_out(site: &Installation, granted: &SessionGranted, path: &str, advice: &str) {
    let refused = replay(site, granted);
    assert_eq!(refused.code(), Some(6), "{refused:?}");
    let said = refused.complaint();
    assert!(said.contains("code: recording_unavailable"), "{said}");
    assert!(said.contains("ask whoever runs the CA"), "{said}");
    assert!(!said.contains("/srv"), "{said}");
    let log = site.ca.log().unwrap();
    let told = log.lines().find(|line| {
        line.contains("a request failed") && line.contains(&format!("may not read `{path}`"))
    });
    assert!(
        told.is_some_and(|line| line.contains(advice)),
        "{path}: {log}"
    );
}

#[test]
fn a_folder_is_written_by_the_bastion_and_read_by_the_ca_as_the_guide_says() {
    let mut site = Installation::new().unwrap();
    let host = host(&site);
    let run = |script: &str| host.sh(&format!("set -e\n{script}")).unwrap().ok().unwrap();
    // What somebody does who has not read the guide.
    run("install -d -o portreeve-bastion -m 0700 /srv/recordings");
    for (user, config) in CONFIGS {
        let text = host.read_text(config).unwrap();
        host.write(config, format!("{text}{STORE}"), 0o600).unwrap();
        run(&format!("chown {user} {config}"));
    }
    restart_bastion(&mut site, "0077");
    restart_ca(&mut site);
    for person in ["alice", "carol"] {
        site.person(person).unwrap().login().unwrap();
    }
    site.sign_in("alice").unwrap();
    let start = site.ca.log().unwrap();
    assert!(
        start.contains("recordings cannot be read from the store"),
        "{start}"
    );
    let first = stored(&site);
    is_kept_out(
        &site,
        &first,
        "/srv/recordings",
        "the administrator's guide has the commands",
    );

    // The folder is right now, and what is in it is not yet.
    run(commands("groupadd --system portreeve-recordings"));
    restart_bastion(&mut site, "0027");
    restart_ca(&mut site);
    let place = format!("/srv/recordings/{}", first.session);
    is_kept_out(
        &site,
        &first,
        &place,
        "the administrator's guide has the commands",
    );
    let second = stored(&site);
    let listed = replay(&site, &second).ok().unwrap();
    assert!(listed.text().contains("echo kept"), "{listed:?}");

    run(commands("chgrp -R portreeve-recordings"));
    let listed = replay(&site, &first).ok().unwrap();
    assert!(listed.text().contains("echo kept"), "{listed:?}");
    let stranger = host
        .command("ls")
        .user("nobody")
        .arg("/srv/recordings")
        .run();
    assert!(!stranger.unwrap().success());
}
