//! Exported recordings in the player that they are for.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use portreeve_tests::{asciinema, programs};

/// A recording with a shell, a command without a terminal, a file transfer, and a refusal.
fn vector(name: &str) -> PathBuf {
    programs::source()
        .join("tests/vectors/recording")
        .join(name)
}

fn exported(folder: &Path, format: &str, channel: Option<&str>) -> PathBuf {
    let name = format!("{format}-{}.cast", channel.unwrap_or("all"));
    let cast = folder.join(name);
    let mut command = Command::new(programs::directory().unwrap().join("portreeve"));
    command
        .args(["export", "--format", format])
        .arg("--identity")
        .arg(vector("review-key.txt"))
        .arg("--output")
        .arg(&cast)
        .arg(vector("recording.tar"));
    if let Some(channel) = channel {
        command.args(["--channel", channel]);
    }
    said(&mut command);
    cast
}

fn said(command: &mut Command) -> String {
    let output = command.stdin(Stdio::null()).output().unwrap();
    assert!(
        output.status.success(),
        "{command:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn asciinema_plays_both_versions_of_one_channel_and_of_all() {
    let folder = tempfile::tempdir().unwrap();
    for format in ["asciicast-v2", "asciicast-v3"] {
        for (channel, wanted) in [
            (
                None,
                &[
                    "users:((\"nc\",pid=99",
                    "[channel 2: shell]",
                    "a password is required",
                ][..],
            ),
            (Some("1"), &["users:((\"nc\",pid=99", " warning"][..]),
            (Some("2"), &["$ sudo: a password is required"][..]),
        ] {
            let cast = exported(folder.path(), format, channel);
            let played = said(
                Command::new("script")
                    .args(["--quiet", "--return", "--command"])
                    .arg(format!(
                        "{} play --speed 1000 --idle-time-limit 0.01 {}",
                        asciinema::program().unwrap().display(),
                        cast.display()
                    ))
                    .arg("/dev/null")
                    .env("TERM", "xterm-256color")
                    .env("HOME", folder.path()),
            );
            for wanted in wanted {
                assert!(
                    played.contains(wanted),
                    "{format} {channel:?}: {wanted}: {played}"
                );
            }
            assert!(
                !played.contains("/etc/shadow"),
                "what was typed is not shown: {played}"
            );
        }
    }
}
