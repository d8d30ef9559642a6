//! Signing in at an OpenID provider: authorisation code with PKCE (RFC 7636) and a redirect to a
//! port on this machine (RFC 8252).

pub mod discovery;
pub mod flow;
pub mod loopback;
pub mod token;
