//! The fields of the language: what the reader takes and the schema for editors describes.

/// At the top of a file.
pub(crate) const BUNDLE: &[&str] = &[
    "name",
    "description",
    "intent",
    "include",
    "source",
    "command",
    "expect",
];
/// In a `[[source]]`.
pub(crate) const SOURCE: &[&str] = &["name", "digest"];
/// In a `[[command]]`.
pub(crate) const COMMAND: &[&str] = &[
    "path",
    "args",
    "args_any_of",
    "args_pattern",
    "run_as",
    "run_as_group",
    "noexec",
    "cwd",
    "digest",
    "digests",
    "comment",
    "reason",
    "from",
];
/// In an `[[expect]]`.
pub(crate) const EXPECTATION: &[&str] = &[
    "allow",
    "refuse",
    "run_as",
    "run_as_group",
    "comment",
    "from",
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::Value;

    use super::*;
    use crate::pattern::PLACEHOLDERS;

    fn schema() -> Value {
        serde_json::from_str(crate::SCHEMA).unwrap()
    }

    #[test]
    fn the_schema_has_every_field_of_the_reader_and_no_other() {
        let schema = schema();
        for (place, fields) in [
            ("", BUNDLE),
            ("/$defs/source", SOURCE),
            ("/$defs/command", COMMAND),
            ("/$defs/expect", EXPECTATION),
        ] {
            let table = schema.pointer(place).unwrap();
            let known: BTreeSet<&str> = table["properties"]
                .as_object()
                .unwrap()
                .keys()
                .map(String::as_str)
                .collect();
            let read: BTreeSet<&str> = fields.iter().copied().collect();
            assert_eq!(known, read, "{place}");
            assert_eq!(table["additionalProperties"], false, "{place}");
        }
    }

    #[test]
    fn an_editor_shows_every_placeholder() {
        let schema = schema();
        let shown = schema["$defs"]["command"]["properties"]["args_pattern"]["description"]
            .as_str()
            .unwrap();
        for one in PLACEHOLDERS {
            assert!(shown.contains(one.written), "{}", one.written);
        }
    }

    #[test]
    fn the_page_of_the_language_has_every_field() {
        let page = include_str!("../../../docs/spec/bundle.md");
        for field in [BUNDLE, SOURCE, COMMAND, EXPECTATION].concat() {
            let is_shown = page.contains(&format!("`{field}`"))
                || page.contains(&format!("`[[{field}]]`"))
                || page.contains(&format!("\n{field} = "));
            assert!(is_shown, "docs/spec/bundle.md does not have `{field}`");
        }
    }
}
