//! A path outside of the directories that only root and package managers fill with settings: `/etc`
//! and `/usr`.

use super::SPACE;
use super::State::{self, Fits, Found, OtherWord};

/// Behind so many characters of each, one after the other.
const DIRECTORIES: [&[u8]; 2] = [b"/etc/", b"/usr/"];
const LENGTH: usize = 5;

/// More than any state.
pub(super) const STATES: usize = 1 + 2 * LENGTH;
/// The characters that make a difference.
pub(super) const TOLD_APART: &str = "etcusr";

pub(super) fn step(at: usize, character: u8) -> State {
    match (at, character) {
        (0, b'/') => Fits(1),
        (0, _) => Fits(0),
        (1, b'/') => Fits(1),
        (at, SPACE) if !is_elsewhere_at_end(at) => Fits(0),
        (1, letter) => DIRECTORIES
            .iter()
            .position(|directory| directory.get(1) == Some(&letter))
            .map_or(Found, |nth| Fits(nth * LENGTH + 2)),
        (at, letter) => {
            let (nth, fits) = ((at - 1) / LENGTH, (at - 1) % LENGTH + 1);
            let directory = DIRECTORIES.get(nth).copied().unwrap_or_default();
            match directory.get(fits) {
                Some(wanted) if *wanted == letter && fits + 1 == LENGTH => OtherWord,
                Some(wanted) if *wanted == letter => Fits(at + 1),
                _ => Found,
            }
        }
    }
}

/// Whether a path that ends in this state lies elsewhere; the directories themselves do not.
pub(super) fn is_elsewhere_at_end(at: usize) -> bool {
    !matches!(at, 0) && (at - 1) % LENGTH + 1 != LENGTH - 1
}

#[cfg(test)]
mod tests {
    use crate::pattern::{Pattern, Sought, holds};

    #[test]
    fn a_path_lies_elsewhere_unless_it_begins_where_only_root_writes() {
        for yes in [
            "/home/x",
            "-f/home/x",
            "--file=/srv/x",
            "/etc/a /tmp/b",
            "/et",
            "/",
            "/usrx/a",
            "/ect/a",
        ] {
            assert!(holds(yes, &Sought::Elsewhere), "{yes}");
        }
        for no in [
            "",
            "-t",
            "x",
            "/etc/a",
            "-c /etc/a -p /usr/b",
            "--f=/etc/a",
            "/etc",
            "//etc/a",
            "-f/usr/a/b",
        ] {
            assert!(!holds(no, &Sought::Elsewhere), "{no}");
        }
        for (pattern, wanted) in [
            ("^-c -f <path:/etc/haproxy>$", false),
            ("^-f /[a-z]+/x$", true),
        ] {
            let pattern: Pattern = pattern.parse().unwrap();
            assert_eq!(pattern.may_hold(&Sought::Elsewhere), wanted, "{pattern:?}");
        }
    }
}
