//! Whether SELinux enforces its policy: what it says itself, where its file system is mounted.

use std::fs;
use std::path::Path;

/// Whether the file that says so says so. Where there is no SELinux there is no such file.
pub(crate) fn enforces(state: &Path) -> bool {
    fs::read_to_string(state).is_ok_and(|text| text.trim() == "1")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_word_of_the_kernel_counts() {
        let directory = tempfile::tempdir().unwrap();
        let state = directory.path().join("enforce");
        assert!(!enforces(&state), "there is no SELinux");
        for (text, expected) in [("1", true), ("0", false), ("", false)] {
            fs::write(&state, text).unwrap();
            assert_eq!(enforces(&state), expected, "{text}");
        }
    }
}
