//! What a host signed when a session's account was gone, as people read it. Pure.

use portreeve_protocol::attest::{FoundFiles, Receipt, SudoCommands};
use portreeve_protocol::event::{AccessFact, Body, Event};

use super::words::moment;

/// How many commands, files and things left behind are shown; the trail has what the receipt has.
const MOST_SHOWN: usize = 20;

/// The last receipt in a trail, which is the one that counts. Whether it was signed is for
/// [`super::host_chain`] to say.
#[must_use]
pub fn last(events: &[Event]) -> Option<Receipt> {
    events.iter().rev().find_map(|event| {
        let Body::Access { fact, .. } = &event.body else {
            return None;
        };
        let AccessFact::HostGone { receipt } = fact else {
            return None;
        };
        serde_json::from_str(receipt.unverified_payload()).ok()
    })
}

/// Labels and values.
#[must_use]
pub fn rows(receipt: &Receipt) -> Vec<(&'static str, String)> {
    let took = receipt.took.as_ref().map_or_else(String::new, |took| {
        format!(", {} ms after the end", took.micros / 1000)
    });
    let mut rows = vec![(
        "receipt",
        format!("account gone at {}{took}", moment(receipt.gone_at)),
    )];
    let killed = receipt.killed.len() as u64 + u64::from(receipt.killed_more);
    if killed > 0 {
        rows.push(("killed", format!("{killed} processes")));
    }
    if let Some(found) = &receipt.found {
        rows.extend(files(found));
    }
    rows.extend(shown(
        "LEFT BEHIND",
        receipt.left.iter().cloned(),
        0,
        "things",
    ));
    if receipt.sudo_commands > 0 {
        let sentence = "what was done as another user is not undone";
        rows.push((
            "by sudo",
            format!("{} commands ran; {sentence}", receipt.sudo_commands),
        ));
    }
    if let Some(commands) = &receipt.commands {
        rows.extend(by_sudo(commands));
    }
    rows
}

fn by_sudo(commands: &SudoCommands) -> Vec<(&'static str, String)> {
    let lines = commands
        .commands
        .iter()
        .map(|command| format!("{}: {}", command.run_as, command.argv.join(" ")));
    shown("", lines, commands.more, "commands")
}

fn files(found: &FoundFiles) -> Vec<(&'static str, String)> {
    let lines = found.files.iter().map(|file| {
        let became = if file.removed {
            "removed"
        } else {
            "STILL THERE"
        };
        format!("{} ({became})", file.path)
    });
    shown("found", lines, found.more, "files")
}

fn shown(
    label: &'static str,
    mut lines: impl ExactSizeIterator<Item = String>,
    more: u64,
    what: &str,
) -> Vec<(&'static str, String)> {
    let mut rows: Vec<_> = lines
        .by_ref()
        .take(MOST_SHOWN)
        .map(|line| (label, line))
        .collect();
    let more = more.saturating_add(lines.len() as u64);
    if more > 0 {
        rows.push((label, format!("and {more} more {what}")));
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output;
    use portreeve_protocol::digest::Digest;
    use serde_json::{Value, json};

    fn receipt(more: &Value) -> Receipt {
        let mut receipt = json!({
            "host": "prod-1", "order": "01890a5d-ac96-774b-bcce-b302099a8057",
            "session": "01890a5d-ac96-774b-8123-456789abcdef", "account": "pr-8123456789abcdef", "uid": 1,
            "cause": "asked", "ending_at": "2026-01-01T00:00:03Z", "gone_at": "2026-01-01T00:00:04Z",
            "killed": [], "killed_more": 0, "steps": [], "left": [], "sudo_commands": 0, "events": 0,
            "last_event": Digest::of(b""),
        });
        let (all, more) = (receipt.as_object_mut().unwrap(), more.as_object().unwrap());
        all.extend(more.clone());
        serde_json::from_value(receipt).unwrap()
    }

    #[test]
    fn what_was_done_through_sudo_is_named_and_said_not_to_be_undone() {
        let commands = vec![json!({"run_as": "root", "argv": ["ss", "-tnp"]}); 30];
        let receipt = receipt(&json!({
            "sudo_commands": 35, "commands": {"commands": commands, "more": 5},
            "took": {"micros": 12_345, "steps": []},
        }));
        let text = output::fields(rows(&receipt));
        for wanted in [
            "12 ms after the end",
            "35 commands ran; what was done as another user is not undone",
            "root: ss -tnp\n",
            "and 15 more commands\n",
        ] {
            assert!(text.contains(wanted), "{text}");
        }
    }

    #[test]
    fn what_was_found_and_what_is_left_is_shown_safely() {
        let receipt = receipt(&json!({
            "left": ["home `x`: \u{1b}[2J"],
            "found": {"files": [{"path": "/tmp/a", "removed": true}, {"path": "/srv/b", "removed": false}], "more": 2},
        }));
        let text = output::fields(rows(&receipt));
        for wanted in [
            "/tmp/a (removed)",
            "/srv/b (STILL THERE)",
            "and 2 more files",
            "LEFT BEHIND  home `x`: \\x1b[2J",
        ] {
            assert!(text.contains(wanted), "{text}");
        }
    }

    #[test]
    fn an_older_hosts_receipt_has_less_to_show() {
        assert_eq!(rows(&receipt(&json!({}))).len(), 1);
    }
}
