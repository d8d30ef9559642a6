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
