//! What was found out about something.

/// What is proved, what is not, and what contradicts itself, each as a sentence without its stop.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize)]
pub struct Findings {
    /// What is proved.
    pub proved: Vec<String>,
    /// What is not, and what would prove it.
    pub unproved: Vec<String>,
    /// What contradicts itself.
    pub faults: Vec<String>,
}

impl Findings {
    /// Whether nothing contradicts itself.
    #[must_use]
    pub fn holds(&self) -> bool {
        self.faults.is_empty()
    }

    /// Takes over what was found out elsewhere.
    pub fn extend(&mut self, other: Self) {
        self.proved.extend(other.proved);
        self.unproved.extend(other.unproved);
        self.faults.extend(other.faults);
    }

    pub(crate) fn proved(&mut self, text: impl Into<String>) {
        self.proved.push(text.into());
    }

    pub(crate) fn unproved(&mut self, text: impl Into<String>) {
        self.unproved.push(text.into());
    }

    pub(crate) fn fault(&mut self, text: impl Into<String>) {
        self.faults.push(text.into());
    }
}
