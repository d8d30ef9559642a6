//! What was found out about something.

use portreeve_protocol::checkpoint::Unread;

/// How many events that are not read are named.
const MOST_NAMED: usize = 5;

/// What is proved, what is not, and what contradicts itself, each as a sentence without its stop.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize)]
pub struct Findings {
    /// What is proved.
    pub proved: Vec<String>,
    /// What is not, and what would prove it.
    pub unproved: Vec<String>,
    /// What contradicts itself.
    pub faults: Vec<String>,
    /// What is proved to have been logged, and says something that only a newer version knows.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unread: Vec<String>,
}

impl Findings {
    /// Whether nothing contradicts itself, as far as it was read.
    #[must_use]
    pub fn holds(&self) -> bool {
        self.faults.is_empty()
    }

    /// Takes over what was found out elsewhere.
    pub fn extend(&mut self, other: Self) {
        self.proved.extend(other.proved);
        self.unproved.extend(other.unproved);
        self.faults.extend(other.faults);
        self.unread.extend(other.unread);
    }

    /// Names events that this version does not know.
    pub(crate) fn not_read(&mut self, events: &[Unread]) {
        let named = events.iter().take(MOST_NAMED);
        self.unread.extend(named.map(|event| {
            format!(
                "event {} of the log, {}: this version does not know what it says",
                event.index, event.at
            )
        }));
        if let Some(more @ 1..) = events.len().checked_sub(MOST_NAMED) {
            self.unread
                .push(format!("{more} more that this version does not know"));
        }
    }

    /// Something must be there and is not: a fault, unless it may be in what was not read.
    pub(crate) fn lacks(&mut self, may_be_unread: bool, text: String) {
        if may_be_unread {
            self.unproved.push(format!(
                "{text}; or it is in what this version does not know"
            ));
        } else {
            self.faults.push(text);
        }
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
