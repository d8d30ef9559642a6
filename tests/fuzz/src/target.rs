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

/// The text that the bytes are, for decoders of text.
pub(crate) fn text(bytes: &[u8]) -> Option<&str> {
    std::str::from_utf8(bytes).ok()
}

/// Several texts in one input, so that one mutation can move what belongs to one into another.
pub(crate) fn fields<const N: usize>(bytes: &[u8]) -> Option<[&str; N]> {
    let parts: Vec<&str> = text(bytes)?.splitn(N, '\0').collect();
    parts.try_into().ok()
}

/// Texts as [`fields`] reads them.
pub(crate) fn joined(texts: &[&str]) -> Vec<u8> {
    texts.join("\0").into_bytes()
}
