//! What is shown to the bastion, and asked of it, over SSH.

mod certificates;
mod channels;
mod client;
mod forge;
mod grants;
