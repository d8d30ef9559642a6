//! The vulnerabilities that are known, as data.
//!
//! To add one: its CVE number, the releases that the authors name, and the version of the package
//! with the repair for each release of a distribution that published one. A release that is not
//! listed cannot be told, which is the right answer when nobody looked it up.

use portreeve_protocol::attest::Reach::{AnyAccount, Configured, Minor};

use super::Patched::{In, NotUntil};
use super::Program::{Sudo, SudoRs};
use super::{Range, Release, Vulnerability};

/// From the first release on.
const FIRST: Release = Release(0, 0, 0, 0);

const fn range(since: Release, fixed: Release) -> Range {
    Range { since, fixed }
}

/// All that are known, by number.
pub const KNOWN: &[Vulnerability] = &[
    Vulnerability {
        id: "CVE-2019-14287",
        title: "a rule for everybody but root is taken for root by `-u#-1`",
        program: Sudo,
        reach: Configured,
        affected: &[range(FIRST, Release(1, 8, 28, 0))],
        packages: &[
            ("stretch", In("1.8.19p1-2.1+deb9u1")),
            ("buster", In("1.8.27-1+deb10u1")),
            ("xenial", In("1.8.16-0ubuntu1.8")),
            ("bionic", In("1.8.21p2-3ubuntu1.1")),
        ],
    },
    Vulnerability {
        id: "CVE-2019-18634",
        title: "with `pwfeedback`, a long password overflows the stack",
        program: Sudo,
        reach: Configured,
        affected: &[range(Release(1, 7, 1, 0), Release(1, 8, 31, 0))],
        packages: &[
            ("stretch", In("1.8.19p1-2.1+deb9u2")),
            ("buster", In("1.8.27-1+deb10u2")),
            ("xenial", In("1.8.16-0ubuntu1.9")),
            ("bionic", In("1.8.21p2-3ubuntu1.2")),
        ],
    },
    Vulnerability {
        id: "CVE-2021-3156",
        title: "any account becomes root by an argument that ends in a backslash",
        program: Sudo,
        reach: AnyAccount,
        affected: &[
            range(Release(1, 8, 2, 0), Release(1, 8, 32, 0)),
            range(Release(1, 9, 0, 0), Release(1, 9, 5, 2)),
        ],
        packages: &[
            ("stretch", In("1.8.19p1-2.1+deb9u3")),
            ("buster", In("1.8.27-1+deb10u3")),
            ("bullseye", In("1.9.5p1-1.1")),
            ("trusty", In("1.8.9p5-1ubuntu1.5+esm6")),
            ("xenial", In("1.8.16-0ubuntu1.10")),
            ("bionic", In("1.8.21p2-3ubuntu1.4")),
            ("focal", In("1.8.31-1ubuntu1.2")),
            ("groovy", In("1.9.1-1ubuntu1.1")),
            ("hirsute", In("1.9.4p2-2ubuntu2")),
        ],
    },
    Vulnerability {
        id: "CVE-2021-23239",
        title: "sudoedit tells whether a directory exists",
        program: Sudo,
        reach: Minor,
        affected: &[range(FIRST, Release(1, 9, 5, 0))],
        packages: &[
            ("xenial", In("1.8.16-0ubuntu1.10")),
            ("bionic", In("1.8.21p2-3ubuntu1.4")),
            ("focal", In("1.8.31-1ubuntu1.2")),
            ("groovy", In("1.9.1-1ubuntu1.1")),
        ],
    },
    Vulnerability {
        id: "CVE-2021-23240",
        title: "with SELinux roles, sudoedit gives away a file",
        program: Sudo,
        reach: Configured,
        affected: &[range(FIRST, Release(1, 9, 5, 0))],
        packages: &[],
    },
    Vulnerability {
        id: "CVE-2023-22809",
        title: "who may sudoedit one file edits any, by its own editor variable",
        program: Sudo,
        reach: Configured,
        affected: &[range(Release(1, 8, 0, 0), Release(1, 9, 12, 2))],
        packages: &[
            ("buster", In("1.8.27-1+deb10u5")),
            ("bullseye", In("1.9.5p2-3+deb11u1")),
            ("bookworm", In("1.9.12p2-1")),
            ("bionic", In("1.8.21p2-3ubuntu1.5")),
            ("focal", In("1.8.31-1ubuntu1.4")),
            ("jammy", In("1.9.9-1ubuntu2.2")),
        ],
    },
    Vulnerability {
        id: "CVE-2023-27320",
        title: "a rule with `CHROOT` frees memory twice",
        program: Sudo,
        reach: Configured,
        affected: &[range(Release(1, 9, 8, 0), Release(1, 9, 13, 2))],
        packages: &[
            ("bookworm", In("1.9.13p3-1")),
            ("jammy", In("1.9.9-1ubuntu2.3")),
        ],
    },
    Vulnerability {
        id: "CVE-2023-28486",
        title: "control characters reach sudo's log",
        program: Sudo,
        reach: Minor,
        affected: &[range(FIRST, Release(1, 9, 13, 0))],
        packages: &[
            ("bionic", In("1.8.21p2-3ubuntu1.6")),
            ("focal", In("1.8.31-1ubuntu1.5")),
            ("jammy", In("1.9.9-1ubuntu2.4")),
        ],
    },
    Vulnerability {
        id: "CVE-2023-28487",
        title: "control characters reach whoever runs sudoreplay",
        program: Sudo,
        reach: Minor,
        affected: &[range(FIRST, Release(1, 9, 13, 0))],
        packages: &[
            ("bionic", In("1.8.21p2-3ubuntu1.6")),
            ("focal", In("1.8.31-1ubuntu1.5")),
            ("jammy", In("1.9.9-1ubuntu2.4")),
        ],
    },
    Vulnerability {
        id: "CVE-2023-42456",
        title: "a user name with a path in it reaches another's timestamp",
        program: SudoRs,
        reach: Configured,
        affected: &[range(FIRST, Release(0, 2, 1, 0))],
        packages: &[],
    },
    Vulnerability {
        id: "CVE-2023-42465",
        title: "one flipped bit of memory may turn a refusal into a permission",
        program: Sudo,
        reach: Minor,
        affected: &[range(FIRST, Release(1, 9, 15, 0))],
        packages: &[
            ("bullseye", NotUntil("1.9.5p2-3+deb11u4")),
            ("bookworm", NotUntil("1.9.13p3-1+deb12u4")),
        ],
    },
    Vulnerability {
        id: "CVE-2025-32462",
        title: "a rule for another host is taken for one of this host by `-h`",
        program: Sudo,
        reach: Configured,
        affected: &[range(Release(1, 8, 8, 0), Release(1, 9, 17, 1))],
        packages: &[
            ("bullseye", In("1.9.5p2-3+deb11u2")),
            ("bookworm", In("1.9.13p3-1+deb12u2")),
            ("trixie", In("1.9.16p2-3")),
            ("jammy", In("1.9.9-1ubuntu2.5")),
            ("noble", In("1.9.15p5-3ubuntu5.24.04.1")),
            ("plucky", In("1.9.16p2-1ubuntu1.1")),
        ],
    },
    Vulnerability {
        id: "CVE-2025-32463",
        title: "any account becomes root by a library in a directory given with `-R`",
        program: Sudo,
        reach: AnyAccount,
        affected: &[range(Release(1, 9, 14, 0), Release(1, 9, 17, 1))],
        packages: &[
            ("trixie", In("1.9.16p2-3")),
            ("noble", In("1.9.15p5-3ubuntu5.24.04.1")),
            ("plucky", In("1.9.16p2-1ubuntu1.1")),
        ],
    },
    Vulnerability {
        id: "CVE-2025-46717",
        title: "tells whether a file exists in a directory that cannot be read",
        program: SudoRs,
        reach: Minor,
        affected: &[range(FIRST, Release(0, 2, 6, 0))],
        packages: &[],
    },
    Vulnerability {
        id: "CVE-2025-46718",
        title: "who has any rule lists the rules of others",
        program: SudoRs,
        reach: Minor,
        affected: &[range(FIRST, Release(0, 2, 6, 0))],
        packages: &[],
    },
    Vulnerability {
        id: "CVE-2025-64170",
        title: "a password that was typed half appears when the time is over",
        program: SudoRs,
        reach: Minor,
        affected: &[range(Release(0, 2, 7, 0), Release(0, 2, 10, 0))],
        packages: &[("questing", In("0.2.8-1ubuntu5.2"))],
    },
    Vulnerability {
        id: "CVE-2025-64517",
        title: "with `targetpw` or `rootpw`, one password serves for all accounts",
        program: SudoRs,
        reach: Configured,
        affected: &[range(Release(0, 2, 5, 0), Release(0, 2, 10, 0))],
        packages: &[("questing", In("0.2.8-1ubuntu5.2"))],
    },
    Vulnerability {
        id: "CVE-2026-35535",
        title: "where sudo mails, the mailer keeps privileges that could not be dropped",
        program: Sudo,
        reach: Configured,
        affected: &[range(FIRST, Release(1, 9, 18, 0))],
        packages: &[
            ("bookworm", In("1.9.13p3-1+deb12u4")),
            ("trixie", In("1.9.16p2-3+deb13u2")),
        ],
    },
];
