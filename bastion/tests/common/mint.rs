//! Certificates and grants as the CA makes them, each part of which a test can spoil.

use base64ct::{Base64Unpadded, Encoding as _};
use portreeve_protocol::age;
use portreeve_protocol::certificate::{
    EXTENSION_BUNDLE, EXTENSION_GRANT, EXTENSION_PTY, EXTENSION_SESSION, OPTION_BASTION,
    OPTION_SOURCE_ADDRESS, control_principal, session_principal,
};
use portreeve_protocol::digest::Digest;
use portreeve_protocol::facts::{Facts, Intent, SignIn};
use portreeve_protocol::grant::{ContentLimit, Grant, HostTarget, RecordingMode, SessionKey};
use portreeve_protocol::id::{OrderId, SessionId, TaskId};
use portreeve_protocol::key::PublicKey;
use portreeve_protocol::order::Order;
use portreeve_protocol::pair::{Human, Pair};
use portreeve_protocol::session::BundleRef;
use portreeve_protocol::signed::Signed;
use portreeve_protocol::task::{Purpose, Task, Ticket};
use portreeve_protocol::time::{Timestamp, Ttl};
use ssh_key::certificate::{Builder, CertType};
use ssh_key::private::{Ed25519Keypair, KeypairData};
use ssh_key::{Certificate, PrivateKey};

/// An Ed25519 key made of one byte.
pub(crate) fn key(seed: u8) -> PrivateKey {
    PrivateKey::new(
        KeypairData::Ed25519(Ed25519Keypair::from_seed(&[seed; 32])),
        "",
    )
    .unwrap()
}

/// Its public half.
pub(crate) fn public(key: &PrivateKey) -> PublicKey {
    PublicKey::new(key.public_key().key_data().clone()).unwrap()
}

/// A CA with one session to give.
pub(crate) struct Mint {
    pub(crate) access_ca: PrivateKey,
    pub(crate) session_ca: PrivateKey,
    pub(crate) order_key: PrivateKey,
    pub(crate) host_identity: PrivateKey,
    pub(crate) agent_key: PrivateKey,
    pub(crate) session_seed: [u8; 32],
    pub(crate) session: SessionId,
    pub(crate) now: Timestamp,
    pub(crate) lifetime: u64,
    pub(crate) bundle: String,
    pub(crate) host_address: String,
    pub(crate) host_keys: Vec<PublicKey>,
    pub(crate) recording: RecordingMode,
    pub(crate) recording_content: Option<ContentLimit>,
    pub(crate) idle: u32,
    pub(crate) linger: u32,
    pub(crate) policy: Digest,
}

/// An access certificate before it is signed.
pub(crate) struct Draft {
    pub(crate) kind: CertType,
    pub(crate) signer: PrivateKey,
    pub(crate) valid_after: u64,
    pub(crate) valid_before: u64,
    pub(crate) principals: Vec<String>,
    pub(crate) options: Vec<(String, String)>,
    pub(crate) extensions: Vec<(String, String)>,
    pub(crate) key: PrivateKey,
}

impl Mint {
    pub(crate) fn new(now: Timestamp) -> Self {
        Self {
            access_ca: key(1),
            session_ca: key(2),
            order_key: key(3),
            host_identity: key(4),
            agent_key: key(5),
            session_seed: [6; 32],
            session: SessionId::new(now, [7; 10]),
            now,
            lifetime: 600,
            bundle: "# bundle\n".into(),
            host_address: "192.0.2.10:22".into(),
            host_keys: vec![public(&key(8))],
            recording: RecordingMode::Standard,
            recording_content: None,
            idle: 300,
            linger: 30,
            policy: Digest::of(b"policy"),
        }
    }

    pub(crate) fn session_key(&self) -> PrivateKey {
        let pair = Ed25519Keypair::from_seed(&self.session_seed);
        PrivateKey::new(KeypairData::Ed25519(pair), "").unwrap()
    }

    pub(crate) fn expires_at(&self) -> Timestamp {
        self.now.plus(std::time::Duration::from_secs(self.lifetime))
    }

    pub(crate) fn pair(&self) -> Pair {
        Pair {
            human: Human {
                issuer: "https://idp.example.com".into(),
                subject: "alice".into(),
                name: "alice@example.com".parse().unwrap(),
            },
            agent: "soc/forensics".parse().unwrap(),
        }
    }

    pub(crate) fn bundle_ref(&self) -> BundleRef {
        BundleRef {
            name: "forensic".parse().unwrap(),
            digest: Digest::of(self.bundle.as_bytes()),
        }
    }

    pub(crate) fn order(&self) -> Order {
        Order {
            id: OrderId::new(self.now, [9; 10]),
            host: "prod-1.example.com".parse().unwrap(),
            session: self.session,
            pair: self.pair(),
            task: self.task(),
            account: self.session.account(),
            bundle: self.bundle_ref(),
            session_key: public(&self.session_key()).fingerprint(),
            session_serial: 41,
            issued_at: self.now,
            deliver_by: self.now.plus(std::time::Duration::from_secs(60)),
            expires_at: self.expires_at(),
            uid_floor: None,
        }
    }

