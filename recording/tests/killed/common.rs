//! What the writer and its killer agree on.

use portreeve_protocol::age::Identity;
use portreeve_protocol::key::PublicKey;
use ssh_key::PrivateKey;
use ssh_key::private::{Ed25519Keypair, KeypairData};

/// Variables that make this program the writer.
pub(crate) const WHERE: &str = "PORTREEVE_TEST_FOLDER";
pub(crate) const MODE: &str = "PORTREEVE_TEST_MODE";
pub(crate) const SEED: &str = "PORTREEVE_TEST_SEED";

/// What the writer says, each followed by a channel, a length and so many bytes.
pub(crate) const SESSION: u8 = b'S';
pub(crate) const PASSED: u8 = b'P';
pub(crate) const DURABLE: u8 = b'D';
pub(crate) const HEAD: u8 = b'H';

pub(crate) fn bastion() -> PrivateKey {
    PrivateKey::new(
        KeypairData::Ed25519(Ed25519Keypair::from_seed(&[1; 32])),
        "bastion-1",
    )
    .unwrap()
}

pub(crate) fn bastion_public() -> PublicKey {
    PublicKey::new(bastion().public_key().key_data().clone()).unwrap()
}

pub(crate) fn reviewer() -> Identity {
    Identity::from_secret_bytes(&[2; 32])
}
