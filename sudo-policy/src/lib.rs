//! sudo bundles: what root may do during a session.
//!
//! A bundle is a TOML file that a person writes and reviews. This crate reads it, says what is
//! wrong or unwise with it, answers what it allows, and writes the sudo rules for one account. It
//! does no input or output, starts no process and knows no clock: the CA and the command line check
//! bundles with it, the host's daemon renders them with it and installs the result.
//!
//! The language is described in `docs/spec/bundle.md`.

#![forbid(unsafe_code)]

// A text and what can be wrong with it.
pub mod code;
pub mod diagnostic;
mod nearest;
pub mod sarif;
pub mod source;

// A bundle and what it is made of.
pub mod bundle;
mod document;
pub mod link;
pub mod pattern;
pub mod word;

// What a bundle allows, and whether that is wise.
pub mod check;
pub mod diff;
pub mod expect;
pub mod explain;
pub mod learn;
pub mod simulate;

// What a host's sudo is told.
pub mod dialect;
pub mod render;
pub mod sudoers;
pub mod vulnerable;

// What comes with it.
pub mod shipped;

pub use self::shipped::STARTER_BUNDLE;

/// The JSON Schema of bundle files, for editors.
pub const SCHEMA: &str = include_str!("../schema/bundle.schema.json");
