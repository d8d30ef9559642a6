//! Keys and certificates of the tests: each key is made of one number.

use ssh_key::certificate::{Builder, CertType};
use ssh_key::private::{Ed25519Keypair, KeypairData};
use ssh_key::{Certificate, LineEnding, PrivateKey, PublicKey};

/// The CA of access certificates.
pub(crate) const ACCESS_CA: u8 = 90;
/// The CA of bastions' host certificates.
pub(crate) const HOST_CA: u8 = 91;
/// The bastion's host key.
pub(crate) const BASTION: u8 = 92;

pub(crate) const ACCOUNT: &str = "pr-0123456789abcdef";

pub(crate) fn private(seed: u8) -> PrivateKey {
    let pair = Ed25519Keypair::from_seed(&[seed; 32]);
    PrivateKey::new(KeypairData::Ed25519(pair), "").unwrap()
}

pub(crate) fn public_line(seed: u8) -> String {
    private(seed).public_key().to_openssh().unwrap()
}

pub(crate) fn private_file(seed: u8) -> String {
    private(seed)
        .to_openssh(LineEnding::LF)
        .unwrap()
        .to_string()
}

pub(crate) fn access_certificate(key: &PublicKey, ca: u8) -> Certificate {
    certificate(key, CertType::User, ACCOUNT, ca)
}

pub(crate) fn host_certificate(name: &str, ca: u8) -> Certificate {
    certificate(private(BASTION).public_key(), CertType::Host, name, ca)
}

fn certificate(key: &PublicKey, kind: CertType, principal: &str, ca: u8) -> Certificate {
    let mut builder = Builder::new(vec![1; 16], key.key_data().clone(), 0, u64::MAX - 1).unwrap();
    builder.cert_type(kind).unwrap();
    builder.key_id("portreeve test").unwrap();
    builder.valid_principal(principal).unwrap();
    builder.sign(&private(ca)).unwrap()
}
