//! Which known vulnerabilities a host's sudo has. Pure: a table of facts and a comparison.
//!
//! It looks at no host and knows nothing of networks: what a host found out of its sudo is the
//! argument, what can be said of it is the answer. What cannot be told is said to be unknown and
//! is never counted as safe. The host's daemon and `portreeve-host bundle check` ask.

mod deb;
mod facts;
mod release;

pub use deb::{DebVersion, NotADebVersion};
pub use facts::KNOWN;
pub use release::{Program, Release};

use portreeve_protocol::attest::Reach;

/// A published vulnerability of one of the two sudos.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Vulnerability {
    /// Its CVE number.
    pub id: &'static str,
    /// What it lets somebody do, in a few words.
    pub title: &'static str,
    /// Whose it is.
    pub program: Program,
    /// Whom it serves.
    pub reach: Reach,
    /// The releases that have it, as the authors published them.
    pub affected: &'static [Range],
    /// What Debian and Ubuntu did about it, by the code name of their releases.
    pub packages: &'static [(&'static str, Patched)],
}

/// Releases from the first up to, and without, the one that repaired it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Range {
    /// The first that has it.
    pub since: Release,
    /// The first that does not.
    pub fixed: Release,
}

/// What a distribution's release did about a vulnerability.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Patched {
    /// This version of the package and later ones have the repair.
    In(&'static str),
    /// This version and earlier ones do not; of later ones nothing is known here.
    NotUntil(&'static str),
}

/// Where a host's sudo comes from, as far as the host could find out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// A Debian package.
    Deb {
        /// The distribution's release, for example `bookworm`.
        codename: String,
        /// The package's version.
        version: DebVersion,
    },
    /// An RPM package, with the vulnerabilities that its changelog names as repaired.
    Rpm {
        /// Their CVE numbers.
        repaired: Vec<String>,
    },
    /// No package: whoever built it changed nothing that is known.
    Built,
    /// It cannot be told.
    Unknown,
}

/// What is known of a vulnerability that the host's sudo has or may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Verdict {
    /// Which.
    pub vulnerability: &'static Vulnerability,
    /// Whether it is there for certain; otherwise it cannot be told.
    pub certain: bool,
}

/// The vulnerabilities that a sudo has or may have, the worst and the certain first.
///
/// Those that it does not have, and those that were repaired, are left out.
#[must_use]
pub fn assess(program: Program, release: Release, origin: &Origin) -> Vec<Verdict> {
    let mut verdicts: Vec<Verdict> = KNOWN
        .iter()
        .filter(|known| known.program == program)
        .filter(|known| known.affects(release))
        .filter_map(|known| {
            known.is_open(origin).map(|certain| Verdict {
                vulnerability: known,
                certain,
            })
        })
        .collect();
    verdicts.sort_by_key(|verdict| (verdict.vulnerability.reach, !verdict.certain));
    verdicts
}

impl Vulnerability {
    /// Whether its authors' release has it.
    #[must_use]
    pub fn affects(&self, release: Release) -> bool {
        let within = |range: &Range| range.since <= release && release < range.fixed;
        self.affected.iter().any(within)
    }

    /// Whether a sudo of an affected release has it still: `None` when the distribution repaired
    /// it, otherwise whether that is certain.
    fn is_open(&self, origin: &Origin) -> Option<bool> {
        match origin {
            Origin::Built => Some(true),
            Origin::Unknown => Some(false),
            Origin::Rpm { repaired } => (!repaired.iter().any(|id| id == self.id)).then_some(false),
            Origin::Deb { codename, version } => self.is_open_in(codename, version),
        }
    }

    fn is_open_in(&self, codename: &str, version: &DebVersion) -> Option<bool> {
        let patched = self.packages.iter().find(|(name, _)| *name == codename);
        // A table entry that cannot be read says nothing; a test reads all of them.
        let entry = |text: &str| text.parse::<DebVersion>().ok();
        match patched.map(|(_, patched)| *patched) {
            Some(Patched::In(fixed)) => match entry(fixed) {
                Some(fixed) => (*version < fixed).then_some(true),
                None => Some(false),
            },
            Some(Patched::NotUntil(last)) => Some(entry(last).is_some_and(|last| *version <= last)),
            None => Some(false),
        }
    }
}

#[cfg(test)]
mod tests;
