//! `evidence` and `canary`, with the programs that a stranger has instead of ours.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use portreeve_cli::canary::{Seeds, Specimen, specimen};
use portreeve_cli::review::evidence::Role;

use crate::program::{Said, User};

/// A session's files, and the keys that whoever checks has from elsewhere.
pub(crate) struct Files {
    pub(crate) folder: tempfile::TempDir,
    pub(crate) specimen: Specimen,
}

pub(crate) fn files() -> Files {
    let counter = AtomicU64::new(1);
    let seeds = Seeds {
        keys: [[1; 32], [2; 32], [3; 32], [4; 32], [5; 32]],
        entropy: Arc::new(move |bytes: &mut [u8]| {
            for byte in bytes {
                let n = counter
                    .fetch_add(1, Ordering::Relaxed)
                    .wrapping_mul(0x9e37_79b9_7f4a_7c15);
                *byte = n.to_be_bytes()[0];
            }
        }),
    };
    let folder = tempfile::tempdir().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let specimen = runtime.block_on(specimen(&seeds, folder.path())).unwrap();
    let files = Files { folder, specimen };
    let trail = serde_json::to_string(&files.specimen.trail).unwrap();
    fs::write(files.at("trail.json"), trail).unwrap();
    for (role, name) in [
        (Role::Log, "log"),
        (Role::Bastion, "bastion"),
        (Role::Host, "host"),
    ] {
        let key = files.specimen.keys.of_role(role).unwrap();
        fs::write(files.at(name), key.to_string()).unwrap();
    }
    let review = files.specimen.keys.identities[0].expose_secret_text();
    fs::write(files.at("review.key"), review.as_bytes()).unwrap();
    files
}

pub(crate) const SESSION: &str = "0190b8a2-7c1e-7000-8000-00000000002a";

