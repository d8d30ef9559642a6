//! A recorded screen, cell by cell.

use portreeve_recording::redact::{Found, Kind};
use portreeve_recording::screen::Lost;
use portreeve_recording::screen::avt::{self, Line, Pen};
use ratatui_core::style::{Color, Modifier, Style};

use super::{BAD, FAINT};
use crate::review::replay::glyph::{Canvas, Glyph};
use crate::review::replay::lane::Picture;
use crate::review::replay::secrets::RedactedLines;
use crate::review::replay::when::clock;

/// Paints as much of a screen as fits: the part with the cursor.
pub(super) fn paint(picture: &Picture, canvas: &mut Canvas<'_>) {
    let Some(terminal) = picture.screen.terminal() else {
        for (row, line) in (0..).zip(why_lost(picture)) {
            canvas.line(1, row, &line, BAD);
        }
        return;
    };
    let lines: Vec<_> = terminal.screen().visible_lines().collect();
    let secrets = secrets(&lines, picture.redacted.clone());
    let cursor = terminal.cursor();
    let height = usize::from(canvas.area().height);
    let first = (cursor.row + 1).saturating_sub(height);
    let shown = lines
        .iter()
        .zip(&secrets)
        .enumerate()
        .skip(first)
        .take(height);
    for (row, (number, (line, secrets))) in (0..).zip(shown) {
        let mut column = 0;
        for (place, cell) in line.cells().iter().enumerate() {
            let Ok(at) = u16::try_from(place) else {
                break;
            };
            if cell.width() == 0 {
                continue;
            }
            let is_cursor = cursor.visible && number == cursor.row && place == cursor.col;
            let secret = secrets.iter().find(|secret| secret.range.contains(&place));
            let glyph = |place| secret.map_or(Glyph::of(cell.char()), |secret| veil(secret, place));
            let style = style(*cell.pen(), is_cursor);
            canvas.glyph(at, row, glyph(place), style);
            if secret.is_some() && cell.width() == 2 {
                canvas.glyph(at.saturating_add(1), row, glyph(place + 1), style);
            }
            column = at.saturating_add(u16::from(cell.width()));
        }
        // Where the recorded terminal ends, when there is room beside it.
        canvas.line(column, row, "\u{250a}", FAINT);
    }
}

fn why_lost(picture: &Picture) -> Vec<String> {
    match (picture.screen.lost(), picture.not_since) {
        (Some(Lost::Unseen), Some(since_us)) => vec![
            format!("this terminal is not drawn since {}:", clock(since_us)),
            "a recorder draws only so much of a session".into(),
            format!(
                "go there (g, {}) and play on, or to where its program resets it",
                clock(since_us)
            ),
        ],
        (Some(lost), _) => vec![format!("{lost}; `export` has what was written")],
        (None, _) => Vec::new(),
    }
}

/// What is painted in a column of a secret: a block, or where the blocks have room for it a letter of what it was
/// recognised as.
fn veil(secret: &Found, place: usize) -> Glyph {
    let name = secret.kind.name();
    let at = place.saturating_sub(secret.range.start);
    let letter = match at.checked_sub(1) {
        _ if secret.range.len() < name.len() + 2 => None,
        None => Some('['),
        Some(at) if at == name.len() => Some(']'),
        Some(at) => name.chars().nth(at),
    };
    letter.map_or(Glyph::REDACTED, Glyph::of)
}

/// The secrets of each line, by columns. A line that was too long for the screen is looked at as
/// one.
fn secrets(lines: &[&Line], mut redacted: RedactedLines) -> Vec<Vec<Found>> {
    let mut found = vec![Vec::new(); lines.len()];
    let mut text = String::new();
    // Where each character of the text stands: row, column.
    let mut places = Vec::new();
    for (row, line) in lines.iter().enumerate() {
        for (column, cell) in line.cells().iter().enumerate() {
            if cell.width() > 0 {
                places.push((text.len(), row, column));
                text.push(cell.char());
            }
        }
        if line.is_wrapped() && row + 1 < lines.len() {
            continue;
        }
        for secret in redacted.secrets(text.trim_end()) {
            let inside = places.iter().filter(|(at, ..)| secret.range.contains(at));
            for (_, row, column) in inside {
                if let Some(secrets) = found.get_mut(*row) {
                    push(secrets, *column, secret.kind);
                }
            }
        }
        text.clear();
        places.clear();
    }
    found
}

/// Adds a column to secrets that are in order.
fn push(secrets: &mut Vec<Found>, column: usize, kind: Kind) {
    match secrets.last_mut() {
        Some(last) if last.range.end == column && last.kind == kind => last.range.end = column + 1,
        _ => secrets.push(Found {
            range: column..column + 1,
            kind,
        }),
    }
}

/// The look of a cell. What might be written in the colour of its ground is written plainly: nobody
/// hides words from a reviewer. Nothing blinks.
fn style(pen: Pen, is_cursor: bool) -> Style {
    let mut style = Style::new();
    match (pen.foreground(), pen.background()) {
        (Some(colour), None) if !may_be_ground(colour) => style = style.fg(painted(colour)),
        (Some(colour), Some(ground)) if colour != ground => {
            style = style.fg(painted(colour)).bg(painted(ground));
        }
        (None, Some(ground)) if !may_be_ground(ground) => style = style.bg(painted(ground)),
        (_, None) | (None | Some(_), Some(_)) => {}
    }
    let attributes = [
        (pen.is_bold(), Modifier::BOLD),
        (pen.is_faint(), Modifier::DIM),
        (pen.is_italic(), Modifier::ITALIC),
        (pen.is_underline(), Modifier::UNDERLINED),
        (pen.is_strikethrough(), Modifier::CROSSED_OUT),
        (pen.is_inverse() != is_cursor, Modifier::REVERSED),
    ];
    for (is_on, modifier) in attributes {
        if is_on {
            style = style.add_modifier(modifier);
        }
    }
    style
}

/// Whether a terminal's own ground or ink may have this colour: black, white, and what is close to
/// them.
const fn may_be_ground(colour: avt::Color) -> bool {
    match colour {
        avt::Color::Indexed(index) => matches!(index, 0 | 7 | 15 | 16 | 231..=234 | 253..=255),
        avt::Color::RGB(rgb) => {
            let sum = rgb.r as u16 + rgb.g as u16 + rgb.b as u16;
            sum < 120 || sum > 645
        }
    }
}

const fn painted(colour: avt::Color) -> Color {
    match colour {
        avt::Color::Indexed(index) => Color::Indexed(index),
        avt::Color::RGB(rgb) => Color::Rgb(rgb.r, rgb.g, rgb.b),
    }
}
