//! Matches a pattern, and answers questions about everything it could match.
//!
//! The pattern becomes a small non-deterministic machine whose states are walked side by side, so
//! the time is bounded by the size of the pattern times the length of the text.

use super::question::{Sought, State};
use super::{Characters, Node};

/// Most instructions of one pattern.
const MAX_INSTRUCTIONS: usize = 2048;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Instruction {
    /// Takes one of the characters and goes on to the next instruction.
    Take(Characters),
    /// Goes on at both places.
    Fork(usize, usize),
    /// Goes on elsewhere.
    Jump(usize),
    /// The whole text was taken.
    Done,
}

/// A compiled pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Program(Vec<Instruction>);

impl Program {
    /// Compiles a pattern; `None` when it would be too large.
    pub(super) fn compile(node: &Node) -> Option<Self> {
        let mut program = Vec::new();
        emit(node, &mut program)?;
        program.push(Instruction::Done);
        Some(Self(program))
    }

    pub(super) fn instruction(&self, at: usize) -> Option<Instruction> {
        self.0.get(at).copied()
    }

    /// Whether the pattern takes exactly this text.
    pub(super) fn matches(&self, text: &[u8]) -> bool {
        let mut states = self.closure([0]);
        for &character in text {
            states = self.closure(self.step(&states, |set| set.contains(character)));
            if states.is_empty() {
                return false;
            }
        }
        self.accepts(&states)
    }

    /// Whether some text that the pattern takes holds what is sought.
    ///
    /// Walks this machine beside that of the question; a pair of their states is visited once.
    pub(super) fn may_hold(&self, sought: &Sought<'_>) -> bool {
        let apart = sought.told_apart();
        let width = sought.states();
        let mut seen = vec![false; self.0.len() * width];
        let mut todo = vec![(0, Sought::START)];
        while let Some((at, state)) = todo.pop() {
            // Every instruction leads to the end, so what was found stays found.
            if state == State::Found {
                return true;
            }
            let Some(visited) = seen.get_mut(at * width + state.index()) else {
                continue;
            };
            if state == State::Never || std::mem::replace(visited, true) {
                continue;
            }
            match self.0.get(at) {
                Some(Instruction::Take(set)) => {
                    let free = set.len() > 1;
                    let next = |character| (at + 1, sought.step(state, character, free));
                    todo.extend(set.common(apart).iter().map(next));
                    // All others are the same to the question, so one stands for them.
                    todo.extend(set.without(apart).iter().next().map(next));
                }
                Some(&Instruction::Fork(one, other)) => todo.extend([(one, state), (other, state)]),
                Some(&Instruction::Jump(to)) => todo.push((to, state)),
                Some(Instruction::Done) if sought.is_found_at_end(state) => return true,
                Some(Instruction::Done) | None => {}
            }
        }
        false
    }

    /// Where the machine stands before the first character, as sorted states.
    pub(super) fn start(&self) -> Vec<usize> {
        sorted(self.closure([0]))
    }

    /// Where it stands after one more character; nowhere when it takes no text that goes on so.
    pub(super) fn after(&self, states: &[usize], character: u8) -> Vec<usize> {
        sorted(self.closure(self.step(states, |set| set.contains(character))))
    }

    /// Every set of characters that the machine tells from the others.
    pub(super) fn sets(&self) -> impl Iterator<Item = Characters> {
        self.0.iter().filter_map(|instruction| match instruction {
            Instruction::Take(set) => Some(*set),
            Instruction::Fork(..) | Instruction::Jump(_) | Instruction::Done => None,
        })
    }

    fn step(&self, states: &[usize], takes: impl Fn(Characters) -> bool) -> Vec<usize> {
        let moved = states.iter().filter(|&&state| match self.0.get(state) {
            Some(Instruction::Take(set)) => takes(*set),
            Some(Instruction::Fork(..) | Instruction::Jump(_) | Instruction::Done) | None => false,
        });
        moved.map(|state| state + 1).collect()
    }

    /// All states that are reached without taking a character, forks and jumps left out.
    fn closure(&self, from: impl IntoIterator<Item = usize>) -> Vec<usize> {
        let mut seen = vec![false; self.0.len()];
        let mut todo: Vec<usize> = from.into_iter().collect();
        let mut states = Vec::new();
        while let Some(state) = todo.pop() {
            let Some(visited) = seen.get_mut(state) else {
                continue;
            };
            if std::mem::replace(visited, true) {
                continue;
            }
            match self.0.get(state) {
                Some(&Instruction::Fork(one, other)) => todo.extend([one, other]),
                Some(&Instruction::Jump(to)) => todo.push(to),
                Some(Instruction::Take(_) | Instruction::Done) => states.push(state),
                None => {}
            }
        }
        states
    }

    /// Whether the text may end where the machine stands.
    pub(super) fn accepts(&self, states: &[usize]) -> bool {
        states
            .iter()
            .any(|&state| matches!(self.0.get(state), Some(Instruction::Done)))
    }
}

fn sorted(mut states: Vec<usize>) -> Vec<usize> {
    states.sort_unstable();
    states
}

fn emit(node: &Node, program: &mut Vec<Instruction>) -> Option<()> {
    if program.len() >= MAX_INSTRUCTIONS {
        return None;
    }
    match node {
        Node::One(set) => program.push(Instruction::Take(*set)),
        Node::Sequence(nodes) => nodes.iter().try_for_each(|node| emit(node, program))?,
        Node::Choice(choices) => emit_choice(choices, program)?,
        Node::Repeat { node, least, most } => {
            (0..*least).try_for_each(|_| emit(node, program))?;
            match most {
                Some(most) => emit_optional(node, most.saturating_sub(*least), program)?,
                None => emit_loop(node, program)?,
            }
        }
    }
    Some(())
}

fn emit_choice(choices: &[Node], program: &mut Vec<Instruction>) -> Option<()> {
    let mut ends = Vec::new();
    for (index, choice) in choices.iter().enumerate() {
        if index + 1 == choices.len() {
            emit(choice, program)?;
            break;
        }
        let fork = program.len();
        program.push(Instruction::Jump(0));
        emit(choice, program)?;
        ends.push(program.len());
        program.push(Instruction::Jump(0));
        to_here(program, fork, |here| Instruction::Fork(fork + 1, here));
    }
    for end in ends {
        to_here(program, end, Instruction::Jump);
    }
    Some(())
}

/// So many more, or fewer. Whoever leaves one out leaves out all behind it, so that there is one way
/// on and not one for each.
fn emit_optional(node: &Node, times: u16, program: &mut Vec<Instruction>) -> Option<()> {
    let mut forks = Vec::new();
    for _ in 0..times {
        forks.push(program.len());
        program.push(Instruction::Jump(0));
        emit(node, program)?;
    }
    for fork in forks {
        to_here(program, fork, |here| Instruction::Fork(fork + 1, here));
    }
    Some(())
}

fn emit_loop(node: &Node, program: &mut Vec<Instruction>) -> Option<()> {
    let fork = program.len();
    program.push(Instruction::Jump(0));
    emit(node, program)?;
    program.push(Instruction::Jump(fork));
    to_here(program, fork, |here| Instruction::Fork(fork + 1, here));
    Some(())
}

/// Completes the instruction at `at` with the place that comes next.
fn to_here(program: &mut [Instruction], at: usize, make: impl FnOnce(usize) -> Instruction) {
    let here = program.len();
    if let Some(slot) = program.get_mut(at) {
        *slot = make(here);
    }
}
