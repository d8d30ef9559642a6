//! Certificates and grants made with the installation's own keys, right or with one thing altered.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read as _;

use base64ct::{Base64Unpadded, Encoding as _};
use portreeve_protocol::age;
use portreeve_protocol::certificate::{EXTENSION_GRANT, EXTENSION_SESSION};
use portreeve_protocol::grant::Grant;
use portreeve_protocol::id::SessionId;
use portreeve_protocol::name::AccountName;
use portreeve_protocol::order::Order;
use portreeve_protocol::session::SessionGranted;
use portreeve_protocol::signed::Signed;
use portreeve_protocol::time::Timestamp;
use portreeve_tests::installation::{HOST, UNSEALING_KEY, open_grant};
use serde_json::{Value, json};
use ssh_key::certificate::{Builder, CertType};
use ssh_key::private::{Ed25519Keypair, KeypairData};
use ssh_key::public::KeyData;
use ssh_key::{Certificate, PrivateKey};

use super::super::draft::{key, public};
use super::super::now;
use super::super::site::Site;

/// The seed of the key that these tests have certified.
pub(super) const SEED: u8 = 50;

/// A certificate's content, to be altered and signed.
#[derive(Debug, Clone)]
pub(super) struct Draft {
    pub(super) key: KeyData,
    pub(super) kind: CertType,
    pub(super) principals: Vec<String>,
    pub(super) after: u64,
    pub(super) before: u64,
    pub(super) options: BTreeMap<String, String>,
    pub(super) extensions: BTreeMap<String, String>,
    pub(super) serial: u64,
    key_id: String,
}

/// A session that the CA granted to the agent and that nobody has opened yet, with the grant inside.
#[derive(Debug, Clone)]
pub(super) struct Granted {
    pub(super) session: SessionGranted,
    pub(super) certificate: Certificate,
    /// As JSON, to be altered.
    pub(super) grant: Value,
}

pub(super) fn private(seed: u8) -> PrivateKey {
    let pair = Ed25519Keypair::from_seed(&[seed; 32]);
    PrivateKey::new(KeypairData::Ed25519(pair), "").unwrap()
}

impl Draft {
    pub(super) fn of(certificate: &Certificate) -> Self {
        let owned = |map: &ssh_key::certificate::OptionsMap| {
            map.iter()
                .map(|(name, value)| (name.clone(), value.clone()))
                .collect()
        };
        Self {
            key: certificate.public_key().clone(),
            kind: certificate.cert_type(),
            principals: certificate.valid_principals().to_vec(),
            after: certificate.valid_after(),
            before: certificate.valid_before(),
            options: owned(certificate.critical_options()),
            extensions: owned(certificate.extensions()),
            serial: certificate.serial(),
            key_id: certificate.key_id().to_owned(),
        }
    }

    /// The same with one thing altered.
    pub(super) fn with(mut self, alter: impl FnOnce(&mut Self)) -> Self {
        alter(&mut self);
        self
    }

    pub(super) fn sign(self, authority: &PrivateKey) -> Certificate {
        let mut builder = Builder::new([7; 32], self.key, self.after, self.before).unwrap();
        builder.serial(self.serial).unwrap();
        builder.cert_type(self.kind).unwrap();
        builder.key_id(self.key_id).unwrap();
        if self.principals.is_empty() {
            builder.all_principals_valid().unwrap();
        }
        for principal in self.principals {
            builder.valid_principal(principal).unwrap();
        }
        for (name, value) in self.options {
            builder.critical_option(name, value).unwrap();
        }
        for (name, value) in self.extensions {
            builder.extension(name, value).unwrap();
        }
        builder.sign(authority).unwrap()
    }
}

impl Granted {
    /// Asks the CA for a session on the key of [`SEED`].
    pub(super) fn new(site: &Site) -> Self {
        let body = json!({
            "host": HOST, "ticket": "INC-4711", "purpose": "to see what a bastion lets in",
            "bundle": "forensic-read-only", "key": public(&key(SEED)),
        });
        let request = site.pair(&site.delegated(), "POST", "/v1/sessions");
        let answer = site.https.send(&request.json(&body));
        let session: SessionGranted =
            serde_json::from_str(&answer.body).unwrap_or_else(|_| panic!("{answer:?}"));
        let grant = open_grant(site.installation.lab().host("bastion"), &session).unwrap();
        Self {
            certificate: Certificate::from_openssh(&session.certificate).unwrap(),
            grant: serde_json::to_value(grant).unwrap(),
            session,
        }
    }

    pub(super) fn user(&self) -> &str {
        self.session.account.as_str()
    }

    /// The certificate's content.
    pub(super) fn draft(&self) -> Draft {
        Draft::of(&self.certificate)
    }