    pub(crate) fn task(&self) -> Task {
        Task {
            id: TaskId::new(self.now, [10; 10]),
            ticket: Ticket::new("INC-4711").unwrap(),
            purpose: Purpose::new("Find the reverse shell on prod-1").unwrap(),
        }
    }

    pub(crate) fn grant(&self) -> Grant {
        let order = self.order();
        let host = order.host.clone();
        let account = order.account.clone();
        Grant {
            session: self.session,
            access_key: public(&self.agent_key).fingerprint(),
            pair: self.pair(),
            task: self.task(),
            host: HostTarget {
                name: host.clone(),
                address: self.host_address.clone(),
                host_keys: self.host_keys.clone(),
                identity: public(&self.host_identity),
            },
            account: account.clone(),
            bundle: self.bundle_ref(),
            facts: Facts {
                email: Some("alice@example.com".into()),
                groups: vec!["soc".into()],
                sign_in: SignIn {
                    at: self.now,
                    amr: vec!["mfa".into()],
                    acr: None,
                },
                owner: "bob@example.com".parse().unwrap(),
                review_by: None,
                labels: vec!["prod".into()],
                intent: Intent::ReadOnly,
            },
            connect_by: order.deliver_by,
            expires_at: order.expires_at,
            idle: Ttl::from_seconds(self.idle).unwrap(),
            linger: Ttl::from_seconds(self.linger).unwrap(),
            recording: self.recording,
            recording_content: self.recording_content,
            policy: self.policy,
            session_key: SessionKey::from_seed(self.session_seed),
            session_certificate: self.inner(&session_principal(&account, &host), 41, true),
            control_certificate: self.inner(&control_principal(&host), 42, false),
            order: Signed::sign(&order, &self.order_key).unwrap(),
        }
    }

    fn inner(&self, principal: &str, serial: u64, pty: bool) -> String {
        let now = self.now.as_unsigned_seconds();
        let key = self.session_key();
        let mut builder = Builder::new(
            vec![serial.to_be_bytes()[7]; 16],
            key.public_key(),
            now - 30,
            now + self.lifetime,
        )
        .unwrap();
        builder.serial(serial).unwrap();
        builder.cert_type(CertType::User).unwrap();
        builder.key_id("portreeve session").unwrap();
        builder.valid_principal(principal).unwrap();
        if pty {
            builder.extension(EXTENSION_PTY, "").unwrap();
        }
        builder
            .sign(&self.session_ca)
            .unwrap()
            .to_openssh()
            .unwrap()
    }

    pub(crate) fn seal(grant: &Grant, to: &[age::Recipient]) -> String {
        let plain = serde_json::to_vec(grant).unwrap();
        let mut count = 0u8;
        let sealed = age::seal(to, &plain, &mut |bytes: &mut [u8]| {
            for byte in bytes {
                count = count.wrapping_add(113);
                *byte = count;
            }
        });
        Base64Unpadded::encode_string(&sealed.unwrap())
    }

    pub(crate) fn draft(&self, grant: &Grant, to: age::Recipient) -> Draft {
        let now = self.now.as_unsigned_seconds();
        Draft {
            kind: CertType::User,
            signer: self.access_ca.clone(),
            valid_after: now - 30,
            valid_before: now + self.lifetime,
            principals: vec![self.session.account().to_string()],
            options: vec![
                (OPTION_BASTION.into(), "bastion-1,bastion-2".into()),
                (
                    OPTION_SOURCE_ADDRESS.into(),
                    "127.0.0.1/32,192.0.2.7/32".into(),
                ),
            ],
            extensions: vec![
                (EXTENSION_SESSION.into(), self.session.to_string()),
                (EXTENSION_BUNDLE.into(), grant.bundle.to_string()),
                (EXTENSION_GRANT.into(), Self::seal(grant, &[to])),
            ],
            key: self.agent_key.clone(),
        }
    }
}

impl Draft {
    pub(crate) fn sign(&self) -> Certificate {
        let mut builder = Builder::new(
            vec![11; 16],
            self.key.public_key(),
            self.valid_after,
            self.valid_before,
        )
        .unwrap();
        builder.serial(40).unwrap();
        builder.cert_type(self.kind).unwrap();
        builder.key_id("portreeve access").unwrap();
        if self.principals.is_empty() {
            builder.all_principals_valid().unwrap();
        }
        for principal in &self.principals {
            builder.valid_principal(principal.as_str()).unwrap();
        }
        for (name, value) in &self.options {
            builder
                .critical_option(name.as_str(), value.as_str())
                .unwrap();
        }
        for (name, value) in &self.extensions {
            builder.extension(name.as_str(), value.as_str()).unwrap();
        }
        builder.sign(&self.signer).unwrap()
    }

    pub(crate) fn set_option(&mut self, name: &str, value: &str) {
        self.options.retain(|(n, _)| n != name);
        self.options.push((name.into(), value.into()));
    }

    pub(crate) fn set_extension(&mut self, name: &str, value: &str) {
        self.extensions.retain(|(n, _)| n != name);
        self.extensions.push((name.into(), value.into()));
    }
}
