//! A report as text for a terminal, in the form that compilers have made familiar.

use std::fmt::{self, Write};

use super::excerpt::{excerpt, visible};
use super::{Diagnostic, Report, Severity};
use crate::source::{Line, Source, Span};

/// How a report is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Look {
    /// Whether to colour it; only for terminals.
    pub colour: bool,
    /// How many columns a line of the file may take.
    pub width: usize,
}

impl Default for Look {
    /// Without colour, and as wide as bundles are commonly written.
    fn default() -> Self {
        Self {
            colour: false,
            width: 120,
        }
    }
}

/// What a part of the text is, which decides its colour.
#[derive(Debug, Clone, Copy)]
enum Part {
    Problem(Severity),
    Message,
    Frame,
}

impl Look {
    fn paint(self, part: Part, text: &str) -> String {
        let style = match part {
            Part::Problem(Severity::Error) => "1;31",
            Part::Problem(Severity::Warning) => "1;33",
            Part::Problem(Severity::Note) => "1;36",
            Part::Message => "1",
            Part::Frame => "1;34",
        };
        if self.colour && !text.is_empty() {
            format!("\u{1b}[{style}m{text}\u{1b}[0m")
        } else {
            text.to_owned()
        }
    }
}

/// All problems of a report, each with an empty line behind it.
pub(super) fn render(report: &Report, look: Look) -> String {
    let mut out = String::new();
    for problem in &report.diagnostics {
        // Writing to a string cannot fail.
        let _ = render_one(report.source_of(problem), problem, look, &mut out);
    }
    out
}

fn render_one(source: &Source, problem: &Diagnostic, look: Look, out: &mut String) -> fmt::Result {
    let related = problem.related.as_ref();
    let last_line =
        |source: &Source, span| source.lines_of(span).last().map_or(1, |line| line.number);
    let widest = related
        .map_or(1, |related| last_line(&related.source, related.span))
        .max(last_line(source, problem.span));
    let frame = Frame {
        look,
        gutter: widest.to_string().len(),
        problem: Part::Problem(problem.severity),
    };
    writeln!(
        out,
        "{}{}",
        look.paint(
            frame.problem,
            &format!("{}[{}]", problem.severity.as_str(), problem.code)
        ),
        look.paint(Part::Message, &format!(": {}", visible(&problem.message)))
    )?;
    frame.place(out, source, problem.span, "-->", "")?;
    if let Some(related) = related {
        frame.place(out, &related.source, related.span, ":::", &related.note)?;
    }
    let help = format!("= {}", look.paint(Part::Message, "help"));
    writeln!(
        out,
        "{:gutter$} {help}: {}\n",
        "",
        visible(&problem.help),
        gutter = frame.gutter
    )
}

/// What stands around the lines of the file.
struct Frame {
    look: Look,
    gutter: usize,
    problem: Part,
}

impl Frame {
    /// A place and its lines, marked; what is there to say of the place stands beside it.
    fn place(
        &self,
        out: &mut String,
        source: &Source,
        span: Span,
        arrow: &str,
        note: &str,
    ) -> fmt::Result {
        let position = source.position(span.start);
        let note = if note.is_empty() {
            String::new()
        } else {
            format!(" ({})", visible(note))
        };
        writeln!(
            out,
            "{:gutter$}{} {}:{}:{}{note}",
            "",
            self.look.paint(Part::Frame, arrow),
            visible(source.name()),
            position.line,
            position.column,
            gutter = self.gutter
        )?;
        self.row(out, None, "")?;
        let end = span.start + source.marked(span).len();
        match source.lines_of(span).as_slice() {
            [] => Ok(()),
            [line] => self.line(out, line, span.start, end),
            [first, between @ .., last] => {
                self.first(out, first, span.start)?;
                match between {
                    [] => {}
                    [line] => self.inner(out, line)?,
                    _ => writeln!(out, "{}", self.look.paint(Part::Frame, "..."))?,
                }
                self.last(out, last, end)
            }
        }
    }

    /// A marked line with its mark under it.
    fn line(&self, out: &mut String, line: &Line<'_>, start: usize, end: usize) -> fmt::Result {
        let start = start.saturating_sub(line.start);
        let end = end.saturating_sub(line.start);
        let found = excerpt(line.text, start..end, self.room(0));
        self.row(out, Some(line.number), &format!(" {}", found.text))?;
        let before = " ".repeat(found.mark.start);
        let mark = self.mark(&"^".repeat(found.mark.len()));
        self.row(out, None, &format!(" {before}{mark}"))
    }

    /// The first of several marked lines.
    fn first(&self, out: &mut String, line: &Line<'_>, start: usize) -> fmt::Result {
        let start = start.saturating_sub(line.start);
        let found = excerpt(line.text, start..start + 1, self.room(2));
        self.row(out, Some(line.number), &format!("   {}", found.text))?;
        let mark = self.mark(&format!("{}^", "_".repeat(found.mark.start + 1)));
        self.row(out, None, &format!("  {mark}"))
    }

    /// A line between the first and the last.
    fn inner(&self, out: &mut String, line: &Line<'_>) -> fmt::Result {
        let found = excerpt(line.text, 0..0, self.room(2));
        let text = format!(" {} {}", self.mark("|"), found.text);
        self.row(out, Some(line.number), &text)
    }

    /// The last of several marked lines, which are marked up to `end`.
    fn last(&self, out: &mut String, line: &Line<'_>, end: usize) -> fmt::Result {
        let end = end.saturating_sub(line.start);
        let found = excerpt(line.text, end.saturating_sub(1)..end, self.room(2));
        let text = format!(" {} {}", self.mark("|"), found.text);
        self.row(out, Some(line.number), &text)?;
        let mark = self.mark(&format!("|{}^", "_".repeat(found.mark.end)));
        self.row(out, None, &format!(" {mark}"))
    }

    fn row(&self, out: &mut String, number: Option<usize>, text: &str) -> fmt::Result {
        let number = number.map_or(String::new(), |number| number.to_string());
        let before = format!("{number:gutter$} |", gutter = self.gutter);
        let row = format!("{}{text}", self.look.paint(Part::Frame, &before));
        writeln!(out, "{}", row.trim_end())
    }

    fn mark(&self, mark: &str) -> String {
        self.look.paint(self.problem, mark)
    }

    /// The columns that are left for the file beside the gutter and `taken` more.
    fn room(&self, taken: usize) -> usize {
        self.look.width.saturating_sub(self.gutter + 3 + taken)
    }
}
