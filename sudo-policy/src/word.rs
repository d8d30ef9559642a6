//! The words that a rule is made of, each a type that sudo's own reader cannot misread.

mod run_as;

use std::fmt;
use std::str::FromStr;

pub use self::run_as::RunAs;

/// Longest path, argument or user name, in bytes.
const MAX_LENGTH: usize = 255;

/// Why a text is not one of these words.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{problem}")]
pub struct NotAWord {
    problem: String,
    help: &'static str,
}

impl NotAWord {
    fn new(problem: impl Into<String>, help: &'static str) -> Self {
        Self {
            problem: problem.into(),
            help,
        }
    }

    /// What to do about it.
    #[must_use]
    pub fn help(&self) -> &'static str {
        self.help
    }
}

macro_rules! word {
    ($(#[$doc:meta])* $name:ident, $check:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(String);

        impl $name {
            /// The word as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = NotAWord;

            fn from_str(text: &str) -> Result<Self, NotAWord> {
                if text.len() > MAX_LENGTH {
                    return Err(NotAWord::new("the text is longer than 255 bytes", "shorten it"));
                }
                $check(text)?;
                Ok(Self(text.to_owned()))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

word!(
    /// The absolute path of one program: no wildcards, no `..`, no directory.
    CommandPath, check_path
);
word!(
    /// One exact argument: printable ASCII without spaces and double quotes.
    ///
    /// sudo joins the arguments of a command line with spaces before it compares them, so an
    /// argument with a space in it could not be told from two.
    Argument, check_argument
);
word!(
    /// A local user that a command runs as; never a number and never `ALL`.
    UserName, check_user
);
word!(
    /// A local group that a command runs with; never a number and never `ALL`.
    GroupName, check_group
);
word!(
    /// One directory, absolute and plain: no wildcards, no `..`, no `~`.
    DirectoryPath, check_directory
);

impl CommandPath {
    /// The last part of the path.
    #[must_use]
    pub fn file_name(&self) -> &str {
        self.0.rsplit('/').next().unwrap_or("")
    }

    /// The path without its last part.
    #[must_use]
    pub fn directory(&self) -> &str {
        self.0
            .rsplit_once('/')
            .map_or("", |(directory, _)| directory)
    }
}

impl DirectoryPath {
    /// The directory that commands run in when a bundle names none: it is there on every host, and
    /// nobody but root makes names in it.
    #[must_use]
    pub fn root() -> Self {
        Self("/".to_owned())
    }
}

impl UserName {
    /// The user that commands run as when a bundle names none.
    #[must_use]
    pub fn root() -> Self {
        Self("root".to_owned())
    }
}

fn check_path(text: &str) -> Result<(), NotAWord> {
    let Some(rest) = text.strip_prefix('/') else {
        return Err(NotAWord::new(
            format!("`{}` is not an absolute path", text.escape_debug()),
            "write the whole path, as in `/usr/bin/ss`; a relative one would run whatever lies in the way",
        ));
    };
    if rest.ends_with('/') || rest.is_empty() {
        return Err(NotAWord::new(
            "the path names a directory",
            "name one program; sudo would allow every file in a directory",
        ));
    }
    check_components(rest)
}

fn check_directory(text: &str) -> Result<(), NotAWord> {
    let Some(rest) = text.strip_prefix('/') else {
        return Err(NotAWord::new(
            format!("`{}` is not an absolute directory", text.escape_debug()),
            "write the whole path, as in `/var/log`; `~` and `*` would leave the choice to others",
        ));
    };
    if rest.is_empty() {
        return Ok(());
    }
    if rest.ends_with('/') {
        return Err(NotAWord::new(
            "the directory ends with `/`",
            "leave the last `/` out",
        ));
    }
    check_components(rest)
}

/// What stands behind the first `/` of a path.
fn check_components(rest: &str) -> Result<(), NotAWord> {
    if rest.split('/').any(|part| matches!(part, "" | "." | "..")) {
        return Err(NotAWord::new(
            "the path has `.`, `..` or `//` in it",
            "write the path as `realpath` prints it",
        ));
    }
    match rest
        .chars()
        .find(|&c| !(c.is_ascii_alphanumeric() || "/_.+@-".contains(c)))
    {
        Some(other) => Err(NotAWord::new(
            format!("{other:?} may not stand in a path"),
            "a path has letters, digits and `/ _ . + @ -`; wildcards would let the caller choose the program",
        )),
        None => Ok(()),
    }
}

fn check_argument(text: &str) -> Result<(), NotAWord> {
    if text.is_empty() {
        return Err(NotAWord::new(
            "an argument is empty",
            "leave it out; `args = []` means no arguments",
        ));
    }
    match text.chars().find(|c| !c.is_ascii_graphic() || *c == '"') {
        Some(other) => Err(NotAWord::new(
            format!("{other:?} may not stand in an exact argument"),
            "arguments are separate strings, as in `[\"-n\", \"100\"]`, of printable ASCII without spaces and double quotes",
        )),
        None => Ok(()),
    }
}

fn check_user(text: &str) -> Result<(), NotAWord> {
    if is_account(text) {
        return Ok(());
    }
    Err(NotAWord::new(
        format!("`{}` is not a user name", text.escape_debug()),
        "name one local user, as in `root` or `postgres`; `ALL`, groups and numbers are not users",
    ))
}

fn check_group(text: &str) -> Result<(), NotAWord> {
    if is_account(text) {
        return Ok(());
    }
    Err(NotAWord::new(
        format!("`{}` is not a group name", text.escape_debug()),
        "name one local group, as in `adm` or `systemd-journal`; `ALL` and numbers are not groups",
    ))
}

/// What every system takes as the name of a user or a group.
fn is_account(text: &str) -> bool {
    let first = text
        .chars()
        .next()
        .is_some_and(|c| c.is_ascii_lowercase() || c == '_');
    let rest = text
        .chars()
        .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '_' | '-'));
    first && rest && text.len() <= 32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_name_one_program() {
        for good in ["/usr/bin/ss", "/opt/x-1.0/bin/g++", "/usr/lib/systemd/a@b"] {
            assert!(good.parse::<CommandPath>().is_ok(), "{good}");
        }
        for bad in [
            "",
            "ss",
            "./ss",
            "/",
            "/usr/bin/",
            "/usr//bin/ss",
            "/usr/../bin/ss",
            "/usr/bin/*",
            "/usr/bin/a b",
            "/a\\b",
            "/a,b",
            "/a\nb",
            "/é",
            "!/bin/sh",
        ] {
            assert!(bad.parse::<CommandPath>().is_err(), "{bad}");
        }
        assert!(
            format!("/{}", "a".repeat(255))
                .parse::<CommandPath>()
                .is_err()
        );
    }

    #[test]
    fn arguments_are_one_word_each() {
        for good in ["-tnp", "a=b,c:d", "*", "\\", "^x$", "#"] {
            assert!(good.parse::<Argument>().is_ok(), "{good}");
        }
        for bad in ["", "a b", "a\tb", "\"", "é", "a\u{7f}"] {
            assert!(bad.parse::<Argument>().is_err(), "{bad}");
        }
    }

    #[test]
    fn users_are_named() {
        for good in ["root", "_apt", "www-data"] {
            assert!(good.parse::<UserName>().is_ok(), "{good}");
        }
        for bad in ["", "ALL", "#0", "%wheel", "Root", "a b", "-x", "0root"] {
            assert!(bad.parse::<UserName>().is_err(), "{bad}");
            assert!(bad.parse::<GroupName>().is_err(), "{bad}");
        }
    }

    #[test]
    fn directories_are_absolute_and_plain() {
        for good in ["/", "/var/log", "/srv/a-b_1.0+x@y"] {
            assert!(good.parse::<DirectoryPath>().is_ok(), "{good}");
        }
        for bad in [
            "", "*", "~", "~root", "var", "/var/", "//", "/a//b", "/a/../b", "/a/.", "/a b", "/a:b",
        ] {
            assert!(bad.parse::<DirectoryPath>().is_err(), "{bad}");
        }
    }
}
