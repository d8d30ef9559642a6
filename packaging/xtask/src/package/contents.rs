//! What is in which package.

/// A package.
#[derive(Debug)]
pub(crate) struct Package {
    /// Its name.
    pub(crate) name: &'static str,
    /// The crate that its program comes from.
    pub(crate) source: &'static str,
    /// The program.
    pub(crate) program: &'static str,
    /// Where the program goes.
    pub(crate) program_path: &'static str,
    /// Whether the program prints its manual pages; else they are among the files.
    pub(crate) prints_manual: bool,
    /// Links, and what they say.
    pub(crate) links: &'static [(&'static str, &'static str)],
    /// Files of `packaging/`, and where they go.
    pub(crate) files: &'static [(&'static str, &'static str)],
    /// The scripts that dpkg runs.
    pub(crate) scripts: &'static [&'static str],
    /// Debian's shelf.
    pub(crate) section: &'static str,
    /// What it needs beside libraries.
    pub(crate) depends: &'static [&'static str],
    /// What one would miss without it.
    pub(crate) recommends: &'static [&'static str],
    /// In a few words.
    pub(crate) summary: &'static str,
    /// In a few lines.
    pub(crate) description: &'static str,
}

/// Makes users and their directories out of files.
const USERS: &str = "systemd | systemd-standalone-sysusers";
const DIRECTORIES: &str = "systemd | systemd-standalone-tmpfiles";
const SCRIPTS: &[&str] = &["postinst", "prerm", "postrm"];

/// All packages. Nothing in them lies in `/etc`, so there are no conffiles: what is there is written by
/// `init` and `enroll`.
pub(crate) const PACKAGES: &[Package] = &[
    Package {
        name: "portreeve",
        source: "portreeve-cli",
        program: "portreeve",
        program_path: "usr/bin/portreeve",
        prints_manual: true,
        links: &[],
        files: &[(
            "deb/portreeve/lintian-overrides",
            "usr/share/lintian/overrides/portreeve",
        )],
        scripts: &[],
        section: "admin",
        depends: &[],
        recommends: &["openssh-client"],
        summary: "governed SSH access for AI agents: the command line",
        description: "\
Portreeve lets AI agents into servers as a pair, the human who asked and the
agent who acts, for as long as a task needs.
.
This package has the command line for people, agents, administrators and
reviewers.",
    },
    Package {
        name: "portreeve-ca",
        source: "portreeve-ca",
        program: "portreeve-ca",
        program_path: "usr/bin/portreeve-ca",
        prints_manual: false,
        links: &[],
        files: &[
            ("man/portreeve-ca.8", "usr/share/man/man8/portreeve-ca.8"),
            (
                "deb/portreeve-ca/lintian-overrides",
                "usr/share/lintian/overrides/portreeve-ca",
            ),
            (
                "systemd/portreeve-ca.service",
                "usr/lib/systemd/system/portreeve-ca.service",
            ),
            (
                "systemd/portreeve-signer.service",
                "usr/lib/systemd/system/portreeve-signer.service",
            ),
            (
                "deb/portreeve-ca/sysusers.conf",
                "usr/lib/sysusers.d/portreeve-ca.conf",
            ),
            (
                "deb/portreeve-ca/tmpfiles.conf",
                "usr/lib/tmpfiles.d/portreeve-ca.conf",
            ),
        ],
        scripts: SCRIPTS,
        section: "admin",
        depends: &[USERS, DIRECTORIES],
        recommends: &["portreeve"],
        summary: "governed SSH access for AI agents: the certificate authority",
        description: "\
Portreeve lets AI agents into servers as a pair, the human who asked and the
agent who acts, for as long as a task needs.
.
This package has the certificate authority, which decides who may have a
session and issues it, and the signer, which holds its keys.",
    },
    Package {
        name: "portreeve-bastion",
        source: "portreeve-bastion",
        program: "portreeve-bastion",
        program_path: "usr/bin/portreeve-bastion",
        prints_manual: false,
        links: &[],
        files: &[
            (
                "man/portreeve-bastion.8",
                "usr/share/man/man8/portreeve-bastion.8",
            ),
            (
                "systemd/portreeve-bastion.service",
                "usr/lib/systemd/system/portreeve-bastion.service",
            ),
            (
                "deb/portreeve-bastion/sysusers.conf",
                "usr/lib/sysusers.d/portreeve-bastion.conf",
            ),
            (
                "deb/portreeve-bastion/tmpfiles.conf",
                "usr/lib/tmpfiles.d/portreeve-bastion.conf",
            ),
        ],
        scripts: SCRIPTS,
        section: "admin",
        depends: &[USERS, DIRECTORIES],
        recommends: &[],
        summary: "governed SSH access for AI agents: the recording bastion",
        description: "\
Portreeve lets AI agents into servers as a pair, the human who asked and the
agent who acts, for as long as a task needs.
.
This package has the bastion, the only way from agents to hosts, which decides
about every channel and command and records them.",
    },
    Package {
        name: "portreeve-host",
        source: "portreeve-host",
        program: "portreeve-host",
        program_path: "usr/lib/portreeve/portreeve-host",
        prints_manual: false,
        links: &[("usr/sbin/portreeve-host", "../lib/portreeve/portreeve-host")],
        files: &[
            (
                "man/portreeve-host.8",
                "usr/share/man/man8/portreeve-host.8",
            ),
            (
                "deb/portreeve-host/lintian-overrides",
                "usr/share/lintian/overrides/portreeve-host",
            ),
            (
                "systemd/portreeve-host.service",
                "usr/lib/systemd/system/portreeve-host.service",
            ),
        ],
        scripts: SCRIPTS,
        section: "admin",
        depends: &[
            "openssh-server",
            "sudo | sudo-rs",
            "passwd",
            "libpam-modules",
        ],
        recommends: &["systemd"],
        summary: "governed SSH access for AI agents: the host client",
        description: "\
Portreeve lets AI agents into servers as a pair, the human who asked and the
agent who acts, for as long as a task needs.
.
This package has the client on each host. Its daemon makes an account when a
signed order says so, proves that it did, and proves that it is gone. Nothing
on the host changes before it is enrolled.",
    },
];
