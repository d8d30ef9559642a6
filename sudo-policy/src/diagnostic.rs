//! Problems of a bundle, as values that a terminal, an editor or a program can show.
//!
//! Nothing here prints. [`Report::render`] makes plain text for terminals without colour;
//! [`Report::findings`] is the same for machines; and a [`Report`] is a [`miette::Diagnostic`] for
//! whoever has a handler for those.

mod excerpt;
mod text;

use std::cmp::Ordering;
use std::fmt;
use std::sync::Arc;

use miette::{LabeledSpan, SourceCode};
use serde::Serialize;

use crate::code::Code;
use crate::source::{Position, Source, Span};

pub use text::Look;

/// How bad a problem is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The bundle is not published.
    Error,
    /// The bundle may be published; somebody should look.
    Warning,
    /// Somebody gave a reason for it, which whoever reviews the bundle should read.
    Note,
}

impl Severity {
    fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Note => "note",
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
    /// The text that it is about; a [`Report`] knows it of each of its problems.
    pub source: Option<Arc<Source>>,
    /// Another place that it is about.
    pub related: Option<Related>,
}

/// Another place that a problem is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Related {
    /// The text.
    pub source: Arc<Source>,
    /// Where in it.
    pub span: Span,
    /// What stands there, in a few words.
    pub note: String,
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
            source: None,
            related: None,
        }
    }

    /// The same problem, of this text.
    pub(crate) fn of(self, source: &Arc<Source>) -> Self {
        Self {
            source: Some(Arc::clone(source)),
            ..self
        }
    }

    /// The same problem, which is about another place too.
    pub(crate) fn with(self, related: Related) -> Self {
        Self {
            related: Some(related),
            ..self
        }
    }

    pub(crate) fn note(
        code: Code,
        span: Span,
        message: impl Into<String>,
        help: impl Into<String>,
    ) -> Self {
        Self {
            severity: Severity::Note,
            ..Self::error(code, span, message, help)
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

/// All problems of a bundle, in the order of its file; those of files that it includes come last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    source: Arc<Source>,
    diagnostics: Vec<Diagnostic>,
}

impl Report {
    /// Problems that are about `source` where they do not say otherwise.
    pub(crate) fn new(source: impl Into<Arc<Source>>, mut diagnostics: Vec<Diagnostic>) -> Self {
        let source = source.into();
        for problem in &mut diagnostics {
            problem.source.get_or_insert_with(|| Arc::clone(&source));
        }
        diagnostics.sort_by(|one, other| order(&source, one, other));
        diagnostics.dedup();
        Self {
            source,
            diagnostics,
        }
    }

    /// The same report with more problems of its main text.
    pub(crate) fn and(mut self, more: Vec<Diagnostic>) -> Self {
        self.diagnostics.extend(more);
        Self::new(self.source, self.diagnostics)
    }

    /// The problems, for who knows better where they stand.
    pub(crate) fn into_diagnostics(self) -> Vec<Diagnostic> {
        self.diagnostics
    }

    fn source_of<'r>(&'r self, problem: &'r Diagnostic) -> &'r Source {
        problem.source.as_deref().unwrap_or(&self.source)
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

    /// Whether anything here wants to be mended: an error or a warning.
    #[must_use]
    pub fn wants_mending(&self) -> bool {
        self.diagnostics
            .iter()
            .any(|problem| problem.severity != Severity::Note)
    }

    /// Whether nothing was found.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.diagnostics.is_empty()
    }

    /// The problems with file, line and column, for `--json` and for annotations.
    pub fn findings(&self) -> impl Iterator<Item = Finding<'_>> {
        self.diagnostics.iter().map(|problem| {
            let source = self.source_of(problem);
            let (start, end) = ends(source, problem.span);
            Finding {
                file: source.name(),
                line: start.line,
                column: start.column,
                end_line: end.line,
                end_column: end.column,
                code: problem.code,
                severity: problem.severity,
                message: &problem.message,
                help: &problem.help,
                related: problem.related.as_ref().map(Elsewhere::of),
            }
        })
    }

    /// The problems as plain text: each with its place, its lines underlined, and the help.
    #[must_use]
    pub fn render(&self) -> String {
        self.render_as(Look::default())
    }

    /// The problems as [`Report::render`] has them, in another look. Nothing in it drives a
    /// terminal but the colours, whatever stands in the file or in its name.
    #[must_use]
    pub fn render_as(&self, look: Look) -> String {
        text::render(self, look)
    }

    fn count(&self, severity: Severity) -> usize {
        let is_meant = |problem: &&Diagnostic| problem.severity == severity;
        self.diagnostics.iter().filter(is_meant).count()
    }
}

/// Where a span begins and where its last visible character ends.
fn ends(source: &Source, span: Span) -> (Position, Position) {
    let marked = source.marked(span).len();
    (
        source.position(span.start),
        source.position(span.start + marked),
    )
}

/// Problems of `main` first, then file by file; in each file from top to bottom.
fn order(main: &Source, one: &Diagnostic, other: &Diagnostic) -> Ordering {
    place(main, one).cmp(&place(main, other))
}

fn place<'d>(main: &Source, problem: &'d Diagnostic) -> (bool, &'d str, Span, Code) {
    let name = problem.source.as_deref().map_or("", Source::name);
    (name != main.name(), name, problem.span, problem.code)
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counted = |severity: Severity| {
            let count = self.count(severity);
            let plural = if count == 1 { "" } else { "s" };
            format!("{count} {}{plural}", severity.as_str())
        };
        let (errors, warnings) = (counted(Severity::Error), counted(Severity::Warning));
        let name = self.source.name();
        if self.count(Severity::Note) == 0 {
            write!(f, "`{name}` has {errors} and {warnings}")
        } else {
            let notes = counted(Severity::Note);
            write!(f, "`{name}` has {errors}, {warnings} and {notes}")
        }
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
        Some(&*self.source)
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
    fn source_code(&self) -> Option<&dyn SourceCode> {
        self.source
            .as_deref()
            .map(|source| source as &dyn SourceCode)
    }

    fn code<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        Some(Box::new(self.code))
    }

    fn severity(&self) -> Option<miette::Severity> {
        Some(match self.severity {
            Severity::Error => miette::Severity::Error,
            Severity::Warning => miette::Severity::Warning,
            Severity::Note => miette::Severity::Advice,
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
    /// The line of the last marked character.
    pub end_line: usize,
    /// The column behind the last marked character.
    pub end_column: usize,
    /// The rule that was broken.
    pub code: Code,
    /// How bad it is.
    pub severity: Severity,
    /// What is wrong.
    pub message: &'r str,
    /// What to do.
    pub help: &'r str,
    /// Another place that it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub related: Option<Elsewhere<'r>>,
}

/// Another place that a [`Finding`] is about.
#[derive(Debug, Clone, Serialize)]
pub struct Elsewhere<'r> {
    /// The file's name.
    pub file: &'r str,
    /// The line, from 1.
    pub line: usize,
    /// The column in characters, from 1.
    pub column: usize,
    /// The line of the last marked character.
    pub end_line: usize,
    /// The column behind the last marked character.
    pub end_column: usize,
    /// What stands there.
    pub note: &'r str,
}

impl<'r> Elsewhere<'r> {
    fn of(related: &'r Related) -> Self {
        let (start, end) = ends(&related.source, related.span);
        Self {
            file: related.source.name(),
            line: start.line,
            column: start.column,
            end_line: end.line,
            end_column: end.column,
            note: &related.note,
        }
    }
}
