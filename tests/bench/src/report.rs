//! What comes out: figures with their alternatives, and which targets are met.

use std::fmt;

use serde::Serialize;

use crate::machine::Machine;
use crate::samples::Samples;

/// Everything that one run measured.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    machine: Machine,
    figures: Vec<Figure>,
}

/// One figure with its alternatives.
#[derive(Debug, Serialize)]
pub(crate) struct Figure {
    /// What it is called on the command line.
    pub(crate) name: &'static str,
    /// What was measured, in words.
    pub(crate) title: String,
    /// In which unit.
    pub(crate) unit: &'static str,
    /// The alternatives.
    pub(crate) rows: Vec<Row>,
    /// What is hard to see from the numbers.
    pub(crate) notes: Vec<String>,
}

/// One alternative.
#[derive(Debug, Serialize)]
pub(crate) struct Row {
    /// Which.
    pub(crate) what: String,
    /// The median.
    pub(crate) median: f64,
    /// What 99 of 100 are not above, where that was asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) p99: Option<f64>,
    /// How often it was measured.
    pub(crate) count: usize,
    /// Beside the row that is the base of the figure.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) ratio: Option<f64>,
    /// What it should be.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) target: Option<Target>,
    /// Whether it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) met: Option<bool>,
}

/// What a row should be.
#[derive(Debug, Clone, Copy, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Target {
    /// The median, at most.
    AtMost(f64),
    /// The median, at least.
    AtLeast(f64),
    /// The ratio, at most.
    RatioAtMost(f64),
    /// The ratio, at least.
    RatioAtLeast(f64),
    /// What 99 of 100 are not above, at most.
    P99AtMost(f64),
}

impl Report {
    /// Nothing was measured yet.
    pub(crate) const fn new(machine: Machine) -> Self {
        Self {
            machine,
            figures: Vec::new(),
        }
    }

    /// Adds a figure.
    pub(crate) fn add(&mut self, figure: Figure) {
        self.figures.push(figure);
    }
}

impl Figure {
    /// A figure without rows.
    pub(crate) fn new(name: &'static str, title: impl Into<String>, unit: &'static str) -> Self {
        Self {
            name,
            title: title.into(),
            unit,
            rows: Vec::new(),
            notes: Vec::new(),
        }
    }

    /// Adds a row. Nothing is added when nothing was measured.
    pub(crate) fn row(
        &mut self,
        what: impl Into<String>,
        samples: &Samples,
        target: Option<Target>,
    ) {
        let Some(median) = samples.median() else {
            return;
        };
        let p99 = (samples.count() >= 20)
            .then(|| samples.quantile(0.99))
            .flatten();
        self.rows.push(Row {
            what: what.into(),
            median,
            p99,
            count: samples.count(),
            ratio: None,
            target,
            met: None,
        });
    }

    /// Adds a note.
    pub(crate) fn note(&mut self, text: impl Into<String>) {
        self.notes.push(text.into());
    }

    /// Sets each row beside the row called `base`, and judges the targets.
    pub(crate) fn beside(mut self, base: &str) -> Self {
        let divisor = self
            .rows
            .iter()
            .find(|row| row.what == base)
            .map(|row| row.median);
        for row in &mut self.rows {
            row.ratio = divisor
                .filter(|divisor| *divisor > 0.0)
                .map(|divisor| row.median / divisor);
        }
        self.judged()
    }

    /// Judges the targets.
    pub(crate) fn judged(mut self) -> Self {
        for row in &mut self.rows {
            row.met = row.target.and_then(|target| target.is_met(row));
        }
        self
    }
}

impl Target {
    fn is_met(self, row: &Row) -> Option<bool> {
        match self {
            Self::AtMost(bound) => Some(row.median <= bound),
            Self::AtLeast(bound) => Some(row.median >= bound),
            Self::RatioAtMost(bound) => row.ratio.map(|ratio| ratio <= bound),
            Self::RatioAtLeast(bound) => row.ratio.map(|ratio| ratio >= bound),
            Self::P99AtMost(bound) => row.p99.map(|p99| p99 <= bound),
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AtMost(bound) => write!(f, "≤ {}", number(*bound)),
            Self::AtLeast(bound) => write!(f, "≥ {}", number(*bound)),
            Self::RatioAtMost(bound) => write!(f, "≤ {bound} ×"),
            Self::RatioAtLeast(bound) => write!(f, "≥ {bound} ×"),
            Self::P99AtMost(bound) => write!(f, "p99 ≤ {}", number(*bound)),
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.machine)?;
        self.figures
            .iter()
            .try_for_each(|figure| write!(f, "\n{figure}"))
    }
}

impl fmt::Display for Figure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} — {}, {}", self.name, self.title, self.unit)?;
        let width = self
            .rows
            .iter()
            .map(|row| row.what.chars().count())
            .max()
            .unwrap_or(0);
        writeln!(
            f,
            "  {:width$} {:>10} {:>10} {:>7} {:>6}  target",
            "", "median", "p99", "ratio", "n"
        )?;
        for row in &self.rows {
            let p99 = row.p99.map_or_else(|| "–".to_owned(), number);
            let ratio = row
                .ratio
                .map_or_else(|| "–".to_owned(), |ratio| format!("{ratio:.2}"));
            let verdict = match (row.target, row.met) {
                (Some(target), Some(true)) => format!("{target}  met"),
                (Some(target), Some(false)) => format!("{target}  MISSED"),
                (Some(target), None) => target.to_string(),
                (None, _) => String::new(),
            };
            let line = format!(
                "  {:width$} {:>10} {p99:>10} {ratio:>7} {:>6}  {verdict}",
                row.what,
                number(row.median),
                row.count
            );
            writeln!(f, "{}", line.trim_end())?;
        }
        self.notes
            .iter()
            .try_for_each(|note| writeln!(f, "  · {note}"))
    }
}

/// Three or four digits that matter.
fn number(value: f64) -> String {
    match value.abs() {
        magnitude if magnitude >= 100.0 => format!("{value:.0}"),
        magnitude if magnitude >= 10.0 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_set_beside_their_base_and_judged() {
        let mut figure = Figure::new("x", "x", "ms");
        figure.row("base", &[10.0].into_iter().collect(), None);
        figure.row(
            "ours",
            &[5.0].into_iter().collect(),
            Some(Target::RatioAtMost(0.4)),
        );
        figure.row("nothing", &Samples::default(), None);
        let figure = figure.beside("base");
        assert_eq!(figure.rows.len(), 2);
        assert_eq!(
            (figure.rows[1].ratio, figure.rows[1].met),
            (Some(0.5), Some(false))
        );
        assert!(figure.to_string().contains("MISSED"));
    }
}
