//! `index` and `search` over sessions that nobody had.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use portreeve_protocol::age::Identity;
use serde_json::Value;

use crate::program::{self, Said, User};
use crate::synthetic::{self, COMMON, RARE, SECRET};

const SESSIONS: u32 = 200;

/// Their recordings, written once.
static RECORDINGS: LazyLock<tempfile::TempDir> = LazyLock::new(|| {
    let folder = tempfile::tempdir().unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime
        .block_on(synthetic::write(SESSIONS, folder.path(), None))
        .unwrap();
    folder
});

struct Reviewer {
    user: User,
}

impl Reviewer {
    /// Somebody with this key, and with links to these recordings.
    fn new(key: &Identity, recordings: impl Iterator<Item = PathBuf>) -> Self {
        let user = User::new();
        fs::write(
            user.home().join("review.key"),
            key.expose_secret_text().as_bytes(),
        )
        .unwrap();
        let own = Self { user };
        fs::create_dir(own.recordings()).unwrap();
        for path in recordings {
            fs::hard_link(&path, own.recordings().join(path.file_name().unwrap())).unwrap();
        }
        own
    }

    fn recordings(&self) -> PathBuf {
        self.user.home().join("recordings")
    }

    fn folder(&self) -> PathBuf {
        self.user.home().join("index")
    }

    fn run(&self, argv: &[&str]) -> Said {
        self.command(argv).output().unwrap().into()
    }

    fn command(&self, argv: &[&str]) -> Command {
        let (first, others) = argv.split_first().unwrap();
        let mut command = self.user.command(&program::path());
        command
            .args(["--json", first, "--index"])
            .arg(self.folder());
        if *first == "index" {
            command.arg("--recordings").arg(self.recordings());
            command
                .arg("--identity")
                .arg(self.user.home().join("review.key"));
        }
        command.args(others);
        command
    }

    fn found(&self, argv: &[&str]) -> Vec<Value> {
        let said = self.run(&[&["search"], argv].concat()).ok();
        said.json()["moments"].as_array().unwrap().clone()
    }
}

fn recordings() -> Vec<PathBuf> {
    let mut all: Vec<_> = fs::read_dir(RECORDINGS.path())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "tar"))
        .collect();
    all.sort();
    assert_eq!(all.len(), SESSIONS as usize);
    all
}

fn bytes_of(folder: &Path) -> Vec<u8> {
    let entries = fs::read_dir(folder).unwrap();
    entries
        .flat_map(|entry| fs::read(entry.unwrap().path()).unwrap())
        .collect()
}

