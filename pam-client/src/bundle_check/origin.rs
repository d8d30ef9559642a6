//! Where this host's sudo comes from: asked of the package manager's own files where there are
//! some, and of the package manager otherwise.

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;
use std::time::Duration;

use portreeve_sudo_policy::vulnerable::{DebVersion, Origin, Release};

use super::package::{codename, named_vulnerabilities, versions};
use crate::paths::Paths;
use crate::run;

/// The packages that bring a sudo.
const PACKAGES: [&str; 3] = ["sudo", "sudo-ldap", "sudo-rs"];
/// The largest list of a package's files, and the largest `os-release`, that is read.
const MAX_TEXT: u64 = 1024 * 1024;
const RPM: &str = "/usr/bin/rpm";
/// How long a package manager may take to answer. Its answer is kept until sudo changes.
const PATIENCE: Duration = Duration::from_secs(3);
/// The changelog's beginning, which has the newest entries. More would not fit into the pipe from
/// which it is read. The path is ours and the only argument.
const CHANGELOG: &str = "exec rpm -qf --changelog \"$0\" 2>/dev/null | head -c 60000";

/// A sudo's origin, and the same for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Package {
    /// What comparisons are made with.
    pub(crate) origin: Origin,
    /// The package and its version, where there is one.
    pub(crate) name: Option<String>,
    /// Why nothing can be said, where that is so.
    pub(crate) unknown: Option<String>,
}

impl Package {
    fn unknown(why: impl Into<String>) -> Self {
        Self {
            origin: Origin::Unknown,
            name: None,
            unknown: Some(why.into()),
        }
    }
}

/// The package of the sudo with this real path and this release.
pub(crate) fn of(sudo: &Path, release: Option<Release>, paths: &Paths) -> Package {
    if let Ok(status) = File::open(paths.dpkg_status()) {
        of_dpkg(BufReader::new(status), sudo, release, paths)
    } else if Path::new(RPM).exists() {
        of_rpm(sudo)
    } else {
        Package::unknown("this host has neither dpkg nor rpm")
    }
}

fn of_dpkg(
    status: impl std::io::BufRead,
    sudo: &Path,
    release: Option<Release>,
    paths: &Paths,
) -> Package {
    let installed = match versions(status, &PACKAGES) {
        Ok(installed) => installed,
        Err(error) => return Package::unknown(format!("dpkg's status cannot be read: {error}")),
    };
    let owner = installed
        .into_iter()
        .find(|(name, _)| lists(&paths.dpkg_files(name), sudo));
    match owner {
        Some((name, version)) => of_deb(name, version, release, paths),
        None => Package {
            origin: Origin::Built,
            name: None,
            unknown: None,
        },
    }
}

fn of_deb(name: &str, version: DebVersion, release: Option<Release>, paths: &Paths) -> Package {
    let full_name = format!("{name} {version}");
    // A program beside its package, or a package that was unpacked over, is not what dpkg says.
    if release.is_none() || Release::parse(version.upstream()) != release {
        let why = format!("dpkg says `{full_name}`, and sudo says another version of itself");
        return Package {
            name: Some(full_name),
            ..Package::unknown(why)
        };
    }
    let os_release = text(&paths.os_release());
    match os_release.as_deref().and_then(codename) {
        Some(codename) => Package {
            origin: Origin::Deb { codename, version },
            name: Some(full_name),
            unknown: None,
        },
        None => Package {
            name: Some(full_name),
            ..Package::unknown("this is neither a release of Debian nor of Ubuntu")
        },
    }
}

fn lists(files: &Path, program: &Path) -> bool {
    let program = program.to_string_lossy();
    text(files).is_some_and(|files| files.lines().any(|file| file == program))
}

fn text(path: &Path) -> Option<String> {
    let mut text = String::new();
    let file = File::open(path).ok()?;
    file.take(MAX_TEXT).read_to_string(&mut text).ok()?;
    Some(text)
}

fn of_rpm(sudo: &Path) -> Package {
    let format = [
        "-qf".as_ref(),
        "--qf".as_ref(),
        "%{NAME} %{VERSION}-%{RELEASE}".as_ref(),
    ];
    let owner = run::run(RPM, &[&format[..], &[sudo.as_os_str()]].concat(), PATIENCE);
    let name = match owner {
        Ok(owner) if owner.status.success() => owner.stdout,
        Ok(owner) if owner.stdout.contains("is not owned by any package") => {
            return Package {
                origin: Origin::Built,
                name: None,
                unknown: None,
            };
        }
        Ok(_) => return Package::unknown("rpm does not say which package sudo is from"),
        Err(error) => return Package::unknown(error.to_string()),
    };
    let script = ["-c".as_ref(), CHANGELOG.as_ref(), sudo.as_os_str()];
    match run::run("/bin/sh", &script, PATIENCE) {
        Ok(changelog) if changelog.status.success() => Package {
            origin: Origin::Rpm {
                repaired: named_vulnerabilities(&changelog.stdout),
            },
            name: Some(name.chars().take(200).collect()),
            unknown: None,
        },
        Ok(_) => Package::unknown("rpm does not tell the package's changelog"),
        Err(error) => Package::unknown(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    /// A host with these files.
    fn host(status: &str, os_release: &str, files: &str) -> (tempfile::TempDir, Package) {
        let root = tempfile::tempdir().unwrap();
        let paths = Paths::below(root.path());
        for (path, content) in [
            (paths.dpkg_status(), status),
            (paths.os_release(), os_release),
            (paths.dpkg_files("sudo"), files),
        ] {
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, content).unwrap();
        }
        let package = of(
            Path::new("/usr/bin/sudo"),
            Release::parse("1.9.13p3"),
            &paths,
        );
        (root, package)
    }

    const STATUS: &str =
        "Package: sudo\nStatus: install ok installed\nVersion: 1.9.13p3-1+deb12u1\n";
    const BOOKWORM: &str = "ID=debian\nVERSION_CODENAME=bookworm\n";
    const FILES: &str = "/.\n/usr\n/usr/bin\n/usr/bin/sudo\n";

    #[test]
    fn a_package_is_what_dpkg_and_sudo_agree_on() {
        let (_root, package) = host(STATUS, BOOKWORM, FILES);
        assert_eq!(package.name.as_deref(), Some("sudo 1.9.13p3-1+deb12u1"));
        assert_eq!(
            package.origin,
            Origin::Deb {
                codename: "bookworm".into(),
                version: "1.9.13p3-1+deb12u1".parse().unwrap()
            }
        );
    }

    #[test]
    fn where_they_do_not_agree_nothing_is_said() {
        let newer = STATUS.replace("1.9.13p3-1", "1.9.17p1-1");
        for (status, os_release) in [
            (newer.as_str(), BOOKWORM),
            (STATUS, "ID=devuan\nVERSION_CODENAME=daedalus\n"),
            (STATUS, ""),
        ] {
            let (_root, package) = host(status, os_release, FILES);
            assert_eq!(package.origin, Origin::Unknown);
            assert!(package.unknown.is_some() && package.name.is_some());
        }
    }

    #[test]
    fn a_sudo_that_no_package_brought_was_built() {
        for (status, files) in [(STATUS, "/usr/bin/sudoreplay\n"), ("", FILES)] {
            let (_root, package) = host(status, BOOKWORM, files);
            assert_eq!(package.origin, Origin::Built);
            assert_eq!(package.name, None);
        }
    }
}
