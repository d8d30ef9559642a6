//! The built-in SSH client: a command on a host without any `ssh` program.

pub mod connection;
pub mod quote;
pub mod run;
pub mod trust;
