//! Walking a pattern character by character, for whoever walks several side by side.

use super::Pattern;

/// Where a pattern may stand after some text. Equal places take the same texts from there on.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Places(Vec<usize>);

impl Places {
    /// Whether the pattern takes no text at all that goes on from here.
    pub(crate) fn is_nowhere(&self) -> bool {
        self.0.is_empty()
    }

    /// How many states they are.
    pub(crate) fn count(&self) -> usize {
        self.0.len()
    }
}

impl Pattern {
    /// Where the pattern stands before the first character.
    pub(crate) fn start(&self) -> Places {
        Places(self.program.start())
    }

    /// Where it stands after one more character.
    pub(crate) fn after(&self, places: &Places, character: u8) -> Places {
        Places(self.program.after(&places.0, character))
    }

    /// Whether a text that ends here is taken.
    pub(crate) fn ends(&self, places: &Places) -> bool {
        self.program.accepts(&places.0)
    }

    /// The sets of characters that the pattern tells from the others, a bit for each ASCII code.
    pub(crate) fn sets(&self) -> impl Iterator<Item = u128> {
        self.program.sets().map(|set| set.0)
    }
}
