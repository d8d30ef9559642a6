//! Credentials for other systems that lie about on this host, in the places that programs have for
//! them. Told are kind, place, mode and the names of variables; never a value.

use std::path::{Path, PathBuf};

use portreeve_protocol::inventory::Severity;

use super::accounts::Account;
use super::code::Code;
use super::finding::Finding;
use super::places::{DIRECTORIES, IN_HOMES, OF_THE_HOST, PROGRAMS, Place, Shown};
use super::variables::{in_json, in_lines};
use super::view::View;
use super::within::{Facts, Gap, Readers, Within};

/// The largest file in which words are looked for.
const MAX_TEXT: u64 = 1024 * 1024;
/// The largest file of JSON: some agents keep their history beside their settings.
const MAX_JSON: u64 = 8 * 1024 * 1024;
/// Most entries of a directory.
const MOST_FILES: usize = 256;

const DOTENV: Place = Place {
    path: ".env",
    what: "environment of a program",
    shown: Shown::Lines,
};
const MCP: Place = Place {
    path: ".mcp.json",
    what: "MCP servers of a project",
    shown: Shown::Json,
};

/// The credentials in a home.
pub(super) fn in_home(view: &View, home: &Within, account: &Account) -> Vec<Finding> {
    let mut findings = Vec::new();
    for place in IN_HOMES {
        findings.extend(at(view, home, Path::new(place.path), place));
    }
    // One level of projects; what lies deeper, or elsewhere behind a link, is not looked for.
    for name in home.directories(MOST_FILES).unwrap_or_default() {
        for place in [&DOTENV, &MCP] {
            let found = at(view, home, &name.join(place.path), place);
            findings.extend(found.filter(|found| found.code != Code::NotSeen));
        }
    }
    findings.extend(directory(
        view,
        home,
        (".config/environment.d", ".conf", "environment of logins"),
    ));
    let all = findings.into_iter().map(|found| found.of(&account.name));
    all.collect()
}

/// The credentials of the host.
pub(super) fn of_the_host(view: &View) -> Vec<Finding> {
    let root = &view.root;
    let mut findings = Vec::new();
    for place in OF_THE_HOST {
        findings.extend(at(view, root, Path::new(place.path), place));
    }
    for place in DIRECTORIES {
        findings.extend(directory(view, root, *place));
    }
    findings.extend(of_units(view));
    for programs in PROGRAMS {
        let programs = Path::new(programs);
        let (names, _) = root.names(programs, MOST_FILES).unwrap_or_default();
        for name in names {
            findings.extend(at(
                view,
                root,
                &programs.join(name).join(DOTENV.path),
                &DOTENV,
            ));
        }
    }
    findings
}

fn directory(
    view: &View,
    within: &Within,
    (directory, ending, what): (&'static str, &str, &'static str),
) -> Vec<Finding> {
    let directory = Path::new(directory);
    let place = Place {
        path: "",
        what,
        shown: Shown::Lines,
    };
    let (names, _) = within.names(directory, MOST_FILES).unwrap_or_default();
    names
        .iter()
        .filter(|name| name.to_string_lossy().ends_with(ending))
        .filter_map(|name| {
            // Directories lie between the files.
            let found = at(view, within, &directory.join(name), &place)?;
            (found.code != Code::NotSeen).then_some(found)
        })
        .collect()
}

/// What services have beside their units: settings for them, and files that they name.
fn of_units(view: &View) -> Vec<Finding> {
    let root = &view.root;
    let units = Path::new("etc/systemd/system");
    let mut findings = Vec::new();
    let (names, _) = root.names(units, MOST_FILES).unwrap_or_default();
    let mut files: Vec<PathBuf> = Vec::new();
    for name in names {
        let text = name.to_string_lossy().into_owned();
        if text.ends_with(".service") {
            files.push(units.join(&name));
        } else if text.ends_with(".service.d") {
            let (inside, _) = root
                .names(&units.join(&name), MOST_FILES)
                .unwrap_or_default();
            let settings = inside.iter().map(|inside| units.join(&name).join(inside));
            let place = Place {
                path: "",
                what: "environment of a service",
                shown: Shown::Lines,
            };
            for file in settings {
                findings.extend(at(view, root, &file, &place));
                files.push(file);
            }
        }
    }
    let place = Place {
        path: "",
        what: "environment that a service reads",
        shown: Shown::Lines,
    };
    for file in files {
        let Ok(Some((text, _))) = root.text(&file, MAX_TEXT) else {
            continue;
        };
        for named in environment_files(&text) {
            // The tables have looked there already.
            if !named.starts_with("etc/default/") && !named.starts_with("etc/sysconfig/") {
                findings.extend(at(view, root, Path::new(&named), &place));
            }
        }
    }
    findings
}

