//! The key schedule: the file key, what is derived from it, and how one stanza wraps it for one
//! recipient.

use chacha20poly1305::aead::{AeadInOut, KeyInit};
use chacha20poly1305::{ChaCha20Poly1305, Nonce, Tag};
use hkdf::Hkdf;
use hmac::{Hmac, Mac};
use sha2::Sha256;
use x25519_dalek::{PublicKey, SharedSecret, StaticSecret};
use zeroize::Zeroizing;

use super::key::{Identity, Recipient};

const X25519_INFO: &[u8] = b"age-encryption.org/v1/X25519";
const FILE_KEY_LEN: usize = 16;
/// A wrapped file key: the key and its tag.
pub(super) const BODY_LEN: usize = FILE_KEY_LEN + 16;

/// The key from which everything in one sealed value is derived.
pub(super) struct FileKey(Zeroizing<[u8; FILE_KEY_LEN]>);

/// One recipient's stanza, decoded.
pub(super) struct Wrapped {
    pub(super) share: [u8; 32],
    pub(super) body: [u8; BODY_LEN],
}

/// The shared secret of a stanza is zero: its share is a point of low order.
pub(super) struct WeakShare;

impl FileKey {
    pub(super) fn draw(entropy: &mut impl FnMut(&mut [u8])) -> Self {
        let mut bytes = Zeroizing::new([0; FILE_KEY_LEN]);
        entropy(bytes.as_mut_slice());
        Self(bytes)
    }

    /// The MAC over a header up to and including its `---`.
    pub(super) fn header_mac(&self, header: &[u8]) -> [u8; 32] {
        self.mac_of(header).finalize().into_bytes().into()
    }

    pub(super) fn header_mac_is(&self, header: &[u8], mac: &[u8; 32]) -> bool {
        self.mac_of(header).verify_slice(mac).is_ok()
    }

    pub(super) fn payload_cipher(&self, nonce: &[u8]) -> ChaCha20Poly1305 {
        cipher(&derive(nonce, self.0.as_slice(), b"payload"))
    }

    pub(super) fn wrap(&self, to: &Recipient, entropy: &mut impl FnMut(&mut [u8])) -> Wrapped {
        let mut bytes = Zeroizing::new([0; 32]);
        entropy(bytes.as_mut_slice());
        let ephemeral = StaticSecret::from(*bytes);
        let share = PublicKey::from(&ephemeral).to_bytes();
        let shared = ephemeral.diffie_hellman(&PublicKey::from(*to.as_bytes()));
        let mut body = [0; BODY_LEN];
        let (key, tag) = body.split_at_mut(FILE_KEY_LEN);
        key.copy_from_slice(self.0.as_slice());
        let made = seal_in_place(&wrap_cipher(&share, to, &shared), &Nonce::default(), key);
        tag.copy_from_slice(&made);
        Wrapped { share, body }
    }

    #[expect(clippy::expect_used, reason = "HMAC takes a key of any length")]
    fn mac_of(&self, header: &[u8]) -> Hmac<Sha256> {
        let key = derive(&[], self.0.as_slice(), b"header");
        let mut mac = <Hmac<Sha256> as KeyInit>::new_from_slice(key.as_slice())
            .expect("HMAC takes a key of any length");
        mac.update(header);
        mac
    }
}

/// Opens a stanza with one identity; `None` when it was not for this identity.
pub(super) fn unwrap(stanza: &Wrapped, with: &Identity) -> Result<Option<FileKey>, WeakShare> {
    let shared = with.secret().diffie_hellman(&PublicKey::from(stanza.share));
    if !shared.was_contributory() {
        return Err(WeakShare);
    }
    let cipher = wrap_cipher(&stanza.share, &with.recipient(), &shared);
    let (wrapped, tag) = stanza.body.split_at(FILE_KEY_LEN);
    let mut key = Zeroizing::new([0; FILE_KEY_LEN]);
    key.copy_from_slice(wrapped);
    let opened = open_in_place(&cipher, &Nonce::default(), key.as_mut_slice(), tag);
    Ok(opened.then_some(FileKey(key)))
}

/// Encrypts in place and returns the tag.
#[expect(
    clippy::expect_used,
    reason = "the cipher refuses only inputs over 256 GiB; ours are chunks of 64 KiB at most"
)]
pub(super) fn seal_in_place(cipher: &ChaCha20Poly1305, nonce: &Nonce, data: &mut [u8]) -> Tag {
    cipher
        .encrypt_inout_detached(nonce, &[], data.into())
        .expect("chunk is far below the cipher's limit")
}

/// Decrypts in place; false when the tag does not fit, and then `data` is not plaintext.
pub(super) fn open_in_place(
    cipher: &ChaCha20Poly1305,
    nonce: &Nonce,
    data: &mut [u8],
    tag: &[u8],
) -> bool {
    Tag::try_from(tag).is_ok_and(|tag| {
        cipher
            .decrypt_inout_detached(nonce, &[], data.into(), &tag)
            .is_ok()
    })
}

fn wrap_cipher(share: &[u8; 32], recipient: &Recipient, shared: &SharedSecret) -> ChaCha20Poly1305 {
    let mut salt = [0; 64];
    let (first, second) = salt.split_at_mut(32);
    first.copy_from_slice(share);
    second.copy_from_slice(recipient.as_bytes());
    cipher(&derive(&salt, shared.as_bytes(), X25519_INFO))
}

fn cipher(key: &[u8; 32]) -> ChaCha20Poly1305 {
    ChaCha20Poly1305::new(key.into())
}

#[expect(
    clippy::expect_used,
    reason = "HKDF-SHA-256 refuses only outputs over 8160 bytes; this is 32"
)]
fn derive(salt: &[u8], ikm: &[u8], info: &[u8]) -> Zeroizing<[u8; 32]> {
    let mut key = Zeroizing::new([0; 32]);
    Hkdf::<Sha256>::new(Some(salt), ikm)
        .expand(info, key.as_mut_slice())
        .expect("32 bytes is a length HKDF can make");
    key
}
