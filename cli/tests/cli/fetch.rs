//! Recordings that come from a CA: by whose log they are believed, and what is left of them here.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::ca::id_token;
use crate::evidence::{Files, SESSION, files};
use crate::program::{User, path};
use crate::web::{head, serve_raw};

/// A CA with the trail and the recording of one session.
struct Store {
    files: Files,
    url: String,
    asked: Arc<Mutex<Vec<String>>>,
    /// Told when half of a recording is on its way, where the other half never comes.
    stalled: Option<Receiver<()>>,
}

fn store(stalls: bool) -> Store {
    store_of(files(), stalls)
}

/// A CA that answers every question about the log with the trail.
fn store_of(files: Files, stalls: bool) -> Store {
    let recording = files.specimen.recording.clone();
    let trail = serde_json::to_vec(&files.specimen.trail).unwrap();
    let asked = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&asked);
    let (tell, stalled) = channel();
    let tell = Mutex::new(tell);
    let url = serve_raw(move |request, to| {
        seen.lock().unwrap().push(request.target.clone());
        let is_recording = request.target.contains("/recording");
        let answer = if is_recording { &recording } else { &trail };
        to.write_all(&head(200, "application/json", answer.len()))?;
        if stalls && is_recording {
            to.write_all(&answer[..answer.len() / 2])?;
            tell.lock().unwrap().send(()).unwrap();
            loop {
                std::thread::park();
            }
        }
        to.write_all(answer)
    });
    Store {
        files,
        url,
        asked,
        stalled: stalls.then_some(stalled),
    }
}

impl Store {
    /// A reviewer who signed in, and has no recording here.
    fn reviewer(&self) -> User {
        let user = User::new();
        let at = |name: &str| user.home().join(name).to_str().unwrap().to_owned();
        let (token, recordings, temporary) = (at("id_token"), at("none"), at("tmp"));
        std::fs::create_dir(&temporary).unwrap();
        portreeve_cli::files::write_private(Path::new(&token), id_token().as_bytes()).unwrap();
        user.set("PORTREEVE_CA", &self.url)
            .set("PORTREEVE_ID_TOKEN_FILE", &token)
            .set("PORTREEVE_RECORDINGS", &recordings)
            .set("TMPDIR", &temporary)
    }

    fn with_key(&self) -> User {
        self.reviewer()
            .set("PORTREEVE_REVIEW_KEY", &self.files.text("review.key"))
    }

    /// Whether the recording itself was asked for since the last time.
    fn was_asked(&self) -> bool {
        let asked = std::mem::take(&mut *self.asked.lock().unwrap());
        asked.iter().any(|target| target.contains("/recording"))
    }
}

/// Every command that fetches; what they write is in `output`.
fn commands(output: &str) -> [Vec<&str>; 6] {
    [
        vec!["replay", SESSION, "--no-wait"],
        vec!["replay", SESSION, "--commands", "--json"],
        vec!["export", SESSION, "--format", "transcript"],
        vec!["verify", SESSION],
        vec!["evidence", SESSION, "--output", output],
        vec!["recording", "fetch", SESSION, "--output", output],
    ]
}

#[test]
fn a_log_key_that_was_brought_counts_wherever_a_recording_is_fetched() {
    let store = store(false);
    let user = store.with_key();
    let output = user.home().join("output");
    let output = output.to_str().unwrap();
    let own = store.files.text("log");
    let other = store.files.text("host");
    for command in commands(output) {
        let with = |key: &str| user.run(&[&command[..], &["--log-key", key]].concat());
        with(&own).ok();
        assert!(store.was_asked(), "{command:?}");
        std::fs::remove_file(output).unwrap_or_default();

        let refused = with(&other);
        assert_eq!(refused.code, 7, "{command:?}: {refused:?}");
        assert!(
            refused.err.contains("another log key than was given"),
            "{command:?}: {refused:?}"
        );
        assert!(!store.was_asked(), "{command:?}: it was fetched");
        assert!(!Path::new(output).exists());
    }
    let variable = store.with_key().set("PORTREEVE_LOG_KEY", &other);
    assert_eq!(variable.run(&["replay", SESSION, "--commands"]).code, 7);
}

