//! How the tour is told: numbered steps, what was done, decided and proved in each, and how long it took.

use std::io::Write;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

/// The tour so far.
#[derive(Debug)]
pub(super) struct Tour {
    steps: u32,
    began: Instant,
}

/// What is noted while a step is done.
#[derive(Debug)]
pub(super) struct Notes {
    /// What the narration itself took is not what the step took.
    acting: Duration,
}

impl Tour {
    pub(super) fn begin() -> Self {
        Self {
            steps: 0,
            began: Instant::now(),
        }
    }

    /// Tells something outside a step.
    pub(super) fn say(&self, text: &str) {
        write(text);
    }

    /// Does a step and tells it. A step that fails ends the tour, with its title as the context.
    pub(super) fn step<T>(
        &mut self,
        title: &str,
        act: impl FnOnce(&mut Notes) -> Result<T>,
    ) -> Result<T> {
        self.steps += 1;
        write(&format!("\n{}. {title}", self.steps));
        let mut notes = Notes {
            acting: Duration::ZERO,
        };
        let began = Instant::now();
        let outcome = act(&mut notes);
        let took = if notes.acting.is_zero() {
            began.elapsed()
        } else {
            notes.acting
        };
        match &outcome {
            Ok(_) => write(&format!("   ({} ms)", took.as_millis())),
            Err(_) => write("   this did not do what it says"),
        }
        outcome.with_context(|| format!("step {}: {title}", self.steps))
    }

    /// Tells that it is over.
    pub(super) fn end(&self) {
        write(&format!(
            "\n{} steps, all of which did what they say, in {:.1} s.",
            self.steps,
            self.began.elapsed().as_secs_f32()
        ));
    }
}

impl Notes {
    /// Measures what the step is about, apart from looking at what came of it.
    pub(super) fn time<T>(&mut self, act: impl FnOnce() -> Result<T>) -> Result<T> {
        let began = Instant::now();
        let outcome = act();
        self.acting += began.elapsed();
        outcome
    }

    /// Something that was typed, and by whom.
    pub(super) fn typed(&mut self, who: &str, command: &str) {
        self.tell("", &format!("{who}$ {command}"));
    }

    /// What the program answered; long answers are cut.
    pub(super) fn answered(&mut self, text: &str) {
        const LINES: usize = 16;
        let lines: Vec<&str> = text.lines().collect();
        for line in lines.iter().take(LINES) {
            self.tell("", &format!("  {}", printable(line)));
        }
        if lines.len() > LINES {
            self.tell("", &format!("  … {} more lines", lines.len() - LINES));
        }
    }

    /// Something that is so.
    pub(super) fn fact(&mut self, text: &str) {
        self.tell("", text);
    }

    /// Something that was decided, and by what.
    pub(super) fn decided(&mut self, text: &str) {
        self.tell("decided: ", text);
    }

    /// Something that was proved, and how.
    pub(super) fn proved(&mut self, text: &str) {
        self.tell("proved:  ", text);
    }
    fn tell(&mut self, kind: &str, text: &str) {
        let hanging = " ".repeat(kind.len());
        for (number, line) in wrapped(text).iter().enumerate() {
            let before = if number == 0 { kind } else { &hanging };
            write(&format!("   {before}{line}"));
        }
    }
}

/// Breaks a text between words, so that a terminal does not break it within one.
fn wrapped(text: &str) -> Vec<String> {
    const COLUMNS: usize = 110;
    let body = text.trim_start_matches(' ');
    let indent = " ".repeat(text.len() - body.len());
    let mut lines = Vec::new();
    let mut line = String::new();
    // Words of no length are further spaces between two words, which tables need.
    for (number, word) in body.split(' ').enumerate() {
        let fits = indent.len() + line.chars().count() + 1 + word.chars().count() <= COLUMNS;
        if number > 0 && fits {
            line.push(' ');
        } else if number > 0 {
            lines.push(format!("{indent}{line}"));
            line.clear();
        }
        line.push_str(word);
    }
    lines.push(format!("{indent}{line}"));
    lines
}

/// What hosts print is not sent to the terminal as it is.
fn printable(line: &str) -> String {
    line.chars()
        .map(|letter| {
            if letter.is_control() && letter != '\t' {
                '\u{fffd}'
            } else {
                letter
            }
        })
        .collect()
}

fn write(text: &str) {
    // Nobody may be listening any more, and the steps are worth doing without them.
    let _ = writeln!(std::io::stdout(), "{text}");
}

#[cfg(test)]
mod tests {
    use super::{printable, wrapped};

    #[test]
    fn long_lines_are_broken_between_words_and_keep_their_indent() {
        assert_eq!(wrapped("a  b"), ["a  b"]);
        assert_eq!(wrapped("  a b"), ["  a b"]);
        let long = format!("  {} end", "x".repeat(120));
        assert_eq!(
            wrapped(&long),
            [format!("  {}", "x".repeat(120)), "  end".to_owned()]
        );
        let words = "word ".repeat(100);
        assert!(wrapped(&words).iter().all(|line| line.len() <= 110));
        assert_eq!(wrapped(&words).join(" "), words);
    }

    #[test]
    fn what_a_host_prints_does_not_drive_the_terminal() {
        assert_eq!(printable("a\x1b[2Jb\tc"), "a\u{fffd}[2Jb\tc");
    }
}
