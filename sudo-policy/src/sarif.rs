//! Reports as SARIF 2.1.0, which code hosting shows as annotations of a pull request.
//!
//! Only the part of the format that says what was found where; positions count characters, paths
//! are relative to the checkout, and each rule carries its page as help. Nothing here reads a file.
//!
//! The format: <https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html>.

use std::fmt::Write as _;

use serde::Serialize;

use crate::code::Code;
use crate::diagnostic::{Elsewhere, Finding, Report, Severity};

/// Everything that was found in some files, as one log.
#[must_use]
pub fn log<'r>(reports: impl IntoIterator<Item = &'r Report>) -> Log {
    let results = reports
        .into_iter()
        .flat_map(Report::findings)
        .map(result)
        .collect();
    let driver = Driver {
        name: "portreeve",
        semantic_version: env!("CARGO_PKG_VERSION"),
        rules: Code::ALL.iter().copied().map(rule).collect(),
    };
    let run = Run {
        tool: Tool { driver },
        column_kind: "unicodeCodePoints",
        results,
    };
    Log {
        schema: "https://json.schemastore.org/sarif-2.1.0.json",
        version: "2.1.0",
        runs: [run],
    }
}

/// A SARIF log; serialised, it is the file.
#[derive(Debug, Serialize)]
pub struct Log {
    #[serde(rename = "$schema")]
    schema: &'static str,
    version: &'static str,
    runs: [Run; 1],
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Run {
    tool: Tool,
    column_kind: &'static str,
    results: Vec<Outcome>,
}

#[derive(Debug, Serialize)]
struct Tool {
    driver: Driver,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Driver {
    name: &'static str,
    semantic_version: &'static str,
    rules: Vec<Rule>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Rule {
    id: Code,
    name: &'static str,
    short_description: Text<&'static str>,
    help: Help,
}

#[derive(Debug, Serialize)]
struct Help {
    text: &'static str,
    markdown: &'static str,
}

#[derive(Debug, Serialize)]
struct Text<T> {
    text: T,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Outcome {
    rule_id: Code,
    #[serde(skip_serializing_if = "Option::is_none")]
    rule_index: Option<usize>,
    level: Severity,
    message: Text<String>,
    locations: [Location; 1],
    /// Another place that the problem is about, such as the rule that it contradicts.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    related_locations: Vec<Location>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Location {
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<Text<String>>,
    physical_location: PhysicalLocation,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct PhysicalLocation {
    artifact_location: Artifact,
    region: Region,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Artifact {
    uri: String,
    /// The name that the format gives to the root of the checkout; a whole address has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    uri_base_id: Option<&'static str>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Region {
    start_line: usize,
    start_column: usize,
    end_line: usize,
    end_column: usize,
}

fn rule(code: Code) -> Rule {
    Rule {
        id: code,
        name: code.name(),
        short_description: Text { text: code.title() },
        help: Help {
            text: code.page(),
            markdown: code.page(),
        },
    }
}

fn result(finding: Finding<'_>) -> Outcome {
    let region = Region {
        start_line: finding.line,
        start_column: finding.column,
        end_line: finding.end_line,
        end_column: finding.end_column,
    };
    Outcome {
        rule_id: finding.code,
        rule_index: Code::ALL.iter().position(|&code| code == finding.code),
        level: finding.severity,
        message: Text {
            text: format!("{}; {}", finding.message, finding.help),
        },
        locations: [location(finding.file, region, None)],
        related_locations: finding.related.iter().map(elsewhere).collect(),
    }
}

fn elsewhere(related: &Elsewhere<'_>) -> Location {
    let region = Region {
        start_line: related.line,
        start_column: related.column,
        end_line: related.end_line,
        end_column: related.end_column,
    };
    location(related.file, region, Some(related.note))
}

fn location(file: &str, region: Region, note: Option<&str>) -> Location {
    Location {
        message: note.map(|note| Text {
            text: note.to_owned(),
        }),
        physical_location: PhysicalLocation {
            artifact_location: artifact(file),
            region,
        },
    }
}

fn artifact(file: &str) -> Artifact {
    if file.starts_with('/') {
        return Artifact {
            uri: format!("file://{}", escaped(file)),
            uri_base_id: None,
        };
    }
    let relative = file.trim_start_matches("./");
    Artifact {
        uri: escaped(relative),
        uri_base_id: Some("%SRCROOT%"),
    }
}

/// A path as part of a URI (RFC 3986): everything but plain characters and slashes as percent signs.
fn escaped(path: &str) -> String {
    let mut out = String::with_capacity(path.len());
    for byte in path.bytes() {
        if byte.is_ascii_alphanumeric() || b"/-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            // Writing to a string cannot fail.
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_the_checkout_is_named_by_a_relative_uri() {
        for (file, uri, base) in [
            ("web.toml", "web.toml", Some("%SRCROOT%")),
            ("./a/web.toml", "a/web.toml", Some("%SRCROOT%")),
            ("../web.toml", "../web.toml", Some("%SRCROOT%")),
            ("a b/é%.toml", "a%20b/%C3%A9%25.toml", Some("%SRCROOT%")),
            ("c:x.toml", "c%3Ax.toml", Some("%SRCROOT%")),
            ("/srv/web.toml", "file:///srv/web.toml", None),
        ] {
            let found = artifact(file);
            assert_eq!((found.uri.as_str(), found.uri_base_id), (uri, base));
        }
    }
}
