//! Asking the CA for a session, and checking that the answer is to what was asked.

use portreeve_protocol::id::SessionId;
use portreeve_protocol::key::{MAX_BLOB, PublicKey};
use portreeve_protocol::name::HostName;
use portreeve_protocol::session::{KillRequest, SessionGranted, SessionRequest, SessionSummary};
use portreeve_protocol::task::Purpose;
use ssh_key::Certificate;
use ssh_key::certificate::CertType;

use crate::ca::client::Ca;
use crate::failure::Failure;
use crate::identity::caller::Caller;
use crate::session::address::Address;
use crate::settings::TaskSettings;

/// A session that was granted for a key of ours, its answer checked.
#[derive(Debug, Clone)]
pub struct Granted {
    answer: SessionGranted,
    certificate: Certificate,
    addresses: Vec<Address>,
}

/// Why an answer is not used.
#[derive(Debug, thiserror::Error)]
pub enum NotGranted {
    /// The certificate is not one of OpenSSH's format, or too long.
    #[error("its certificate is not understood")]
    Certificate,
    /// The certificate is of a host, for another key, or for another account.
    #[error("its certificate is not for this key and account")]
    OtherCertificate,
    /// It is for another host.
    #[error("it is for another host")]
    OtherHost,
    /// There is no bastion, or one whose address is none.
    #[error("it names no bastion that can be reached")]
    Bastion,
}

impl Granted {
    /// Checks an answer against what was asked.
    ///
    /// # Errors
    /// When it does not answer it.
    pub fn check(
        answer: SessionGranted,
        host: &HostName,
        key: &PublicKey,
    ) -> Result<Self, NotGranted> {
        if answer.host != *host {
            return Err(NotGranted::OtherHost);
        }
        if answer.certificate.len() > MAX_BLOB {
            return Err(NotGranted::Certificate);
        }
        let certificate = Certificate::from_openssh(answer.certificate.trim())
            .map_err(|_| NotGranted::Certificate)?;
        if certificate.cert_type() != CertType::User
            || certificate.public_key() != key.data()
            || certificate.valid_principals() != [answer.account.as_str()]
        {
            return Err(NotGranted::OtherCertificate);
        }
        let addresses: Vec<_> = answer
            .bastions
            .iter()
            .map(|bastion| bastion.address.parse())
            .collect::<Result<_, _>>()
            .map_err(|_| NotGranted::Bastion)?;
        if addresses.is_empty() {
            return Err(NotGranted::Bastion);
        }
        Ok(Self {
            answer,
            certificate,
            addresses,
        })
    }

    /// The CA's answer.
    #[must_use]
    pub fn answer(&self) -> &SessionGranted {
        &self.answer
    }

    /// The access certificate.
    #[must_use]
    pub fn certificate(&self) -> &Certificate {
        &self.certificate
    }

    /// Each bastion with its address.
    pub fn bastions(
        &self,
    ) -> impl Iterator<Item = (&portreeve_protocol::session::BastionContact, &Address)> {
        self.answer.bastions.iter().zip(&self.addresses)
    }
}

/// Asks for a session on `host` for the key `key`.
///
/// # Errors
/// When the CA refuses or answers something else.
pub async fn request(
    ca: &Ca,
    caller: &Caller,
    host: &HostName,
    task: &TaskSettings,
    key: &PublicKey,
) -> Result<Granted, Failure> {
    let request = SessionRequest {
        host: host.clone(),
        ticket: task.ticket.clone(),
        purpose: task.purpose.clone(),
        task: task.task,
        bundle: task.bundle.clone(),
        ttl: task.ttl,
        key: key.clone(),
        source_address: task.source_address,
    };
    let answer: SessionGranted = ca
        .post(caller, "/v1/sessions", &request)
        .await
        .map_err(|error| Failure::from(error).within(format!("no session on `{host}`")))?;
    Granted::check(answer, host, key).map_err(|error| {
        Failure::failed("the CA granted a session that was not asked for").because(&error)
    })
}

/// What the CA knows of a session.
///
/// # Errors
/// When the CA refuses.
pub async fn show(ca: &Ca, caller: &Caller, session: SessionId) -> Result<SessionSummary, Failure> {
    Ok(ca.get(caller, &format!("/v1/sessions/{session}")).await?)
}

/// Kills a session.
///
/// # Errors
/// When the CA refuses.
pub async fn kill(
    ca: &Ca,
    caller: &Caller,
    session: SessionId,
    reason: Purpose,
) -> Result<SessionSummary, Failure> {
    Ok(ca
        .post(
            caller,
            &format!("/v1/sessions/{session}/kill"),
            &KillRequest { reason },
        )
        .await?)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::agent::answer::tests::{ACCOUNT, certificate, private};

    pub(crate) fn public(seed: u8) -> PublicKey {
        PublicKey::new(private(seed).public_key().key_data().clone()).unwrap()
    }

    pub(crate) fn answer(certificate: &str) -> SessionGranted {
        serde_json::from_value(serde_json::json!({
            "session": "01890a5d-ac96-774b-8123-456789abcdef",
            "task": {"id": "01890a5d-ac96-774b-bcce-b302099a8057", "ticket": "INC-1", "purpose": "look"},
            "host": "prod-1", "account": ACCOUNT,
            "bundle": {"name": "look", "digest": portreeve_protocol::digest::Digest::of(b"")},
            "certificate": certificate,
            "connect_by": "2026-01-01T00:01:00Z", "expires_at": "2026-01-01T00:15:00Z",
            "bastions": [{"name": "b1", "address": "bastion.example.com:2222", "host_ca": public(98)}],
        }))
        .unwrap()
    }

    pub(crate) fn granted() -> Granted {
        Granted::check(
            answer(&certificate(1, &[ACCOUNT])),
            &"prod-1".parse().unwrap(),
            &public(1),
        )
        .unwrap()
    }

    #[test]
    fn an_answer_must_be_to_what_was_asked() {
        let good = answer(&certificate(1, &[ACCOUNT]));
        let check = |answer: SessionGranted, host: &str, seed| {
            Granted::check(answer, &host.parse().unwrap(), &public(seed)).map(|_| ())
        };
        assert!(check(good.clone(), "prod-1", 1).is_ok());
        assert!(matches!(
            check(good.clone(), "prod-2", 1),
            Err(NotGranted::OtherHost)
        ));
        assert!(matches!(
            check(good.clone(), "prod-1", 2),
            Err(NotGranted::OtherCertificate)
        ));
        assert!(matches!(
            check(answer(&certificate(1, &["root"])), "prod-1", 1),
            Err(NotGranted::OtherCertificate)
        ));
        assert!(matches!(
            check(answer("x"), "prod-1", 1),
            Err(NotGranted::Certificate)
        ));
        let mut nowhere = good.clone();
        nowhere.bastions.clear();
        assert!(matches!(
            check(nowhere, "prod-1", 1),
            Err(NotGranted::Bastion)
        ));
        let mut hostile = good;
        hostile.bastions[0].address = "x\nProxyCommand evil:22".into();
        assert!(matches!(
            check(hostile, "prod-1", 1),
            Err(NotGranted::Bastion)
        ));
    }
}
