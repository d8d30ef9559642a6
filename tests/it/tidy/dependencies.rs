//! What becomes part of the programs.

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

use portreeve_tests::programs;
use toml::{Table, Value};

/// What has no place in a process that is root: a network, and a runtime in which one would hide.
const NOT_AS_ROOT: [&str; 10] = [
    "tokio",
    "rustls",
    "hyper",
    "reqwest",
    "russh",
    "axum",
    "native-tls",
    "aws-lc-rs",
    "quinn",
    "h2",
];

#[test]
fn the_root_daemon_links_no_network_stack_and_no_runtime() {
    let linked = tree(&["--package", "portreeve-host", "--edges", "normal"]);
    assert!(linked.contains("nix"), "{linked:?}");
    for name in NOT_AS_ROOT {
        assert!(
            !linked.contains(name),
            "portreeve-host links `{name}`: see `cargo tree -p portreeve-host -i {name}`"
        );
    }
}

#[test]
fn banned_crates_are_in_no_program_and_no_test() {
    let built = tree(&["--workspace", "--edges", "normal,build,dev"]);
    let settings = deny();
    let bans = settings["bans"]["deny"].as_array().unwrap();
    assert!(bans.len() >= 8, "{bans:?}");
    for ban in bans {
        let (name, reason) = (
            ban["crate"].as_str().unwrap(),
            ban["reason"].as_str().unwrap(),
        );
        assert!(
            !built.contains(name),
            "`{name}` is banned ({reason}): see `cargo tree --workspace -i {name}`"
        );
    }
}

#[test]
fn every_dependency_comes_from_a_known_source() {
    let settings = deny();
    let known: Vec<String> = settings["sources"]["allow-registry"]
        .as_array()
        .unwrap()
        .iter()
        .map(|url| format!("registry+{}", url.as_str().unwrap()))
        .collect();
    let lockfile: Table = fs::read_to_string(programs::source().join("Cargo.lock"))
        .unwrap()
        .parse()
        .unwrap();
    for package in lockfile["package"].as_array().unwrap() {
        // Without a source it is one of ours.
        if let Some(source) = package.get("source").and_then(Value::as_str) {
            assert!(
                known.iter().any(|url| url == source),
                "`{}` comes from {source}",
                package["name"]
            );
            assert!(
                package.get("checksum").is_some(),
                "`{}` has no checksum",
                package["name"]
            );
        }
    }
}

/// The names of what cargo builds here for these packages, features considered.
fn tree(selection: &[&str]) -> BTreeSet<String> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args(["tree", "--prefix", "none", "--format", "{p}"])
        .args(selection)
        .current_dir(programs::source())
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let listing = String::from_utf8(output.stdout).unwrap();
    listing
        .lines()
        .filter_map(|line| line.split_whitespace().next())
        .map(str::to_owned)
        .collect()
}

fn deny() -> Table {
    fs::read_to_string(programs::source().join("deny.toml"))
        .unwrap()
        .parse()
        .unwrap()
}
