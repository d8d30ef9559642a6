//! What the program says: data to standard output, talk to standard error.
//!
//! Commands take a [`Printer`] and never print by themselves. Nothing depends on colour. Foreign
//! text goes through [`crate::safe`] before it comes here; JSON is made safe here.

use std::ffi::OsString;
use std::io::{self, IsTerminal as _, Write};

use comfy_table::{ContentArrangement, Table, presets};
use serde::Serialize;

use portreeve_recording::printable;

use crate::safe;
use crate::variables;

/// Where output goes, and in which form.
pub struct Printer {
    out: Box<dyn Write + Send>,
    err: Box<dyn Write + Send>,
    json: bool,
    colour: bool,
    /// Whether a person sees standard error as it comes.
    has_watcher: bool,
}

impl std::fmt::Debug for Printer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Printer").field("json", &self.json).finish()
    }
}

impl Printer {
    /// A printer for the program's own streams.
    #[must_use]
    pub fn standard(json: bool) -> Self {
        Self {
            has_watcher: !json && io::stderr().is_terminal(),
            ..Self::new(Box::new(io::stdout()), Box::new(io::stderr()), json)
        }
    }

    /// A printer for any two streams.
    #[must_use]
    pub fn new(out: Box<dyn Write + Send>, err: Box<dyn Write + Send>, json: bool) -> Self {
        Self {
            out,
            err,
            json,
            colour: false,
            has_watcher: false,
        }
    }

    /// The same printer, with or without colour in what is data for people.
    #[must_use]
    pub fn coloured(mut self, colour: bool) -> Self {
        self.colour = colour;
        self
    }

    /// Whether data for people may have colours.
    #[must_use]
    pub fn colour(&self) -> bool {
        self.colour
    }

    /// Whether data is to be JSON.
    #[must_use]
    pub fn json(&self) -> bool {
        self.json
    }

    /// Data: `value` as JSON if that was asked for, else the text that `words` makes.
    ///
    /// # Errors
    /// When standard output cannot be written.
    pub fn data<T: Serialize>(
        &mut self,
        value: &T,
        words: impl FnOnce() -> String,
    ) -> io::Result<()> {
        if self.json {
            self.json_data(value)
        } else {
            self.text(&words())
        }
    }

    /// Data as JSON, whatever form was asked for.
    ///
    /// # Errors
    /// When standard output cannot be written.
    pub fn json_data<T: Serialize>(&mut self, value: &T) -> io::Result<()> {
        let text = serde_json::to_string_pretty(value).map_err(io::Error::other)?;
        self.text(&printable::json(&text))
    }

    /// Data that is text whatever form was asked for; ends in a line feed.
    ///
    /// # Errors
    /// When standard output cannot be written.
    pub fn text(&mut self, text: &str) -> io::Result<()> {
        self.out.write_all(text.as_bytes())?;
        if !text.is_empty() && !text.ends_with('\n') {
            self.out.write_all(b"\n")?;
        }
        self.out.flush()
    }

    /// Data as bytes, exactly as they are.
    ///
    /// # Errors
    /// When standard output cannot be written.
    pub fn bytes(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.out.write_all(bytes)?;
        self.out.flush()
    }

    /// Talk that the next talk takes the place of: how far long work has come, on a terminal only.
    pub fn progress(&mut self, text: &str) {
        if self.has_watcher {
            let _ = write!(self.err, "\r{text}\x1b[K");
            let _ = self.err.flush();
        }
    }

    /// Talk: a line for the person at the terminal. Lost if nobody listens.
    pub fn say(&mut self, text: &str) {
        let _ = writeln!(self.err, "{text}");
    }
}

/// Whether standard output takes colours: it is a terminal, not a dumb one, and nobody asked for
/// none (<https://no-color.org>).
pub fn takes_colour(variable: impl Fn(&str) -> Option<OsString>) -> bool {
    io::stdout().is_terminal()
        && variable(variables::NO_COLOR).is_none()
        && variable(variables::TERM).is_some_and(|term| term != "dumb")
}

/// Rows under headings, without lines and without colour.
#[must_use]
pub fn table<const N: usize>(
    headings: [&str; N],
    rows: impl IntoIterator<Item = [String; N]>,
) -> String {
    let mut table = Table::new();
    table
        .load_preset(presets::NOTHING)
        .set_content_arrangement(ContentArrangement::Disabled)
        .set_header(headings);
    for row in rows {
        table.add_row(row.map(|cell| safe::line(&cell)));
    }
    table
        .to_string()
        .lines()
        .map(|line| {
            line.trim_end()
                .strip_prefix(' ')
                .unwrap_or(line.trim_end())
                .to_owned()
                + "\n"
        })
        .collect()
}

/// One line of columns that come one by one, each at least so wide: for rows that do not wait for
/// the ones below them.
#[must_use]
pub fn columns<const N: usize>(cells: [(usize, String); N]) -> String {
    let cells = cells.map(|(width, text)| format!("{:width$}", safe::line(&text)));
    format!("{}\n", cells.join("  ").trim_end())
}

/// Labelled values, one a line.
#[must_use]
pub fn fields<'a>(rows: impl IntoIterator<Item = (&'a str, String)>) -> String {
    let rows: Vec<_> = rows.into_iter().collect();
    let width = rows.iter().map(|(label, _)| label.len()).max().unwrap_or(0);
    rows.iter()
        .map(|(label, value)| format!("{label:width$}  {}\n", safe::line(value)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_plain_text_and_safe() {
        let text = table(
            ["host", "labels"],
            [["prod-1".to_owned(), "a\x1b[31m\nb".to_owned()]],
        );
        assert_eq!(text, "host    labels\nprod-1  a\\x1b[31m\\nb\n");
    }

    #[test]
    fn labelled_values_line_up() {
        assert_eq!(
            fields([("host", "h".into()), ("account", "a\nb".into())]),
            "host     h\naccount  a\\nb\n"
        );
    }
}
