//! A path below a directory that is none of a few that are spared.

use super::SPACE;
use super::State::{self, Fits, Found};
use super::step::begin;

/// A number greater than the length of each spared path.
fn width(spared: &[&str]) -> usize {
    spared.iter().map(|path| path.len()).max().unwrap_or(0) + 1
}

/// More than any state.
pub(super) fn states(top: &str, spared: &[&str]) -> usize {
    top.len() + 1 + spared.len() * width(spared)
}

/// Whether a path that ends in this state lies below the directory, and is not spared.
pub(super) fn is_below_at_end(top: &str, spared: &[&str], at: usize) -> bool {
    let Some(behind) = at.checked_sub(top.len()) else {
        return false;
    };
    let (nth, read) = read(spared, behind);
    let whole = spared
        .get(nth)
        .and_then(|path| path.len().checked_sub(top.len()));
    behind == 0 || whole != Some(read)
}

pub(super) fn step(top: &str, spared: &[&str], at: usize, character: u8) -> State {
    let Some(behind) = at.checked_sub(top.len()) else {
        return begin(top.as_bytes(), at, character);
    };
    if character == SPACE {
        return if is_below_at_end(top, spared, at) {
            Found
        } else {
            Fits(0)
        };
    }
    let (nth, read) = read(spared, behind);
    let so_far = spared.get(nth).and_then(|path| rest(top, path));
    let so_far = so_far.and_then(|rest| rest.get(..read)).unwrap_or_default();
    let goes_on = |path: &str| {
        rest(top, path)
            .is_some_and(|rest| rest.starts_with(so_far) && rest.get(read) == Some(&character))
    };
    match spared.iter().position(|path| goes_on(path)) {
        Some(nth) => Fits(top.len() + nth * width(spared) + read + 1),
        None => Found,
    }
}

/// What a path has behind the directory, when it lies there.
fn rest<'p>(top: &str, path: &'p str) -> Option<&'p [u8]> {
    path.strip_prefix(top).map(str::as_bytes)
}

/// Which of the spared paths it may be, and how many characters behind the directory were read.
fn read(spared: &[&str], behind: usize) -> (usize, usize) {
    // Nothing was read behind the directory, or at least one character.
    let Some(at) = behind.checked_sub(1) else {
        return (0, 0);
    };
    (at / width(spared), at % width(spared) + 1)
}

#[cfg(test)]
mod tests {
    use crate::pattern::{Pattern, Sought, holds};

    #[test]
    fn a_path_below_a_directory_is_found_unless_it_is_spared() {
        let sought = Sought::Below("/dev/", &["/dev/null", "/dev/tty", "/etc/motd"]);
        for yes in [
            "/dev/sda",
            "/dev/",
            "/dev/nul",
            "/dev/nulls",
            "/dev/tty1",
            "/dev/vg/root",
            "of=/dev/vg/root",
            "/dev/null /dev/sda",
            "-f/dev/sg0",
        ] {
            assert!(holds(yes, &sought), "{yes}");
        }
        for no in [
            "",
            "/dev",
            "/dev/null",
            "x /dev/tty y",
            "/srv/dev/sda",
            "of=/dev/null",
        ] {
            assert!(!holds(no, &sought), "{no}");
        }
        for (pattern, wanted) in [
            ("^-cf /dev/(null|tty) x$", false),
            ("^/dev/[a-z]+$", true),
            ("^/[a-z]+/x$", true),
            ("^/dev/null[0-9]?$", true),
        ] {
            let pattern: Pattern = pattern.parse().unwrap();
            assert_eq!(pattern.may_hold(&sought), wanted, "{pattern:?}");
        }
    }
}
