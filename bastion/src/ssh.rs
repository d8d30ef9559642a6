//! SSH towards the agent and towards the host: adapters around russh that decide nothing.

pub mod client;
pub mod connection;
mod opened;
mod server;
pub mod settings;
pub mod socket;
pub mod starting;
