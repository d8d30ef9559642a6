//! Tokens that are not what they say, where each kind of token is shown.

mod bastion;
mod delegated;
mod exchange;
mod id_token;
mod possession;
mod ticket;
