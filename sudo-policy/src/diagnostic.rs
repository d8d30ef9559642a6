//! Problems of a bundle, as values that a terminal, an editor or a program can show.
//!
//! Nothing here prints. [`Report::render`] makes plain text for terminals without colour;
//! [`Report::findings`] is the same for machines; and a [`Report`] is a [`miette::Diagnostic`] for
//! whoever has a handler for those.

use std::fmt;

use miette::{LabeledSpan, SourceCode};
use serde::Serialize;

use crate::code::Code;
use crate::source::{Source, Span};

/// How bad a problem is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The bundle is not published.
    Error,
    /// The bundle may be published; somebody should look.
    Warning,
}

impl Severity {
    fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
        }
    }
}

/// One problem: what is wrong, where, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// The rule that was broken.
    pub code: Code,
    /// How bad it is.
    pub severity: Severity,
    /// Where in the file.
    pub span: Span,
    /// What is wrong: lower case, no full stop.
    pub message: String,
    /// What to do.
    pub help: String,
}

impl Diagnostic {
    pub(crate) fn error(
        code: Code,
        span: Span,
        message: impl Into<String>,
        help: impl Into<String>,
    ) -> Self {
        Self {
            code,
            severity: Severity::Error,
            span,
            message: message.into(),
            help: help.into(),
        }
    }

    pub(crate) fn warning(
        code: Code,
        span: Span,
        message: impl Into<String>,
        help: impl Into<String>,
    ) -> Self {
        Self {
            severity: Severity::Warning,
            ..Self::error(code, span, message, help)
        }
    }
}

/// All problems of one file, in the order of the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    source: Source,
    diagnostics: Vec<Diagnostic>,
}

impl Report {
    pub(crate) fn new(source: Source, mut diagnostics: Vec<Diagnostic>) -> Self {
        diagnostics.sort_by_key(|problem| (problem.span, problem.code));
        diagnostics.dedup();
        Self {
            source,
            diagnostics,
        }
    }

    /// The problems.
    #[must_use]
    pub fn diagnostics(&self) -> &[Diagnostic] {
        &self.diagnostics
    }

    /// Whether anything here forbids the bundle.
    #[must_use]
    pub fn has_errors(&self) -> bool {
        self.diagnostics
            .iter()
            .any(|problem| problem.severity == Severity::Error)
    }

    /// Whether nothing was found.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.diagnostics.is_empty()
    }

    /// The problems with file, line and column, for `--json` and for annotations.
    pub fn findings(&self) -> impl Iterator<Item = Finding<'_>> {
        self.diagnostics.iter().map(|problem| {
            let position = self.source.position(problem.span.start);
            Finding {
                file: self.source.name(),
                line: position.line,
                column: position.column,
                code: problem.code,
                severity: problem.severity,
                message: &problem.message,
                help: &problem.help,
            }
        })
    }

    /// The problems as plain text: each with its place, its line underlined, and the help.
    #[must_use]
    pub fn render(&self) -> String {
        let mut out = String::new();
        for problem in &self.diagnostics {
            // Writing to a string cannot fail.
            let _ = self.render_one(problem, &mut out);
        }
        out
    }

    fn render_one(&self, problem: &Diagnostic, out: &mut impl fmt::Write) -> fmt::Result {
        let position = self.source.position(problem.span.start);
        let (line, width) = self.source.line_of(problem.span);
        let gutter = " ".repeat(position.line.to_string().len());
        // A tab and a control character would move the underline or drive the terminal.
        let line: String = line
            .chars()
            .map(|c| if c.is_control() { ' ' } else { c })
            .collect();
        writeln!(
            out,
            "{}[{}]: {}",
            problem.severity.as_str(),
            problem.code,
            problem.message
        )?;
        writeln!(
            out,
            "{gutter}--> {}:{}:{}",
            self.source.name(),
            position.line,
            position.column
        )?;
        writeln!(out, "{gutter} |")?;
        writeln!(out, "{} | {line}", position.line)?;
        writeln!(
            out,
            "{gutter} | {}{}",
            " ".repeat(position.column - 1),
            "^".repeat(width)
        )?;
        writeln!(out, "{gutter} = help: {}\n", problem.help)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let errors = self
            .diagnostics
            .iter()
            .filter(|problem| problem.severity == Severity::Error)
            .count();
        let warnings = self.diagnostics.len() - errors;
        write!(
            f,
            "bundle `{}` has {errors} errors and {warnings} warnings",
            self.source.name()
        )
    }
}

impl std::error::Error for Report {}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Diagnostic {}

impl miette::Diagnostic for Report {
    fn source_code(&self) -> Option<&dyn SourceCode> {
        Some(&self.source)
    }

    fn related<'a>(&'a self) -> Option<Box<dyn Iterator<Item = &'a dyn miette::Diagnostic> + 'a>> {
        Some(Box::new(
            self.diagnostics
                .iter()
                .map(|problem| problem as &dyn miette::Diagnostic),
        ))
    }
}

impl miette::Diagnostic for Diagnostic {
    fn code<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        Some(Box::new(self.code))
    }

    fn severity(&self) -> Option<miette::Severity> {
        Some(match self.severity {
            Severity::Error => miette::Severity::Error,
            Severity::Warning => miette::Severity::Warning,
        })
    }

    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        Some(Box::new(&self.help))
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        let length = self.span.end.saturating_sub(self.span.start);
        let label = LabeledSpan::new(Some("here".to_owned()), self.span.start, length);
        Some(Box::new(std::iter::once(label)))
    }
}

/// One problem as a flat record.
#[derive(Debug, Clone, Serialize)]
pub struct Finding<'r> {
    /// The file's name.
    pub file: &'r str,
    /// The line, from 1.
    pub line: usize,
    /// The column in characters, from 1.
    pub column: usize,
    /// The rule that was broken.
    pub code: Code,
    /// How bad it is.
    pub severity: Severity,
    /// What is wrong.
    pub message: &'r str,
    /// What to do.
    pub help: &'r str,
}
