//! Which program somebody means who gives it to sudo.

use std::borrow::Cow;

use super::Reading;
use crate::render::SECURE_PATH;
use crate::word::CommandPath;

/// The directories that are links to those of the same name below `/usr`.
const LINKED: [&str; 4] = ["bin", "sbin", "lib", "lib64"];

/// A program as it was typed.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Program<'a> {
    /// By name.
    Name(&'a str),
    /// By an absolute path, with nothing in it that leads nowhere or back.
    Path(Cow<'a, str>),
    /// Nothing that a rule could name.
    None,
}

impl<'a> Program<'a> {
    /// What `typed` means.
    pub(super) fn of(typed: &'a str, reading: Reading) -> Self {
        if !typed.contains('/') {
            return Self::Name(typed);
        }
        let typed = match reading {
            Reading::Either | Reading::SudoRs => without_end(typed),
            Reading::Sudo => typed,
        };
        resolved(typed).map_or(Self::None, Self::Path)
    }

    /// Whether it is the program of a rule.
    pub(super) fn is(&self, path: &CommandPath) -> bool {
        match self {
            Self::Name(name) => {
                // Almost every rule is about another program, so what costs least comes first.
                path.as_str().ends_with(name)
                    && *name == path.file_name()
                    && is_searched(path.directory())
            }
            Self::Path(typed) => {
                let typed = unmerged(typed);
                path.as_str().ends_with(typed) && typed == unmerged(path.as_str())
            }
            Self::None => false,
        }
    }
}

/// Whether sudo finds programs of this directory by name.
pub(crate) fn is_searched(directory: &str) -> bool {
    SECURE_PATH.contains(&directory)
}

/// A path as it is without links into `/usr`.
pub(crate) fn unmerged(path: &str) -> &str {
    let Some(rest) = path.strip_prefix("/usr/") else {
        return path;
    };
    let is_linked = rest
        .split_once('/')
        .is_some_and(|(directory, _)| LINKED.contains(&directory));
    let slash = path.len() - rest.len() - 1;
    if is_linked {
        path.get(slash..).unwrap_or(path)
    } else {
        path
    }
}

/// A path without the `/` and `/.` behind its last part.
fn without_end(mut typed: &str) -> &str {
    while let Some(shorter) = typed.strip_suffix('/').or(typed.strip_suffix("/.")) {
        typed = shorter;
    }
    typed
}

/// An absolute path without `//`, `/./` and `/../`; `None` when it is relative or a directory.
fn resolved(typed: &str) -> Option<Cow<'_, str>> {
    let rest = typed.strip_prefix('/')?;
    let is_plain = |part: &str| !matches!(part, "" | "." | "..");
    if rest.split('/').all(is_plain) {
        return Some(Cow::Borrowed(typed));
    }
    if !rest.rsplit('/').next().is_some_and(is_plain) {
        return None;
    }
    let mut parts: Vec<&str> = Vec::new();
    for part in rest.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            linked if parts.is_empty() && LINKED.contains(&linked) => parts.extend(["usr", linked]),
            part => parts.push(part),
        }
    }
    Some(Cow::Owned(format!("/{}", parts.join("/"))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_is_found_by_its_name_and_by_every_path_to_it() {
        for (typed, path, is) in [
            ("ss", "/usr/bin/ss", true),
            ("ss", "/usr/sbin/ss", true),
            ("ss", "/bin/ss", true),
            ("ss", "/opt/ss", false),
            ("SS", "/usr/bin/ss", false),
            ("", "/usr/bin/ss", false),
            ("/usr/bin/ss", "/usr/bin/ss", true),
            ("/bin/ss", "/usr/bin/ss", true),
            ("/usr/bin/ss", "/bin/ss", true),
            ("/sbin/ss", "/usr/bin/ss", false),
            ("/usr//bin/./ss", "/usr/bin/ss", true),
            ("//bin/ss", "/usr/bin/ss", true),
            ("/usr/bin/../bin/ss", "/usr/bin/ss", true),
            ("/bin/../bin/ss", "/usr/bin/ss", true),
            ("/bin/../sbin/ss", "/usr/sbin/ss", true),
            ("/bin/../ss", "/ss", false),
            ("/../usr/bin/ss", "/usr/bin/ss", true),
            ("/lib/systemd/systemd", "/usr/lib/systemd/systemd", true),
            ("/usr/bin/ss/", "/usr/bin/ss", false),
            ("/usr/bin/ss/.", "/usr/bin/ss", false),
            ("./ss", "/usr/bin/ss", false),
            ("usr/bin/ss", "/usr/bin/ss", false),
            ("/", "/usr/bin/ss", false),
            ("/usr/libexec/x", "/libexec/x", false),
        ] {
            let path: CommandPath = path.parse().unwrap();
            assert_eq!(
                Program::of(typed, Reading::Sudo).is(&path),
                is,
                "{typed} {path}"
            );
        }
    }
}
