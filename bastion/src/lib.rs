//! The recording SSH bastion: the only way to a host.
//!
//! Three pure cores decide: [`accept`] whether a certificate lets somebody in, [`decide`] what a channel may do,
//! [`session`] when and in which order a session begins and ends. Everything else moves bytes.

#![forbid(unsafe_code)]

// Deciding.
pub mod accept;
pub mod decide;
pub mod request;
pub mod session;

// The host of a session.
pub mod host;

// The CA.
pub mod ca;
pub mod deliver;
pub mod feed;
pub mod spool;

// The world.
pub mod clock;
pub mod entropy;