/// The files that a unit has its environment from, from `/`; those with marks that systemd fills in
/// are left out.
fn environment_files(unit: &str) -> Vec<String> {
    unit.lines()
        .filter_map(|line| line.trim().strip_prefix("EnvironmentFile="))
        .filter_map(|path| path.trim_start_matches('-').strip_prefix('/'))
        .filter(|path| !path.contains(['%', '*']))
        .take(16)
        .map(str::to_owned)
        .collect()
}

/// What is found at a place.
fn at(view: &View, within: &Within, name: &Path, place: &Place) -> Option<Finding> {
    let found = match place.shown {
        Shown::Being => being(within, name),
        Shown::Word(words) => word(within, name, words),
        Shown::Lines => names(within.text(name, MAX_TEXT), in_lines),
        Shown::Json => names(within.text(name, MAX_JSON), in_json),
        Shown::Files => files(within, name),
    };
    let shown = within.path().join(name);
    let (facts, more) = match found {
        Ok(found) => found?,
        Err(gap) => return Some(Finding::not_seen(gap.to_string()).at(&shown)),
    };
    let mut what = place.what.to_owned();
    if !more.is_empty() {
        what.push_str(": ");
        what.push_str(&more);
    }
    let owner = view
        .name_of(facts.owner)
        .map_or_else(|| facts.owner.to_string(), str::to_owned);
    what.push_str(&format!("; {owner}, mode {:04o}", facts.mode));
    let readers = others(view, &facts);
    if let Some(readers) = &readers {
        what.push_str(", ");
        what.push_str(readers);
    }
    let is_variables = matches!(place.shown, Shown::Lines | Shown::Json);
    let (code, severity) = match (is_variables, readers) {
        (true, None) => (Code::Variable, Severity::Medium),
        (true, Some(_)) => (Code::Variable, Severity::High),
        (false, None) => (Code::Token, Severity::Medium),
        (false, Some(_)) => (Code::OpenToken, Severity::High),
    };
    let found = Finding::new(code, severity, what)
        .at(&shown)
        .since(Some(facts.written));
    let owner = view.name_of(facts.owner).filter(|_| facts.owner != 0);
    Some(match owner {
        Some(owner) => found.of(owner),
        None => found,
    })
}

/// What is known of a file, and what of it is told.
type Known = Result<Option<(Facts, String)>, Gap>;

fn being(within: &Within, name: &Path) -> Known {
    let found = within.facts(name)?.filter(|facts| facts.size > 0);
    Ok(found.map(|facts| (facts, String::new())))
}

fn word(within: &Within, name: &Path, words: &[&str]) -> Known {
    let found = within.text(name, MAX_TEXT)?;
    let found = found.filter(|(text, _)| words.iter().any(|word| text.contains(word)));
    Ok(found.map(|(_, facts)| (facts, String::new())))
}

fn names(read: Result<Option<(String, Facts)>, Gap>, names: fn(&str) -> Vec<String>) -> Known {
    Ok(read?.and_then(|(text, facts)| {
        let names = names(&text);
        (!names.is_empty()).then(|| (facts, names.join(", ")))
    }))
}

fn files(within: &Within, name: &Path) -> Known {
    let (names, _) = within.names(name, MOST_FILES)?;
    let all: Vec<Facts> = names
        .iter()
        .filter_map(|file| within.facts(&name.join(file)).ok().flatten())
        .collect();
    let newest = all
        .iter()
        .max_by_key(|facts| (facts.readers, facts.written));
    Ok(newest.map(|facts| (*facts, format!("{} files", all.len()))))
}

/// Who beside the owner and root can read a file.
fn others(view: &View, facts: &Facts) -> Option<String> {
    match facts.readers {
        Readers::Owner => None,
        Readers::All => Some("everybody can read it".to_owned()),
        Readers::Group => {
            let group = view.groups.name(facts.group)?;
            let members = view.groups.members(group, &view.accounts);
            let is_other = |account: &&Account| account.uid != 0 && account.uid != facts.owner;
            members
                .into_iter()
                .any(|account| is_other(&account))
                .then(|| format!("the group `{group}` can read it"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_unit_names_the_files_of_its_environment() {
        let unit = "[Service]\nEnvironmentFile=-/etc/app/secrets.env\nEnvironmentFile=/run/%i.env\n\
            EnvironmentFile=relative\nExecStart=/bin/x\n";
        assert_eq!(environment_files(unit), ["etc/app/secrets.env"]);
    }
}
