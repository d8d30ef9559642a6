//! The table of programs, read once.
//!
//! `data/programs.txt` describes its own form. A line that is not of this form is left out here; a
//! test shows that there is none.

use std::collections::HashMap;
use std::sync::LazyLock;

use super::capability::Capability;
use super::feature::Feature;
use super::variant::plainer;

const TABLE: &str = include_str!("../../data/programs.txt");

/// One thing that a program can do.
#[derive(Debug)]
pub(super) struct Clause {
    pub(super) capability: Capability,
    /// The arguments that make it do so; any, when there is none.
    pub(super) features: Vec<Feature>,
    /// The arguments of which one keeps it from doing so.
    pub(super) unless: Vec<Feature>,
    /// Whether it is reported only where any arguments are allowed.
    pub(super) only_any: bool,
    /// Whether the file that is written is the last word.
    pub(super) last: bool,
    /// Whether it does so only with a file that lies elsewhere than where only root writes.
    pub(super) elsewhere: bool,
}

/// What is known of one program.
pub(super) type Clauses = &'static [Clause];

/// A program of the table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownProgram {
    /// Its file name, without version.
    pub name: &'static str,
    /// What it can do, in the words of the table.
    pub abilities: Vec<&'static str>,
}

struct Facts {
    lines: Vec<(&'static str, Vec<Clause>)>,
    by_name: HashMap<&'static str, usize>,
}

static FACTS: LazyLock<Facts> = LazyLock::new(|| {
    let lines: Vec<_> = entries().filter_map(line).collect();
    let by_name = lines
        .iter()
        .enumerate()
        .flat_map(|(index, (names, _))| names.split_whitespace().map(move |name| (name, index)))
        .collect();
    Facts { lines, by_name }
});

/// What is known of a program, by its file name.
///
/// A version or a variant is as dangerous as the program; that it only looks, as the program does, is
/// not said by its name: `id3` is no version of `id`.
pub(super) fn known(file_name: &str) -> Option<Clauses> {
    let of = |name: &str| {
        let index = FACTS.by_name.get(name)?;
        let (_, clauses) = FACTS.lines.get(*index)?;
        Some(clauses.as_slice())
    };
    of(file_name).or_else(|| {
        plainer(file_name)
            .filter_map(of)
            .find(|it| is_dangerous(it))
    })
}

fn is_dangerous(clauses: &[Clause]) -> bool {
    clauses.iter().any(|clause| !clause.capability.only_looks())
}

/// Every program of the table.
pub(super) fn all() -> impl Iterator<Item = KnownProgram> {
    FACTS.lines.iter().flat_map(|(names, clauses)| {
        let abilities: Vec<_> = clauses
            .iter()
            .map(|clause| clause.capability.word())
            .collect();
        names.split_whitespace().map(move |name| KnownProgram {
            name,
            abilities: abilities.clone(),
        })
    })
}

/// The lines that say something.
fn entries() -> impl Iterator<Item = &'static str> {
    TABLE
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
}

fn line(text: &'static str) -> Option<(&'static str, Vec<Clause>)> {
    let (names, clauses) = text.split_once(": ")?;
    let clauses = clauses.split("; ").map(clause).collect::<Option<_>>()?;
    Some((names, clauses))
}

fn clause(text: &'static str) -> Option<Clause> {
    let (does, unless) = match text.split_once(" unless ") {
        Some((does, unless)) => (does, unless),
        None => (text, ""),
    };
    let mut words = does.split_whitespace();
    let word = words.next()?;
    let capability = Capability::ALL
        .into_iter()
        .find(|capability| capability.word() == word)?;
    let mut clause = Clause {
        capability,
        features: Vec::new(),
        unless: unless
            .split_whitespace()
            .map(Feature::read)
            .collect::<Option<_>>()?,
        only_any: false,
        last: false,
        elsewhere: false,
    };
    for word in words {
        match word {
            "any" => clause.only_any = true,
            "last" => clause.last = true,
            "elsewhere" => clause.elsewhere = true,
            word => clause.features.push(Feature::read(word)?),
        }
    }
    // `any` beside other words is one way of several.
    clause.only_any &= clause.features.is_empty();
    Some(clause)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_line_of_the_table_is_a_fact() {
        for text in entries() {
            assert!(line(text).is_some(), "{text}");
        }
    }

    #[test]
    fn a_program_stands_in_the_table_once_and_can_do_something() {
        let mut seen = BTreeSet::new();
        for program in all() {
            assert!(seen.insert(program.name), "{} stands twice", program.name);
            assert!(!program.abilities.is_empty(), "{}", program.name);
            let is_plain = |c: char| c.is_ascii_alphanumeric() || "._+-".contains(c);
            assert!(program.name.chars().all(is_plain), "{}", program.name);
        }
    }

    #[test]
    fn every_ability_is_used_and_described() {
        let (described, _) = TABLE.split_once("# By which arguments").unwrap();
        for capability in Capability::ALL {
            let word = capability.word();
            assert!(described.contains(&format!("#   {word} ")), "{word}");
            assert!(
                all().any(|program| program.abilities.contains(&word)),
                "{word}"
            );
        }
    }

    #[test]
    fn versions_and_variants_of_a_program_are_that_program() {
        for (file_name, name) in [
            ("python3.11", "python"),
            ("vim.tiny", "vim"),
            ("nc.openbsd", "nc"),
            ("mkfs.ext4", "mkfs"),
            ("gcc-12", "gcc"),
            ("base64", "base64"),
            ("php-fpm8.2", "php-fpm"),
            ("perl5.36-x86_64-linux-gnu", "perl"),
            ("gdb-multiarch", "gdb"),
        ] {
            let found = known(file_name).unwrap();
            assert!(std::ptr::eq(found, known(name).unwrap()), "{file_name}");
        }
        for unknown in ["never-heard-of", "id3", "ps2pdf", "apt-file"] {
            assert!(known(unknown).is_none(), "{unknown}");
        }
    }
}