impl Files {
    pub(crate) fn at(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn text(&self, name: &str) -> String {
        self.at(name).to_str().unwrap().to_owned()
    }

    fn make(&self, output: &str) -> Said {
        let (folder, trail) = (self.text(""), self.text("trail.json"));
        let output = self.text(output);
        User::new().run(&[
            "evidence",
            SESSION,
            "--recordings",
            &folder,
            "--trail",
            &trail,
            "--output",
            &output,
        ])
    }

    fn keys(&self) -> Vec<String> {
        [
            ("--log-key", "log"),
            ("--bastion-key", "bastion"),
            ("--host-key", "host"),
            ("--identity", "review.key"),
        ]
        .iter()
        .flat_map(|(option, name)| [(*option).to_owned(), self.text(name)])
        .collect()
    }

    fn verify(&self, name: &str, more: &[String]) -> Said {
        let file = self.text(name);
        let args = ["evidence", "verify", &file].map(str::to_owned);
        let args: Vec<_> = args.iter().chain(more).map(String::as_str).collect();
        User::new().run(&args)
    }
}

#[test]
fn evidence_says_whose_word_it_rests_on() {
    let files = files();
    let made = files.make("one.tar").ok();
    assert!(made.out.contains("BY KEYS THAT CAME IN IT"), "{made:?}");
    assert_eq!(
        fs::metadata(files.at("one.tar")).unwrap().mode() & 0o777,
        0o600
    );
    files.make("two.tar").ok();
    let same = fs::read(files.at("one.tar")).unwrap() == fs::read(files.at("two.tar")).unwrap();
    assert!(same, "the same material makes the same file");

    let hinted = files.verify("one.tar", &[]).ok();
    for wanted in [
        "agrees with itself, BY KEYS THAT CAME IN IT",
        "HINT:       the bastion's key bastion-1 is SHA256:",
        "not proved: WHOSE KEYS THESE ARE",
        ", by a key that came in this file",
    ] {
        assert!(hinted.out.contains(wanted), "{wanted}: {}", hinted.out);
    }
    let own = files.verify("one.tar", &files.keys()).ok();
    for wanted in [
        "one.tar: evidence holds\n",
        "your key:   the log's key ca.example.com/log is SHA256:",
        "each of the 2 programs in the recording was permitted by a decision in the trail",
        "what passed on each channel, and how it ended, is what the trail counts",
        "3 of the host's events are in recording and trail alike",
        "all 3 events of the host are here, in order and unaltered",
        "the trail tells why the session ended",
    ] {
        assert!(own.out.contains(wanted), "{wanted}: {}", own.out);
    }
    assert!(!own.out.contains("came IN THIS FILE"), "{}", own.out);

    let wrong = files.text("host");
    let other = files.verify("one.tar", &["--bastion-key".into(), wrong]);
    assert_eq!(other.code, 7, "{other:?}");
    assert!(
        other.out.contains("names another key as the bastion's key"),
        "{}",
        other.out
    );

    let json = files.verify("one.tar", &[files.keys(), vec!["--json".into()]].concat());
    let report = &json.ok().json()[0];
    assert_eq!(report["kind"], "evidence");
    assert_eq!(report["keys"][1]["role"], "bastion");
    assert_eq!(report["keys"][1]["is_brought"], true);
    assert_eq!(report["faults"].as_array().map(Vec::len), Some(0));
}

#[test]
fn what_is_altered_or_foreign_is_refused_with_seven() {
    let files = files();
    files.make("one.tar").ok();
    let whole = fs::read(files.at("one.tar")).unwrap();
    let mut altered = whole.clone();
    let at = whole
        .windows(9)
        .position(|part| part == b"alice@exa")
        .unwrap();
    altered[at] ^= 1;
    fs::write(files.at("altered.tar"), &altered).unwrap();
    fs::write(files.at("cut.tar"), &whole[..whole.len() / 2]).unwrap();
    fs::write(files.at("longer.tar"), [&whole[..], b"x"].concat()).unwrap();
    for name in ["altered.tar", "cut.tar", "longer.tar"] {
        let said = files.verify(name, &[]);
        assert_eq!(said.code, 7, "{name}: {said:?}");
        assert!(said.out.contains("DOES NOT HOLD"), "{name}: {}", said.out);
    }
    // Nothing appears under the name of what cannot be made.
    fs::remove_file(files.at("trail.json")).unwrap();
    assert_ne!(files.make("none.tar").code, 0);
    assert!(!files.at("none.tar").exists());
}

#[test]
fn the_readme_alone_leads_a_stranger_through_the_evidence() {
    let files = files();
    files.make("one.tar").ok();
    let place = files.at("stranger");
    fs::create_dir(&place).unwrap();
    fs::copy(
        files.at("one.tar"),
        place.join(format!("{SESSION}.evidence.tar")),
    )
    .unwrap();
    fs::copy(files.at("review.key"), place.join("review.key")).unwrap();
    let readme = run(
        &place,
        &format!("tar xOf {SESSION}.evidence.tar README.txt"),
    );
    let (_, commands) = readme.split_once("WITHOUT PORTREEVE").unwrap();
    let script: String = commands
        .lines()
        .filter_map(|line| line.strip_prefix("    "))
        .map(|line| format!("{line}\n"))
        .collect();
    let said = run(&place, &format!("set -e\n{script}"));
    for wanted in [
        "Good \"manifest@portreeve\" signature for bastion-1",
        "session.json: listed",
        "segments/000003.age: listed",
        "\nlogged\n",
        "Good \"attestation@portreeve\" signature for prod-1",
        "17 events are in ca.example.com/log as it was at 23",
        "Signature Verified Successfully",
    ] {
        assert!(said.contains(wanted), "{wanted}: {said}");
    }
    assert!(!said.contains("NOT L"), "{said}");
    assert!(fs::metadata(place.join("events.cbor")).unwrap().len() > 79);
}

fn run(folder: &Path, script: &str) -> String {
    let output = Command::new("sh")
        .args(["-c", script])
        .current_dir(folder)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        output.status.success(),
        "{said}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    said
}

#[test]
fn a_canary_without_time_tries_every_kind_once_and_says_that_it_is_not_done() {
    let said = User::new().run(&["canary", "--seconds", "0", "--json"]);
    assert_eq!(said.code, 1, "{said:?}");
    let outcome = said.json();
    let kinds = outcome["kinds"].as_array().unwrap();
    assert!(kinds.len() > 20, "{}", kinds.len());
    for kind in kinds {
        assert_eq!(kind["noticed"], kind["tried"], "{kind}");
        assert_eq!(kind["tried"], 1, "{kind}");
    }
    assert_eq!(outcome["is_complete"], false);
}
