//! Looking at what happened: recordings and trails, shown safely and verified offline.

pub mod agreement;
pub mod course;
pub mod evidence;
pub mod exhibit;
pub mod fetch;
pub mod findings;
pub mod host_chain;
mod host_words;
pub mod index;
pub mod judge;
pub mod known;
pub mod player;
pub mod receipt;
mod recording_words;
pub mod recordings;
pub mod replay;
pub mod sealed;
pub mod seen;
pub mod terminal;
pub mod watched;
pub mod words;
