//! The distribution's sshd on a host.

use anyhow::{Context, Result};

use crate::host::Host;
use crate::process::Process;

const HOST_KEY: &str = "/etc/ssh/ssh_host_ed25519_key";

/// A running sshd.
#[derive(Debug)]
pub struct Sshd {
    /// The listening process, with its log.
    pub process: Process,
    /// The public host key: type and base64, without comment.
    pub host_key: String,
}

impl Host {
    /// Gives sshd a host key of its own, unless it has one.
    ///
    /// # Errors
    /// When the host refuses.
    pub fn make_host_key(&self) -> Result<()> {
        if !self.exists(HOST_KEY)? {
            self.run(&[
                "ssh-keygen",
                "-q",
                "-t",
                "ed25519",
                "-N",
                "",
                "-C",
                self.name(),
                "-f",
                HOST_KEY,
            ])?
            .ok()?;
        }
        Ok(())
    }

    /// Starts the distribution's sshd on port 22, with a host key of its own that survives a power cut.
    ///
    /// # Errors
    /// When it does not come up, for instance because of a drop-in that it does not understand.
    pub fn start_sshd(&self) -> Result<Sshd> {
        self.make_host_key()?;
        // Asked first, because what a wrong configuration says is then the error and not a missing port.
        self.run(&["/usr/sbin/sshd", "-t"])?.ok()?;
        let process = self
            .command("/usr/sbin/sshd")
            .args(["-D", "-e"])
            .spawn("sshd")?;
        self.wait_port(22)?;
        let public = self.read_text(&format!("{HOST_KEY}.pub"))?;
        let host_key = public
            .rsplit_once(' ')
            .context("the host key has no comment")?
            .0
            .to_owned();
        Ok(Sshd { process, host_key })
    }
}
