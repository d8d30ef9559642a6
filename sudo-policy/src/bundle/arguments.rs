//! Reads the arguments of one command.

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::Arguments;
use crate::code::Code;
use crate::diagnostic::Diagnostic;
use crate::document::Reader;
use crate::pattern::Pattern;
use crate::source::Span;
use crate::word::Argument;

/// Most argument lists of one command.
pub(crate) const MAX_ALTERNATIVES: usize = 100;
/// Most arguments of one list.
pub(crate) const MAX_ARGUMENTS: usize = 64;

/// The fields that give arguments; one of them at most.
const ARGUMENT_FIELDS: [&str; 3] = ["args", "args_any_of", "args_pattern"];

pub(super) fn arguments_span(table: &DeTable<'_>) -> Option<Span> {
    ARGUMENT_FIELDS
        .iter()
        .find_map(|key| Some(table.get(*key)?.span().into()))
}

pub(super) fn arguments(reader: &mut Reader, table: &DeTable<'_>, span: Span) -> Option<Arguments> {
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
        .map(|placed| reader.word::<Argument>(Code::BadArgument, placed))
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
