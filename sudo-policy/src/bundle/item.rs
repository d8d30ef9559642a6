//! Reads one command or one expectation of a bundle.

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::{Arguments, Command, Expectation, Outcome};
use crate::code::Code;
use crate::diagnostic::Diagnostic;
use crate::document::{Placed, Reader};
use crate::pattern::Pattern;
use crate::source::Span;
use crate::word::{Argument, NotAWord, UserName};

/// Most argument lists of one command.
const MAX_ALTERNATIVES: usize = 100;
/// Most arguments of one list.
const MAX_ARGUMENTS: usize = 64;
/// Longest description, comment or reason, in characters.
pub(super) const MAX_PROSE: usize = 1000;

pub(super) fn command(reader: &mut Reader, table: &DeTable<'_>, span: Span) -> Option<Command> {
    const FIELDS: &[&str] = &[
        "path",
        "args",
        "args_any_of",
        "args_pattern",
        "run_as",
        "noexec",
        "digest",
        "comment",
        "reason",
    ];
    reader.expect_only(table, FIELDS);
    let placed_path = reader.required_string(table, span, "path");
    let path_span = placed_path.as_ref().map_or(span, |placed| placed.span);
    let path = placed_path.and_then(|placed| word(reader, Code::BadPath, &placed));
    let arguments_span = arguments_span(table).unwrap_or(path_span);
    let arguments = arguments(reader, table, span);
    let run_as = run_as(reader, table);
    let noexec = reader.boolean(table, "noexec").unwrap_or(true);
    let digest = reader.digest(table, "digest");
    let comment = reader.prose(table, "comment", MAX_PROSE);
    let reason = reader.prose(table, "reason", MAX_PROSE);
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
        digest,
        comment,
        reason,
    })
}

fn run_as(reader: &mut Reader, table: &DeTable<'_>) -> Option<UserName> {
    if !table.contains_key("run_as") {
        return Some(UserName::root());
    }
    let placed = reader.string(table, "run_as")?;
    word(reader, Code::BadUser, &placed)
}

/// The fields that give arguments; one of them at most.
const ARGUMENT_FIELDS: [&str; 3] = ["args", "args_any_of", "args_pattern"];

fn arguments_span(table: &DeTable<'_>) -> Option<Span> {
    ARGUMENT_FIELDS
        .iter()
        .find_map(|key| Some(table.get(*key)?.span().into()))
}

fn arguments(reader: &mut Reader, table: &DeTable<'_>, span: Span) -> Option<Arguments> {
    let given: Vec<(&str, &Spanned<DeValue<'_>>)> = ARGUMENT_FIELDS
        .iter()
        .filter_map(|key| Some((*key, table.get(*key)?)))
        .collect();
    match given.as_slice() {
        [] => Some(Arguments::Exactly(vec![Vec::new()])),
        [("args", value)] => args(reader, value),
        [("args_any_of", value)] => any_of(reader, value),
        [(key, value)] => pattern(reader, value, key),
        [_, (key, _), ..] => {
            let message = format!("`{key}` is the second way of giving arguments here");
            let help = "keep one of `args`, `args_any_of` and `args_pattern`; write a second `[[command]]` for the other";
            reader.report(Diagnostic::error(Code::BadArguments, span, message, help));
            None
        }
    }
}

fn args(reader: &mut Reader, value: &Spanned<DeValue<'_>>) -> Option<Arguments> {
    match value.get_ref().as_str() {
        Some("any") => Some(Arguments::Any),
        Some("none") => Some(Arguments::Exactly(vec![Vec::new()])),
        Some(_) => {
            let message = "`args` is neither a list nor `none` nor `any`";
            let help = "write each argument as a string of a list, as in `[\"-n\", \"100\"]`";
            reader.report(Diagnostic::error(
                Code::BadArguments,
                value.span().into(),
                message,
                help,
            ));
            None
        }
        None => Some(Arguments::Exactly(vec![exact(reader, value, "args")?])),
    }
}

fn any_of(reader: &mut Reader, value: &Spanned<DeValue<'_>>) -> Option<Arguments> {
    let lists = reader.list(value, "args_any_of")?;
    if lists.is_empty() || lists.len() > MAX_ALTERNATIVES {
        let message = format!("`args_any_of` has {} lists", lists.len());
        let help = format!("give 1 to {MAX_ALTERNATIVES} lists; `[]` in it means no arguments");
        reader.report(Diagnostic::error(
            Code::BadArguments,
            value.span().into(),
            message,
            help,
        ));
        return None;
    }
    let lists: Vec<_> = lists
        .iter()
        .map(|list| exact(reader, list, "args_any_of"))
        .collect();
    lists
        .into_iter()
        .collect::<Option<_>>()
        .map(Arguments::Exactly)
}

fn exact(reader: &mut Reader, value: &Spanned<DeValue<'_>>, key: &str) -> Option<Vec<Argument>> {
    let strings = reader.strings(value, key)?;
    if strings.len() > MAX_ARGUMENTS {
        let message = format!("`{key}` has more than {MAX_ARGUMENTS} arguments");
        reader.report(Diagnostic::error(
            Code::BadArguments,
            value.span().into(),
            message,
            "shorten it",
        ));
        return None;
    }
    let words: Vec<_> = strings
        .iter()
        .map(|placed| word(reader, Code::BadArgument, placed))
        .collect();
    words.into_iter().collect()
}

fn pattern(reader: &mut Reader, value: &Spanned<DeValue<'_>>, key: &str) -> Option<Arguments> {
    let placed = reader.as_string(value, key)?;
    match placed.value.parse::<Pattern>() {
        Ok(pattern) => Some(Arguments::Pattern(pattern)),
        Err(error) => {
            reader.report(Diagnostic::error(
                Code::BadPattern,
                placed.span,
                error.to_string(),
                error.help(),
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
    reader.expect_only(table, &["allow", "refuse", "run_as", "comment"]);
    let run_as = run_as(reader, table);
    let comment = reader.prose(table, "comment", MAX_PROSE);
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
    })
}

fn word<T: std::str::FromStr<Err = NotAWord>>(
    reader: &mut Reader,
    code: Code,
    placed: &Placed<&str>,
) -> Option<T> {
    match placed.value.parse() {
        Ok(word) => Some(word),
        Err(error) => {
            reader.report(Diagnostic::error(
                code,
                placed.span,
                error.to_string(),
                error.help(),
            ));
            None
        }
    }
}
