//! Whether a command is scp's other end, as OpenSSH's client starts it.

use bytes::Bytes;

/// A command that is scp's other end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScpCommand {
    /// Whether files go from the host to the agent (`-f`); else they come (`-t`).
    pub host_sends: bool,
    /// What follows the options, as the shell got it.
    pub target: Bytes,
}

impl ScpCommand {
    /// The command, if it is one: the word `scp`, alone or where systems have it, options, one of
    /// `-t` and `-f` among them, and a target. Any other program of that name speaks what it likes. With anything by which a shell would do more than
    /// start it, it is a command like any other.
    #[must_use]
    pub fn of(command: &Bytes) -> Option<Self> {
        if command.iter().any(|byte| b"\n\r;&|<>`()$".contains(byte)) {
            return None;
        }
        let (program, mut rest) = word(command)?;
        let is_scp = [&b"scp"[..], b"/bin/scp", b"/usr/bin/scp"].contains(&program);
        if !is_scp || program.iter().any(|byte| b"'\"\\=".contains(byte)) {
            return None;
        }
        let (mut sends, mut takes) = (false, false);
        while let Some((option, after)) = word(rest) {
            if option == b"--" {
                rest = after;
                break;
            }
            let Some(letters) = option.strip_prefix(b"-") else {
                break;
            };
            if letters.is_empty() || !letters.iter().all(|letter| b"rpdvqCtf".contains(letter)) {
                return None;
            }
            sends |= letters.contains(&b'f');
            takes |= letters.contains(&b't');
            rest = after;
        }
        let target = rest.trim_ascii();
        (sends != takes && !target.is_empty()).then(|| Self {
            host_sends: sends,
            target: command.slice_ref(target),
        })
    }
}

/// The first word and what follows it.
fn word(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let text = text.trim_ascii_start();
    let end = text
        .iter()
        .position(u8::is_ascii_whitespace)
        .unwrap_or(text.len());
    (end > 0).then(|| text.split_at(end))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_opensshs_client_starts_is_scp() {
        for (command, expected) in [
            ("scp -t /tmp/x", Some((false, "/tmp/x"))),
            (
                "scp -v -r -p -f /var/log/*.log",
                Some((true, "/var/log/*.log")),
            ),
            ("/usr/bin/scp -rt -- -odd name ", Some((false, "-odd name"))),
            ("scp -f '/tmp/a b' c", Some((true, "'/tmp/a b' c"))),
            ("scp -t", None),
            ("scp -t -f x", None),
            ("scp a b", None),
            ("scp -S sh -t x", None),
            ("scpx -t x", None),
            ("X=1/scp -t x", None),
            ("./scp -t x", None),
            ("/home/somebody/scp -f x", None),
            ("scp -t x; id", None),
            ("scp -t $(id)", None),
            ("scp -f x | gzip", None),
            ("sudo scp -t x", None),
            ("", None),
        ] {
            let found = ScpCommand::of(&Bytes::from_static(command.as_bytes()));
            let found = found
                .as_ref()
                .map(|found| (found.host_sends, str::from_utf8(&found.target).unwrap()));
            assert_eq!(found, expected, "{command}");
        }
    }
}
