//! Looking at what happened: recordings and trails, shown safely and verified offline.

pub mod evidence;
pub mod host_chain;
pub mod player;
pub mod receipt;
pub mod recordings;
pub mod replay;
pub mod terminal;
pub mod watched;
pub mod words;
