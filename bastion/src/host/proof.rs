//! What a host must prove before anything of a session is opened on it, and when it is gone. Pure.

use portreeve_access_policy::facts::{HostFacts, WatchFacts};
use portreeve_protocol::attest::{Attestation, EndCause, HostCheck, Receipt};
use portreeve_protocol::host_check::MAX_TEXT;
use portreeve_protocol::signed::{Signed, VerifyError};

use crate::accept::AccessProven;

/// Proof that the host of a session made the session's account as ordered. Only [`HostProven::check`] makes one.
#[derive(Debug)]
pub struct HostProven {
    signed: Signed<Attestation>,
    found: Option<HostFacts>,
    watch: Option<WatchFacts>,
}

/// Why an attestation or receipt proves nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotProven {
    /// It is not the registered host's.
    #[error("not signed by the registered identity of the host: {0}")]
    Signature(#[from] VerifyError),
    /// It speaks of another host, session, account or order.
    #[error("`{0}` is not as ordered")]
    Field(&'static str),
}

impl HostProven {
    /// Checks an attestation against what was granted and ordered.
    ///
    /// # Errors
    /// The first thing in which it differs.
    pub fn check(access: &AccessProven, signed: Signed<Attestation>) -> Result<Self, NotProven> {
        let grant = access.grant();
        let order = access.order();
        let verified = signed.verify(&grant.host.identity)?;
        let said = verified.get();
        let fields = [
            ("host", said.host == grant.host.name),
            ("session", said.session == grant.session),
            ("account", said.account == grant.account),
            ("bundle", said.bundle == grant.bundle),
            ("order", said.order == order.id),
            ("order_digest", said.order_digest == grant.order.digest()),
            ("expires_at", said.expires_at <= order.expires_at),
            ("uid", said.has_account_uid()),
            // Every decision of the session is made from these, and keeps them.
            ("sudo", said.sudo.len() <= MAX_TEXT),
            (
                "check",
                said.check.as_ref().is_none_or(HostCheck::is_within_limits),
            ),
        ];
        let found = said.check.as_ref();
        let found = found.map(|check| HostFacts::of(&said.sudo, check));
        let watch = said.watch.map(WatchFacts::of);
        match fields.into_iter().find(|(_, holds)| !holds) {
            Some((field, _)) => Err(NotProven::Field(field)),
            None => Ok(Self {
                signed,
                found,
                watch,
            }),
        }
    }

    /// What the host found when it looked at itself, for the policy.
    #[must_use]
    pub const fn found(&self) -> Option<&HostFacts> {
        self.found.as_ref()
    }

    /// By what the host watches the session, for the policy.
    #[must_use]
    pub const fn watch(&self) -> Option<WatchFacts> {
        self.watch
    }

    /// The attestation as it was signed, for the trail.
    #[must_use]
    pub fn into_signed(self) -> Signed<Attestation> {
        self.signed
    }
}

/// Proof that the account of a session is gone, and why. Only [`GoneProven::check`] makes one.
#[derive(Debug, Clone)]
pub struct GoneProven {
    signed: Signed<Receipt>,
    cause: EndCause,
}

impl GoneProven {
    /// Checks that a receipt is this session's, from its host.
    ///
    /// # Errors
    /// The first thing in which it differs.
    pub fn check(access: &AccessProven, signed: Signed<Receipt>) -> Result<Self, NotProven> {
        let grant = access.grant();
        let verified = signed.verify(&grant.host.identity)?;
        let said = verified.get();
        let fields = [
            ("host", said.host == grant.host.name),
            ("session", said.session == grant.session),
            ("account", said.account == grant.account),
            ("order", said.order == access.order().id),
            (
                "order_digest",
                said.order_digest
                    .is_none_or(|digest| digest == grant.order.digest()),
            ),
        ];
        let cause = said.cause;
        match fields.into_iter().find(|(_, holds)| !holds) {
            Some((field, _)) => Err(NotProven::Field(field)),
            None => Ok(Self { signed, cause }),
        }
    }

    /// Why the host says that it ended.
    #[must_use]
    pub const fn cause(&self) -> EndCause {
        self.cause
    }

    /// The receipt as it was signed, for the trail.
    #[must_use]
    pub fn into_signed(self) -> Signed<Receipt> {
        self.signed
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::accept::tests::mint::{Mint, key};
    use crate::accept::tests::proven;
    use portreeve_protocol::digest::Digest;
    use portreeve_protocol::id::SessionId;
    use portreeve_protocol::time::Timestamp;

    const NOW: Timestamp = Timestamp::from_seconds(1_790_000_000);

    /// What the host of a session says when the account is ready.
    pub(crate) fn attestation(mint: &Mint) -> Attestation {
        let grant = mint.grant();
        Attestation {
            host: grant.host.name,
            order: mint.order().id,
            order_digest: grant.order.digest(),
            session: grant.session,
            account: grant.account,
            uid: 61_000,
            gid: 61_000,
            home: "/home/pr".into(),
            bundle: grant.bundle,
            rules_digest: Digest::of(b"rules"),
            sudo: "sudo 1.9.13".into(),
            cgroup: "/portreeve/pr".into(),
            ready_at: mint.now,
            expires_at: grant.expires_at,
            check: None,
            watch: None,
        }
    }

    /// What it says when the account is gone.
    pub(crate) fn receipt(mint: &Mint) -> Receipt {
        let grant = mint.grant();
        Receipt {
            host: grant.host.name,
            order: mint.order().id,
            session: grant.session,
            account: grant.account,
            uid: 61_000,
            cause: EndCause::Asked,
            ending_at: mint.now,
            gone_at: mint.now,
            killed: vec![],
            killed_more: 0,
            steps: vec![],
            left: vec![],
            sudo_commands: 0,
            events: 0,
            last_event: Digest::of(b"attestation"),
            order_digest: None,
            rules_digest: None,
            took: None,
            found: None,
            commands: None,
        }
    }

    fn check(spoil: impl FnOnce(&mut Attestation)) -> Result<HostProven, NotProven> {
        let mint = Mint::new(NOW);
        let mut said = attestation(&mint);
        spoil(&mut said);
        HostProven::check(
            &proven(&mint),
            Signed::sign(&said, &mint.host_identity).unwrap(),
        )
    }

    #[test]
    fn an_attestation_must_be_of_exactly_what_was_ordered() {
        assert!(check(|_| {}).is_ok());
        type Spoil = fn(&mut Attestation);
        let cases: [(&str, Spoil); 11] = [
            ("host", |said| {
                said.host = "prod-2.example.com".parse().unwrap()
            }),
            ("session", |said| {
                said.session = SessionId::new(NOW, [1; 10])
            }),
            ("account", |said| {
                said.account = "pr-0000000000000000".parse().unwrap()
            }),
            ("bundle", |said| said.bundle.digest = Digest::of(b"other")),
            ("order", |said| {
                said.order = portreeve_protocol::id::OrderId::new(NOW, [1; 10])
            }),
            ("order_digest", |said| {
                said.order_digest = Digest::of(b"other")
            }),
            ("expires_at", |said| {
                said.expires_at = said.expires_at.plus(std::time::Duration::from_secs(1))
            }),
            ("uid", |said| said.uid = 0),
            ("uid", |said| said.uid = u32::MAX),
            ("sudo", |said| said.sudo = "x".repeat(MAX_TEXT + 1)),
            ("check", |said| {
                said.check = Some(HostCheck {
                    complete: true,
                    package: Some("x".repeat(MAX_TEXT + 1)),
                    vulnerabilities: vec![],
                    findings: vec![],
                    more: 0,
                    missing: 0,
                });
            }),
        ];
        for (field, spoil) in cases {
            assert_eq!(check(spoil).unwrap_err(), NotProven::Field(field));
        }
    }

    #[test]
    fn an_attestation_of_another_host_proves_nothing() {
        let mint = Mint::new(NOW);
        let signed = Signed::sign(&attestation(&mint), &key(99)).unwrap();
        assert_eq!(
            HostProven::check(&proven(&mint), signed).unwrap_err(),
            NotProven::Signature(VerifyError::Signature)
        );
    }

    #[test]
    fn a_receipt_must_be_this_sessions() {
        let mint = Mint::new(NOW);
        let access = proven(&mint);
        let mut said = receipt(&mint);
        let signed = Signed::sign(&said, &mint.host_identity).unwrap();
        assert!(GoneProven::check(&access, signed).is_ok());
        let refused = |said: &Receipt| {
            let signed = Signed::sign(said, &mint.host_identity).unwrap();
            GoneProven::check(&access, signed).map(|_| ()).unwrap_err()
        };
        said.order_digest = Some(Digest::of(b"another"));
        assert_eq!(refused(&said), NotProven::Field("order_digest"));
        said.session = SessionId::new(NOW, [1; 10]);
        assert_eq!(refused(&said), NotProven::Field("session"));
    }
}