#[test]
fn recordings_are_found_by_what_was_seen_and_secrets_are_not() {
    let reviewer = Reviewer::new(&synthetic::review_key(), recordings().into_iter());
    let said = reviewer.run(&["index"]).ok().json();
    assert_eq!(
        (&said["indexed"], &said["unchanged"]),
        (&SESSIONS.into(), &0.into()),
        "{said}"
    );

    // A colour code stands in the middle of the word.
    let found = reviewer.found(&[RARE]);
    assert_eq!(found.len(), 2, "{found:?}");
    let newest = &found[0];
    assert_eq!(newest["kind"], "output");
    assert_eq!(newest["human"], "person-20@example.com");
    let replay = newest["replay"].as_array().unwrap();
    assert_eq!(replay[1], "replay");
    assert!(Path::new(replay[2].as_str().unwrap()).exists());
    assert!(newest["command"].as_str().is_some());
    // The command that a result names shows the moment.
    let shown: Said = reviewer
        .user
        .command(&program::path())
        .args(replay.iter().skip(1).map(|word| word.as_str().unwrap()))
        .args(["--no-wait", "--identity"])
        .arg(reviewer.user.home().join("review.key"))
        .output()
        .unwrap()
        .into();
    assert!(shown.ok().out.contains("omma seen"));

    assert_eq!(reviewer.found(&[COMMON]).len(), 50);
    assert_eq!(reviewer.found(&["nowherewords"]).len(), 0);
    assert!(
        !reviewer
            .found(&["--argv", "ss", "--host", "host-3"])
            .is_empty()
    );
    let failed = reviewer.found(&["--exit", "failed", "--argv", "curl", "--limit", "3"]);
    assert!(
        failed.len() == 3 && failed.iter().all(|one| one["exit_status"] == 1),
        "{failed:?}"
    );

    // What is redacted is nowhere in the index, and its marker is.
    assert_eq!(reviewer.found(&[SECRET]).len(), 0);
    assert!(!reviewer.found(&["[redacted: password]"]).is_empty());
    let bytes = bytes_of(&reviewer.folder());
    let holds = |text: &str| {
        bytes
            .windows(text.len())
            .any(|window| window == text.as_bytes())
    };
    assert!(holds("journalctl") && !holds(SECRET) && !holds("correct-h"));
    for entry in fs::read_dir(reviewer.folder()).unwrap() {
        let mode = entry.unwrap().metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    // What retention deleted disappears with the next run; the rest is not read again.
    let gone = reviewer.recordings().join(
        Path::new(newest["recording"].as_str().unwrap())
            .file_name()
            .unwrap(),
    );
    fs::remove_file(gone).unwrap();
    let said = reviewer.run(&["index"]).ok().json();
    assert_eq!(
        (&said["indexed"], &said["removed"]),
        (&0.into(), &1.into()),
        "{said}"
    );
    let left = reviewer.found(&[RARE]);
    assert_eq!(left.len(), 1);
    let session = left[0]["session"].as_str().unwrap();
    reviewer.run(&["index", "--remove", session]).ok();
    assert_eq!(reviewer.found(&[RARE]).len(), 0);
}

#[test]
fn another_key_opens_nothing_and_who_and_why_is_found_all_the_same() {
    let reviewer = Reviewer::new(
        &Identity::from_secret_bytes(&[9; 32]),
        recordings().into_iter().take(4),
    );
    // The help says what each exit code means here.
    let help = reviewer.user.run(&["index", "--help"]).ok().out;
    let help: Vec<_> = help.split_whitespace().collect();
    let help = help.join(" ");
    assert!(help.contains("the exit code is 0. With one, exit code 8 means"));
    let (folder, recordings) = (reviewer.folder(), reviewer.recordings());
    let [folder, recordings] = [&folder, &recordings].map(|path| path.to_str().unwrap());
    let without = ["index", "--index", folder, "--recordings", recordings];
    let without = reviewer.user.run(&without).ok();
    assert!(
        without
            .out
            .contains("sealed, only who, where, when and why")
            && without.err.contains("without a review key"),
        "{without:?}"
    );
    let said = reviewer.run(&["index"]);
    assert_eq!(said.code, 8, "{said:?}");
    assert!(
        said.err
            .contains("the keys given open nothing of 4 recordings"),
        "{said:?}"
    );
    let nothing = reviewer.run(&["search", COMMON]).ok().json();
    assert_eq!(
        (&nothing["moments"], &nothing["sealed"]),
        (&serde_json::json!([]), &4.into())
    );
    assert_eq!(reviewer.found(&["look at what the service"]).len(), 4);
    assert_eq!(reviewer.found(&["--ticket", "INC-1"]).len(), 1);
    // With the right one the next run reads them.
    let key = synthetic::review_key();
    fs::write(
        reviewer.user.home().join("review.key"),
        key.expose_secret_text().as_bytes(),
    )
    .unwrap();
    let said = reviewer.run(&["index"]).ok().json();
    assert_eq!(said["indexed"], 4, "{said}");
    assert!(!reviewer.found(&[COMMON]).is_empty());
    assert_eq!(reviewer.found(&["look at what the service"]).len(), 4);
}

#[test]
fn a_run_that_is_killed_is_gone_on_with_and_nothing_is_there_twice() {
    let reviewer = Reviewer::new(&synthetic::review_key(), recordings().into_iter().take(60));
    let mut child = reviewer
        .command(&["index"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let began = Instant::now();
    let count = || {
        let said = reviewer.run(&["search", "--kind", "session", "--limit", "10000"]);
        if said.code == 0 {
            said.json()["moments"].as_array().unwrap().len()
        } else {
            0
        }
    };
    while count() < 3 {
        assert!(
            began.elapsed() < Duration::from_secs(120),
            "nothing comes into the index"
        );
        std::thread::sleep(Duration::from_millis(5));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    let before = count();
    let said = reviewer.run(&["index"]).ok().json();
    assert_eq!(
        said["unchanged"].as_u64().unwrap() + said["indexed"].as_u64().unwrap(),
        60
    );
    assert_eq!(said["unchanged"], before, "{said}");
    let mut sessions: Vec<_> = reviewer
        .found(&["--kind", "session", "--limit", "10000"])
        .iter()
        .map(|one| one["session"].as_str().unwrap().to_owned())
        .collect();
    sessions.sort();
    sessions.dedup();
    assert_eq!(sessions.len(), 60);
}

#[test]
fn what_cannot_be_searched_says_what_to_do() {
    let reviewer = Reviewer::new(&synthetic::review_key(), std::iter::empty());
    let said = reviewer.run(&["search", "word"]);
    assert!(
        said.code == 1 && said.err.contains("portreeve index"),
        "{said:?}"
    );
    reviewer.run(&["index"]).ok();
    assert_eq!(reviewer.found(&["word"]).len(), 0);
    let said = reviewer.run(&["search", "ss", "nc"]);
    assert!(said.code == 2 && said.err.contains("--argv"), "{said:?}");
}
