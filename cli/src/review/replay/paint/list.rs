//! The list of commands.

use ratatui_core::style::Style;

use super::{BAD, BAR, FAINT, HEAD, LOST, PLAIN};
use crate::review::replay::deck::{Deck, Reading};
use crate::review::replay::glyph::Canvas;
use crate::review::replay::marks::{End, Mark, Sought, What};
use crate::review::replay::when::clock;

/// Paints the part of the list around the chosen line.
pub(super) fn paint(deck: &Deck, chosen: usize, canvas: &mut Canvas<'_>) {
    canvas.line(1, 0, "time      ch  marks  end", FAINT);
    canvas.line(35, 0, "what", FAINT);
    let marks = deck.marks.all();
    if marks.is_empty() {
        canvas.line(1, 1, "nothing was run, so far as this was read", PLAIN);
        return;
    }
    let rows = usize::from(canvas.area().height.saturating_sub(1));
    let first = chosen
        .saturating_sub(rows / 2)
        .min(marks.len().saturating_sub(rows));
    let shown = marks.iter().enumerate().skip(first).take(rows);
    for (row, (number, mark)) in (1..).zip(shown) {
        let style = if number == chosen { BAR } else { PLAIN };
        line(deck, mark, row, style, canvas);
    }
}

fn line(deck: &Deck, mark: &Mark, row: u16, style: Style, canvas: &mut Canvas<'_>) {
    let sign = |sought, sign| if mark.is(sought) { sign } else { ' ' };
    let signs: String = [
        sign(Sought::Privileged, 'S'),
        sign(Sought::Denied, 'D'),
        sign(Sought::Failed, 'F'),
        sign(Sought::FirstSeen, 'U'),
    ]
    .into_iter()
    .collect();
    let is_read = !matches!(deck.reading, Reading::UpTo(_));
    let is_lost = is_read && deck.has_no_end();
    let (end, is_bad) = match &mark.what {
        What::Command(None) if is_lost => (LOST.into(), true),
        What::Command(None) => ("runs".into(), false),
        What::Command(Some(End::Status(status))) => (format!("exit {status}"), *status != 0),
        What::Command(Some(End::Signal(name))) => (format!("SIG{name}"), true),
        What::Command(Some(End::Unknown)) => ("closed".into(), false),
        What::Denied => ("DENIED".into(), true),
        What::Sudo => ("sudo".into(), false),
    };
    let width = canvas.area().width;
    canvas.line(0, row, &" ".repeat(usize::from(width)), style);
    let text = format!(
        "{:>8}  {:>3}  {signs}   ",
        clock(mark.at_us),
        mark.channel.0
    );
    let column = canvas.line(1, row, &text, style);
    let worse = if is_bad { style.patch(BAD) } else { style };
    canvas.line(column, row, &end, worse);
    let name = if matches!(mark.what, What::Command(_)) {
        style.patch(HEAD)
    } else {
        style
    };
    canvas.line(34, row, " ", style);
    canvas.line(35, row, &mark.line, name);
}
