//! The two halves of an age key: what one seals to, and what opens it.

use std::fmt;
use std::str::FromStr;

use bech32::primitives::decode::CheckedHrpstring;
use bech32::{Bech32, Hrp};
use serde::{Deserialize, Serialize};
use thiserror::Error;
use x25519_dalek::{PublicKey, StaticSecret};
use zeroize::Zeroizing;

const RECIPIENT_PREFIX: &str = "age1";
const IDENTITY_PREFIX: &str = "AGE-SECRET-KEY-1";
const IDENTITY_HRP: Hrp = Hrp::parse_unchecked("AGE-SECRET-KEY-");
const RECIPIENT_HRP: Hrp = Hrp::parse_unchecked("age");
/// The length of an identity in text; reserving it keeps the secret in one allocation.
const IDENTITY_TEXT_LEN: usize = 74;

/// The public half: what a value is sealed to. Written `age1…`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Recipient([u8; 32]);

/// The secret half: opens what was sealed to its recipient. Does not print its secret and is wiped
/// when dropped.
pub struct Identity {
    secret: StaticSecret,
    recipient: Recipient,
}

/// Why a text is not an age key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum ParseKeyError {
    /// The prefix of the wanted kind is missing.
    #[error("this does not start with `{wanted}`")]
    Prefix {
        /// The prefix that the wanted kind of key has.
        wanted: &'static str,
    },
    /// The checksum is wrong, or a character that Bech32 does not have.
    #[error("the checksum of this key is wrong; check that it was copied whole")]
    Checksum,
    /// Bech32, but not of 32 bytes.
    #[error("this key does not hold 32 bytes")]
    Length,
    /// A point of low order: the shared secret with it is known to everybody.
    #[error("this recipient is a weak point of the curve; nothing can be sealed to it")]
    Weak,
}

impl Recipient {
    /// The 32 bytes of the public key.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Accepts a public key that is not of low order.
    ///
    /// # Errors
    /// [`ParseKeyError::Weak`] for a point of low order.
    pub fn from_bytes(bytes: [u8; 32]) -> Result<Self, ParseKeyError> {
        // Every clamped scalar is a multiple of the cofactor, so any one of them sends every
        // low-order point to zero.
        let any_scalar = StaticSecret::from([1; 32]);
        if any_scalar
            .diffie_hellman(&PublicKey::from(bytes))
            .was_contributory()
        {
            Ok(Self(bytes))
        } else {
            Err(ParseKeyError::Weak)
        }
    }
}

impl FromStr for Recipient {
    type Err = ParseKeyError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::from_bytes(*decode(text, RECIPIENT_PREFIX)?)
    }
}

impl fmt::Display for Recipient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        bech32::encode_lower_to_fmt::<Bech32, _>(f, RECIPIENT_HRP, &self.0).map_err(|_| fmt::Error)
    }
}

impl fmt::Debug for Recipient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Recipient({self})")
    }
}

impl TryFrom<String> for Recipient {
    type Error = ParseKeyError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Recipient> for String {
    fn from(recipient: Recipient) -> Self {
        recipient.to_string()
    }
}

impl Identity {
    /// Makes a new identity from 32 bytes of the caller's randomness.
    pub fn generate(entropy: &mut impl FnMut(&mut [u8])) -> Self {
        let mut bytes = Zeroizing::new([0; 32]);
        entropy(bytes.as_mut_slice());
        Self::from_secret_bytes(&bytes)
    }

    /// Reads a key file as `age-keygen` writes it: one identity a line; empty lines and comments
    /// are skipped.
    ///
    /// # Errors
    /// The first line that is neither.
    pub fn all_in(file: &str) -> Result<Vec<Self>, ParseKeyError> {
        file.lines()
            .map(str::trim)
            .filter(|line| !line.is_empty() && !line.starts_with('#'))
            .map(str::parse)
            .collect()
    }

    /// Takes the 32 bytes of an existing secret.
    #[must_use]
    pub fn from_secret_bytes(bytes: &[u8; 32]) -> Self {
        let secret = StaticSecret::from(*bytes);
        let recipient = Recipient(PublicKey::from(&secret).to_bytes());
        Self { secret, recipient }
    }

    /// The public half.
    #[must_use]
    pub fn recipient(&self) -> Recipient {
        self.recipient
    }

    /// The secret in text, `AGE-SECRET-KEY-1…`, to be written to a file that only its owner reads.
    #[must_use]
    pub fn expose_secret_text(&self) -> Zeroizing<String> {
        let mut text = Zeroizing::new(String::with_capacity(IDENTITY_TEXT_LEN));
        let written = bech32::encode_upper_to_fmt::<Bech32, String>(
            &mut text,
            IDENTITY_HRP,
            self.secret.as_bytes(),
        );
        debug_assert!(written.is_ok(), "74 characters fit every Bech32 limit");
        text
    }

    pub(super) fn secret(&self) -> &StaticSecret {
        &self.secret
    }
}

impl FromStr for Identity {
    type Err = ParseKeyError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(Self::from_secret_bytes(&*decode(text, IDENTITY_PREFIX)?))
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Identity(of {})", self.recipient)
    }
}

/// Reads a Bech32 text of exactly 32 bytes. The prefix settles human-readable part and case at
/// once: Bech32 forbids mixed case, and `1` is not in its alphabet, so the first one is the
/// separator.
fn decode(text: &str, prefix: &'static str) -> Result<Zeroizing<[u8; 32]>, ParseKeyError> {
    if !text.starts_with(prefix) {
        return Err(ParseKeyError::Prefix { wanted: prefix });
    }
    let checked = CheckedHrpstring::new::<Bech32>(text).map_err(|_| ParseKeyError::Checksum)?;
    checked
        .validate_segwit_padding()
        .map_err(|_| ParseKeyError::Length)?;
    let mut bytes = Zeroizing::new([0; 32]);
    let mut decoded = checked.byte_iter();
    if decoded.len() != bytes.len() {
        return Err(ParseKeyError::Length);
    }
    bytes
        .iter_mut()
        .zip(&mut decoded)
        .for_each(|(to, from)| *to = from);
    Ok(bytes)
}
