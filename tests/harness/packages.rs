//! The Debian packages that hosts, tests and the demonstration need.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};

/// What a test host needs.
pub const HOSTS: &[&str] = &[
    "openssh-server",
    "openssh-client",
    "sudo",
    "iproute2",
    "nftables",
    "netcat-traditional",
    "age",
    "zstd",
    "jq",
    "procps",
    "socat",
    "util-linux",
];

/// What the table of known escapes from sudo rules tries, beside what every system has.
pub const ESCAPES: &[&str] = &[
    "bsdextrautils",
    "busybox",
    "e2fsprogs",
    "ed",
    "file",
    "gcc",
    "git",
    "less",
    "libcap2-bin",
    "make",
    "man-db",
    "mawk",
    "nginx",
    "openssl",
    "perl-base",
    "python3-minimal",
    "rsync",
    "sqlite3",
    "strace",
    "tcpdump",
    "vim-tiny",
    "xxd",
    "zip",
];

/// What the shipped bundles are tried on, beside what every host has.
pub const SHIPPED: &[&str] = &[
    "apache2",
    "lsof",
    "nginx",
    "openssl",
    "postgresql-common",
    "psmisc",
];

/// What makes packages.
pub const PACKAGING: &[&str] = &["binutils", "dpkg-dev", "gzip"];

/// What an S3 store for tests is installed with.
pub const STORES: &[&str] = &["python3-venv"];

const SERVICE_GATE: &str = "/usr/sbin/policy-rc.d";
/// The oldest Node.js that the identity provider runs on.
const NODE: u32 = 18;

/// The packages of `wanted` that are not installed.
///
/// # Errors
/// When this is no Debian system.
pub fn missing<'a>(wanted: &[&'a str]) -> Result<Vec<&'a str>> {
    let output = Command::new("dpkg-query")
        .args(["--show", "--showformat", "${Package} ${db:Status-Status}\n"])
        .args(wanted)
        .output()
        .context("cannot run `dpkg-query`: test hosts need Debian or a relative of it")?;
    // Its exit status also says when a name is unknown, which is only another way of missing.
    let listing = String::from_utf8_lossy(&output.stdout).into_owned();
    let installed = |name: &&str| {
        listing
            .lines()
            .any(|line| line == format!("{name} installed"))
    };
    Ok(wanted
        .iter()
        .copied()
        .filter(|name| !installed(name))
        .collect())
}

/// Fails when one of `wanted` is not installed.
///
/// # Errors
/// With the command that installs what is missing.
pub fn require(wanted: &[&str]) -> Result<()> {
    let missing = missing(wanted)?;
    ensure!(
        missing.is_empty(),
        "missing packages: run `apt-get install {}` or `cargo xtask test`",
        missing.join(" ")
    );
    Ok(())
}

/// Installs those of `wanted` that are missing, telling `say` what it does. Does nothing when all are there.
///
/// # Errors
/// When apt fails.
pub fn ensure(wanted: &[&str], say: &mut dyn FnMut(&str)) -> Result<()> {
    let missing = missing(wanted)?;
    if missing.is_empty() {
        return Ok(());
    }
    say(&format!(
        "installing Debian packages: {}",
        missing.join(" ")
    ));
    let _gate = ServiceGate::close()?;
    apt(&["update", "--quiet=2"])?;
    let mut install = vec!["install", "--quiet=2", "--yes", "--no-install-recommends"];
    install.extend(missing);
    apt(&install)
}

/// Installs Node.js and npm from Debian, unless the path already has a Node.js that is new enough.
///
/// # Errors
/// When apt fails, or Debian's is too old.
pub fn ensure_node(say: &mut dyn FnMut(&str)) -> Result<()> {
    if node_version().is_some_and(|version| version >= NODE) && version_of("npm").is_some() {
        return Ok(());
    }
    ensure(&["nodejs", "npm"], say)?;
    ensure!(
        node_version().is_some_and(|version| version >= NODE),
        "the identity provider needs Node.js {NODE} or newer"
    );
    Ok(())
}

fn apt(args: &[&str]) -> Result<()> {
    let status = Command::new("apt-get")
        .args(args)
        .env("DEBIAN_FRONTEND", "noninteractive")
        .status();
    ensure!(
        status.context("cannot run `apt-get`")?.success(),
        "`apt-get {}` failed",
        args.join(" ")
    );
    Ok(())
}

fn node_version() -> Option<u32> {
    major_version(&version_of("node")?)
}

/// What a program says about its version, if it is where hosts find it too.
fn version_of(program: &str) -> Option<String> {
    let output = Command::new(program)
        .arg("--version")
        .env("PATH", "/usr/local/bin:/usr/bin:/bin")
        .output()
        .ok()?;
    output
        .status
        .success()
        .then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}

fn major_version(text: &str) -> Option<u32> {
    text.trim()
        .strip_prefix('v')?
        .split('.')
        .next()?
        .parse()
        .ok()
}

/// Keeps packages from starting their services while it exists: a test needs sshd's program, and the
/// machine did not ask for an open port.
#[derive(Debug)]
struct ServiceGate {
    ours: bool,
}

impl ServiceGate {
    fn close() -> Result<Self> {
        let ours = !Path::new(SERVICE_GATE).exists();
        if ours {
            fs::write(SERVICE_GATE, "#!/bin/sh\nexit 101\n")
                .with_context(|| format!("cannot write `{SERVICE_GATE}`"))?;
            fs::set_permissions(SERVICE_GATE, fs::Permissions::from_mode(0o755))?;
        }
        Ok(Self { ours })
    }
}

impl Drop for ServiceGate {
    fn drop(&mut self) {
        if self.ours {
            // Only a file that nobody misses is left when this fails.
            let _ = fs::remove_file(SERVICE_GATE);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_of_node_is_read_from_what_it_prints() {
        assert_eq!(major_version("v18.20.4\n"), Some(18));
        assert_eq!(major_version("v20.20.2"), Some(20));
        assert_eq!(major_version(""), None);
        assert_eq!(major_version("20.1"), None);
    }

    #[test]
    fn a_package_that_does_not_exist_is_missing_and_one_of_the_system_is_not() {
        assert_eq!(
            missing(&["dpkg", "no-such-package-as-this"]).unwrap(),
            ["no-such-package-as-this"]
        );
    }
}
