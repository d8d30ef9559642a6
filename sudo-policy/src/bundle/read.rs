//! From bytes to a [`Bundle`], with every problem on the way.

use std::sync::Arc;

use portreeve_protocol::digest::Digest;
use portreeve_protocol::facts::Intent;
use portreeve_protocol::name::BundleName;
use portreeve_protocol::unseen::is_unseen;
use toml::de::DeTable;

use super::item::{MAX_PROSE, command, expectation};
use super::origin::Ingredient;
use super::{Bundle, Command, Expectation, MAX_INCLUDES, MAX_INGREDIENTS, MAX_ITEMS, fields};
use crate::code::Code;
use crate::diagnostic::{Diagnostic, Report};
use crate::document::{Placed, Reader};
use crate::source::{MAX_BYTES, Source, Span};

/// A file as it was read: a bundle, and what it still lacks.
#[derive(Debug)]
pub(crate) struct Parsed {
    pub(crate) bundle: Bundle,
    /// The bundles that it includes.
    pub(crate) includes: Vec<Include>,
    /// Where its name stands.
    pub(crate) name_span: Span,
    /// Where its intent stands.
    pub(crate) intent_span: Span,
}

/// The name of an included bundle, and where it stands.
#[derive(Debug, Clone)]
pub(crate) struct Include {
    pub(crate) name: BundleName,
    pub(crate) span: Span,
}

/// Reads a file, which may include others.
pub(crate) fn read(file_name: &str, bytes: &[u8]) -> Result<Parsed, Report> {
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
        Some(parts) if problems.is_empty() => Ok(Parsed {
            bundle: Bundle {
                digest: Digest::of(bytes),
                source: Arc::new(source),
                name: parts.name.value,
                description: parts.description,
                intent: parts.intent.value,
                ingredients: parts.ingredients,
                commands: parts.commands,
                expectations: parts.expectations,
            },
            includes: parts.includes,
            name_span: parts.name.span,
            intent_span: parts.intent.span,
        }),
        _ => Err(Report::new(source, problems)),
    }
}

/// Those commands of a file that are well formed, and its intent, whatever else is wrong with it;
/// nothing where it is not TOML. Where the intent is wrong too, it is the one that forbids less.
pub(crate) fn well_formed(file_name: &str, bytes: &[u8]) -> Option<(Intent, Vec<Command>)> {
    let source = text_of(file_name, bytes).ok()?;
    let (document, syntax) = DeTable::parse_recoverable(source.text());
    if !syntax.is_empty() {
        return None;
    }
    let (table, mut reader) = (document.get_ref(), Reader::default());
    let said = reader.string(table, "intent");
    let intent = said.and_then(|placed| intent(&mut reader, &placed));
    let commands = items(&mut reader, table, "command", MAX_ITEMS, command);
    Some((
        intent.map_or(Intent::Write, |placed| placed.value),
        commands,
    ))
}

