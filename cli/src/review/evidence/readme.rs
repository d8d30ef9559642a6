//! `README.txt`: how a stranger checks a file of evidence, and what it proves. It follows from the
//! recording's head and the keys, so that a reader can make it anew and compare.

use portreeve_recording::info::SessionInfo;

use super::keys::{KeyFile, Role};
use crate::output;
use crate::safe;

/// The text of format 1. Another text is another format.
const TEXT: &str = include_str!("README-1.txt");

/// The README of the evidence of a session.
#[must_use]
pub(super) fn readme(info: &SessionInfo, keys: &KeyFile) -> String {
    let words = [
        ("@SESSION@", info.session.to_string()),
        ("@HUMAN@", info.pair.human.name.to_string()),
        ("@AGENT@", info.pair.agent.to_string()),
        (
            "@TASK@",
            format!("{} {}", info.task.ticket, info.task.purpose),
        ),
        ("@HOST@", info.host.to_string()),
        ("@ACCOUNT@", info.account.to_string()),
        ("@BUNDLE@", info.bundle.to_string()),
        ("@BASTION@", info.bastion.to_string()),
        ("@BEGAN@", info.started_at.to_string()),
        ("@FILE@", format!("{}.evidence.tar", info.session)),
    ];
    // Line by line and each word once, so that no word is filled into another one.
    let mut text = String::with_capacity(TEXT.len() + 1024);
    for line in TEXT.split_inclusive('\n') {
        if line.trim_end() == "@KEYS@" {
            text.push_str(&listed(keys));
        } else {
            text.push_str(&filled(line, &words));
        }
    }
    text
}

fn filled(line: &str, words: &[(&str, String)]) -> String {
    let mut text = String::new();
    let mut rest = line;
    while let Some((at, mark, word)) = words
        .iter()
        .filter_map(|(mark, word)| Some((rest.find(mark)?, mark, word)))
        .min_by_key(|(at, ..)| *at)
    {
        let (before, behind) = rest.split_at(at);
        text.push_str(before);
        text.push_str(&safe::line(word));
        rest = behind.strip_prefix(mark).unwrap_or_default();
    }
    text.push_str(rest);
    text
}

fn listed(keys: &KeyFile) -> String {
    let rows = keys.keys.iter().map(|entry| {
        let label = format!("  {}", entry.role.words());
        let whose = match entry.role {
            Role::Log | Role::Bastion | Role::Host => format!(" ({})", entry.name),
            Role::Order | Role::SessionCa | Role::AccessCa | Role::BastionHostCa => String::new(),
        };
        let value = format!("{}{whose}, {}", entry.fingerprint, entry.from.words());
        (label, value)
    });
    let rows: Vec<_> = rows.collect();
    output::fields(
        rows.iter()
            .map(|(label, value)| (label.as_str(), value.clone())),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_filled_in_once_and_cannot_bring_words_along() {
        let words = [("@A@", "@B@".to_owned()), ("@B@", "x\u{1b}".to_owned())];
        assert_eq!(
            filled("1 @A@ 2 @B@@A@ @C@", &words),
            "1 @B@ 2 x\\x1b@B@ @C@"
        );
    }
}
