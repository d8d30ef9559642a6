//! The certificate authority for pairs of human and agent.
//!
//! Two programs in one: `serve` talks to the network and holds no signing key, `signer` holds all
//! of them and reads nothing but its own socket. They meet in [`sign`].

#![forbid(unsafe_code)]

// The world: time, randomness, settings.
pub mod clock;
pub mod config;
mod disk;
pub mod entropy;
pub mod init;
mod network;

// What the server knows and what it may ask to be signed.
pub mod sign;
pub mod signer_main;
pub mod store;
pub mod trail;

// Who calls, and what they may.
pub mod decide;
pub mod identity;

// What is done, and how it is asked for.
pub mod app;
pub mod feed;
pub mod http;
pub mod service;
