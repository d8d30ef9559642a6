//! Whether a pattern takes a text in which nothing of what is sought stands.

use std::collections::HashSet;

use super::language::Instruction;
use super::question::{Sought, State};
use super::{Characters, Pattern};

/// Most pairs of places that are looked at; beyond, the answer is the careful one.
const MAX_STEPS: usize = 20_000;

impl Pattern {
    /// Whether some text that the pattern takes holds none of these.
    ///
    /// Walks the machines of all questions beside that of the pattern. A pattern that takes too many
    /// steps is said to lack them.
    pub(crate) fn may_lack(&self, sought: &[Sought<'_>]) -> bool {
        let mut todo = vec![(0, vec![Sought::START; sought.len()])];
        let mut seen = HashSet::new();
        let apart = sought.iter().fold(Characters::NONE, |all, sought| {
            all.with(sought.told_apart())
        });
        while let Some(place) = todo.pop() {
            // What was found stays found, whatever follows.
            if place.1.contains(&State::Found) || !seen.insert(place.clone()) {
                continue;
            }
            if seen.len() > MAX_STEPS {
                return true;
            }
            let (at, states) = place;
            match self.program.instruction(at) {
                Some(Instruction::Take(set)) => {
                    let free = set.len() > 1;
                    let others = set.without(apart).iter().take(1);
                    let characters = set.common(apart).iter();
                    // Most characters lead to the same states.
                    let mut after: Vec<Vec<State>> = Vec::new();
                    for character in characters.chain(others) {
                        let next = sought.iter().zip(&states);
                        let next = next.map(|(sought, state)| sought.step(*state, character, free));
                        let next: Vec<State> = next.collect();
                        if !after.contains(&next) {
                            after.push(next);
                        }
                    }
                    todo.extend(after.into_iter().map(|next| (at + 1, next)));
                }
                Some(Instruction::Fork(one, other)) => {
                    todo.push((one, states.clone()));
                    todo.push((other, states));
                }
                Some(Instruction::Jump(to)) => todo.push((to, states)),
                Some(Instruction::Done) => {
                    let mut ends = sought.iter().zip(&states);
                    if !ends.any(|(sought, state)| sought.is_found_at_end(*state)) {
                        return true;
                    }
                }
                None => {}
            }
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_lacks_what_one_of_its_texts_lacks() {
        let pager = &[Sought::Word("--no-pager")][..];
        let verbs = &[Sought::Operand(0, "ps"), Sought::Operand(0, "logs")][..];
        for (text, sought, lacks) in [
            ("^--no-pager -n <number>( -k)?$", pager, false),
            ("^(-k )?--no-pager$", pager, false),
            ("^-n 1( --no-pager)?$", pager, true),
            ("^--[a-z-]+$", pager, true),
            ("^--no-pagers$", pager, true),
            ("^(ps|logs <name>)$", verbs, false),
            ("^(ps|run|logs) <name>$", verbs, true),
            ("^-q (ps|logs)$", verbs, false),
            ("^<unit>$", verbs, true),
            ("^a$", &[], true),
        ] {
            let pattern: Pattern = text.parse().unwrap();
            assert_eq!(pattern.may_lack(sought), lacks, "{text}");
        }
    }
}
