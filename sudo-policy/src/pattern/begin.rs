//! How the paths begin that a pattern takes.
//!
//! An answer for all paths at once, so that a question about one path is only walked when it could
//! be answered with yes.

use super::language::Instruction;
use super::{Characters, Pattern};

/// So many characters of each path are looked at.
const DEPTH: usize = 8;

/// The characters that may stand in each of the first places of a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Beginnings([Characters; DEPTH]);

impl Beginnings {
    /// Whether some path may begin like this; the answer may be yes where it is no.
    pub(crate) fn may_be(&self, path: &str) -> bool {
        path.bytes()
            .zip(&self.0)
            .all(|(character, taken)| taken.contains(character))
    }
}

impl Pattern {
    /// How paths begin, in what this pattern takes: at the first slash of a word, or the first
    /// behind an equals sign.
    pub(crate) fn path_beginnings(&self) -> Beginnings {
        let mut taken = [Characters::NONE; DEPTH];
        let mut seen = std::collections::HashSet::new();
        // How much of a path was taken: nothing yet, or so many characters, or more than matter.
        let mut todo = vec![(0, 0)];
        while let Some((at, depth)) = todo.pop() {
            if !seen.insert((at, depth)) {
                continue;
            }
            match self.program.instruction(at) {
                Some(Instruction::Take(set)) => {
                    let ends = Characters::one(b' ').with(Characters::one(b'='));
                    let slash = Characters::one(b'/');
                    let counts = if depth == 0 {
                        set.common(slash)
                    } else {
                        set.without(ends)
                    };
                    if let Some(place) = taken.get_mut(depth) {
                        *place = place.with(counts);
                    }
                    if counts != Characters::NONE {
                        todo.push((at + 1, (depth + 1).min(DEPTH)));
                    }
                    if set.without(counts) != Characters::NONE {
                        todo.push((at + 1, 0));
                    }
                }
                Some(Instruction::Fork(one, other)) => todo.extend([(one, depth), (other, depth)]),
                Some(Instruction::Jump(to)) => todo.push((to, depth)),
                Some(Instruction::Done) | None => {}
            }
        }
        Beginnings(taken)
    }

    /// The characters that the author spelled, as a set with a bit for each ASCII code.
    pub(crate) fn spelled(&self) -> u128 {
        self.program
            .sets()
            .filter(|set| set.len() == 1)
            .fold(0, |all, set| all | set.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_that_the_pattern_takes_is_never_ruled_out() {
        for (text, may, never) in [
            (
                "^-n <number> <path:/var/log>$",
                &["/var/log/x", "/var"][..],
                &["/etc", "/vax"][..],
            ),
            ("^--file=/etc/[a-z]+$", &["/etc/shadow"], &["/var"]),
            ("^-f/(etc|usr)/x$", &["/etc/x", "/usr/x"], &["/var"]),
            ("^a=b=/etc$", &["/etc"], &["/a"]),
            ("^[a-z/]+$", &["/etc/shadow", "//x"], &["/0"]),
            ("^<name>$", &[], &["/"]),
        ] {
            let beginnings = text.parse::<Pattern>().unwrap().path_beginnings();
            for path in may {
                assert!(beginnings.may_be(path), "{text} {path}");
            }
            for path in never {
                assert!(!beginnings.may_be(path), "{text} {path}");
            }
        }
    }
}
