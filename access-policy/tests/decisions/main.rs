//! Decisions: on single policies, and on whatever policies there may be.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on has failed, in its helpers too"
)]

mod common;
mod decide;
mod properties;
