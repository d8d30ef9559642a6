//! Who calls: the person by their ID token, the pair by a delegated token and proof of the
//! agent's key.

pub mod agent_key;
pub mod caller;
pub mod delegated;
pub mod peek;
pub mod person;
pub mod statement;