/// The bytes as text of bounded size without what drives a terminal or is not seen.
fn text_of(file_name: &str, bytes: &[u8]) -> Result<Source, Report> {
    let refuse =
        |text: &str, problem| Err(Report::new(Source::new(file_name, text), vec![problem]));
    if bytes.len() > MAX_BYTES {
        let message = "the file has more than 65,536 bytes";
        return refuse(
            "",
            Diagnostic::error(
                Code::TooLarge,
                Span::default(),
                message,
                "split the bundle; that is the most",
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
    let is_forbidden = |c: char| is_unseen(c) && !matches!(c, '\n' | '\r' | '\t');
    if let Some((at, found)) = text.char_indices().find(|&(_, c)| is_forbidden(c)) {
        let span = Span {
            start: at,
            end: at + found.len_utf8(),
        };
        let message = format!("the character {} stands here", found.escape_unicode());
        return refuse(
            text,
            Diagnostic::error(Code::ControlCharacter, span, message, "remove it"),
        );
    }
    Ok(Source::new(file_name, text))
}

/// What stands in a file.
struct Parts {
    name: Placed<BundleName>,
    description: String,
    intent: Placed<Intent>,
    includes: Vec<Include>,
    ingredients: Vec<Ingredient>,
    commands: Vec<Command>,
    expectations: Vec<Expectation>,
}

fn bundle(reader: &mut Reader, table: &DeTable<'_>) -> Option<Parts> {
    let top = Span::default();
    reader.expect_only(table, fields::BUNDLE);
    let name = reader
        .required_string(table, top, "name")
        .and_then(|placed| bundle_name(reader, Code::BadName, &placed));
    let description = reader.required_string(table, top, "description").is_some();
    let description = if description {
        reader.prose(table, "description", MAX_PROSE)
    } else {
        None
    };
    let intent = reader
        .required_string(table, top, "intent")
        .and_then(|placed| intent(reader, &placed));
    let includes = includes(reader, table);
    let ingredients = items(reader, table, "source", MAX_INGREDIENTS, ingredient);
    let commands = items(reader, table, "command", MAX_ITEMS, command);
    let expectations = items(reader, table, "expect", MAX_ITEMS, expectation);
    if table.contains_key("source") && table.contains_key("include") {
        let span = includes.first().map_or(top, |include| include.span);
        let message = "a linked bundle includes nothing";
        let help = "add the include to the bundle that was linked, and link again";
        reader.report(Diagnostic::error(Code::BadOrigin, span, message, help));
    }
    origins(reader, &ingredients, &commands, &expectations);
    Some(Parts {
        name: name?,
        description: description?,
        intent: intent?,
        includes,
        ingredients,
        commands,
        expectations,
    })
}

fn bundle_name(
    reader: &mut Reader,
    code: Code,
    placed: &Placed<&str>,
) -> Option<Placed<BundleName>> {
    match placed.value.parse() {
        Ok(value) => Some(Placed {
            value,
            span: placed.span,
        }),
        Err(_) => {
            let message = format!("`{}` is not a bundle name", placed.value.escape_debug());
            let help = "use 1 to 63 of a-z, 0-9 and `-`";
            reader.report(Diagnostic::error(code, placed.span, message, help));
            None
        }
    }
}

/// The names of the included bundles, each once.
fn includes(reader: &mut Reader, table: &DeTable<'_>) -> Vec<Include> {
    let Some(value) = table.get("include") else {
        return Vec::new();
    };
    let names = reader.strings(value, "include").unwrap_or_default();
    if let Some(first_too_many) = names.get(MAX_INCLUDES) {
        let message = format!("`include` names more than {MAX_INCLUDES} bundles");
        let help = "let one of them include the others";
        let span = first_too_many.span;
        reader.report(Diagnostic::error(Code::TooLarge, span, message, help));
        return Vec::new();
    }
    let mut includes: Vec<Include> = Vec::new();
    for placed in &names {
        let Some(Placed { value: name, span }) = bundle_name(reader, Code::BadInclude, placed)
        else {
            continue;
        };
        if includes.iter().any(|known| known.name == name) {
            let message = format!("`{name}` is included twice");
            let help = "leave one of the two out";
            reader.report(Diagnostic::error(Code::BadInclude, span, message, help));
        } else {
            includes.push(Include { name, span });
        }
    }
    includes
}

fn ingredient(reader: &mut Reader, table: &DeTable<'_>, span: Span) -> Option<Ingredient> {
    reader.expect_only(table, fields::SOURCE);
    let name = reader
        .required_string(table, span, "name")
        .and_then(|placed| bundle_name(reader, Code::BadOrigin, &placed));
    let digest = reader
        .required_string(table, span, "digest")
        .and_then(|_| reader.digest(table, "digest"));
    Some(Ingredient {
        name: name?.value,
        digest: digest?,
    })
}

/// Either nothing says where it came from, or everything does, and names an ingredient.
fn origins(
    reader: &mut Reader,
    ingredients: &[Ingredient],
    commands: &[Command],
    expectations: &[Expectation],
) {
    let help = "`from` and `[[source]]` are written by `portreeve bundle link`; change what was linked, and link again";
    let mut names: Vec<_> = ingredients.iter().map(|one| &one.name).collect();
    names.sort_unstable();
    if let Some([twice, _]) = names.array_windows().find(|[one, next]| one == next) {
        let message = format!("there are two `[[source]]` with the name `{twice}`");
        let top = Span::default();
        reader.report(Diagnostic::error(Code::BadOrigin, top, message, help));
    }
    let of_commands = commands.iter().map(|one| (one.span, one.origin.as_ref()));
    let of_expectations = expectations
        .iter()
        .map(|one| (one.span, one.origin.as_ref()));
    for (span, origin) in of_commands.chain(of_expectations) {
        let is_known = |bundle: &BundleName| ingredients.iter().any(|one| one.name == *bundle);
        let message = match origin {
            None if ingredients.is_empty() => continue,
            Some(origin) if is_known(&origin.bundle) => continue,
            None => "this was linked and does not say from where".to_owned(),
            Some(origin) => format!("there is no `[[source]]` with the name `{}`", origin.bundle),
        };
        reader.report(Diagnostic::error(Code::BadOrigin, span, message, help));
    }
}

fn intent(reader: &mut Reader, placed: &Placed<&str>) -> Option<Placed<Intent>> {
    let is = |value| {
        Some(Placed {
            value,
            span: placed.span,
        })
    };
    match placed.value {
        "read-only" => is(Intent::ReadOnly),
        "write" => is(Intent::Write),
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
    most: usize,
    read: impl Fn(&mut Reader, &DeTable<'_>, Span) -> Option<T>,
) -> Vec<T> {
    let tables = reader.tables(table, key);
    if let Some(first_too_many) = tables.get(most) {
        let message = format!("`{key}` stands here more than {most} times");
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
