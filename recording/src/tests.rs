//! Whole recordings: written, read back, cut, altered, and opened by other programs.

mod crash;
mod heads;
mod programs;
mod round_trip;
mod seek;
pub(crate) mod support;
mod tamper;
