use super::*;

fn deb(codename: &str, version: &str) -> Origin {
    Origin::Deb {
        codename: codename.into(),
        version: version.parse().unwrap(),
    }
}

fn rpm(repaired: &[&str]) -> Origin {
    Origin::Rpm {
        repaired: repaired.iter().map(|id| (*id).to_owned()).collect(),
    }
}

/// `+` for certain, `?` for what cannot be told.
fn said(program: Program, release: &str, origin: &Origin) -> Vec<String> {
    let release = Release::parse(release).unwrap();
    assess(program, release, origin)
        .iter()
        .map(|verdict| {
            let sign = if verdict.certain { '+' } else { '?' };
            format!("{sign}{}", verdict.vulnerability.id)
        })
        .collect()
}

#[test]
fn the_table_is_in_order_and_every_version_in_it_can_be_read() {
    assert!(KNOWN.is_sorted_by_key(|known| {
        let mut parts = known.id.split('-').skip(1).map(|part| part.parse::<u32>());
        (
            parts.next().unwrap().unwrap(),
            parts.next().unwrap().unwrap(),
        )
    }));
    for known in KNOWN {
        assert!(!known.affected.is_empty(), "{}", known.id);
        for range in known.affected {
            assert!(range.since < range.fixed, "{}", known.id);
        }
        for (codename, patched) in known.packages {
            let (Patched::In(version) | Patched::NotUntil(version)) = patched;
            assert!(
                version.parse::<DebVersion>().is_ok(),
                "{} {codename}",
                known.id
            );
        }
    }
}

#[test]
fn upstream_releases_have_what_their_authors_say() {
    use Program::{Sudo, SudoRs};
    for (program, release, id, has) in [
        (Sudo, "1.8.1", "CVE-2021-3156", false),
        (Sudo, "1.8.31p2", "CVE-2021-3156", true),
        (Sudo, "1.8.32", "CVE-2021-3156", false),
        (Sudo, "1.9.5p1", "CVE-2021-3156", true),
        (Sudo, "1.9.5p2", "CVE-2021-3156", false),
        (Sudo, "1.8.27", "CVE-2019-14287", true),
        (Sudo, "1.8.28", "CVE-2019-14287", false),
        (Sudo, "1.9.4p2", "CVE-2021-23239", true),
        (Sudo, "1.9.5", "CVE-2021-23240", false),
        (Sudo, "1.9.12p1", "CVE-2023-22809", true),
        (Sudo, "1.9.12p2", "CVE-2023-22809", false),
        (Sudo, "1.9.12p2", "CVE-2023-28486", true),
        (Sudo, "1.9.13", "CVE-2023-28487", false),
        (Sudo, "1.9.14p3", "CVE-2023-42465", true),
        (Sudo, "1.9.13p3", "CVE-2025-32463", false),
        (Sudo, "1.9.14", "CVE-2025-32463", true),
        (Sudo, "1.9.17", "CVE-2025-32463", true),
        (Sudo, "1.9.17", "CVE-2025-32462", true),
        (Sudo, "1.9.17p1", "CVE-2025-32462", false),
        (Sudo, "1.9.17p2", "CVE-2026-35535", true),
        (SudoRs, "0.2.0", "CVE-2023-42456", true),
        (SudoRs, "0.2.5", "CVE-2025-46718", true),
        (SudoRs, "0.2.6", "CVE-2025-46717", false),
        (SudoRs, "0.2.8", "CVE-2025-64517", true),
        (SudoRs, "0.2.4", "CVE-2025-64517", false),
        (SudoRs, "0.2.10", "CVE-2025-64170", false),
        (SudoRs, "1.9.14", "CVE-2025-32463", false),
    ] {
        let found = said(program, release, &Origin::Built);
        assert_eq!(
            found.contains(&format!("+{id}")),
            has,
            "{release} {id}: {found:?}"
        );
    }
}

#[test]
fn a_package_is_judged_by_its_patches_and_not_by_its_number() {
    for (codename, version, id, expected) in [
        (
            "bookworm",
            "1.9.13p3-1+deb12u1",
            "CVE-2025-32462",
            Some('+'),
        ),
        ("bookworm", "1.9.13p3-1+deb12u2", "CVE-2025-32462", None),
        ("bookworm", "1.9.13p3-1+deb12u4", "CVE-2026-35535", None),
        (
            "bookworm",
            "1.9.13p3-1+deb12u4",
            "CVE-2023-42465",
            Some('+'),
        ),
        (
            "bookworm",
            "1.9.13p3-1+deb12u9",
            "CVE-2023-42465",
            Some('?'),
        ),
        ("noble", "1.9.15p5-3ubuntu5", "CVE-2025-32463", Some('+')),
        ("noble", "1.9.15p5-3ubuntu5.24.04.1", "CVE-2025-32463", None),
        ("focal", "1.8.31-1ubuntu1.1", "CVE-2021-3156", Some('+')),
        ("focal", "1.8.31-1ubuntu1.2", "CVE-2021-3156", None),
        // A derivative of which nobody looked up what it patches.
        (
            "wilma",
            "1.9.15p5-3ubuntu5.24.04.1",
            "CVE-2025-32463",
            Some('?'),
        ),
        ("jammy", "1.9.9-1ubuntu2.1", "CVE-2023-22809", Some('+')),
        ("jammy", "1.9.9-1ubuntu2.5", "CVE-2026-35535", Some('?')),
    ] {
        let parsed: DebVersion = version.parse().unwrap();
        let found = said(Program::Sudo, parsed.upstream(), &deb(codename, version));
        let sign = found
            .iter()
            .find(|said| said.ends_with(id))
            .and_then(|said| said.chars().next());
        assert_eq!(sign, expected, "{codename} {version} {id}: {found:?}");
    }
}

#[test]
fn what_an_rpm_names_as_repaired_is_and_the_rest_cannot_be_told() {
    let found = said(
        Program::Sudo,
        "1.9.15p5",
        &rpm(&["CVE-2025-32463", "CVE-2025-32462"]),
    );
    assert_eq!(found, ["?CVE-2026-35535"]);
    let found = said(Program::Sudo, "1.9.15p5", &rpm(&[]));
    assert!(found.contains(&"?CVE-2025-32463".to_owned()), "{found:?}");
}

#[test]
fn nothing_is_certain_of_a_sudo_of_unknown_origin() {
    let found = said(Program::Sudo, "1.9.15p5", &Origin::Unknown);
    assert!(!found.is_empty());
    assert!(found.iter().all(|said| said.starts_with('?')), "{found:?}");
}

#[test]
fn the_worst_comes_first() {
    let found = said(Program::Sudo, "1.9.14", &Origin::Built);
    assert_eq!(found.first().map(String::as_str), Some("+CVE-2025-32463"));
}

#[test]
fn the_current_releases_have_none() {
    assert!(said(Program::Sudo, "1.9.18", &Origin::Built).is_empty());
    assert!(said(Program::SudoRs, "0.2.14", &Origin::Built).is_empty());
}
