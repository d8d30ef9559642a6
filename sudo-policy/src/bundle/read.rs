//! From bytes to a [`Bundle`], with every problem on the way.

use portreeve_protocol::digest::Digest;
use portreeve_protocol::facts::Intent;
use toml::de::DeTable;

use super::item::{MAX_PROSE, command, expectation};
use super::{Bundle, Command, Expectation, MAX_ITEMS};
use crate::code::Code;
use crate::diagnostic::{Diagnostic, Report};
use crate::document::{Placed, Reader};
use crate::source::{MAX_BYTES, Source, Span};

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
