//! What is left after sessions, and the keys with which it is opened and checked.

use anyhow::Result;
use portreeve_protocol::session::SessionGranted;

use crate::command::Output;
use crate::host::Host;

/// Files on the host `bastion`.
#[derive(Debug, Clone)]
pub struct Evidence {
    /// The folder of recordings.
    pub recordings: String,
    /// The key that opens recordings.
    pub review_key: String,
    /// The audit log's verifier key.
    pub log_key: String,
    /// The public key that signs recordings.
    pub bastion_key: String,
    /// The public key that signs attestations and receipts.
    pub host_key: String,
}

impl Evidence {
    /// The file of a session's recording.
    #[must_use]
    pub fn recording(&self, granted: &SessionGranted) -> String {
        format!("{}/{}.tar", self.recordings, granted.session)
    }

    /// Runs `portreeve verify` on these files with all keys and without any network.
    ///
    /// # Errors
    /// When it cannot be started; what it found is in the output.
    pub fn verify(&self, reviewer: &Host, files: &[&str]) -> Result<Output> {
        let keys = [
            ("--log-key", &self.log_key),
            ("--bastion-key", &self.bastion_key),
            ("--host-key", &self.host_key),
            ("--identity", &self.review_key),
        ];
        let command = reviewer
            .command("unshare")
            .args(["--net", "--", "portreeve", "verify"]);
        keys.iter()
            .fold(command, |command, (option, file)| {
                command.args([*option, file.as_str()])
            })
            .args(files)
            .run()
    }
}
