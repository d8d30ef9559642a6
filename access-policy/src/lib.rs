//! Who may do what: decisions over attributes of human, agent, host, task and circumstances.
//!
//! Policies are Cedar with a schema (`docs/spec/policy.md`). The CA asks here whether a session may
//! begin and whether a person may administer; the bastion asks for every channel and every command.
//! A permission is a value that only this crate can make, and every answer comes with a record from
//! which it can be made again. No input or output, no clock; nothing of Cedar leaves this crate.

#![forbid(unsafe_code)]

// What is known and what may be asked.
pub mod act;
pub mod facts;

// Deciding.
pub mod decide;
pub mod obligation;
pub mod permit;
mod question;
mod vocabulary;

// Explaining a decision, and publishing policies.
pub mod explain;
pub mod publish;

// What a new installation starts with, and trying policies out.
pub mod examples;
pub mod starter;

pub use self::starter::STARTER_POLICY;
pub use self::vocabulary::SCHEMA;
