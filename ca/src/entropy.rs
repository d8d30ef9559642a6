//! Randomness from the operating system. Callers draw all that they need before they act.

use portreeve_protocol::secret::SecretText;

use base64ct::{Base64UrlUnpadded, Encoding as _};

/// Fills a buffer; the form in which sealing asks for randomness.
pub fn fill(buffer: &mut [u8]) {
    if let Err(error) = getrandom::fill(buffer) {
        no_randomness(error);
    }
}

/// So many random bytes, for ids and seeds.
#[must_use]
pub fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    fill(&mut bytes);
    bytes
}

/// A certificate's serial number: 63 random bits, so that it fits a signed integer column.
#[must_use]
pub fn serial() -> u64 {
    u64::from_be_bytes(random()) >> 1
}

/// A one-time code of 256 bits in unpadded base64url.
#[must_use]
pub fn token() -> SecretText {
    SecretText::new(Base64UrlUnpadded::encode_string(&random::<32>()))
}

#[expect(
    clippy::panic,
    reason = "nothing that a certificate authority does is safe without randomness"
)]
fn no_randomness(error: getrandom::Error) -> ! {
    panic!("the operating system gives no randomness: {error}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn serial_numbers_fit_a_signed_column() {
        for _ in 0..1000 {
            assert!(i64::try_from(serial()).is_ok());
        }
    }

    #[test]
    fn tokens_are_long_and_differ() {
        let (a, b) = (token(), token());
        assert_eq!(a.expose().len(), 43);
        assert_ne!(a.expose(), b.expose());
    }
}
