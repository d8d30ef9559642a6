//! Users and groups as a program sees them that may be in a user namespace, as under `PrivateUsers=`.

use std::fmt;
use std::fs;

/// A user or a group, as far as this program can tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Id {
    Known(u32),
    /// The namespace has no number for it, and shows that of nobody.
    Hidden,
}

/// Whose the numbers are that the system tells this program.
#[derive(Debug, Clone, Copy)]
pub(super) struct Namespace {
    has_all_users: bool,
    has_all_groups: bool,
}

impl Namespace {
    /// What the system shows instead of a number that a namespace does not have.
    pub(super) const NOBODY: u32 = 65534;

    /// The one that this program is in.
    pub(super) fn this() -> Self {
        let map = |name: &str| fs::read_to_string(format!("/proc/self/{name}"));
        // Where a map cannot be read, numbers are taken for what they say.
        let has_all = |name| map(name).map_or(true, |map| has_all(&map));
        Self {
            has_all_users: has_all("uid_map"),
            has_all_groups: has_all("gid_map"),
        }
    }

    pub(super) const fn user(self, number: u32) -> Id {
        known(number, self.has_all_users)
    }

    pub(super) const fn group(self, number: u32) -> Id {
        known(number, self.has_all_groups)
    }
}

const fn known(number: u32, has_all: bool) -> Id {
    if number == Namespace::NOBODY && !has_all {
        Id::Hidden
    } else {
        Id::Known(number)
    }
}

/// Whether a namespace has every number: from 0 on, all are what they are outside.
fn has_all(map: &str) -> bool {
    map.split_whitespace().eq(["0", "0", "4294967295"])
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Known(number) => number.fmt(f),
            Self::Hidden => f.write_str("unknown"),
        }
    }
}

#[cfg(test)]
impl Namespace {
    /// One that has all users and groups, or not.
    pub(super) const fn with(has_all: bool) -> Self {
        Self {
            has_all_users: has_all,
            has_all_groups: has_all,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_somebody_only_where_every_user_has_a_number() {
        for (map, nobody) in [
            ("         0          0 4294967295\n", Id::Known(65534)),
            // What `PrivateUsers=yes` makes, and a container.
            (
                "         0          0          1\n       990        990          1\n",
                Id::Hidden,
            ),
            ("         0     100000      65536\n", Id::Hidden),
            ("", Id::Hidden),
        ] {
            let namespace = Namespace::with(has_all(map));
            assert_eq!(namespace.user(65534), nobody, "{map}");
            assert_eq!(namespace.group(65534), nobody, "{map}");
            assert_eq!(namespace.user(990), Id::Known(990), "{map}");
        }
    }
}
