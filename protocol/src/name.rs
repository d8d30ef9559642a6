//! Names that people give: teams, agents, hosts, accounts, bundles, bastions.
//!
//! Each is a type that cannot hold a wrong name, so nothing behind the border checks one again.
//! None of them can contain white space, quotes, control characters or a slash where it would
//! change the meaning of a path, a log line or a sudoers rule.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Why a text is not a name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{}` is not {kind}: {rule}", text.escape_debug())]
pub struct NotAName {
    kind: &'static str,
    rule: &'static str,
    text: String,
}

impl NotAName {
    fn new(kind: &'static str, rule: &'static str, text: &str) -> Self {
        // An error message must not carry a megabyte of somebody's input.
        Self {
            kind,
            rule,
            text: text.chars().take(80).collect(),
        }
    }
}

macro_rules! name {
    ($(#[$doc:meta])* $name:ident, $kind:literal, $rule:literal, $check:expr) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(String);

        impl $name {
            /// The name as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = NotAName;

            fn from_str(text: &str) -> Result<Self, NotAName> {
                let check: fn(&str) -> bool = $check;
                if check(text) {
                    Ok(Self(text.to_owned()))
                } else {
                    Err(NotAName::new($kind, $rule, text))
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({})", stringify!($name), self.0)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

name!(
    /// A team, which owns agents.
    TeamName, "a team name",
    "1 to 63 of a-z, 0-9 and `-`, beginning with a letter or digit", is_label
);
name!(
    /// An agent's name within its team.
    AgentName, "an agent name",
    "1 to 63 of a-z, 0-9 and `-`, beginning with a letter or digit", is_label
);
name!(
    /// A sudo bundle's name.
    BundleName, "a bundle name",
    "1 to 63 of a-z, 0-9 and `-`, beginning with a letter or digit", is_label
);
name!(
    /// A bastion's name in the registry.
    BastionName, "a bastion name",
    "1 to 63 of a-z, 0-9 and `-`, beginning with a letter or digit", is_label
);
name!(
    /// A host's name in the registry: labels joined by dots, as in DNS (RFC 1123).
    HostName, "a host name",
    "labels of a-z, 0-9 and `-` joined by dots, 253 characters at most", is_host
);
name!(
    /// What a person is called in logs, account fields and key ids: an e-mail address or a user name.
    HumanName, "a person's name",
    "1 to 128 of letters, digits and `.` `_` `@` `+` `-`", is_human
);
name!(
    /// A session's account on a host: `pr-` and 16 lower-case hexadecimal digits of the session id.
    AccountName, "a session account",
    "`pr-` and 16 lower-case hexadecimal digits", is_account
);

fn is_label(text: &str) -> bool {
    (1..=63).contains(&text.len())
        && !text.starts_with('-')
        && !text.ends_with('-')
        && text
            .bytes()
            .all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-'))
}

fn is_host(text: &str) -> bool {
    text.len() <= 253 && text.split('.').all(is_label)
}

fn is_human(text: &str) -> bool {
    (1..=128).contains(&text.len())
        && text.bytes().all(|b| matches!(b, b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'.' | b'_' | b'@' | b'+' | b'-'))
        && !text.starts_with(['-', '.'])
}

fn is_account(text: &str) -> bool {
    text.strip_prefix("pr-").is_some_and(|digits| {
        digits.len() == 16
            && digits
                .bytes()
                .all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_accept_what_they_say() {
        assert!("soc".parse::<TeamName>().is_ok());
        assert!("forensics-2".parse::<AgentName>().is_ok());
        assert!("db-1.prod.example.com".parse::<HostName>().is_ok());
        assert!("alice@example.com".parse::<HumanName>().is_ok());
        assert!("pr-0123456789abcdef".parse::<AccountName>().is_ok());
    }

    #[test]
    fn names_refuse_everything_else() {
        for bad in [
            "",
            "-a",
            "a-",
            "A",
            "a b",
            "a/b",
            "a\nb",
            "ä",
            &"a".repeat(64),
        ] {
            assert!(bad.parse::<TeamName>().is_err(), "{bad}");
        }
        for bad in ["", ".", "a..b", "a.", "A.b", "a_b", &"a.".repeat(200)] {
            assert!(bad.parse::<HostName>().is_err(), "{bad}");
        }
        for bad in ["", "a b", "a,b", "a\"b", "-a", "a:b", "a/b", "a=b"] {
            assert!(bad.parse::<HumanName>().is_err(), "{bad}");
        }
        for bad in [
            "root",
            "pr-",
            "pr-0123456789abcde",
            "pr-0123456789ABCDEF",
            "pr-0123456789abcdef0",
        ] {
            assert!(bad.parse::<AccountName>().is_err(), "{bad}");
        }
    }
}
