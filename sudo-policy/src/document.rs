//! Walks a TOML document and collects every problem on the way, each with its place.
//!
//! A deserialiser would stop at the first wrong field; whoever writes a bundle wants all of them.

use std::str::FromStr;

use portreeve_protocol::digest::Digest;
use portreeve_protocol::unseen::is_unseen;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::code::Code;
use crate::diagnostic::Diagnostic;
use crate::nearest::nearest;
use crate::source::Span;
use crate::word::NotAWord;

/// What sudoers has for the environment, and the language has not.
const OF_ENVIRONMENT: [&str; 6] = [
    "setenv",
    "env",
    "env_keep",
    "env_check",
    "env_file",
    "env_reset",
];
const NO_ENVIRONMENT: &str = "the environment is always reset: with `LD_PRELOAD` or the like the caller's own code runs as \
     root; where a program needs a variable, allow a script of root's that sets it";

/// A value together with where it stands.
pub(crate) struct Placed<T> {
    pub(crate) value: T,
    pub(crate) span: Span,
}

/// Reads fields and remembers what was wrong with them.
#[derive(Default)]
pub(crate) struct Reader {
    problems: Vec<Diagnostic>,
}

impl Reader {
    pub(crate) fn report(&mut self, problem: Diagnostic) {
        self.problems.push(problem);
    }

    pub(crate) fn into_problems(self) -> Vec<Diagnostic> {
        self.problems
    }

    /// Reports every field that is not one of `known`.
    pub(crate) fn expect_only(&mut self, table: &DeTable<'_>, known: &[&str]) {
        for key in table.keys() {
            let name: &str = key.get_ref();
            if !known.contains(&name) {
                let help = if OF_ENVIRONMENT.contains(&name) {
                    NO_ENVIRONMENT.to_owned()
                } else if let Some(meant) = nearest(name, known.iter().copied()) {
                    format!("did you mean `{meant}`?")
                } else {
                    format!("the fields here are {}", quoted_list(known))
                };
                let message = format!("unknown field `{}`", name.escape_debug());
                self.report(Diagnostic::error(
                    Code::UnknownField,
                    key.span().into(),
                    message,
                    help,
                ));
            }
        }
    }

