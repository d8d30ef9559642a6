//! Lines of `authorized_keys` as sshd reads them. Pure.

use std::borrow::Cow;

use base64ct::{Base64, Base64Unpadded, Encoding as _};
use portreeve_protocol::digest::Digest;

/// The longest line that sshd takes.
const MAX_LINE: usize = 8 * 1024;
/// Most keys of one file that are told one by one.
pub(crate) const MOST_KEYS: usize = 200;

/// Kinds of key that sshd knows, with the ones that it no longer takes.
const KINDS: [&str; 11] = [
    "ssh-ed25519",
    "ssh-rsa",
    "ssh-dss",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521",
    "sk-ssh-ed25519@openssh.com",
    "sk-ecdsa-sha2-nistp256@openssh.com",
    "webauthn-sk-ecdsa-sha2-nistp256@openssh.com",
    "ssh-xmss@openssh.com",
    "ssh-mldsa44-ed25519@openssh.com",
];

/// Options that limit what a key opens.
const LIMITS: [&str; 4] = ["from", "command", "restrict", "expiry-time"];

/// An option in front of a key: its name in small letters, and its value.
pub(crate) type KeyOption = (String, Option<String>);

/// A key that a line lets in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Key {
    /// The line, from 1.
    pub(crate) line: usize,
    /// Its kind.
    pub(crate) kind: &'static str,
    /// Its SHA-256 fingerprint, as `ssh-keygen -l` shows it.
    pub(crate) fingerprint: String,
    /// What stands behind it.
    pub(crate) comment: String,
    /// The options in front.
    pub(crate) options: Vec<KeyOption>,
}

impl Key {
    /// Whether it is a CA, whose certificates are let in.
    pub(crate) fn is_authority(&self) -> bool {
        self.has("cert-authority")
    }

    /// Whether an option is there.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.options.iter().any(|(known, _)| known == name)
    }

    /// The key in words: kind, fingerprint, comment, and the limits that it has.
    pub(crate) fn words(&self) -> String {
        let mut words = format!("{} {}", self.kind, self.fingerprint);
        let limits = self
            .options
            .iter()
            .filter(|(name, _)| LIMITS.contains(&name.as_str()));
        for (name, value) in limits {
            words.push(' ');
            words.push_str(name);
            if let Some(value) = value {
                words.push_str("=\"");
                words.extend(told(name, value).chars().take(60));
                words.push('"');
            }
        }
        if !self.comment.is_empty() {
            words.push_str(" (");
            words.extend(self.comment.chars().take(80));
            words.push(')');
        }
        words
    }
}

/// What is told of an option's value: of a command the program, since what follows it, or a
/// variable before it, may be a secret.
fn told<'a>(name: &str, value: &'a str) -> Cow<'a, str> {
    if name != "command" {
        return value.into();
    }
    match value.trim_start().split_once([' ', '\t']) {
        None if !value.contains('=') => value.into(),
        Some((program, _)) if !program.contains('=') => format!("{program} …").into(),
        None | Some(_) => "…".into(),
    }
}

/// The keys in a file, and how many more there are than are told.
pub(crate) fn keys(text: &str) -> (Vec<Key>, usize) {
    let mut found = Vec::new();
    let mut more = 0;
    for (index, line) in text.lines().enumerate() {
        let Some(key) = key(line, index + 1) else {
            continue;
        };
        if found.len() < MOST_KEYS {
            found.push(key);
        } else {
            more += 1;
        }
    }
    (found, more)
}

fn key(text: &str, line: usize) -> Option<Key> {
    let text = text.trim_start_matches([' ', '\t']);
    if text.is_empty() || text.starts_with('#') || text.len() > MAX_LINE {
        return None;
    }
    // Options stand in front only where the line does not begin with a key.
    if let Some((kind, blob, comment)) = blob(text) {
        return Some(of(line, kind, &blob, comment, Vec::new()));
    }
    let (options, rest) = options(text)?;
    let (kind, blob, comment) = blob(rest)?;
    Some(of(line, kind, &blob, comment, options))
}

fn of(line: usize, kind: &'static str, blob: &[u8], comment: &str, options: Vec<KeyOption>) -> Key {
    Key {
        line,
        kind,
        fingerprint: fingerprint(blob),
        comment: comment.trim().to_owned(),
        options,
    }
}

/// The SHA-256 fingerprint of a key's bytes.
pub(crate) fn fingerprint(blob: &[u8]) -> String {
    let digest = Base64Unpadded::encode_string(Digest::of(blob).as_bytes());
    format!("SHA256:{digest}")
}