    /// The same session under another id, with every signature in place: of one that the CA knows nothing of.
    pub(super) fn renumbered(&self, site: &Site) -> (AccountName, Certificate) {
        let random =
            *<&[u8; 10]>::try_from(&self.session.session.to_string().as_bytes()[..10]).unwrap();
        let id = SessionId::new(Timestamp::from_seconds(now()), random);
        let account = id.account();
        let signed: Signed<Order> = serde_json::from_value(self.grant["order"].clone()).unwrap();
        let mut order: Order = serde_json::from_str(signed.unverified_payload()).unwrap();
        order.session = id;
        order.account = account.clone();
        let order = Signed::sign(&order, &site.ca_key("order")).unwrap();
        let inner = self.grant["session_certificate"].as_str().unwrap();
        let inner = Draft::of(&Certificate::from_openssh(inner).unwrap())
            .with(|draft| draft.principals = vec![format!("{account}@{HOST}")])
            .sign(&site.ca_key("session_ca"));
        let grant = self.altered(|grant| {
            grant["session"] = json!(id);
            grant["account"] = json!(account);
            grant["order"] = serde_json::to_value(order).unwrap();
            grant["session_certificate"] = json!(inner.to_openssh().unwrap());
        });
        let certificate = Draft::of(&self.around(site, &grant)).with(|draft| {
            draft.principals = vec![account.to_string()];
            draft
                .extensions
                .insert(EXTENSION_SESSION.to_owned(), id.to_string());
        });
        (account, certificate.sign(&site.ca_key("access_ca")))
    }

    /// The same certificate around another grant, which is sealed to the bastion.
    pub(super) fn around(&self, site: &Site, grant: &Value) -> Certificate {
        self.around_bytes(site, grant.to_string().as_bytes())
    }

    /// The same around any bytes, which are sealed to the bastion.
    pub(super) fn around_bytes(&self, site: &Site, plain: &[u8]) -> Certificate {
        let host = site.installation.lab().host("bastion");
        let text = host.read_text(UNSEALING_KEY).unwrap();
        let bastion = &age::Identity::all_in(&text).unwrap()[0];
        self.around_sealed(site, &seal(plain, &bastion.recipient()))
    }

    /// The same around any bytes as they are.
    pub(super) fn around_sealed(&self, site: &Site, sealed: &[u8]) -> Certificate {
        let text = Base64Unpadded::encode_string(sealed);
        self.draft()
            .with(|draft| {
                draft.extensions.insert(EXTENSION_GRANT.to_owned(), text);
            })
            .sign(&site.ca_key("access_ca"))
    }

    /// The sealed grant as the CA made it.
    pub(super) fn sealed(&self) -> Vec<u8> {
        let text = self.certificate.extensions().get(EXTENSION_GRANT);
        Base64Unpadded::decode_vec(text.unwrap()).unwrap()
    }

    /// The grant as a value.
    pub(super) fn opened(&self) -> Grant {
        serde_json::from_value(self.grant.clone()).unwrap()
    }

    /// The grant with one thing altered.
    pub(super) fn altered(&self, alter: impl FnOnce(&mut Value)) -> Value {
        let mut grant = self.grant.clone();
        alter(&mut grant);
        grant
    }
}

pub(super) fn seal(plain: &[u8], recipient: &age::Recipient) -> Vec<u8> {
    let mut random = File::open("/dev/urandom").unwrap();
    age::seal(std::slice::from_ref(recipient), plain, &mut |bytes| {
        random.read_exact(bytes).unwrap();
    })
    .unwrap()
}

/// A certificate certified by a certificate certified by a certificate, and so on: a parser that follows
/// them uses up its stack.
pub(super) fn nested(levels: usize) -> Vec<u8> {
    let text = |bytes: &[u8]| {
        let length = u32::try_from(bytes.len()).unwrap().to_be_bytes();
        [&length[..], bytes].concat()
    };
    let key = [7; 32];
    let signature = [text(b"ssh-ed25519"), text(&[7; 64])].concat();
    let mut blob = [text(b"ssh-ed25519"), text(&key)].concat();
    for _ in 0..levels {
        blob = [
            text(b"ssh-ed25519-cert-v01@openssh.com"),
            text(&[7; 16]),
            text(&key),
            1_u64.to_be_bytes().to_vec(),
            1_u32.to_be_bytes().to_vec(),
            text(b""),
            text(b""),
            0_u64.to_be_bytes().to_vec(),
            u64::MAX.to_be_bytes().to_vec(),
            text(b""),
            text(b""),
            text(b""),
            text(&blob),
            text(&signature),
        ]
        .concat();
    }
    blob
}
