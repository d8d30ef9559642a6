//! The only place that reads the clock and draws randomness; everything else gets both as
//! arguments.

use std::time::{SystemTime, UNIX_EPOCH};

use portreeve_protocol::time::Timestamp;

use crate::failure::Failure;

/// The time by this machine's clock.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "this is the one place")]
pub fn now() -> Timestamp {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    Timestamp::from_micros(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
}

/// `N` random bytes from the operating system.
///
/// # Errors
/// When the operating system has none to give.
pub fn random<const N: usize>() -> Result<[u8; N], Failure> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes)
        .map_err(|error| Failure::failed("the system gives no random bytes").because(&error))?;
    Ok(bytes)
}
