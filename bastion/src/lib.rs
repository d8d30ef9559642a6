//! The recording SSH bastion.

#![forbid(unsafe_code)]

pub mod accept;
pub mod clock;
pub mod entropy;
