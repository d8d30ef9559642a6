//! Programs and file operations on one line each, safe for any terminal.

use crate::argv;
use crate::event::{FileOperation, Moved, Omitted, Program, meaning};
use crate::printable::one_line;

impl Program {
    /// The words of a command, where no shell is needed to tell them ([`crate::argv`]).
    #[must_use]
    pub fn argv(&self) -> Option<argv::Words> {
        match self {
            Self::Shell | Self::Sftp => None,
            Self::Exec(command) => argv::words(command),
        }
    }

    /// The program on one line and safe for any terminal.
    #[must_use]
    pub fn line(&self) -> String {
        match self {
            Self::Shell => "(login shell)".into(),
            Self::Exec(command) => one_line(command),
            Self::Sftp => "(sftp)".into(),
        }
    }
}

impl FileOperation {
    /// The operation on one line and safe for any terminal: what, which paths, how much, which
    /// digest, and what came of it when that was not success.
    #[must_use]
    pub fn line(&self) -> String {
        let what = self.what();
        match self.result {
            Some(0) => what,
            Some(code) => format!("{what} FAILED: {}", meaning(code)),
            None => format!("{what} (no answer)"),
        }
    }

    /// The same without what came of it.
    #[must_use]
    pub fn what(&self) -> String {
        let mut line = self.act.word().to_owned();
        let mut add = |word: &str| {
            line.push(' ');
            line.push_str(word);
        };
        if !self.path.is_empty() {
            add(&one_line(&self.path));
        }
        if let Some(other) = &self.other {
            add("->");
            add(&one_line(other));
        }
        if let Some(moved) = &self.content {
            add(&moved.line());
        } else if let Some(detail) = &self.detail {
            add(&format!("({})", one_line(detail.as_bytes())));
        }
        line
    }
}

impl Moved {
    fn line(&self) -> String {
        let mut line = match (self.read, self.written) {
            (0, bytes) | (bytes, 0) => format!("{bytes} bytes"),
            (read, written) => format!("{read} bytes read, {written} bytes written"),
        };
        if let Some(digest) = self.digest {
            line.push_str(&format!(" {digest}"));
        }
        if let Some(remark) = &self.remark {
            line.push_str(&format!(" ({})", one_line(remark.as_bytes())));
        }
        line
    }
}

impl Omitted {
    /// What is missing, on one line.
    #[must_use]
    pub fn line(&self) -> String {
        let direction = if self.is_output { "output" } else { "input" };
        format!(
            "{} bytes of {direction} left out, {}",
            self.bytes, self.digest
        )
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use portreeve_protocol::digest::Digest;

    use super::*;
    use crate::event::FileAct;

    #[test]
    fn an_operation_is_one_line_that_drives_no_terminal() {
        let put = FileOperation {
            act: FileAct::Put,
            path: Bytes::from_static(b"/tmp/a\x1b[2J"),
            other: None,
            detail: Some("for writing".into()),
            result: Some(0),
            content: Some(Moved {
                read: 0,
                written: 1234,
                digest: Some(Digest::of(b"x")),
                remark: None,
            }),
        };
        assert_eq!(
            put.line(),
            format!("put /tmp/a\\x1b[2J 1234 bytes {}", Digest::of(b"x"))
        );
        let rename = FileOperation {
            act: FileAct::Rename,
            path: Bytes::from_static(b"a"),
            other: Some(Bytes::from_static(b"b")),
            detail: None,
            result: Some(3),
            content: None,
        };
        assert_eq!(rename.line(), "rename a -> b FAILED: permission denied");
        let mkdir = FileOperation {
            act: FileAct::MakeDirectory,
            path: Bytes::from_static(b"d"),
            other: None,
            detail: Some("mode 0755".into()),
            result: None,
            content: None,
        };
        assert_eq!(mkdir.line(), "mkdir d (mode 0755) (no answer)");
    }
}
