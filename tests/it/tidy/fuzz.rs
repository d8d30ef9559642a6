//! Every decoder of bytes from outside has a fuzz target.

use std::collections::BTreeSet;
use std::fs;

use portreeve_tests::programs;

#[test]
fn every_decoder_has_a_fuzz_target() {
    let listed = listed();
    let names: BTreeSet<String> = listed.iter().map(|(name, _)| name.clone()).collect();
    assert_eq!(names.len(), listed.len(), "a decoder is listed twice");
    assert_eq!(
        names,
        targets(),
        "left: the block `decoders` of docs/architecture.md, right: the tables in tests/fuzz"
    );
    for (name, file) in listed {
        assert!(
            programs::source().join(&file).exists(),
            "the decoder `{name}` is not in `{file}`"
        );
    }
}

/// Each name in the block `decoders` with the file that follows it.
fn listed() -> Vec<(String, String)> {
    let document = fs::read_to_string(programs::source().join("docs/architecture.md")).unwrap();
    let (_, rest) = document
        .split_once("```decoders\n")
        .expect("docs/architecture.md has no block `decoders`");
    let (block, _) = rest.split_once("```").unwrap();
    let decoders = block.lines().map(|line| {
        let mut words = line.split_whitespace().map(str::to_owned);
        match (words.next(), words.next(), words.next()) {
            (Some(name), Some(file), Some(_)) => (name, file),
            _ => panic!("`{line}` is not a name, a file and words"),
        }
    });
    decoders.collect()
}

/// The names in the tables of targets.
fn targets() -> BTreeSet<String> {
    let sources = fs::read_dir(programs::source().join("tests/fuzz/src")).unwrap();
    let mut names = BTreeSet::new();
    for source in sources {
        let text = fs::read_to_string(source.unwrap().path()).unwrap();
        let entries = text.split("Target {").skip(1);
        let after = entries.filter_map(|entry| entry.trim_start().strip_prefix("name: \""));
        names.extend(after.filter_map(|rest| Some(rest.split_once('"')?.0.to_owned())));
    }
    names
}
