//! What package managers write down, read as far as it tells where sudo comes from. Pure.

use std::io::{self, BufRead, Read};

use portreeve_sudo_policy::vulnerable::DebVersion;

/// Longest line of dpkg's status that is looked at; the ones that matter have a tenth of it.
const MAX_LINE: u64 = 4 * 1024;
/// The largest status file that is read; real ones have a fifth of it.
const MAX_STATUS: u64 = 64 * 1024 * 1024;
/// Most vulnerabilities that a changelog is taken to name.
const MAX_NAMED: usize = 1000;

/// The code name of a release of Debian or Ubuntu, from `/etc/os-release`.
///
/// Only of these two: what a derivative patches, its parent does not know.
pub(crate) fn codename(os_release: &str) -> Option<String> {
    let field = |name: &str| {
        let line = os_release
            .lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix('='))?;
        let value = line.trim().trim_matches(['"', '\'']);
        let is_plain = value
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte));
        (is_plain && !value.is_empty() && value.len() <= 64).then(|| value.to_owned())
    };
    matches!(field("ID")?.as_str(), "debian" | "ubuntu")
        .then(|| field("VERSION_CODENAME"))
        .flatten()
}

/// Those of the packages that dpkg's status says are installed, with their versions.
///
/// # Errors
/// When it cannot be read to its end.
pub(crate) fn versions(
    status: impl BufRead,
    wanted: &[&'static str],
) -> io::Result<Vec<(&'static str, DebVersion)>> {
    let mut status = status.take(MAX_STATUS);
    let mut found = Vec::new();
    let mut paragraph = Paragraph::default();
    let mut line = Vec::new();
    let mut is_rest = false;
    loop {
        line.clear();
        let length = Read::by_ref(&mut status)
            .take(MAX_LINE)
            .read_until(b'\n', &mut line)?;
        if length == 0 || (line == b"\n" && !is_rest) {
            found.extend(std::mem::take(&mut paragraph).installed());
        }
        if length == 0 {
            return Ok(found);
        }
        // What is too long for a line of interest is not read as several.
        if !is_rest {
            paragraph.read(&line, wanted);
        }
        is_rest = !line.ends_with(b"\n");
    }
}

/// One package in dpkg's status.
#[derive(Default)]
struct Paragraph {
    name: Option<&'static str>,
    is_installed: bool,
    version: Option<DebVersion>,
}

impl Paragraph {
    fn read(&mut self, line: &[u8], wanted: &[&'static str]) {
        let value = |name: &str| {
            let value = line.strip_prefix(name.as_bytes())?;
            Some(std::str::from_utf8(value).ok()?.trim())
        };
        if let Some(name) = value("Package:") {
            self.name = wanted.iter().copied().find(|wanted| *wanted == name);
        } else if let Some(status) = value("Status:") {
            self.is_installed = status.ends_with(" ok installed");
        } else if let Some(version) = value("Version:") {
            self.version = version.parse().ok();
        }
    }

    fn installed(self) -> Option<(&'static str, DebVersion)> {
        self.is_installed
            .then_some(self.name.zip(self.version))
            .flatten()
    }
}

/// The vulnerabilities that a changelog names, each once, in order.
pub(crate) fn named_vulnerabilities(changelog: &str) -> Vec<String> {
    let mut named: Vec<String> = changelog
        .split(|c: char| !c.is_ascii_alphanumeric() && c != '-')
        .filter(|word| is_cve(word))
        .take(MAX_NAMED)
        .map(str::to_owned)
        .collect();
    named.sort();
    named.dedup();
    named
}

fn is_cve(word: &str) -> bool {
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let mut parts = word.split('-');
    let (cve, year, number) = (parts.next(), parts.next(), parts.next());
    cve == Some("CVE")
        && year.is_some_and(|year| year.len() == 4 && digits(year))
        && number.is_some_and(|number| (4..=7).contains(&number.len()) && digits(number))
        && parts.next().is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    const STATUS: &str = "Package: adduser\nStatus: install ok installed\nVersion: 3.134\n\n\
        Package: sudo\nStatus: install ok installed\nMaintainer: somebody\n\
        Version: 1.9.13p3-1+deb12u1\nDescription: rights\n Version: 9.9\n\n\
        Package: sudo-ldap\nStatus: deinstall ok config-files\nVersion: 1.9.13p3-1\n";

    fn read(status: &str) -> Vec<String> {
        versions(status.as_bytes(), &["sudo", "sudo-ldap", "sudo-rs"])
            .unwrap()
            .iter()
            .map(|(name, version)| format!("{name} {version}"))
            .collect()
    }

    #[test]
    fn what_is_installed_is_found() {
        assert_eq!(read(STATUS), ["sudo 1.9.13p3-1+deb12u1"]);
        assert_eq!(read(STATUS.trim_end()), ["sudo 1.9.13p3-1+deb12u1"]);
    }

    #[test]
    fn what_is_not_understood_is_not_found() {
        let spoiled = |from: &str, to: &str| read(&STATUS.replacen(from, to, 2));
        assert!(spoiled("Version: 1.9", "Version: x1.9").is_empty());
        assert!(spoiled("install ok installed", "install ok half-configured").is_empty());
        assert!(spoiled("Package: sudo\n", "Package: sudoku\n").is_empty());
        assert!(read("").is_empty());
    }

    #[test]
    fn a_line_without_end_says_nothing_and_hides_nothing() {
        let long = "x".repeat(10_000);
        let status = STATUS.replacen("Maintainer: somebody", &long, 1);
        assert_eq!(read(&status), ["sudo 1.9.13p3-1+deb12u1"]);
    }

    #[test]
    fn only_the_two_distributions_have_a_code_name() {
        for (text, expected) in [
            ("ID=debian\nVERSION_CODENAME=bookworm\n", Some("bookworm")),
            ("VERSION_CODENAME=\"noble\"\nID='ubuntu'", Some("noble")),
            (
                "ID=linuxmint\nVERSION_CODENAME=wilma\nUBUNTU_CODENAME=noble",
                None,
            ),
            ("ID=debian\n", None),
            ("ID=debian\nVERSION_CODENAME=a b\n", None),
            ("", None),
        ] {
            assert_eq!(codename(text).as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn a_changelog_names_vulnerabilities() {
        let changelog = "- fix CVE-2025-32462 (rhbz#1), CVE-2025-32463.\n- CVE-2025-32462\n\
            - CVE-20-1 CVE-2025-32463x xCVE-2025-1111 CVE-2025-";
        assert_eq!(
            named_vulnerabilities(changelog),
            ["CVE-2025-32462", "CVE-2025-32463"]
        );
    }
}