#[test]
fn nothing_of_a_fetch_is_left_when_a_signal_ends_it() {
    let store = store(true);
    let user = store.with_key();
    let temporary = user.home().join("tmp");
    let output = temporary.join("output");
    let signals = [
        Signal::SIGINT,
        Signal::SIGTERM,
        Signal::SIGHUP,
        Signal::SIGKILL,
        Signal::SIGINT,
    ];
    // `recording fetch` keeps what came, and says so.
    for (command, signal) in commands(output.to_str().unwrap()).iter().zip(signals) {
        let mut child = user
            .command(&path())
            .args(command)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        store.stalled.as_ref().unwrap().recv().unwrap();
        let pid = Pid::from_raw(i32::try_from(child.id()).unwrap());
        wait_for_content(pid);
        kill(pid, signal).unwrap();
        assert!(!child.wait().unwrap().success());
        let left: Vec<PathBuf> = std::fs::read_dir(&temporary)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .collect();
        assert!(left.is_empty(), "{command:?} {signal}: {left:?}");
    }
}

/// Waits until a process has a file open that has no name any more and has content.
fn wait_for_content(pid: Pid) {
    let folder = format!("/proc/{pid}/fd");
    let has_content = || {
        let entries = std::fs::read_dir(&folder).unwrap();
        entries.flatten().any(|entry| {
            let target = std::fs::read_link(entry.path()).unwrap_or_default();
            let is_gone = target.to_string_lossy().ends_with("(deleted)");
            is_gone && std::fs::metadata(entry.path()).is_ok_and(|data| data.len() > 0)
        })
    };
    for _ in 0..3_000 {
        if has_content() {
            return;
        }
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    panic!("nothing was written");
}

#[test]
fn a_fetched_recording_is_told_of_by_the_name_that_was_given() {
    let store = store(false);
    let told = store.with_key().run(&["--json", "verify", SESSION]).ok();
    assert_eq!(told.json()[0]["file"], SESSION);
    let user = store.reviewer();
    let output = user.home().join("one.tar");
    let output = output.to_str().unwrap();
    let fetched = user.run(&["--json", "recording", "fetch", SESSION, "--output", output]);
    let fetched = fetched.ok().json();
    assert_eq!(fetched["file"], output);
    assert_eq!(fetched["bytes"], store.files.specimen.recording.len());
}

#[test]
fn without_a_key_there_is_metadata_and_the_name_of_the_key() {
    let store = store(false);
    let none = store.reviewer();
    let other = none.home().join("other.key");
    let wrong = portreeve_protocol::age::Identity::from_secret_bytes(&[7; 32]);
    std::fs::write(&other, wrong.expose_secret_text().as_bytes()).unwrap();
    let wanted = store.files.specimen.keys.identities[0].recipient();
    let wanted = wanted.to_string();
    let other = other.to_str().unwrap();
    for given in [&[][..], &["--identity", other]] {
        for command in &commands("")[..3] {
            let arguments = [&command[..], given].concat();
            let told = none.run(&arguments);
            assert_eq!(told.code, 8, "{told:?}");
            let is_export = command[0] == "export";
            let is_json = command.contains(&"--json");
            let (shown, said) = (&told.out, &told.err);
            assert!(said.contains(&wanted), "{said}");
            if is_json {
                let object = told.json();
                assert_eq!(object["session"], SESSION);
                assert_eq!(object["recipients"][0], wanted);
                assert!(object["bytes"].as_u64().unwrap() > 0);
                assert!(said.contains("\"kind\":\"sealed\""), "{said}");
            } else if is_export {
                assert_eq!(shown, "", "an export is for a program");
                assert!(said.contains("alice@example.com"), "{said}");
            } else {
                assert!(shown.contains("alice@example.com"), "{shown}");
                assert!(shown.contains(&format!("sealed to  {wanted}")), "{shown}");
            }
            if !given.is_empty() {
                let held = wrong.recipient().to_string();
                assert!(said.contains(&held), "{said}");
            }
        }
    }
    let object = none.run(&["--json", "export", SESSION, "--format", "jsonl"]);
    assert_eq!(
        (object.code, &object.json()["session"]),
        (8, &SESSION.into())
    );
}

/// The log has an event that only a newer version knows, and everything in it is proved.
#[test]
fn a_log_of_a_newer_version_is_told_apart_from_one_that_does_not_verify() {
    let mut files = files();
    let makers = files.specimen.makers.as_mut().unwrap();
    let place = makers.log.leaves.len();
    makers.places.push(place);
    makers.log.leaves.push(format!(
        r#"{{"at":"2026-01-01T00:00:09.000000Z","body":{{"fact":{{"fact":"weighed"}},"kind":"access","session":"{SESSION}"}},"id":"0190b8a2-7c1e-7000-8000-0000000000ff","source":"ca"}}"#
    ));
    files.specimen.trail = makers.log.trail(&makers.places).unwrap();
    let saved = serde_json::to_string(&files.specimen.trail).unwrap();
    std::fs::write(files.at("trail.json"), &saved).unwrap();
    let forged = saved.replacen("prod-1", "prod-2", 1);
    std::fs::write(files.at("forged.json"), forged).unwrap();
    let recording = files.at(&format!("{SESSION}.tar"));
    let recording = recording.to_str().unwrap().to_owned();
    let [trail, forged, output, log] =
        ["trail.json", "forged.json", "output", "log"].map(|name| files.text(name));

    let keys = ["bastion", "host"].map(|role| format!("--{role}-key={}", files.text(role)));
    let store = store_of(files, false);
    let user = store.with_key().set("PORTREEVE_LOG_KEY", &log);
    let canary = ["canary", "--recording", &recording, "--trail", &trail];
    let evidence = ["evidence", SESSION, "--trail", &trail, "--output", &output];
    for command in [
        &["verify", &trail][..],
        &["verify", &trail, &recording],
        &[&evidence[..], &["--recording", &recording]].concat(),
        &["evidence", "verify", &output],
        &["trail", SESSION],
        &["log", "--since", "0"],
        &["log", "--event", "0190b8a2-7c1e-7000-8000-0000000000ff"],
        &["replay", SESSION, "--no-wait"],
        &["bundle", "learn", "--name", "learned", &trail],
        &[&canary[..], &keys.each_ref().map(String::as_str)].concat(),
    ] {
        let said = user.run(command);
        assert_eq!(said.code, 9, "{command:?}: {said:?}");
        assert!(
            said.err.contains("next: update the command line"),
            "{command:?}: {said:?}"
        );
    }
    assert!(!store.was_asked(), "it was fetched all the same");

    let verified = user.run(&["verify", &trail, "--json"]);
    assert!(
        verified.err.contains(r#""kind":"outdated""#),
        "{verified:?}"
    );
    assert_eq!(verified.json()[0]["unread"].as_array().unwrap().len(), 1);
    let shown = user.run(&["verify", &trail]).out;
    assert!(
        shown.contains("holds, AS FAR AS THIS VERSION READS IT"),
        "{shown}"
    );
    let listed = user.run(&["log", "--since", "0", "--json"]).out;
    let last = listed.lines().last().unwrap();
    assert!(last.contains(r#""fact":"weighed""#), "{last}");

    let said = user.run(&["verify", &forged]);
    assert_eq!(said.code, 7, "{said:?}");
    assert!(!said.out.contains("NOT READ"), "{said:?}");
}
