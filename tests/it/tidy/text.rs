//! The text of the repository's files.

use std::fs;
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::process::Command;

use portreeve_tests::programs;

/// Marks of work that is not finished, which belong into an issue. Written in two halves, or this file had them.
const UNFINISHED: [&str; 6] = [
    concat!("TO", "DO"),
    concat!("FIX", "ME"),
    concat!("XX", "X:"),
    concat!("HA", "CK"),
    concat!("<<<<", "<<<"),
    concat!(">>>>", ">>>"),
];

#[test]
fn nothing_is_marked_as_unfinished() {
    for (path, text) in texts() {
        for mark in UNFINISHED {
            assert!(
                !text.contains(mark),
                "`{}` contains `{mark}`",
                path.display()
            );
        }
    }
}

#[test]
fn files_end_with_a_line_end_and_lines_do_not_end_with_blanks() {
    for (path, text) in texts() {
        assert!(
            text.is_empty() || text.ends_with('\n'),
            "`{}` does not end with a line end",
            path.display()
        );
        for (number, line) in text.lines().enumerate() {
            assert!(
                !line.ends_with([' ', '\t', '\r']),
                "{}:{} ends with a blank",
                path.display(),
                number + 1
            );
        }
    }
}

#[test]
fn addresses_are_reserved_ones() {
    for (path, text) in texts() {
        for address in addresses(&text) {
            let reserved = address.is_loopback()
                || address.is_documentation()
                || address.is_private()
                || address.is_link_local()
                || address.is_unspecified()
                || address.is_broadcast()
                || is_section_number(address);
            assert!(
                reserved,
                "`{}` names {address}, which belongs to somebody",
                path.display()
            );
        }
    }
}

/// The files that git keeps, as they are now.
pub(super) fn tracked_files() -> Vec<PathBuf> {
    let root = programs::source();
    let output = Command::new("git")
        .args(["-c", "safe.directory=*", "ls-files", "-z"])
        .current_dir(&root)
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let listing = String::from_utf8(output.stdout).unwrap();
    listing
        .split_terminator('\0')
        .map(|name| root.join(name))
        .filter(|path| path.exists())
        .collect()
}

/// Those of them that people write: no lockfile, no vector, nothing binary.
fn texts() -> Vec<(PathBuf, String)> {
    let written =
        |path: &PathBuf| !path.ends_with("Cargo.lock") && !path.ends_with("package-lock.json");
    let kept = tracked_files()
        .into_iter()
        .filter(written)
        .filter(|path| !path.components().any(|part| part.as_os_str() == "vectors"));
    kept.filter_map(|path| fs::read_to_string(&path).ok().map(|text| (path, text)))
        .collect()
}

fn addresses(text: &str) -> Vec<Ipv4Addr> {
    text.split(|letter: char| !letter.is_ascii_digit() && letter != '.')
        .filter_map(|word| word.trim_matches('.').parse().ok())
        .collect()
}

/// Section numbers of standards look like addresses, and some real addresses look like section numbers.
fn is_section_number(address: Ipv4Addr) -> bool {
    const RESOLVERS: [[u8; 4]; 5] = [
        [1, 1, 1, 1],
        [1, 0, 0, 1],
        [8, 8, 8, 8],
        [8, 8, 4, 4],
        [9, 9, 9, 9],
    ];
    let parts = address.octets();
    parts.iter().all(|part| *part < 10) && !RESOLVERS.contains(&parts)
}

#[test]
fn an_address_is_found_where_people_write_it() {
    let found = addresses(
        "at 192.0.2.1, or http://127.0.0.1:80/ (198.51.100.0/24). Version 1.2.3 and 1.3.6.1.4.1 are none.",
    );
    assert_eq!(
        found,
        [
            Ipv4Addr::new(192, 0, 2, 1),
            Ipv4Addr::LOCALHOST,
            Ipv4Addr::new(198, 51, 100, 0)
        ]
    );
}
