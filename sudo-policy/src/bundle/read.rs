//! From bytes to a [`Bundle`], with every problem on the way.

use portreeve_protocol::digest::Digest;
use portreeve_protocol::facts::Intent;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::{Arguments, Bundle, Command, Expectation, MAX_ITEMS, Outcome};
use crate::code::Code;
use crate::diagnostic::{Diagnostic, Report};
use crate::document::{Placed, Reader};
use crate::source::{MAX_BYTES, Source, Span};
use crate::word::{NotAWord, UserName};

/// Most argument lists of one command.
const MAX_ALTERNATIVES: usize = 100;
/// Most arguments of one list.
const MAX_ARGUMENTS: usize = 64;
/// Longest description, comment or reason, in characters.
const MAX_PROSE: usize = 1000;

pub(super) fn read(file_name: &str, bytes: &[u8]) -> Result<Bundle, Report> {
    let source = text_of(file_name, bytes)?;
    let (document, syntax) = DeTable::parse_recoverable(source.text());
    if !syntax.is_empty() {
        let problems = syntax.iter().map(|error| {
            let span = error.span().unwrap_or_default().into();
            let message = format!(
                "not TOML: {}",
                error.message().replace(|c: char| c.is_control(), " ")
            );
            Diagnostic::error(
                Code::NotToml,
                span,
                message,
                "correct the syntax; strings stand in quotes, lists in brackets",
            )
        });
        let problems = problems.collect();
        drop(document);
        return Err(Report::new(source, problems));
    }
    let mut reader = Reader::default();
    let parts = bundle(&mut reader, document.get_ref());
    drop(document);
    let problems = reader.into_problems();
    match parts {
        Some((name, description, intent, commands, expectations)) if problems.is_empty() => {
            Ok(Bundle {
                digest: Digest::of(bytes),
                source,
                name,
                description,
                intent,
                commands,
                expectations,
            })
        }
        _ => Err(Report::new(source, problems)),
    }
}

/// The bytes as text of bounded size without control characters.
fn text_of(file_name: &str, bytes: &[u8]) -> Result<Source, Report> {
    let refuse =
        |text: &str, problem| Err(Report::new(Source::new(file_name, text), vec![problem]));
    if bytes.len() > MAX_BYTES {
        let message = format!("the file has {} bytes", bytes.len());
        return refuse(
            "",
            Diagnostic::error(
                Code::TooLarge,
                Span::default(),
                message,
                "split the bundle; 65,536 bytes is the most",
            ),
        );
    }
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => {
            let message = format!("the file is not UTF-8 from byte {} on", error.valid_up_to());
            return refuse(
                "",
                Diagnostic::error(Code::NotToml, Span::default(), message, "save it as UTF-8"),
            );
        }
    };
    let is_forbidden = |c: char| c.is_control() && !matches!(c, '\n' | '\r' | '\t');
    if let Some((at, found)) = text.char_indices().find(|&(_, c)| is_forbidden(c)) {
        let span = Span {
            start: at,
            end: at + found.len_utf8(),
        };
        let message = format!("the control character {found:?} stands here");
        return refuse(
            text,
            Diagnostic::error(Code::ControlCharacter, span, message, "remove it"),
        );
    }
    Ok(Source::new(file_name, text))
}

type Parts = (
    portreeve_protocol::name::BundleName,
    String,
    Intent,
    Vec<Command>,
    Vec<Expectation>,
);

fn bundle(reader: &mut Reader, table: &DeTable<'_>) -> Option<Parts> {
    let top = Span::default();
    reader.expect_only(
        table,
        &["name", "description", "intent", "command", "expect"],
    );
    let name = reader
        .required_string(table, top, "name")
        .and_then(|placed| {
            placed
                .value
                .parse()
                .map_err(|_| {
                    let message = format!("`{}` is not a bundle name", placed.value.escape_debug());
                    reader.report(Diagnostic::error(
                        Code::BadName,
                        placed.span,
                        message,
                        "use 1 to 63 of a-z, 0-9 and `-`",
                    ));
                })
                .ok()
        });
    let description = reader.required_string(table, top, "description").is_some();
    let description = if description {
        reader.prose(table, "description", MAX_PROSE)
    } else {
        None
    };
    let intent = reader
        .required_string(table, top, "intent")
        .and_then(|placed| intent(reader, &placed));
    let commands = items(reader, table, "command", command);
    let expectations = items(reader, table, "expect", expectation);
    Some((name?, description?, intent?, commands, expectations))
}

fn intent(reader: &mut Reader, placed: &Placed<&str>) -> Option<Intent> {
    match placed.value {
        "read-only" => Some(Intent::ReadOnly),
        "write" => Some(Intent::Write),
        other => {
            let message = format!("`{}` is not an intent", other.escape_debug());
            reader.report(Diagnostic::error(
                Code::BadIntent,
                placed.span,
                message,
                "write `read-only` or `write`",
            ));
            None
        }
    }
}

/// Reads each table of a list; those with problems are left out, and their problems kept.
fn items<T>(
    reader: &mut Reader,
    table: &DeTable<'_>,
    key: &str,
    read: impl Fn(&mut Reader, &DeTable<'_>, Span) -> Option<T>,
) -> Vec<T> {
    let tables = reader.tables(table, key);
    if let Some(first_too_many) = tables.get(MAX_ITEMS) {
        let message = format!("`{key}` stands here more than {MAX_ITEMS} times");
        reader.report(Diagnostic::error(
            Code::TooLarge,
            first_too_many.span,
            message,
            "split the bundle",
        ));
        return Vec::new();
    }
    tables
        .iter()
        .filter_map(|placed| read(reader, placed.value, placed.span))
        .collect()
}

fn command(reader: &mut Reader, table: &DeTable<'_>, span: Span) -> Option<Command> {
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
    let path = reader
        .required_string(table, span, "path")
        .and_then(|placed| word(reader, Code::BadPath, &placed));
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
        arguments: arguments?,
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

fn arguments(reader: &mut Reader, table: &DeTable<'_>, span: Span) -> Option<Arguments> {
    let given: Vec<(&str, &Spanned<DeValue<'_>>)> = ["args", "args_any_of", "args_pattern"]
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

fn exact(
    reader: &mut Reader,
    value: &Spanned<DeValue<'_>>,
    key: &str,
) -> Option<Vec<crate::word::Argument>> {
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
    match placed.value.parse::<crate::pattern::Pattern>() {
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

fn expectation(reader: &mut Reader, table: &DeTable<'_>, span: Span) -> Option<Expectation> {
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
