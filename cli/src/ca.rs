//! The CA as the program sees it: its address, its HTTP API, and what its refusals mean.

pub mod base_url;
pub mod client;
pub mod exchange;
pub mod http;
pub mod refusal;
pub mod trails;
