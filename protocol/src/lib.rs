//! What crosses a process border in Portreeve, and nothing else.
//!
//! Wire types, their text forms, and the checks that make a value of them: no input or output, no
//! clock, no randomness, no async. Time and entropy are arguments. Every program depends on this
//! crate and no program depends on another.

#![forbid(unsafe_code)]

// Words.
pub mod digest;
pub mod facts;
pub mod id;
pub mod name;
pub mod pair;
pub mod quantity;
pub mod task;
pub mod time;
pub mod unseen;

// Proofs and secrets.
pub mod age;
pub mod canonical;
pub mod key;
pub mod secret;
pub mod signed;
pub mod token;

// How one program asks another again.
pub mod backoff;

// What is said between programs, in the order in which a session needs it.
pub mod admin;
pub mod attest;
pub mod bundle;
pub mod certificate;
pub mod checkpoint;
pub mod control;
pub mod enrol;
pub mod event;
pub mod feed;
pub mod grant;
pub mod host_check;
pub mod host_watch;
pub mod inventory;
pub mod look;
pub mod order;
pub mod problem;
pub mod receipt;
pub mod recording;
pub mod session;
