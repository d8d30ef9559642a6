//! What somebody has who took over the bastion while a session lasts, and what they could try with it.

use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use base64ct::{Base64Unpadded, Encoding as _};
use portreeve_protocol::certificate::EXTENSION_GRANT;
use portreeve_protocol::grant::Grant;
use portreeve_protocol::session::SessionGranted;
use ssh_key::private::{Ed25519Keypair, KeypairData};
use ssh_key::{Certificate, LineEnding, PrivateKey};

use super::UNSEALING_KEY;
use crate::command::Output;
use crate::host::Host;

/// Opens the grant inside an access certificate with the bastion's key and Debian's `age`.
///
/// # Errors
/// When there is none, or it does not open.
pub fn open_grant(bastion: &Host, granted: &SessionGranted) -> Result<Grant> {
    let certificate = Certificate::from_openssh(granted.certificate.trim())?;
    let sealed = certificate.extensions().get(EXTENSION_GRANT);
    let sealed = sealed.context("the certificate has no grant")?;
    let sealed = Base64Unpadded::decode_vec(sealed)
        .map_err(|error| anyhow!("the grant is not base64: {error}"))?;
    let opened = bastion
        .command("age")
        .args(["-d", "-i", UNSEALING_KEY])
        .input(&sealed)
        .run()?
        .ok()?;
    Ok(serde_json::from_slice(&opened.stdout)?)
}

/// The session's private key as a file of OpenSSH's.
///
/// # Errors
/// When it cannot be written down.
pub fn session_key(grant: &Grant) -> Result<String> {
    let pair = Ed25519Keypair::from_seed(grant.session_key.expose_seed());
    let key = PrivateKey::new(KeypairData::Ed25519(pair), "stolen")?;
    Ok(key.to_openssh(LineEnding::LF)?.to_string())
}

/// An attempt to log in with OpenSSH's client.
#[derive(Debug, Clone, Copy)]
pub struct Attempt<'a> {
    /// The private key.
    pub key: &'a str,
    /// The certificate on it, if there is one.
    pub certificate: Option<&'a str>,
    /// As whom.
    pub user: &'a str,
    /// Where.
    pub address: &'a str,
    /// At which port.
    pub port: u16,
}

impl Attempt<'_> {
    /// Tries it from this host, to run `id -un`.
    ///
    /// # Errors
    /// When the client cannot be started.
    pub fn from(&self, host: &Host) -> Result<Output> {
        let script = r#"cd "$(mktemp -d)"; umask 077
            cat >key
            options='-F none -o BatchMode=yes -o IdentitiesOnly=yes -o IdentityFile=key -o ConnectTimeout=5'
            options="$options -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR"
            if [ -n "$4" ]; then
                echo "$4" >certificate.pub
                options="$options -o CertificateFile=certificate.pub"
            fi
            exec ssh $options -p "$3" -l "$1" "$2" id -un"#;
        let port = self.port.to_string();
        let certificate = self.certificate.unwrap_or_default().trim();
        host.command("sh")
            .args(["-euc", script, "attempt", self.user, self.address, &port])
            .arg(certificate)
            .input(self.key.as_bytes())
            .limit(Duration::from_secs(20))
            .run()
    }
}
