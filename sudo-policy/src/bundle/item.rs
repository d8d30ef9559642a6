//! Reads one command or one expectation of a bundle.

use portreeve_protocol::digest::Digest;
use toml::de::DeTable;

use super::arguments::{arguments, arguments_span};
use super::{Arguments, Command, Expectation, MAX_DIGESTS, Origin, Outcome, fields};
use crate::code::Code;
use crate::diagnostic::Diagnostic;
use crate::document::Reader;
use crate::source::Span;
use crate::word::{DirectoryPath, GroupName, RunAs, UserName};

/// Longest description, comment or reason, in characters.
pub(super) const MAX_PROSE: usize = 1000;

pub(super) fn command(reader: &mut Reader, table: &DeTable<'_>, span: Span) -> Option<Command> {
    reader.expect_only(table, fields::COMMAND);
    let placed_path = reader.required_string(table, span, "path");
    let path_span = placed_path.as_ref().map_or(span, |placed| placed.span);
    let path = placed_path.and_then(|placed| reader.word(Code::BadPath, &placed));
    let arguments_span = arguments_span(table).unwrap_or(path_span);
    let arguments = arguments(reader, table, span);
    let run_as = run_as(reader, table);
    let noexec = reader.boolean(table, "noexec").unwrap_or(true);
    let cwd = reader.optional_word::<DirectoryPath>(table, "cwd", Code::BadDirectory);
    let digests = digests(reader, table, span);
    let comment = reader.prose(table, "comment", MAX_PROSE);
    let reason = reader.prose(table, "reason", MAX_PROSE);
    let origin = origin(reader, table);
    if reason.is_none()
        && !table.contains_key("reason")
        && (arguments == Some(Arguments::Any) || !noexec)
    {
        let what = if noexec {
            "any arguments are"
        } else {
            "starting other programs is"
        };
        let message = format!("{what} allowed and nobody says why");
        reader.report(Diagnostic::error(
            Code::MissingReason,
            span,
            message,
            "add `reason = \"…\"`, or allow less",
        ));
    }
    Some(Command {
        span,
        path: path?,
        path_span,
        arguments: arguments?,
        arguments_span,
        run_as: run_as?,
        noexec,
        cwd: cwd?,
        digests: digests?,
        comment,
        reason,
        origin,
    })
}

/// `run_as` and `run_as_group`; neither means root.
fn run_as(reader: &mut Reader, table: &DeTable<'_>) -> Option<RunAs> {
    let user = reader.optional_word::<UserName>(table, "run_as", Code::BadUser);
    let group = reader.optional_word::<GroupName>(table, "run_as_group", Code::BadGroup);
    Some(RunAs::of(user?, group?))
}

/// `digest` for one, `digests` for several.
fn digests(reader: &mut Reader, table: &DeTable<'_>, span: Span) -> Option<Vec<Digest>> {
    let Some(value) = table.get("digests") else {
        return Some(reader.digest(table, "digest").into_iter().collect());
    };
    let help = format!("give `digest`, or 1 to {MAX_DIGESTS} of them in `digests`");
    if table.contains_key("digest") {
        let message = "`digests` is the second way of giving digests here";
        reader.report(Diagnostic::error(Code::BadDigest, span, message, help));
        return None;
    }
    let items = reader.list(value, "digests")?;
    if items.is_empty() || items.len() > MAX_DIGESTS {
        let message = format!("`digests` has {} digests", items.len());
        let span = value.span().into();
        reader.report(Diagnostic::error(Code::BadDigest, span, message, help));
        return None;
    }
    let digests: Vec<_> = items
        .iter()
        .map(|item| reader.as_digest(item, "digests"))
        .collect();
    digests.into_iter().collect()
}

/// Where the item was written, when it was linked.
fn origin(reader: &mut Reader, table: &DeTable<'_>) -> Option<Origin> {
    let placed = reader.string(table, "from")?;
    match placed.value.parse() {
        Ok(origin) => Some(origin),
        Err(_) => {
            let message = format!(
                "`{}` is not a bundle and a line",
                placed.value.escape_debug()
            );
            let help = "write it as in `base-looking:12`, or leave it to `portreeve bundle link`";
            reader.report(Diagnostic::error(
                Code::BadOrigin,
                placed.span,
                message,
                help,
            ));
            None
        }
    }
}

pub(super) fn expectation(
    reader: &mut Reader,
    table: &DeTable<'_>,
    span: Span,
) -> Option<Expectation> {
    reader.expect_only(table, fields::EXPECTATION);
    let run_as = run_as(reader, table);
    let comment = reader.prose(table, "comment", MAX_PROSE);
    let origin = origin(reader, table);
    let (outcome, key, value) = match (table.get("allow"), table.get("refuse")) {
        (Some(value), None) => (Outcome::Allow, "allow", value),
        (None, Some(value)) => (Outcome::Refuse, "refuse", value),
        (Some(_), Some(_)) | (None, None) => {
            let help = "give one of `allow` and `refuse`, as in `allow = [\"ss\", \"-tnp\"]`";
            reader.report(Diagnostic::error(
                Code::BadExpectation,
                span,
                "an expectation needs one command line",
                help,
            ));
            return None;
        }
    };
    let argv: Vec<String> = reader
        .strings(value, key)?
        .iter()
        .map(|placed| placed.value.to_owned())
        .collect();
    if argv.first().is_none_or(String::is_empty) {
        let help = "the first string is the program, by path or by name";
        reader.report(Diagnostic::error(
            Code::BadExpectation,
            value.span().into(),
            "the command line is empty",
            help,
        ));
        return None;
    }
    Some(Expectation {
        span,
        outcome,
        argv,
        run_as: run_as?,
        comment,
        origin,
    })
}
