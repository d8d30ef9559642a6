//! The texts about a package: what dpkg is told, the changelog, the list of libraries. Pure.

use std::collections::BTreeSet;

use super::contents::Package;

/// Whom to write to about a package.
const MAINTAINER: &str = "Portreeve <packages@portreeve.example.com>";

/// What is known of a package when it is made.
#[derive(Debug)]
pub(crate) struct Facts<'a> {
    /// Its version.
    pub(crate) version: &'a str,
    /// dpkg's name of the architecture.
    pub(crate) architecture: &'a str,
    /// The size of its files.
    pub(crate) installed_kib: u64,
    /// The libraries that its program needs.
    pub(crate) depends: &'a str,
}

/// The control file.
pub(crate) fn control(package: &Package, facts: &Facts<'_>) -> String {
    let depends: Vec<_> = std::iter::once(facts.depends)
        .chain(package.depends.iter().copied())
        .collect();
    let mut text = format!(
        "Package: {}\nVersion: {}\nArchitecture: {}\nMaintainer: {MAINTAINER}\nInstalled-Size: {}\nDepends: {}\n",
        package.name,
        facts.version,
        facts.architecture,
        facts.installed_kib,
        depends.join(", "),
    );
    if !package.recommends.is_empty() {
        text.push_str(&format!("Recommends: {}\n", package.recommends.join(", ")));
    }
    text.push_str(&format!(
        "Section: {}\nPriority: optional\nHomepage: {}\nDescription: {}\n",
        package.section,
        env!("CARGO_PKG_REPOSITORY"),
        package.summary,
    ));
    for line in package.description.lines() {
        text.push_str(&format!(" {line}\n"));
    }
    text
}

/// The changelog of the package; that of the programs is `CHANGELOG.md`.
pub(crate) fn changelog(package: &Package, version: &str, date: &str) -> String {
    format!(
        "{} ({version}) stable; urgency=medium\n\n  * Portreeve {version}.\n\n -- {MAINTAINER}  {date}\n",
        package.name
    )
}

/// Names, versions and licences of the libraries out of what `cargo tree` prints; crates of this
/// workspace, which have a path behind their version, are not among them.
pub(crate) fn crates(tree: &str) -> String {
    let crates: BTreeSet<_> = tree
        .lines()
        .map(|line| line.replace(" (proc-macro)", ""))
        .filter(|line| !line.contains(" (/") && !line.trim().is_empty())
        .map(|line| line.trim_end_matches(" (*)").to_owned())
        .collect();
    crates.into_iter().map(|line| line + "\n").collect()
}

#[cfg(test)]
mod tests {
    use super::super::contents::PACKAGES;
    use super::*;

    #[test]
    fn every_field_is_one_line_and_the_description_is_indented() {
        for package in PACKAGES {
            let facts = Facts {
                version: "1.2.3",
                architecture: "amd64",
                installed_kib: 7,
                depends: "libc6 (>= 2.34)",
            };
            let text = control(package, &facts);
            let (fields, description) = text.split_once("Description: ").unwrap();
            assert!(fields.lines().all(|line| line.contains(": ")), "{text}");
            assert!(fields.contains("Depends: libc6 (>= 2.34)"));
            let lines: Vec<_> = description.lines().collect();
            assert!(lines.len() > 1 && lines[0].len() < 80, "{text}");
            assert!(
                lines
                    .iter()
                    .skip(1)
                    .all(|line| line.starts_with(' ') && line.len() <= 81),
                "{text}"
            );
        }
    }

    #[test]
    fn libraries_are_listed_once_and_our_own_crates_not_at_all() {
        let tree = "portreeve-cli v0.1.0 (/src/cli) Apache-2.0\nserde v1.0.0 MIT OR Apache-2.0\n\
                    serde_derive v1.0.0 (proc-macro) MIT OR Apache-2.0\nserde v1.0.0 MIT OR Apache-2.0 (*)\n";
        assert_eq!(
            crates(tree),
            "serde v1.0.0 MIT OR Apache-2.0\nserde_derive v1.0.0 MIT OR Apache-2.0\n"
        );
    }
}
