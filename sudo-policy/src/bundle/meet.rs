//! Whether two commands may be given the same arguments.

use std::collections::BTreeSet;

use super::Arguments;
use crate::pattern::{Budget, Exhausted, Pattern};
use crate::simulate::joined;

/// What it costs to match a text with a pattern, for each of its characters.
const STEPS_OF_A_CHARACTER: usize = 64;

impl Arguments {
    /// Arguments that both take, joined by spaces; `None` when there are none.
    pub(crate) fn meet(
        &self,
        other: &Self,
        budget: &mut Budget,
    ) -> Result<Option<String>, Exhausted> {
        match (self, other) {
            (Self::Any, Self::Any) => Ok(Some(String::new())),
            (Self::Any, Self::Exactly(lists)) | (Self::Exactly(lists), Self::Any) => {
                Ok(lists.first().map(|list| joined(list)))
            }
            (Self::Any, Self::Pattern(pattern)) | (Self::Pattern(pattern), Self::Any) => {
                pattern.meet(pattern, budget)
            }
            (Self::Pattern(one), Self::Pattern(other)) => one.meet(other, budget),
            (Self::Pattern(pattern), Self::Exactly(lists))
            | (Self::Exactly(lists), Self::Pattern(pattern)) => {
                let texts = lists.iter().map(|list| joined(list));
                first_taken(pattern, texts, budget)
            }
            (Self::Exactly(one), Self::Exactly(other)) => {
                let one: BTreeSet<String> = one.iter().map(|list| joined(list)).collect();
                budget.spend(one.len() + other.len())?;
                let mut others = other.iter().map(|list| joined(list));
                Ok(others.find(|text| one.contains(text)))
            }
        }
    }
}

fn first_taken(
    pattern: &Pattern,
    texts: impl Iterator<Item = String>,
    budget: &mut Budget,
) -> Result<Option<String>, Exhausted> {
    for text in texts {
        budget.spend((text.len() + 1) * STEPS_OF_A_CHARACTER)?;
        if pattern.matches(&text) {
            return Ok(Some(text));
        }
    }
    Ok(None)
}
