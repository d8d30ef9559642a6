//! Many recordings: how long a search takes, beside `grep` over the same sessions in plain text,
//! which nobody could have without giving up that they are sealed.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;
use std::{env, fs, process};

use anyhow::{Context, Result, ensure};
use portreeve_tests::programs::Build;

use super::Scale;
use crate::report::{Figure, Target};
use crate::samples::Samples;
use crate::synthetic;

/// How long a search may take, in milliseconds.
const TARGET: Target = Target::AtMost(200.0);

/// What is searched for, and what `grep` looks for instead.
const SEARCHES: [(&str, &[&str], Option<&str>); 8] = [
    ("a rare word", &[synthetic::RARE], Some("zyxomma")),
    ("a common word", &[synthetic::COMMON], Some("connection")),
    (
        "a word that is nowhere",
        &["nowherewords"],
        Some("nowherewords"),
    ),
    ("a part of words", &["ord12345"], Some("ord12345")),
    (
        "a common word of one person and one host",
        &[
            synthetic::COMMON,
            "--human",
            "person-3@example.com",
            "--host",
            "host-3",
        ],
        None,
    ),
    (
        "a common word of programs that failed",
        &[synthetic::COMMON, "--exit", "failed", "--argv", "curl"],
        None,
    ),
    (
        "two common words that rarely meet",
        &["word1 ", "failed", "--kind", "command"],
        None,
    ),
    (
        "programs by a word, no text",
        &["--argv", "journalctl", "--since", "2026-01-02"],
        None,
    ),
];

pub(super) fn measure(scale: &Scale) -> Result<Vec<Figure>> {
    let folder = Folder::new()?;
    let recordings = folder.made("recordings")?;
    let plain = folder.made("plain")?;
    let packed = folder.made("packed")?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .build()?;
    runtime.block_on(synthetic::write(
        scale.recordings,
        &recordings,
        Some(&plain),
    ))?;
    let key = folder.0.join("review.key");
    fs::write(
        &key,
        synthetic::review_key().expose_secret_text().as_bytes(),
    )?;
    let text = size(&plain)?;
    ran(Command::new("cp")
        .arg("-r")
        .arg(&plain)
        .arg(packed.join("all")))?;
    ran(Command::new("gzip").arg("-r").arg(&packed))?;

    let program = Build::Release.directory()?.join("portreeve");
    let index = folder.0.join("index");
    let started = Instant::now();
    ran(Command::new(&program)
        .args(["--json", "index", "--index"])
        .arg(&index)
        .arg("--identity")
        .arg(&key)
        .arg("--recordings")
        .arg(&recordings))?;
    let seconds = started.elapsed().as_secs_f64();

    let mut figure = Figure::new(
        "search",
        format!(
            "a search over {} sessions, {} MiB of text",
            scale.recordings,
            text >> 20
        ),
        "ms",
    );
    for (what, asked, pattern) in SEARCHES {
        let search = timed(scale.rounds, || {
            let mut command = Command::new(&program);
            command
                .args(["--json", "search", "--index"])
                .arg(&index)
                .args(asked);
            command
        })?;
        figure.row(what, &search, Some(TARGET));
        let Some(pattern) = pattern else { continue };
        for (name, tool, folder) in [("grep -r", "grep", &plain), ("zgrep -r", "zgrep", &packed)] {
            // `zgrep` does not go into folders by itself.
            let grep = timed(scale.long_rounds.min(3), || {
                let mut command = Command::new("sh");
                command.args([
                    "-c",
                    &format!("find \"$1\" -type f -print0 | xargs -0 {tool} -il -- \"$2\"; true"),
                    "sh",
                ]);
                command.arg(folder).arg(pattern);
                command
            })?;
            figure.row(format!("  {name} over plain text"), &grep, None);
        }
    }
    figure.notes.push(format!(
        "the index was made in {seconds:.1} s and has {} MiB; a search is a whole run of the program, its start included",
        size(&index)? >> 20
    ));
    Ok(vec![figure])
}

fn timed(rounds: u32, make: impl Fn() -> Command) -> Result<Samples> {
    let mut samples = Samples::default();
    for _ in 0..rounds {
        let mut command = make();
        let started = Instant::now();
        ran(&mut command)?;
        samples.add(started.elapsed().as_secs_f64() * 1000.0);
    }
    Ok(samples)
}

fn ran(command: &mut Command) -> Result<()> {
    let output = command
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("{command:?} does not start"))?;
    ensure!(
        output.status.success(),
        "{command:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(())
}

fn size(folder: &Path) -> Result<u64> {
    let mut size = 0;
    for entry in fs::read_dir(folder)? {
        size += entry?.metadata()?.len();
    }
    Ok(size)
}

/// A folder that goes with the value.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Result<Self> {
        let path = env::temp_dir().join(format!("portreeve-bench-search-{}", process::id()));
        fs::create_dir(&path)?;
        Ok(Self(path))
    }

    fn made(&self, name: &str) -> Result<PathBuf> {
        let path = self.0.join(name);
        fs::create_dir(&path)?;
        Ok(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // Nothing can be done about what stays.
        let _ = fs::remove_dir_all(&self.0);
    }
}
