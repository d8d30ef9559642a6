//! Several texts in one input, so that one mutation can move what belongs to one into another.

/// The texts of an input, which zero bytes part.
pub(crate) fn fields<const N: usize>(bytes: &[u8]) -> Option<[&str; N]> {
    let text = std::str::from_utf8(bytes).ok()?;
    let parts: Vec<&str> = text.splitn(N, '\0').collect();
    parts.try_into().ok()
}

/// Texts as [`fields`] reads them.
pub(crate) fn joined(texts: &[&str]) -> Vec<u8> {
    texts.join("\0").into_bytes()
}
