//! Choices among what there is.

use crate::dice::Dice;

/// True once in `times`.
pub(crate) fn once_in(dice: &mut Dice, times: usize) -> bool {
    dice.below(times) == 0
}

/// One of these.
pub(crate) fn one<'a, T>(dice: &mut Dice, of: &'a [T]) -> &'a T {
    &of[dice.below(of.len())]
}
