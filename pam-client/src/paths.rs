//! Where everything is. Tests put another root in front.

use std::path::{Path, PathBuf};

use portreeve_protocol::id::SessionId;
use portreeve_protocol::name::AccountName;

/// The program's place, which sshd and PAM are told.
pub(crate) const PROGRAM: &str = "/usr/lib/portreeve/portreeve-host";

/// All paths of ours below one root.
#[derive(Debug, Clone)]
pub(crate) struct Paths {
    root: PathBuf,
}

impl Paths {
    /// The paths of this machine.
    pub(crate) fn system() -> Self {
        Self::below("/")
    }

    /// The same paths below another directory.
    pub(crate) fn below(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    fn at(&self, path: &str) -> PathBuf {
        self.root.join(path)
    }

    /// Our configuration.
    pub(crate) fn settings_directory(&self) -> PathBuf {
        self.at("etc/portreeve")
    }

    /// Whom this host obeys.
    pub(crate) fn trust(&self) -> PathBuf {
        self.at("etc/portreeve/trust.json")
    }

    /// The session CA, for sshd.
    pub(crate) fn session_ca(&self) -> PathBuf {
        self.at("etc/portreeve/session_ca.pub")
    }

    /// The key that signs what this host says.
    pub(crate) fn identity(&self) -> PathBuf {
        self.at("etc/portreeve/host_identity")
    }

    /// The settings.
    pub(crate) fn settings(&self) -> PathBuf {
        self.at("etc/portreeve/host.toml")
    }

    /// Everything that must survive a reboot.
    pub(crate) fn state(&self) -> PathBuf {
        self.at("var/lib/portreeve")
    }

    /// The lock of the one daemon.
    pub(crate) fn lock(&self) -> PathBuf {
        self.at("var/lib/portreeve/lock")
    }

    /// The lock that tools hold which change accounts.
    pub(crate) fn tools_lock(&self) -> PathBuf {
        self.at("var/lib/portreeve/tools.lock")
    }

    /// The counter of UIDs.
    pub(crate) fn counter(&self) -> PathBuf {
        self.at("var/lib/portreeve/counter.json")
    }

    /// The journals.
    pub(crate) fn journals(&self) -> PathBuf {
        self.at("var/lib/portreeve/journal")
    }

    /// One session's journal.
    pub(crate) fn journal(&self, session: SessionId) -> PathBuf {
        self.journals().join(format!("{session}.journal"))
    }

    /// The logs that sudo writes.
    pub(crate) fn sudo_logs(&self) -> PathBuf {
        self.at("var/lib/portreeve/sudo")
    }

    /// One account's sudo log.
    pub(crate) fn sudo_log(&self, account: &AccountName) -> PathBuf {
        self.sudo_logs().join(format!("{account}.json"))
    }

    /// What lives until the next boot.
    pub(crate) fn run(&self) -> PathBuf {
        self.at("run/portreeve")
    }

    /// The daemon's socket.
    pub(crate) fn socket(&self) -> PathBuf {
        self.at("run/portreeve/host.sock")
    }

    /// The daemon's socket while nobody is to find it.
    pub(crate) fn socket_put_away(&self) -> PathBuf {
        self.at("run/portreeve/.host.sock")
    }

    /// Where SELinux says whether it enforces its policy.
    pub(crate) fn selinux_state(&self) -> PathBuf {
        self.at("sys/fs/selinux/enforce")
    }

    /// Where rules are checked before they are installed.
    pub(crate) fn rules_to_check(&self, account: &AccountName) -> PathBuf {
        self.run().join(format!("check-{account}"))
    }

    /// Where a cgroup2 file system is mounted when there is none.
    pub(crate) fn own_cgroup_mount(&self) -> PathBuf {
        self.at("run/portreeve/cgroup")
    }

    /// One account's sudo rules. No dot may stand in the name: sudo would skip the file.
    pub(crate) fn rules(&self, account: &AccountName) -> PathBuf {
        self.at("etc/sudoers.d")
            .join(format!("portreeve-{account}"))
    }

    /// The host's own sudoers.
    pub(crate) fn sudoers(&self) -> PathBuf {
        self.at("etc/sudoers")
    }

    /// The one that sudo-rs reads instead, where it is there.
    pub(crate) fn sudoers_of_sudo_rs(&self) -> PathBuf {
        self.at("etc/sudoers-rs")
    }

    /// What lies beside them.
    pub(crate) fn sudoers_directory(&self) -> PathBuf {
        self.at("etc/sudoers.d")
    }

    /// Where all of this is: `/`, but in tests.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// The number of the last inventory that was signed.
    pub(crate) fn inventory(&self) -> PathBuf {
        self.at("var/lib/portreeve/inventory.json")
    }

    /// When the last look order was given that was obeyed.
    pub(crate) fn look(&self) -> PathBuf {
        self.at("var/lib/portreeve/look.json")
    }

    /// Where the system looks for what.
    pub(crate) fn name_services(&self) -> PathBuf {
        self.at("etc/nsswitch.conf")
    }

    /// Which plugins sudo has.
    pub(crate) fn sudo_settings(&self) -> PathBuf {
        self.at("etc/sudo.conf")
    }

    /// A file of the distribution's that says who has which numbers.
    pub(crate) fn etc(&self, name: &str) -> PathBuf {
        self.at("etc").join(name)
    }

    /// Which machine this is.
    pub(crate) fn machine_id(&self) -> PathBuf {
        self.at("etc/machine-id")
    }

    /// Which distribution this is.
    pub(crate) fn os_release(&self) -> PathBuf {
        self.at("etc/os-release")
    }

    /// Which packages dpkg installed.
    pub(crate) fn dpkg_status(&self) -> PathBuf {
        self.at("var/lib/dpkg/status")
    }

    /// Which files a package brought.
    pub(crate) fn dpkg_files(&self, package: &str) -> PathBuf {
        self.at("var/lib/dpkg/info").join(format!("{package}.list"))
    }

    /// What sshd is told of us.
    pub(crate) fn sshd_drop_in(&self) -> PathBuf {
        self.at("etc/ssh/sshd_config.d/50-portreeve.conf")
    }

    /// PAM's configuration of sshd.
    pub(crate) fn pam_sshd(&self) -> PathBuf {
        self.at("etc/pam.d/sshd")
    }

    /// The process id of the listening sshd.
    pub(crate) fn sshd_pid(&self) -> PathBuf {
        self.at("run/sshd.pid")
    }
}

/// A path as text; ours are made of text.
pub(crate) fn text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sudo_does_not_skip_the_name_of_a_rules_file() {
        let account = "pr-0123456789abcdef".parse().unwrap();
        let path = Paths::system().rules(&account);
        let name = path.file_name().unwrap().to_str().unwrap();
        assert!(!name.contains('.') && !name.ends_with('~'), "{name}");
    }
}
