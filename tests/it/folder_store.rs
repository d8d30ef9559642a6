//! A folder as the store: the bastion writes it and the CA reads it, each as its own user. What the administrators'
//! guide says lets both in is run as it stands there.

use std::time::Duration;

use portreeve_protocol::admin::Listing;
use portreeve_protocol::recording::{RecordingRow, RecordingState};
use portreeve_tests::installation::{BASTION_PORT, Installation, SessionGranted, Wish};
use portreeve_tests::{Host, Output, Ready, Service, until};

const GUIDE: &str = include_str!("../../docs/guide/admin.md");
/// A store that was away may be asked again after a minute only.
const PATIENCE: Duration = Duration::from_secs(120);
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

/// Has the CA and the bastion store in a folder, and starts both again.
fn configure(site: &mut Installation, folder: &str, mask: &str) {
    let host = host(site);
    for (user, config) in CONFIGS {
        let text = host.read_text(config).unwrap();
        let text = format!("{text}\n[store]\nfolder = \"{folder}\"\n");
        host.write(config, text, 0o600).unwrap();
        let own = host.sh(&format!("chown {user} {config}"));
        own.unwrap().ok().unwrap();
    }
    restart_bastion(site, mask);
    restart_ca(site);
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

/// A session that is over.
fn session(site: &Installation) -> SessionGranted {
    let granted = site.agent().start_session(&Wish::default()).unwrap();
    let said = site.agent().exec(granted.session, &["echo", "kept"]).run();
    said.unwrap().ok().unwrap();
    site.agent().end(granted.session).unwrap();
    granted
}

/// A session whose recording is in the store.
fn stored(site: &Installation) -> SessionGranted {
    let granted = session(site);
    wait_stored(site, &granted);
    granted
}

fn wait_stored(site: &Installation, granted: &SessionGranted) {
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

/// The CA's log says which folder or file is wrong in what, and what to do; the reviewer is only told whom to ask.
fn is_kept_out(site: &Installation, granted: &SessionGranted, wrong: &str, advice: &str) {
    let refused = replay(site, granted);
    assert_eq!(refused.code(), Some(6), "{refused:?}");
    let said = refused.complaint();
    assert!(said.contains("code: recording_unavailable"), "{said}");
    assert!(said.contains("ask whoever runs the CA"), "{said}");
    assert!(!said.contains("/srv") && !said.contains("/mnt"), "{said}");
    let log = site.ca.log().unwrap();
    let mut lines = log.lines();
    let told = lines.find(|line| line.contains("a request failed") && line.contains(wrong));
    assert!(
        told.is_some_and(|line| line.contains(advice)),
        "{wrong}: {log}"
    );
}

#[test]
fn a_folder_is_written_by_the_bastion_and_read_by_the_ca_as_the_guide_says() {
    let mut site = Installation::new().unwrap();
    let host = host(&site);
    let run = |script: &str| host.sh(&format!("set -e\n{script}")).unwrap().ok().unwrap();
    // What somebody does who has not read the guide.
    run("install -d -o portreeve-bastion -m 0700 /srv/recordings");
    configure(&mut site, "/srv/recordings", "0077");
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
        "may not read `/srv/recordings`",
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
        &format!("may not read `{place}`"),
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

#[test]
fn a_store_that_is_mounted_late_is_gone_on_with_as_the_guide_says() {
    let mut site = Installation::new().unwrap();
    let host = host(&site);
    let run = |script: &str| host.sh(&format!("set -e\n{script}")).unwrap().ok().unwrap();
    run("mkdir /disk; echo '/disk /mnt/recordings none bind 0 0' >>/etc/fstab");
    run(commands("groupadd --system portreeve-recordings"));
    configure(&mut site, "/mnt/recordings/portreeve", "0027");
    for person in ["alice", "carol"] {
        site.person(person).unwrap().login().unwrap();
    }
    site.sign_in("alice").unwrap();
    let granted = session(&site);
    until("a word about the store", PATIENCE, || {
        let log = site.bastion.log()?;
        let is_told = log.contains("the store takes no recordings")
            && log.contains("`/mnt/recordings` is not there: mount its disk");
        Ok(is_told.then_some(()))
    })
    .unwrap();

    run(commands("install --directory --owner root --group root"));
    wait_stored(&site, &granted);
    let listed = replay(&site, &granted).ok().unwrap();
    assert!(listed.text().contains("echo kept"), "{listed:?}");

    // Whoever read from it a moment ago may have a file of it open still.
    until("nobody to use the mount", PATIENCE, || {
        let unmounted = host.sh("umount /mnt/recordings")?;
        Ok(unmounted.success().then_some(()))
    })
    .unwrap();
    is_kept_out(
        &site,
        &granted,
        "`/mnt/recordings/portreeve` is not there",
        "mount its disk",
    );
    run("mount /mnt/recordings");
    let listed = replay(&site, &granted).ok().unwrap();
    assert!(listed.text().contains("echo kept"), "{listed:?}");
}
