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

/// Numbers out of a seed (splitmix64).
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) const fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }
}
