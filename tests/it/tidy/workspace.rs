//! The crates and the arrows between them.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use portreeve_tests::programs;
use toml::Table;

/// The crates whose own code may be unsafe, in one module that says why.
const MAY_BE_UNSAFE: [&str; 1] = ["pam-client"];

#[test]
fn every_crate_inherits_what_the_workspace_settles() {
    for folder in members() {
        let manifest = manifest(&folder);
        assert_eq!(
            manifest["lints"]["workspace"].as_bool(),
            Some(true),
            "the lints of `{folder}`"
        );
        for key in ["version", "edition", "rust-version", "license", "publish"] {
            let inherited = manifest["package"][key]
                .get("workspace")
                .and_then(|value| value.as_bool());
            assert_eq!(inherited, Some(true), "`{key}` of `{folder}`");
        }
        for table in ["dependencies", "dev-dependencies", "build-dependencies"] {
            let dependencies = manifest.get(table).and_then(|value| value.as_table());
            for (name, dependency) in dependencies.into_iter().flatten() {
                let inherited = dependency
                    .get("workspace")
                    .and_then(|value| value.as_bool());
                assert_eq!(
                    inherited,
                    Some(true),
                    "the dependency `{name}` of `{folder}` has a version of its own"
                );
            }
        }
    }
}

#[test]
fn every_crate_forbids_unsafe_code_except_where_it_is_needed() {
    for folder in members()
        .into_iter()
        .filter(|folder| !MAY_BE_UNSAFE.contains(&folder.as_str()))
    {
        for root in ["src/lib.rs", "src/main.rs", "harness/lib.rs"] {
            let Ok(source) = fs::read_to_string(programs::source().join(&folder).join(root)) else {
                continue;
            };
            // A program of a few lines around its library has nothing to forbid.
            if root == "src/main.rs" && programs::source().join(&folder).join("src/lib.rs").exists()
            {
                continue;
            }
            assert!(
                source.contains("#![forbid(unsafe_code)]"),
                "`{folder}/{root}`"
            );
        }
    }
}

#[test]
fn the_crate_graph_is_the_drawing_in_the_architecture() {
    let drawn = drawing();
    let mut real = BTreeMap::new();
    let folders: BTreeMap<String, String> = members()
        .into_iter()
        .map(|folder| {
            (
                manifest(&folder)["package"]["name"]
                    .as_str()
                    .unwrap()
                    .to_owned(),
                folder,
            )
        })
        .collect();
    for folder in folders.values() {
        let manifest = manifest(folder);
        let tables = ["dependencies", "dev-dependencies", "build-dependencies"];
        let named = tables
            .iter()
            .filter_map(|table| manifest.get(*table)?.as_table())
            .flat_map(Table::keys);
        let arrows: BTreeSet<String> = named
            .filter_map(|name| folders.get(name).cloned())
            .collect();
        real.insert(folder.clone(), arrows);
    }
    assert_eq!(
        drawn, real,
        "left: the block `graph` of docs/architecture.md, right: the manifests"
    );
}

/// A recorder that records nothing has no place in a program that is shipped.
#[test]
fn only_what_measures_asks_for_a_recorder_that_records_nothing() {
    const FEATURE: &str = "unrecorded";
    let naming = |folder: &String| {
        let text = fs::read_to_string(programs::source().join(folder).join("Cargo.toml")).unwrap();
        text.lines()
            .any(|line| !line.starts_with('#') && line.contains(FEATURE))
    };
    let mut folders = members();
    folders.push(String::new());
    folders.retain(naming);
    assert_eq!(folders, ["recording", "tests/bench"]);
    let features = &manifest("recording")["features"];
    assert!(features.get("default").is_none(), "{features:?}");
}

#[test]
fn no_source_file_is_too_long_to_be_read_at_once() {
    for path in super::text::tracked_files()
        .into_iter()
        .filter(|path| path.extension().is_some_and(|e| e == "rs"))
    {
        let lines = fs::read_to_string(&path).unwrap().lines().count();
        let limit = if is_test(&path) { 700 } else { 500 };
        assert!(
            lines <= limit,
            "`{}` has {lines} lines; split it where it has two reasons to change",
            path.display()
        );
    }
}

/// Cases are added to a test file for one reason only, and are read one at a time.
fn is_test(path: &Path) -> bool {
    let inside = path.strip_prefix(programs::source()).unwrap();
    inside.ends_with("tests.rs") || inside.components().any(|part| part.as_os_str() == "tests")
}

/// The lines `crate -> crate, crate` of the block `graph`, by folder.
fn drawing() -> BTreeMap<String, BTreeSet<String>> {
    let document = fs::read_to_string(programs::source().join("docs/architecture.md")).unwrap();
    let (_, rest) = document
        .split_once("```graph\n")
        .expect("docs/architecture.md has no block `graph`");
    let (block, _) = rest.split_once("```").unwrap();
    let arrows = block.lines().map(|line| {
        let (from, to) = line
            .split_once("->")
            .unwrap_or_else(|| panic!("no arrow in `{line}`"));
        let to = to
            .split(',')
            .map(str::trim)
            .filter(|name| !name.is_empty())
            .map(str::to_owned)
            .collect();
        (from.trim().to_owned(), to)
    });
    arrows.collect()
}

fn members() -> Vec<String> {
    let workspace = read(&programs::source().join("Cargo.toml"));
    let members = workspace["workspace"]["members"].as_array().unwrap();
    members
        .iter()
        .map(|member| member.as_str().unwrap().to_owned())
        .collect()
}

fn manifest(folder: &str) -> Table {
    read(&programs::source().join(folder).join("Cargo.toml"))
}

fn read(path: &PathBuf) -> Table {
    let text = fs::read_to_string(path)
        .unwrap_or_else(|error| panic!("{}: {error}", Path::new(path).display()));
    text.parse().unwrap()
}