/// Kind, bytes and comment at the beginning of a text. The bytes name their kind, and it must be
/// the one that stands in front of them.
fn blob(text: &str) -> Option<(&'static str, Vec<u8>, &str)> {
    let (kind, rest) = text.split_once([' ', '\t'])?;
    let kind = *KINDS.iter().find(|known| **known == kind)?;
    let rest = rest.trim_start_matches([' ', '\t']);
    let (base64, comment) = rest.split_once([' ', '\t']).unwrap_or((rest, ""));
    let bytes = Base64::decode_vec(base64.trim_end()).ok()?;
    (kind_of(&bytes) == Some(kind.as_bytes())).then_some((kind, bytes, comment))
}

/// The kind that a key's bytes begin with.
pub(crate) fn kind_of(blob: &[u8]) -> Option<&[u8]> {
    let (length, rest) = blob.split_first_chunk::<4>()?;
    rest.get(..usize::try_from(u32::from_be_bytes(*length)).ok()?)
}

/// The options at the beginning of a text, and what follows them. They end at the first blank that
/// is in no quotes; a quote within quotes has a backslash in front.
fn options(text: &str) -> Option<(Vec<KeyOption>, &str)> {
    let mut options = Vec::new();
    let mut current = String::new();
    let mut is_quoted = false;
    let mut chars = text.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        match c {
            '\\' if is_quoted && chars.peek().is_some_and(|(_, next)| *next == '"') => {
                current.push('"');
                chars.next();
            }
            '"' => is_quoted = !is_quoted,
            ',' if !is_quoted => options.push(option(&std::mem::take(&mut current))),
            ' ' | '\t' if !is_quoted => {
                options.push(option(&current));
                let rest = text.get(at..)?.trim_start_matches([' ', '\t']);
                return Some((options, rest));
            }
            _ => current.push(c),
        }
    }
    None
}

fn option(text: &str) -> KeyOption {
    let (name, value) = match text.split_once('=') {
        Some((name, value)) => (name, Some(value.to_owned())),
        None => (text, None),
    };
    (name.to_ascii_lowercase(), value)
}

#[cfg(test)]
mod tests {
    use super::*;

    const BLOB: &str = "AAAAC3NzaC1lZDI1NTE5AAAAIAEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEB";

    fn one(text: &str) -> Option<Key> {
        let (mut keys, more) = keys(text);
        assert!(keys.len() <= 1 && more == 0);
        keys.pop()
    }

    #[test]
    fn a_line_is_read_as_sshd_reads_it() {
        for (line, expected) in [
            (format!("ssh-ed25519 {BLOB}"), ""),
            (
                format!("  ssh-ed25519\t{BLOB} alice@laptop # 1"),
                " (alice@laptop # 1)",
            ),
            (
                format!(
                    r#"from="192.0.2.0/24,!192.0.2.9",command="echo \"a b\", c" ssh-ed25519 {BLOB} x"#
                ),
                r#" from="192.0.2.0/24,!192.0.2.9" command="echo …" (x)"#,
            ),
            (
                format!(r#"command="TOKEN=secret /usr/bin/sync" ssh-ed25519 {BLOB}"#),
                r#" command="…""#,
            ),
            (
                format!("Restrict,pty,expiry-time=\"20270101\" ssh-ed25519 {BLOB}"),
                " restrict expiry-time=\"20270101\"",
            ),
        ] {
            let key = one(&line).unwrap_or_else(|| panic!("{line}"));
            let head = "ssh-ed25519 SHA256:";
            let words = key.words();
            assert!(words.starts_with(head), "{words}");
            assert_eq!(&words[head.len() + 43..], expected, "{line}");
        }
    }

    #[test]
    fn a_ca_is_told_from_a_key() {
        let line = format!("cert-authority,principals=\"ops\" ssh-ed25519 {BLOB}");
        assert!(one(&line).unwrap().is_authority());
        assert!(
            !one(&format!("ssh-ed25519 {BLOB} cert-authority"))
                .unwrap()
                .is_authority()
        );
    }

    #[test]
    fn what_sshd_does_not_take_is_no_key() {
        for line in [
            "",
            "# ssh-ed25519 AAAA",
            "ssh-ed25519",
            "ssh-ed25519 AAAA",
            &format!("ssh-rsa {BLOB}"),
            &format!("#ssh-ed25519 {BLOB}"),
            &format!("command=\"open ssh-ed25519 {BLOB}"),
            &format!("ssh-ed25519 {BLOB}="),
            &format!("{} ssh-ed25519 {BLOB}", "x".repeat(MAX_LINE)),
        ] {
            assert_eq!(one(line), None, "{line}");
        }
    }

    #[test]
    fn a_file_of_a_million_keys_is_counted_and_not_listed() {
        let text = format!("ssh-ed25519 {BLOB}\n").repeat(MOST_KEYS + 7);
        let (keys, more) = keys(&text);
        assert_eq!((keys.len(), more), (MOST_KEYS, 7));
        assert_eq!(keys[MOST_KEYS - 1].line, MOST_KEYS);
    }
}
