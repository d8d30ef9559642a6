//! What a fuzz target is.

/// One decoder of bytes from outside, and bytes to begin with.
pub(crate) struct Target {
    /// Its name on the command line, in `docs/architecture.md`, and of its folder in
    /// `tests/vectors/decoders`.
    pub(crate) name: &'static str,
    /// Feeds the decoder and says whether it understood. Panics when what it made of the bytes is
    /// wrong, so a target is also the place of what must hold for all bytes.
    pub(crate) feed: fn(&[u8]) -> bool,
    /// Bytes that are understood.
    pub(crate) seeds: fn() -> Vec<Vec<u8>>,
}
