//! Random bytes from the operating system.

/// Fills `bytes` from the operating system's generator.
///
/// Linux gives random bytes without failing once it has booted; a system where it fails cannot make keys or ids, and
/// stopping is the only safe answer.
#[expect(
    clippy::panic,
    reason = "without randomness neither keys nor ids can be made"
)]
pub fn fill(bytes: &mut [u8]) {
    if let Err(error) = getrandom::fill(bytes) {
        panic!("the operating system gives no random bytes: {error}");
    }
}

/// An array of random bytes.
#[must_use]
pub fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    fill(&mut bytes);
    bytes
}
