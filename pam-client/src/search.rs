//! Where files of a session are looked for at its end, and what becomes of those that are found.
//! Pure: `stray_files.rs` looks.

use std::fmt;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// What becomes of a file that a session leaves outside its home.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Leftovers {
    /// It is removed, and the receipt names it.
    #[default]
    Remove,
    /// It stays, and the receipt names it.
    Report,
}

/// A directory below which files of a session are looked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Entry")]
pub(crate) struct SearchRoot {
    /// The directory.
    pub(crate) path: PathBuf,
    /// What becomes of the files.
    pub(crate) leftovers: Leftovers,
}

impl fmt::Display for SearchRoot {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", self.path.display())?;
        match self.leftovers {
            Leftovers::Remove => Ok(()),
            Leftovers::Report => formatter.write_str(" (only reported)"),
        }
    }
}

/// A directory as it is written in the settings, and in journals of a daemon before this one.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(
    untagged,
    expecting = "a directory is a path, or a table with `path` and `leftovers` (\"remove\" or \"report\")"
)]
pub(crate) enum Entry {
    /// The directory alone.
    Path(PathBuf),
    /// The directory with a rule of its own.
    Root(Root),
}

/// A directory with a rule of its own.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Root {
    path: PathBuf,
    leftovers: Option<Leftovers>,
}

impl Entry {
    /// The directory, with the rule for all where it has none of its own.
    pub(crate) fn settled(self, all: Leftovers) -> SearchRoot {
        match self {
            Self::Path(path) => SearchRoot {
                path,
                leftovers: all,
            },
            Self::Root(Root { path, leftovers }) => SearchRoot {
                path,
                leftovers: leftovers.unwrap_or(all),
            },
        }
    }
}

impl From<Entry> for SearchRoot {
    fn from(entry: Entry) -> Self {
        entry.settled(Leftovers::Remove)
    }
}

impl From<&str> for SearchRoot {
    fn from(path: &str) -> Self {
        Entry::Path(path.into()).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Deserialize)]
    struct Settings {
        search: Vec<Entry>,
    }

    #[test]
    fn a_directory_has_the_rule_for_all_or_one_of_its_own() {
        let text =
            r#"search = ["/tmp", { path = "/srv", leftovers = "report" }, { path = "/data" }]"#;
        let settings: Settings = toml::from_str(text).unwrap();
        let settled = |all| -> Vec<_> {
            let entries = settings.search.iter().cloned();
            entries.map(|entry| entry.settled(all).leftovers).collect()
        };
        let (remove, report) = (Leftovers::Remove, Leftovers::Report);
        assert_eq!(settled(remove), [remove, report, remove]);
        assert_eq!(settled(report), [report, report, report]);
        for bad in [
            r#"search = [{ path = "/srv", leftover = "report" }]"#,
            r#"search = [{ path = "/srv", leftovers = "keep" }]"#,
            "search = [1]",
        ] {
            assert!(toml::from_str::<Settings>(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_journal_tells_what_was_settled_and_an_older_one_says_remove() {
        let root = SearchRoot {
            path: "/srv".into(),
            leftovers: Leftovers::Report,
        };
        let text = serde_json::to_string(&root).unwrap();
        assert_eq!(serde_json::from_str::<SearchRoot>(&text).unwrap(), root);
        let old: SearchRoot = serde_json::from_str("\"/tmp\"").unwrap();
        assert_eq!(old, "/tmp".into());
    }
}
