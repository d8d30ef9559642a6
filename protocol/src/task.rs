//! Why: a ticket reference and a purpose.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::id::TaskId;
use crate::unseen::is_unseen;

/// Why a pair acts. The id correlates everything done for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Task {
    /// The id that correlates sessions of the same task.
    pub id: TaskId,
    /// The ticket, for example `INC-4711`.
    pub ticket: Ticket,
    /// What for, in a sentence.
    pub purpose: Purpose,
}

/// Why a text cannot be a ticket or a purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotATask {
    /// The ticket holds something else.
    #[error("a ticket is 1 to 64 of letters, digits and `-` `_` `.` `/` `#`")]
    Ticket,
    /// The purpose is empty, too long, or holds control characters.
    #[error("a purpose is 1 to 500 characters on one line")]
    Purpose,
}

macro_rules! text {
    ($(#[$doc:meta])* $name:ident, $check:expr, $error:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash)]
        pub struct $name(String);

        impl $name {
            /// Takes a text that follows the rule.
            ///
            /// # Errors
            /// When it does not.
            pub fn new(text: &str) -> Result<Self, NotATask> {
                let check: fn(&str) -> bool = $check;
                if check(text) { Ok(Self(text.to_owned())) } else { Err($error) }
            }

            /// The text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl std::str::FromStr for $name {
            type Err = NotATask;

            fn from_str(text: &str) -> Result<Self, NotATask> {
                Self::new(text)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                Self::new(&String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
            }
        }
    };
}

text!(
    /// A ticket reference.
    Ticket,
    |text| (1..=64).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b'/' | b'#')),
    NotATask::Ticket
);
text!(
    /// What the task is for, in a sentence on one line.
    Purpose,
    |text| (1..=500).contains(&text.chars().count()) && !text.trim().is_empty() && !text.chars().any(is_unseen),
    NotATask::Purpose
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tickets_and_purposes_stay_on_one_line() {
        assert!(Ticket::new("INC-4711").is_ok());
        for good in [
            "Find the reverse shell on prod-1",
            "Grüße, \u{26A0}\u{FE0F} 日本語",
        ] {
            assert!(Purpose::new(good).is_ok(), "{good}");
        }
        for bad in ["", "a b", "a\n", &"x".repeat(65)] {
            assert_eq!(Ticket::new(bad), Err(NotATask::Ticket), "{bad}");
        }
        for bad in [
            "",
            " ",
            "a\nb",
            "a\x1b[0m",
            "a\u{202E}b",
            "a\u{61C}b",
            "a\u{AD}b",
            "a\u{E0041}",
            &"x".repeat(501),
        ] {
            assert_eq!(Purpose::new(bad), Err(NotATask::Purpose), "{bad}");
        }
    }
}
