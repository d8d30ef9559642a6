//! Where recordings are kept beyond a bastion's disk: a folder, or an S3-compatible store.
//!
//! A recording is stored in parts, while its session runs; `docs/spec/store.md` says how. This crate puts
//! them there ([`upload`]), proves that they are the recording ([`confirm`]), reads and deletes them
//! ([`store`]). It decides neither when, nor who may: that is the bastion's and the CA's. A store may be away or
//! hang at any time; nothing here waits for it without an end.

#![forbid(unsafe_code)]

// Which store.
pub mod access;
pub mod config;
mod credentials;
mod folder;
pub mod secret_file;

// What is in it.
mod part;
pub mod store;

// A recording on its way there.
pub mod confirm;
mod local;
pub mod upload;

// A program that used one and ends.
pub mod end;
