//! A line of a file as a terminal shows it: how wide each character is, in which columns a mark
//! stands, and the part of a long line that the mark is in.

use std::ops::Range;

use portreeve_protocol::unseen::is_unseen;
use unicode_width::UnicodeWidthChar;

/// The distance of tab stops.
const TAB: usize = 4;

/// A line, or the part of it around a mark.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Excerpt {
    /// What is shown.
    pub(super) text: String,
    /// The columns of the mark in it, counted from 0; at least one.
    pub(super) mark: Range<usize>,
}

/// One character, and where a terminal would show it if the line had no end.
struct Cell {
    at: usize,
    character: char,
    columns: Range<usize>,
}

/// The line as it is shown in `room` columns, with the bytes `marked` of it in sight.
pub(super) fn excerpt(line: &str, marked: Range<usize>, room: usize) -> Excerpt {
    let cells = cells(line);
    let total = cells.last().map_or(0, |cell| cell.columns.end);
    let column = |offset: usize| {
        let cell = cells.iter().find(|cell| cell.at >= offset);
        cell.map_or(total, |cell| cell.columns.start)
    };
    let start = column(marked.start);
    let mark = start..column(marked.end).max(start + 1);

    let window = window(total, &mark, room);
    let mut text = String::new();
    let mut shown = None;
    for cell in &cells {
        let columns = &cell.columns;
        // A mark above a letter that is cut off goes with the letter.
        let begins = columns.start >= window.start && (shown.is_some() || !columns.is_empty());
        if begins && columns.end <= window.end {
            push(cell, &mut text);
            let first = shown.map_or(columns.start, |shown: Range<usize>| shown.start);
            shown = Some(first..columns.end);
        }
    }
    let Some(shown) = shown else {
        // Nothing fits, or nothing is there.
        let text = if cells.is_empty() { "" } else { "…" };
        return Excerpt {
            text: text.to_owned(),
            mark: 0..1,
        };
    };
    let cut_before = usize::from(shown.start > 0);
    let cut_behind = usize::from(shown.end < total);
    let ellipsis = |cut| if cut == 1 { "…" } else { "" };
    let text = format!("{}{text}{}", ellipsis(cut_before), ellipsis(cut_behind));
    // What of the mark is cut off is marked under the sign for the cut.
    let first = (mark.start + cut_before).saturating_sub(shown.start);
    let last = mark.end.min(shown.end.max(mark.start) + 1) + cut_before;
    let last = last.saturating_sub(shown.start).max(first + 1);
    Excerpt {
        text,
        mark: first..last,
    }
}

/// The columns that are shown: all, or the mark in the middle of those that there is room for.
fn window(total: usize, mark: &Range<usize>, room: usize) -> Range<usize> {
    if total <= room {
        return 0..total;
    }
    let inside = room.saturating_sub(2).max(1);
    let lead = inside.saturating_sub(mark.len()) / 2;
    let start = mark.start.saturating_sub(lead).min(total - inside);
    start..start + inside
}

fn cells(line: &str) -> Vec<Cell> {
    let mut column = 0;
    line.char_indices()
        .map(|(at, character)| {
            let start = column;
            column += width(character, start);
            Cell {
                at,
                character,
                columns: start..column,
            }
        })
        .collect()
}

fn width(character: char, column: usize) -> usize {
    match character {
        '\t' => TAB - column % TAB,
        c if is_unseen(c) => c.escape_unicode().len(),
        c => c.width().unwrap_or(0),
    }
}

fn push(cell: &Cell, out: &mut String) {
    match cell.character {
        '\t' => out.extend(cell.columns.clone().map(|_| ' ')),
        c => push_safe(c, out),
    }
}

/// A text on one line, with escapes for what would drive a terminal or hide from a reader.
pub(super) fn visible(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        push_safe(c, &mut out);
    }
    out
}

fn push_safe(c: char, out: &mut String) {
    if is_unseen(c) {
        out.extend(c.escape_unicode());
    } else {
        out.push(c);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The line and, under it, the mark.
    fn shown(line: &str, marked: &str, room: usize) -> (String, String) {
        let at = line.find(marked).unwrap();
        let found = excerpt(line, at..at + marked.len(), room);
        let mark = " ".repeat(found.mark.start) + &"^".repeat(found.mark.len());
        (found.text, mark)
    }

    #[test]
    fn the_mark_stands_under_what_it_marks_however_wide_that_is() {
        for (line, marked, text, mark) in [
            ("a = 1", "1", "a = 1", "    ^"),
            ("\ta = 1", "a", "    a = 1", "    ^"),
            ("ab\tc", "c", "ab  c", "    ^"),
            ("a = \"日本\" # x", "日本", "a = \"日本\" # x", "     ^^^^"),
            ("e\u{301}e\u{301} x", "x", "e\u{301}e\u{301} x", "   ^"),
            ("a\u{202e}b", "b", "a\\u{202e}b", "         ^"),
            ("\u{1b}[2J", "[", "\\u{1b}[2J", "      ^"),
            ("a", "", "a", "^"),
        ] {
            assert_eq!(
                shown(line, marked, 80),
                (text.into(), mark.into()),
                "{line:?}"
            );
        }
        let behind_the_end = excerpt("abc", 3..3, 80);
        assert_eq!(
            (behind_the_end.text.as_str(), behind_the_end.mark),
            ("abc", 3..4)
        );
    }

    #[test]
    fn of_a_long_line_the_part_with_the_mark_is_shown() {
        let line = "abcdefghijklmnopqrstuvwxyz";
        for (marked, text, mark) in [
            ("ab", "abcdefgh…", "^^"),
            ("lm", "…ijklmnop…", "    ^^"),
            ("yz", "…stuvwxyz", "       ^^"),
            ("lmnopqrstuv", "…lmnopqrs…", " ^^^^^^^^^"),
        ] {
            assert_eq!(
                shown(line, marked, 10),
                (text.into(), mark.into()),
                "{marked}"
            );
        }
    }

    #[test]
    fn a_wide_character_at_a_cut_is_left_out_whole() {
        let line = "日本語日本語日本語x日本語日本語日本語";
        let (text, mark) = shown(line, "x", 10);
        assert_eq!((text.as_str(), mark.as_str()), ("…語x日本…", "   ^"));
    }

    #[test]
    fn whatever_is_marked_the_mark_lies_in_what_is_shown() {
        let lines = [
            "",
            "a",
            "\t\t日e\u{301}\u{202e}z",
            "0123456789012345678901234567890123456789",
        ];
        for line in lines {
            for room in [0, 1, 2, 3, 5, 20] {
                for start in 0..=line.len() {
                    for end in start..=line.len() + 1 {
                        let found = excerpt(line, start..end, room);
                        let width: usize = found.text.chars().map(|c| c.width().unwrap_or(0)).sum();
                        assert!(
                            found.mark.start < found.mark.end,
                            "{line} {start} {end} {room}"
                        );
                        assert!(found.mark.start <= width, "{line} {start} {end} {room}");
                        assert!(found.mark.end <= width + 1, "{line} {start} {end} {room}");
                        assert!(width <= room.max(3), "{line} {start} {end} {room}");
                    }
                }
            }
        }
    }
}
