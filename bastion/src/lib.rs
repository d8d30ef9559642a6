//! The recording SSH bastion: the only way to a host.
//!
//! Three pure cores decide: [`accept`] whether a certificate lets somebody in, [`decide`] what a channel may do,
//! [`session`] when and in which order a session begins and ends. Everything else moves bytes.

#![forbid(unsafe_code)]

// The program.
pub mod args;
pub mod config;
pub mod enrol;
pub mod recover;
pub mod serve;
pub mod status;

// Deciding.
pub mod accept;
pub mod decide;
pub mod request;
pub mod session;

// One session in the world.
pub mod channel;
pub mod drive;
pub mod host;
pub mod look;
pub mod sessions;
pub mod ssh;
pub mod tap;

// The CA, and what goes to it.
pub mod ca;
pub mod deliver;
pub mod feed;
pub mod keep;
pub mod live;
pub mod report;
pub mod room;
pub mod spool;

// The machine.
pub mod clock;
pub mod entropy;
pub mod files;
pub mod trouble;
