//! What stands in our SSH certificates (OpenSSH's PROTOCOL.certkeys).
//!
//! Making and checking certificates is the work of the signer and of the programs that accept
//! them; the names and texts that both sides must agree on are here.

use std::fmt;

use crate::id::{OrderId, SessionId};
use crate::name::{AccountName, BastionName, HostName, HumanName};
use crate::pair::Pair;
use crate::task::Ticket;

/// Critical option of an access certificate: the bastions it is for, joined by commas.
///
/// Because sshd refuses a certificate with a critical option that it does not know, an access
/// certificate opens no sshd, not even one that trusts the access CA by mistake.
pub const OPTION_BASTION: &str = "bastion@portreeve";
/// Critical option known to OpenSSH: the addresses it may be used from, joined by commas.
pub const OPTION_SOURCE_ADDRESS: &str = "source-address";
/// Extension of an access certificate: the session's id.
pub const EXTENSION_SESSION: &str = "session@portreeve";
/// Extension of an access certificate: the sealed grant in unpadded base64.
pub const EXTENSION_GRANT: &str = "grant@portreeve";
/// Extension of an access certificate: the version of the bundle, as `name@sha256:…`.
pub const EXTENSION_BUNDLE: &str = "bundle@portreeve";
/// Extension known to OpenSSH: a terminal may be asked for.
pub const EXTENSION_PTY: &str = "permit-pty";

/// The user that bastions log in as to deliver orders.
pub const CONTROL_USER: &str = "portreeve";

/// The principal of a session certificate: one account on one host.
#[must_use]
pub fn session_principal(account: &AccountName, host: &HostName) -> String {
    format!("{account}@{host}")
}

/// The principal of a control certificate: the control user on one host.
#[must_use]
pub fn control_principal(host: &HostName) -> String {
    format!("{CONTROL_USER}@{host}")
}

/// The principal of a bastion's host certificate.
#[must_use]
pub fn bastion_principal(bastion: &BastionName) -> String {
    format!("{bastion}.bastion.portreeve")
}

/// The key id of a control certificate for a look: which order it delivers, and who asked.
#[must_use]
pub fn look_key_id(look: OrderId, human: &HumanName) -> String {
    format!("portreeve look order={look} human={human}")
}

/// A certificate's key id: one readable line that sshd logs at every login.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyId<'a> {
    /// What the certificate is for: `access`, `session` or `control`.
    pub kind: &'a str,
    /// The session.
    pub session: SessionId,
    /// Both identities.
    pub pair: &'a Pair,
    /// Why.
    pub ticket: &'a Ticket,
}

impl fmt::Display for KeyId<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "portreeve {} session={} human={} agent={} task={}",
            self.kind, self.session, self.pair.human.name, self.pair.agent, self.ticket
        )
    }
}
