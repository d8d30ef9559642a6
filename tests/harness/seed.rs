//! The seed of a random test: another one each time, unless a run is to be repeated.
//!
//! Uses nothing but the standard library: tests of other crates include this file.

use std::hash::{BuildHasher as _, RandomState};
use std::num::ParseIntError;

/// The seed that `PORTREEVE_SEED` names, else another one each time. Whoever asks prints it, so that a run that failed
/// can be repeated.
///
/// # Errors
/// When the variable is no number.
pub fn seed() -> Result<u64, ParseIntError> {
    std::env::var("PORTREEVE_SEED").map_or_else(
        |_| Ok(RandomState::new().hash_one("seed")),
        |seed| seed.parse(),
    )
}
