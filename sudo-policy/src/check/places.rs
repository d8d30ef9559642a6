//! The table of places and names, read once.
//!
//! `data/places.txt` describes its own form. A line that is not of this form is left out here; a
//! test shows that there is none.

use std::sync::LazyLock;

use super::reach::letters_of;
use crate::pattern::Sought;

const TABLE: &str = include_str!("../../data/places.txt");

/// What a line of the table is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Secret,
    Metadata,
    Name,
    Keys,
    Bare,
    Process,
    Public,
    Authority,
    Settings,
    Device,
    Spared,
    Open,
    Owned,
    Unpackaged,
    User,
    Group,
    Variable,
}

use Kind::{
    Authority, Bare, Device, Group, Keys, Metadata, Name, Open, Owned, Process, Public, Secret,
    Settings, Spared, Unpackaged, User, Variable,
};

/// The words for the kinds in the table.
const KINDS: [(&str, Kind); 17] = [
    ("secret", Secret),
    ("metadata", Metadata),
    ("name", Name),
    ("keys", Keys),
    ("bare", Bare),
    ("process", Process),
    ("public", Public),
    ("authority", Authority),
    ("settings", Settings),
    ("device", Device),
    ("spared", Spared),
    ("open", Open),
    ("owned", Owned),
    ("unpackaged", Unpackaged),
    ("user", User),
    ("group", Group),
    ("variable", Variable),
];

/// One text of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) kind: Kind,
    pub(super) text: &'static str,
    /// What is there, for messages.
    pub(super) what: &'static str,
    /// The letters of the text, a bit for each ASCII code.
    pub(super) letters: u128,
}

/// The places of each kind, in the order of [`KINDS`].
static PLACES: LazyLock<Vec<Vec<Place>>> = LazyLock::new(|| {
    let places: Vec<Place> = entries().flat_map(line).collect();
    let of = |kind| {
        places
            .iter()
            .filter(move |place| place.kind == kind)
            .copied()
    };
    KINDS
        .into_iter()
        .map(|(_, kind)| of(kind).collect())
        .collect()
});

/// Every place of a kind, in the order of the table.
pub(super) fn of_kind(kind: Kind) -> impl Iterator<Item = &'static Place> {
    let index = KINDS.iter().position(|(_, known)| *known == kind);
    let places = index.and_then(|index| PLACES.get(index));
    places.map(Vec::as_slice).unwrap_or_default().iter()
}

/// The files below `/etc` and `/dev` that are neither settings nor devices to be feared.
static SPARED: LazyLock<Vec<&'static str>> =
    LazyLock::new(|| of_kind(Spared).map(|place| place.text).collect());

/// A path below one of these places, but for what is spared.
pub(super) fn below(place: &Place) -> Sought<'static> {
    Sought::Below(place.text, SPARED.as_slice())
}

/// The place of a kind below which a path lies.
pub(super) fn above(path: &str, kind: Kind) -> Option<&'static Place> {
    of_kind(kind).find(|place| lies_in(path, place.text))
}

/// Whether a path lies below a directory.
pub(super) fn lies_in(path: &str, directory: &str) -> bool {
    path.strip_prefix(directory.trim_end_matches('/'))
        .is_some_and(|rest| rest.starts_with('/'))
}

/// Whether a word only looks like the path of a secret.
pub(super) fn is_public(word: &str) -> bool {
    // Whatever is public has one of these in it.
    if !word.contains(['/', '.']) {
        return false;
    }
    let path = word.rsplit('=').next().unwrap_or(word);
    of_kind(Public).any(|place| match place.text.strip_prefix('*') {
        Some(end) => path.ends_with(end),
        None => path.starts_with(place.text),
    }) && !path.contains("/../")
}

/// How the paths end that only look like those of secrets.
pub(super) fn public_ends() -> Vec<Sought<'static>> {
    of_kind(Public)
        .filter_map(|place| place.text.strip_prefix('*'))
        .map(|end| Sought::Ending("", end))
        .collect()
}

fn entries() -> impl Iterator<Item = &'static str> {
    TABLE
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
}

fn line(text: &'static str) -> impl Iterator<Item = Place> {
    let read = || {
        let (word, rest) = text.split_once(": ")?;
        // The words behind the last ` = `; a text may hold an equals sign.
        let (texts, what) = rest.rsplit_once(" = ")?;
        let (_, kind) = KINDS.into_iter().find(|(known, _)| *known == word)?;
        Some(texts.split_whitespace().map(move |text| Place {
            kind,
            text,
            what,
            letters: letters_of(text.bytes()),
        }))
    };
    read().into_iter().flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_of_the_table_is_read_and_every_kind_is_there() {
        for text in entries() {
            assert!(line(text).next().is_some(), "{text}");
        }
        for (word, kind) in KINDS {
            assert!(of_kind(kind).next().is_some(), "{word}");
            assert!(TABLE.contains(&format!("#   {word} ")), "{word}");
        }
    }

    #[test]
    fn what_is_public_is_no_secret() {
        for (word, public) in [
            ("/etc/ssh/ssh_host_ed25519_key.pub", true),
            ("/etc/ssh/ssh_host_ed25519_key", false),
            ("/etc/ssl/certs/ca-certificates.pem", true),
            ("--in=/etc/letsencrypt/live/a/fullchain.pem", true),
            ("/etc/letsencrypt/live/a/privkey.pem", false),
            ("/etc/ssl/certs/../private/a.key", false),
        ] {
            assert_eq!(is_public(word), public, "{word}");
        }
    }
}
