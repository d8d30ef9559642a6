//! Which principal a certificate must name to log in: asked by sshd for every certificate of the
//! session CA (`AuthorizedPrincipalsCommand`), answered by the daemon, which knows the live leases.
//!
//! Prints one line or nothing. sshd treats a failure like no line.

use std::path::Path;

use crate::ask::{AskError, ask};
use crate::root::{Answer, Ask};

/// The principal for a login as `user` with the certificate of this key and serial number.
pub(crate) fn find(
    socket: &Path,
    user: &str,
    fingerprint: &str,
    serial: u64,
) -> Result<String, AskError> {
    let question = Ask::Principals {
        user: user.into(),
        fingerprint: fingerprint.into(),
        serial,
    };
    match ask(socket, &question)? {
        Answer::Principal { line } => Ok(line),
        Answer::Refused { .. } | Answer::Allowed | Answer::Status(_) => Err(AskError::OtherAnswer),
    }
}