    /// A string that must be there.
    pub(crate) fn required_string<'d>(
        &mut self,
        table: &'d DeTable<'_>,
        at: Span,
        key: &str,
    ) -> Option<Placed<&'d str>> {
        if !table.contains_key(key) {
            self.report(Diagnostic::error(
                Code::MissingField,
                at,
                format!("`{key}` is missing"),
                format!("add `{key} = \"…\"`"),
            ));
            return None;
        }
        self.string(table, key)
    }

    /// A string that may be left out.
    pub(crate) fn string<'d>(
        &mut self,
        table: &'d DeTable<'_>,
        key: &str,
    ) -> Option<Placed<&'d str>> {
        let value = table.get(key)?;
        self.as_string(value, key)
    }

    /// A string of at most `most` characters that people read.
    pub(crate) fn prose(&mut self, table: &DeTable<'_>, key: &str, most: usize) -> Option<String> {
        let placed = self.string(table, key)?;
        let length = placed.value.chars().count();
        if placed.value.trim().is_empty() || length > most {
            let message = format!("`{key}` is empty or longer than {most} characters");
            self.report(Diagnostic::error(
                Code::WrongType,
                placed.span,
                message,
                "say it in a sentence or two",
            ));
            return None;
        }
        Some(placed.value.to_owned())
    }

    /// A boolean that may be left out.
    pub(crate) fn boolean(&mut self, table: &DeTable<'_>, key: &str) -> Option<bool> {
        let value = table.get(key)?;
        let found = value.get_ref().as_bool();
        if found.is_none() {
            self.wrong_type(value, key, "`true` or `false`");
        }
        found
    }

    /// A digest that may be left out.
    pub(crate) fn digest(&mut self, table: &DeTable<'_>, key: &str) -> Option<Digest> {
        self.as_digest(table.get(key)?, key)
    }

    pub(crate) fn as_digest(&mut self, value: &Spanned<DeValue<'_>>, key: &str) -> Option<Digest> {
        let placed = self.as_string(value, key)?;
        match placed.value.parse() {
            Ok(digest) => Some(digest),
            Err(_) => {
                self.report(Diagnostic::error(
                    Code::BadDigest,
                    placed.span,
                    format!("`{key}` is not a SHA-256 digest"),
                    "write `sha256:` and the 64 lower-case digits that `sha256sum` prints",
                ));
                None
            }
        }
    }

    /// A word, or `None` when the text is none, which is reported as `code`.
    pub(crate) fn word<T: FromStr<Err = NotAWord>>(
        &mut self,
        code: Code,
        placed: &Placed<&str>,
    ) -> Option<T> {
        match placed.value.parse() {
            Ok(word) => Some(word),
            Err(error) => {
                let (message, help) = (error.to_string(), error.help());
                self.report(Diagnostic::error(code, placed.span, message, help));
                None
            }
        }
    }

    /// A word that may be left out; `None` when it is there and wrong.
    #[expect(clippy::option_option, reason = "left out and wrong are two things")]
    pub(crate) fn optional_word<T: FromStr<Err = NotAWord>>(
        &mut self,
        table: &DeTable<'_>,
        key: &str,
        code: Code,
    ) -> Option<Option<T>> {
        let Some(value) = table.get(key) else {
            return Some(None);
        };
        let placed = self.as_string(value, key)?;
        self.word(code, &placed).map(Some)
    }

    /// A list of tables (`[[key]]`); empty when it is left out.
    pub(crate) fn tables<'d, 'i>(
        &mut self,
        table: &'d DeTable<'i>,
        key: &str,
    ) -> Vec<Placed<&'d DeTable<'i>>> {
        let Some(value) = table.get(key) else {
            return Vec::new();
        };
        let DeValue::Array(items) = value.get_ref() else {
            self.wrong_type(
                value,
                key,
                &format!("tables, each beginning with `[[{key}]]`"),
            );
            return Vec::new();
        };
        let mut tables = Vec::new();
        for item in items.iter() {
            match item.get_ref() {
                DeValue::Table(table) => tables.push(Placed {
                    value: table,
                    span: item.span().into(),
                }),
                DeValue::String(_)
                | DeValue::Integer(_)
                | DeValue::Float(_)
                | DeValue::Boolean(_)
                | DeValue::Datetime(_)
                | DeValue::Array(_) => self.wrong_type(item, key, "a table"),
            }
        }
        tables
    }

    /// The items of a list; `None` when `value` is something else, which is reported.
    pub(crate) fn list<'d, 'i>(
        &mut self,
        value: &'d Spanned<DeValue<'i>>,
        key: &str,
    ) -> Option<&'d [Spanned<DeValue<'i>>]> {
        let found = value.get_ref().as_array();
        if found.is_none() {
            self.wrong_type(value, key, "a list");
        }
        found.map(|items| &items[..])
    }

    /// The strings of a list, each with its place; `None` when anything in it is wrong.
    pub(crate) fn strings<'d>(
        &mut self,
        value: &'d Spanned<DeValue<'_>>,
        key: &str,
    ) -> Option<Vec<Placed<&'d str>>> {
        let items = self.list(value, key)?;
        let strings: Vec<_> = items.iter().map(|item| self.as_string(item, key)).collect();
        strings.into_iter().collect()
    }

    pub(crate) fn as_string<'d>(
        &mut self,
        value: &'d Spanned<DeValue<'_>>,
        key: &str,
    ) -> Option<Placed<&'d str>> {
        let span = Span::from(value.span());
        let Some(text) = value.get_ref().as_str() else {
            self.wrong_type(value, key, "a string");
            return None;
        };
        // The file itself was searched already; this finds what an escape wrote.
        if text.chars().any(is_unseen) {
            let message = format!("`{key}` has a character in it that is not seen");
            self.report(Diagnostic::error(
                Code::ControlCharacter,
                span,
                message,
                "remove it",
            ));
            return None;
        }
        Some(Placed { value: text, span })
    }

    fn wrong_type(&mut self, value: &Spanned<DeValue<'_>>, key: &str, wanted: &str) {
        let message = format!("`{key}` is not {wanted} but {}", value.get_ref().type_str());
        self.report(Diagnostic::error(
            Code::WrongType,
            value.span().into(),
            message,
            format!("write {wanted}"),
        ));
    }
}

fn quoted_list(names: &[&str]) -> String {
    names
        .iter()
        .map(|name| format!("`{name}`"))
        .collect::<Vec<_>>()
        .join(", ")
}
