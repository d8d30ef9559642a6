//! What administrators register: agents, hosts, bastions.

pub mod agent;
pub mod bastion;
pub mod discover;
pub mod host;
pub mod inventory;
