//! The player of recordings in a terminal: `docs/spec/replay.md`.
//!
//! [`deck`] is the player, pure: keys, events and the time in, what to do next out. [`mod@paint`]
//! shows it, as cells that [`glyph`] lets through. [`mod@drive`] and [`tty`] are the shell around
//! both.

// What is looked for and jumped to.
pub mod marks;
pub mod when;

// What is seen.
pub mod lane;
pub mod lanes;
pub mod secrets;
pub mod text;

// The player.
pub mod clock;
pub mod deck;
pub mod key;

// How it looks, and the terminal that it looks so on.
pub mod glyph;
pub mod paint;

// The shell.
pub mod drive;
pub mod signals;
pub mod tty;
