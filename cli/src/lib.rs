//! The command line for people and agents.
//!
//! Arguments ([`args`]), settled settings ([`settings`]) and actions ([`command`]) are three
//! places. The pure parts (statements under a key, quoting, the agent protocol, trust in a
//! bastion, words for events) take time and randomness as arguments; [`clock`] alone has them.
//!
//! It decides nothing about access: the CA and the bastion do. What it must get right is whom it
//! believes, what it signs, and what it shows.

#![forbid(unsafe_code)]

// From the command line to an action.
pub mod args;
pub mod command;
pub mod settings;
pub mod variables;

// Talking to whoever called.
pub mod exit;
pub mod failure;
pub mod output;
pub mod safe;

// Proving who calls, and calling.
pub mod ca;
pub mod identity;
pub mod sign_in;

// Sessions and their keys.
pub mod agent;
pub mod session;
pub mod ssh;

// Looking back.
pub mod canary;
pub mod review;

// The machine.
pub mod clock;
pub mod files;
pub mod keys;
