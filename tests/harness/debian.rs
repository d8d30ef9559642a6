//! A bare Debian 12 that hosts can be made of: what `debootstrap` makes, and the few packages without
//! which it would be no server.
//!
//! It is made once, into cargo's build directory, and never changed: hosts write into an overlay.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};

use crate::programs;

/// What of Debian makes one.
pub const PACKAGES: &[&str] = &["debootstrap"];
const SUITE: &str = "bookworm";
/// What a server with sshd has beside the smallest system; `ip` is for the lab. Another list is
/// another directory.
const CONTENTS: [&str; 4] = ["iproute2", "openssh-server", "sudo", "systemd"];
const MIRROR: &str = "http://deb.debian.org/debian";

/// The directory of the system, which is made when it is not there, telling `say` so.
///
/// # Errors
/// When debootstrap is missing or fails, for instance because no mirror can be reached.
pub fn ensure(say: &mut dyn FnMut(&str)) -> Result<PathBuf> {
    let built = programs::directory()?;
    let below = built.parent().unwrap_or(&built).join("debian-root");
    fs::create_dir_all(&below)?;
    let name = format!("{SUITE}-{}", CONTENTS.join("-"));
    let root = below.join(&name);
    // Tests of one binary start together, and all of them ask.
    let gate = File::create(below.join("lock"))?;
    gate.lock()?;
    if root.exists() {
        return Ok(root);
    }
    let mirror = mirror(&sources());
    say(&format!("making a bare Debian 12 from {mirror}"));
    let unfinished = below.join(format!("{name}.new"));
    if unfinished.exists() {
        fs::remove_dir_all(&unfinished)?;
    }
    let log = below.join("debootstrap.log");
    let said = File::create(&log)?;
    let status = Command::new("debootstrap")
        .arg("--variant=minbase")
        .arg(format!("--include={}", CONTENTS.join(",")))
        .arg(SUITE)
        .arg(&unfinished)
        .arg(&mirror)
        .stdin(Stdio::null())
        .stdout(said.try_clone()?)
        .stderr(said)
        .status()
        .context("cannot run `debootstrap`: install it, or run `cargo xtask test`")?;
    ensure!(
        status.success(),
        "debootstrap cannot make a Debian 12 from {mirror}: `{}` says why",
        log.display()
    );
    // Nobody installs these again.
    for archive in fs::read_dir(unfinished.join("var/cache/apt/archives"))? {
        let archive = archive?.path();
        if archive.extension().is_some_and(|end| end == "deb") {
            fs::remove_file(archive)?;
        }
    }
    fs::rename(&unfinished, &root)?;
    Ok(root)
}

/// What this machine's apt is told about mirrors.
fn sources() -> String {
    let beside = fs::read_dir("/etc/apt/sources.list.d")
        .into_iter()
        .flatten()
        .flatten();
    std::iter::once(Path::new("/etc/apt/sources.list").to_owned())
        .chain(beside.map(|entry| entry.path()))
        .filter_map(|file| fs::read_to_string(file).ok())
        .collect::<Vec<_>>()
        .join("\n\n")
}

/// The mirror of the suite that apt uses; Debian's own when it uses none.
fn mirror(sources: &str) -> String {
    sources
        .split("\n\n")
        .find_map(mirror_in)
        .unwrap_or_else(|| MIRROR.to_owned())
}

/// The mirror in one paragraph, in either of the two forms.
fn mirror_in(paragraph: &str) -> Option<String> {
    let field = |name: &str| {
        let mut lines = paragraph.lines();
        lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))
    };
    if let (Some(uris), Some(suites)) = (field("URIs"), field("Suites")) {
        let fits = suites.split_whitespace().any(|suite| suite == SUITE);
        let uri = uris.split_whitespace().next()?;
        return fits.then(|| uri.trim_end_matches('/').to_owned());
    }
    paragraph.lines().find_map(|line| {
        let words: Vec<_> = line.split_whitespace().collect();
        let at = words.iter().position(|word| *word == SUITE)?;
        let uri = words.get(at.checked_sub(1)?)?;
        (words.first() == Some(&"deb")).then(|| uri.trim_end_matches('/').to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mirror_is_the_one_that_apt_uses_for_the_suite() {
        let table = [
            (
                "Types: deb\nURIs: http://mirror.example.com/debian/\nSuites: bookworm bookworm-updates\n",
                "http://mirror.example.com/debian",
            ),
            (
                "deb [signed-by=/x] http://mirror.example.com/debian bookworm main",
                "http://mirror.example.com/debian",
            ),
            (
                "Types: deb\nURIs: http://mirror.example.com/security\nSuites: bookworm-security\n",
                MIRROR,
            ),
            (
                "# deb http://mirror.example.com/debian bookworm main",
                MIRROR,
            ),
            ("", MIRROR),
        ];
        for (sources, expected) in table {
            assert_eq!(mirror(sources), expected, "{sources}");
        }
    }
}
