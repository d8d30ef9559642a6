//! From places in a linked text to those where people wrote it.

use std::sync::Arc;

use crate::diagnostic::{Diagnostic, Related, Report};
use crate::source::{Source, Span};

/// Which parts of a linked text were written where; empty for a text that includes nothing.
#[derive(Debug, Clone, Default)]
pub(super) struct Trace {
    root: Option<Arc<Source>>,
    parts: Vec<Part>,
}

#[derive(Debug, Clone)]
struct Part {
    here: Span,
    source: Arc<Source>,
    there: Span,
}

impl Trace {
    /// A trace of a text in which everything was written in `root` unless it is added otherwise.
    pub(super) fn of(root: Arc<Source>) -> Self {
        Self {
            root: Some(root),
            parts: Vec::new(),
        }
    }

    /// What stands `here` in the linked text was written `there`.
    pub(super) fn add(&mut self, here: Span, source: &Arc<Source>, there: Span) {
        self.parts.push(Part {
            here,
            source: Arc::clone(source),
            there,
        });
    }

    /// A report about the text `linked` as one about the texts that it was made of.
    pub(super) fn retraced(&self, linked: &Source, report: Report) -> Report {
        let Some(root) = &self.root else {
            return report;
        };
        let problems = report.into_diagnostics();
        let problems = problems.into_iter().map(|problem| {
            let is_linked = problem
                .source
                .as_deref()
                .is_none_or(|source| source == linked);
            let (source, span) = match &problem.source {
                Some(source) if !is_linked => (Arc::clone(source), problem.span),
                _ => self.origin(root, problem.span),
            };
            let related = problem.related.map(|related| {
                if *related.source != *linked {
                    return related;
                }
                let (source, span) = self.origin(root, related.span);
                Related {
                    source,
                    span,
                    note: related.note,
                }
            });
            Diagnostic {
                source: Some(source),
                span,
                related,
                ..problem
            }
        });
        Report::new(Arc::clone(root), problems.collect())
    }

    fn origin(&self, root: &Arc<Source>, span: Span) -> (Arc<Source>, Span) {
        let holds = |part: &&Part| part.here.start <= span.start && span.start < part.here.end;
        // The innermost part begins last.
        let innermost = self
            .parts
            .iter()
            .filter(holds)
            .max_by_key(|part| part.here.start);
        match innermost {
            Some(part) => (Arc::clone(&part.source), part.there),
            None => (Arc::clone(root), Span::default()),
        }
    }
}
