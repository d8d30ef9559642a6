//! As whom a command runs.

use std::fmt;
use std::str::FromStr;

use super::{GroupName, NotAWord, UserName};

/// As whom a command runs, written as between the brackets of a sudo rule: `user`, `user:group` or
/// `:group`.
///
/// The same type says what a rule allows and what somebody asks for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RunAs {
    /// As this user with the user's own groups: `sudo -u user`.
    User(UserName),
    /// As the account itself, with this group besides its own: `sudo -g group`.
    Group(GroupName),
    /// As this user with this group: `sudo -u user -g group`.
    Both(UserName, GroupName),
}

impl RunAs {
    /// What a command runs as when its bundle says nothing about it.
    #[must_use]
    pub fn root() -> Self {
        Self::User(UserName::root())
    }

    /// A user and a group as two fields give them; neither means root.
    #[must_use]
    pub fn of(user: Option<UserName>, group: Option<GroupName>) -> Self {
        match (user, group) {
            (None, None) => Self::root(),
            (Some(user), None) => Self::User(user),
            (None, Some(group)) => Self::Group(group),
            (Some(user), Some(group)) => Self::Both(user, group),
        }
    }

    /// The user, unless it is the account itself.
    #[must_use]
    pub fn user(&self) -> Option<&UserName> {
        match self {
            Self::User(user) | Self::Both(user, _) => Some(user),
            Self::Group(_) => None,
        }
    }

    /// The group, when one is named.
    #[must_use]
    pub fn group(&self) -> Option<&GroupName> {
        match self {
            Self::Group(group) | Self::Both(_, group) => Some(group),
            Self::User(_) => None,
        }
    }

    /// Whether a rule for `self` also serves who asks for `asked`.
    ///
    /// As in sudo, a rule for a user and a group serves each of the two alone: the user without the
    /// group, and the account itself with the group.
    #[must_use]
    pub fn covers(&self, asked: &Self) -> bool {
        match (self, asked) {
            (Self::Both(user, _), Self::User(asked)) => user == asked,
            (Self::Both(_, group), Self::Group(asked)) => group == asked,
            (rule, asked) => rule == asked,
        }
    }
}

impl RunAs {
    /// Whether somebody may ask for something that rules for either of the two serve.
    pub(crate) fn meets(&self, other: &Self) -> bool {
        let same_user = self.user().is_some() && self.user() == other.user();
        let same_group = self.group().is_some() && self.group() == other.group();
        same_user || same_group
    }
}

impl From<UserName> for RunAs {
    fn from(user: UserName) -> Self {
        Self::User(user)
    }
}

impl FromStr for RunAs {
    type Err = NotAWord;

    fn from_str(text: &str) -> Result<Self, NotAWord> {
        match text.split_once(':') {
            None => Ok(Self::User(text.parse()?)),
            Some(("", group)) => Ok(Self::Group(group.parse()?)),
            Some((user, group)) => Ok(Self::Both(user.parse()?, group.parse()?)),
        }
    }
}

impl fmt::Display for RunAs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::User(user) => write!(f, "{user}"),
            Self::Group(group) => write!(f, ":{group}"),
            Self::Both(user, group) => write!(f, "{user}:{group}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_for_both_serves_each_alone_and_nothing_else() {
        for (rule, serves, not) in [
            ("root", &["root"][..], &["adm", ":root", "root:adm"][..]),
            (":adm", &[":adm"], &["root", "root:adm", ":wheel", "adm"]),
            (
                "root:adm",
                &["root", ":adm", "root:adm"],
                &["root:wheel", "nobody:adm", ":wheel", "nobody"],
            ),
        ] {
            let rule: RunAs = rule.parse().unwrap();
            for asked in serves {
                assert!(
                    rule.covers(&asked.parse().unwrap()),
                    "{rule} serves {asked}"
                );
            }
            for asked in not {
                assert!(
                    !rule.covers(&asked.parse().unwrap()),
                    "{rule} is not for {asked}"
                );
            }
        }
    }

    #[test]
    fn rules_meet_where_both_serve_somebody() {
        let all: Vec<RunAs> = [
            "root",
            "nobody",
            ":adm",
            ":wheel",
            "root:adm",
            "root:wheel",
            "nobody:adm",
        ]
        .iter()
        .map(|text| text.parse().unwrap())
        .collect();
        for one in &all {
            for other in &all {
                let served = all
                    .iter()
                    .any(|asked| one.covers(asked) && other.covers(asked));
                assert_eq!(one.meets(other), served, "{one} {other}");
            }
        }
    }

    #[test]
    fn it_reads_back_as_it_is_written() {
        for text in ["root", ":adm", "postgres:postgres"] {
            assert_eq!(text.parse::<RunAs>().unwrap().to_string(), text);
        }
        for bad in ["", ":", "root:", "a:b:c", "ALL", "#0", "%wheel"] {
            assert!(bad.parse::<RunAs>().is_err(), "{bad}");
        }
    }
}
