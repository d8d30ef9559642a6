//! Half an account: what a tool leaves when it fails between two of the files that it changes. No
//! name service shows a line in `/etc/shadow` or `/etc/gshadow` alone.

use std::fs;
use std::io;
use std::path::Path;

const SHADOW: &str = "/etc/shadow";
const GSHADOW: &str = "/etc/gshadow";

/// Which lines there are under a name in the files that hold passwords.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Half {
    /// In `/etc/shadow`.
    pub(crate) account: bool,
    /// In `/etc/gshadow`.
    pub(crate) group: bool,
}

impl Half {
    /// Looks.
    ///
    /// # Errors
    /// When a file cannot be read.
    pub(crate) fn of(name: &str) -> io::Result<Self> {
        Ok(Self {
            account: has_line(&read(Path::new(SHADOW))?, name),
            group: has_line(&read(Path::new(GSHADOW))?, name),
        })
    }

    /// The files with a line.
    pub(crate) fn files(self) -> impl Iterator<Item = &'static str> {
        let files = [(self.account, SHADOW), (self.group, GSHADOW)];
        files
            .into_iter()
            .filter(|(is, _)| *is)
            .map(|(_, file)| file)
    }
}

/// A host without such a file keeps passwords elsewhere, and no line of ours in it.
fn read(path: &Path) -> io::Result<Vec<u8>> {
    match fs::read(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        other => other,
    }
}

fn has_line(file: &[u8], name: &str) -> bool {
    file.split(|&byte| byte == b'\n').any(|line| {
        line.strip_prefix(name.as_bytes())
            .is_some_and(|rest| rest.starts_with(b":"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_one_of_this_name_and_no_other() {
        let file = b"root:*::\npr-0123456789abcdef:!::\n\xff:\n";
        for (name, is_there) in [
            ("root", true),
            ("pr-0123456789abcdef", true),
            ("pr-0123456789abcde", false),
            ("oot", false),
            ("", false),
        ] {
            assert_eq!(has_line(file, name), is_there, "{name}");
        }
    }
}
