//! The CA's part, played by the test: keys, tickets, orders, certificates.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, SystemTime};

use portreeve_protocol::digest::Digest;
use portreeve_protocol::enrol::{HostProof, HostTicket};
use portreeve_protocol::id::{OrderId, SessionId, TaskId};
use portreeve_protocol::key::PublicKey;
use portreeve_protocol::order::Order;
use portreeve_protocol::pair::{Human, Pair};
use portreeve_protocol::secret::SecretText;
use portreeve_protocol::session::BundleRef;
use portreeve_protocol::signed::Signed;
use portreeve_protocol::task::{Purpose, Task, Ticket};
use portreeve_protocol::time::Timestamp;
use ssh_key::PrivateKey;
use ssh_key::private::{Ed25519Keypair, KeypairData};

pub(crate) const HOST: &str = "prod-1.example.com";

/// A CA with one host.
pub(crate) struct Ca {
    directory: tempfile::TempDir,
    order_key: PrivateKey,
    session_ca: PathBuf,
}

/// What a bastion gets for one session.
#[derive(Clone)]
pub(crate) struct Pass {
    pub(crate) order: Order,
    pub(crate) signed: Signed<Order>,
    pub(crate) bundle: String,
    /// The private key of both certificates, which lie beside it.
    pub(crate) key: PathBuf,
}

pub(crate) fn now() -> Timestamp {
    let since = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap();
    Timestamp::from_micros(i64::try_from(since.as_micros()).unwrap())
}

fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).unwrap();
    bytes
}

fn key() -> PrivateKey {
    let pair = KeypairData::Ed25519(Ed25519Keypair::from_seed(&random()));
    PrivateKey::new(pair, "").unwrap()
}

fn public(key: &PrivateKey) -> PublicKey {
    PublicKey::new(key.public_key().key_data().clone()).unwrap()
}

impl Ca {
    pub(crate) fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let session_ca = directory.path().join("session_ca");
        make_key(&session_ca);
        Self {
            directory,
            order_key: key(),
            session_ca,
        }
    }

    pub(crate) fn ticket(&self) -> HostTicket {
        let session_ca = std::fs::read_to_string(self.session_ca.with_extension("pub")).unwrap();
        HostTicket {
            host: HOST.parse().unwrap(),
            token: SecretText::new("one-time".into()),
            expires_at: now().plus(Duration::from_secs(600)),
            session_ca: session_ca.parse().unwrap(),
            order_key: public(&self.order_key),
        }
    }

    /// Believes a host's proof; its identity from now on.
    pub(crate) fn confirm(&self, proof: &str) -> PublicKey {
        let proof: HostProof = serde_json::from_str(proof).unwrap();
        let enrolment = proof
            .enrolment
            .verify(&proof.identity)
            .unwrap()
            .into_inner();
        assert_eq!(enrolment.host.as_str(), HOST);
        assert_eq!(enrolment.token.expose(), "one-time");
        assert!(!enrolment.host_keys.is_empty());
        assert!(enrolment.sudo.starts_with("sudo "), "{}", enrolment.sudo);
        assert_eq!(enrolment.identity, proof.identity);
        proof.identity
    }

    /// A session of this length with this bundle, and certificates for it.
    pub(crate) fn pass(&self, bundle: &str, seconds: u64) -> Pass {
        let key = self.directory.path().join(random_name());
        make_key(&key);
        let pass = self.order_for(key, bundle, seconds);
        let (key, account) = (&pass.key, &pass.order.account);
        self.certify(key, "control", &format!("portreeve@{HOST}"), 41);
        self.certify(key, "session", &format!("{account}@{HOST}"), 42);
        pass
    }

    /// The same for a session that nobody logs in to.
    pub(crate) fn order(&self, bundle: &str, seconds: u64) -> Pass {
        self.order_for(self.session_ca.clone(), bundle, seconds)
    }

    fn order_for(&self, key: PathBuf, bundle: &str, seconds: u64) -> Pass {
        let at = now();
        let session = SessionId::new(at, random());
        let session_key: PublicKey = std::fs::read_to_string(key.with_extension("pub"))
            .unwrap()
            .parse()
            .unwrap();
        let order = Order {
            id: OrderId::new(at, random()),
            host: HOST.parse().unwrap(),
            session,
            pair: Pair {
                human: Human {
                    issuer: "https://idp.example.com".into(),
                    subject: "alice".into(),
                    name: "alice@example.com".parse().unwrap(),
                },
                agent: "soc/forensics".parse().unwrap(),
            },
            task: Task {
                id: TaskId::new(at, random()),
                ticket: Ticket::new("INC-4711").unwrap(),
                purpose: Purpose::new("Find the reverse shell").unwrap(),
            },
            account: session.account(),
            bundle: BundleRef {
                name: "forensics".parse().unwrap(),
                digest: Digest::of(bundle.as_bytes()),
            },
            session_key: session_key.fingerprint(),
            session_serial: 42,
            issued_at: at,
            deliver_by: at.plus(Duration::from_secs(60.min(seconds))),
            expires_at: at.plus(Duration::from_secs(seconds)),
            uid_floor: None,
        };
        let signed = self.sign(&order);
        Pass {
            order,
            signed,
            bundle: bundle.into(),
            key,
        }
    }

    pub(crate) fn sign(&self, order: &Order) -> Signed<Order> {
        Signed::sign(order, &self.order_key).unwrap()
    }

    /// A certificate of the session CA as `<key>-<kind>-cert.pub`.
    pub(crate) fn certify(&self, key: &Path, kind: &str, principal: &str, serial: u64) {
        let serial = serial.to_string();
        let subject = PathBuf::from(format!("{}-{kind}.pub", key.display()));
        std::fs::copy(key.with_extension("pub"), &subject).unwrap();
        let done = Command::new("ssh-keygen")
            .args(["-q", "-s"])
            .arg(&self.session_ca)
            .args([
                "-I", "test", "-n", principal, "-z", &serial, "-V", "-1m:+10m",
            ])
            .args(["-O", "clear", "-O", "permit-pty"])
            .arg(&subject)
            .status()
            .unwrap();
        assert!(done.success());
    }
}

fn random_name() -> String {
    Digest::of(&random::<16>()).hex()
}

fn make_key(path: &Path) {
    let args = ["-q", "-t", "ed25519", "-N", "", "-C", "", "-f"];
    let done = Command::new("ssh-keygen")
        .args(args)
        .arg(path)
        .status()
        .unwrap();
    assert!(done.success());
}
