//! What the player looks like: from the state of the player to cells. Pure.

mod list;
mod picture;

use ratatui_core::layout::Rect;
use ratatui_core::style::{Color, Modifier, Style};

use crate::review::replay::deck::{Deck, Open, Reading};
use crate::review::replay::glyph::Canvas;
use crate::review::replay::key::HELP;
use crate::review::replay::lane::{Body, Lane};
use crate::review::replay::marks::End;
use crate::review::replay::secrets::Secrets;
use crate::review::replay::text::{Line, Text};
use crate::review::replay::when::clock;
use crate::review::words;

/// The smallest window that is painted into.
const SMALLEST: (u16, u16) = (24, 5);
/// How many rows a lane has at least.
const LANE: u16 = 4;

/// Behind the length of a recording that has no end.
const NO_END: &str = " NO END";
/// At the end of the timeline, where the rest of the recording is missing.
const TORN: &str = "\u{2573}";
/// What is told there.
const MISSING: &str =
    "THE END OF THIS RECORDING IS MISSING; `portreeve verify` with the trail tells why";
/// How a program ended that ran when the recording stopped.
const LOST: &str = "end missing";

const PLAIN: Style = Style::new();
const BAR: Style = Style::new().add_modifier(Modifier::REVERSED);
const HEAD: Style = Style::new().add_modifier(Modifier::BOLD);
const FAINT: Style = Style::new().add_modifier(Modifier::DIM);
const BAD: Style = Style::new().fg(Color::Red);

/// Paints everything.
pub fn paint(deck: &Deck, mut canvas: Canvas<'_>) {
    canvas.fill(PLAIN);
    let area = canvas.area();
    if area.width < SMALLEST.0 || area.height < SMALLEST.1 {
        canvas.line(0, 0, "the window is too small", PLAIN);
        return;
    }
    let row = |y: u16| Rect::new(area.x, area.y + y, area.width, 1);
    title(deck, canvas.part(row(0)));
    status(deck, canvas.part(row(area.height - 2)));
    bottom(deck, canvas.part(row(area.height - 1)));
    let middle = Rect::new(area.x, area.y + 1, area.width, area.height - 3);
    let mut middle = canvas.part(middle);
    match &deck.open {
        Open::Help => help(&mut middle),
        Open::Commands(chosen) => list::paint(deck, *chosen, &mut middle),
        Open::Nothing | Open::Moment(_) => lanes(deck, &mut middle),
    }
}

fn title(deck: &Deck, mut canvas: Canvas<'_>) {
    canvas.fill(BAR);
    let shown = match deck.secrets {
        Secrets::Redacted => "",
        Secrets::Shown => "SECRETS ARE SHOWN  ",
    };
    let column = canvas.line(0, 0, shown, BAR);
    canvas.line(column, 0, &deck.title, BAR);
}

fn status(deck: &Deck, mut canvas: Canvas<'_>) {
    canvas.fill(FAINT);
    let here = deck.here();
    let goes = if deck.clock.goes() {
        "\u{25b6}"
    } else {
        "\u{23f8}"
    };
    let pauses = if deck.clock.cuts_pauses() {
        "pauses cut"
    } else {
        "pauses whole"
    };
    let end = if deck.has_no_end() { NO_END } else { "" };
    let text = format!(
        "{goes} {} / {}{end}  {}  {}x  {pauses}{}",
        clock(here),
        clock(deck.extent.last_us),
        words::moment(deck.extent.time_of(here)),
        deck.clock.speed(),
        match deck.reading {
            Reading::UpTo(at_us) => format!("  reading {}%", percent(at_us, deck.extent.last_us)),
            Reading::Done => String::new(),
            Reading::BrokeOff => "  CUT SHORT".into(),
        },
    );
    let column = canvas.line(0, 0, &text, PLAIN) + 2;
    let width = canvas.area().width.saturating_sub(column);
    let filled = u64::from(width) * percent(here, deck.extent.last_us) / 100;
    for place in 0..width {
        let (sign, style) = if u64::from(place) < filled {
            ("\u{2501}", HEAD)
        } else {
            ("\u{2500}", FAINT)
        };
        canvas.line(column + place, 0, sign, style);
    }
    if deck.leads_to_what_is_missing() && width > 0 {
        canvas.line(column + width - 1, 0, TORN, BAD);
    }
}

fn percent(part: u64, whole: u64) -> u64 {
    let of = u128::from(part) * 100;
    let percent = of.checked_div(u128::from(whole)).unwrap_or(100).min(100);
    u64::try_from(percent).unwrap_or(100)
}

fn bottom(deck: &Deck, mut canvas: Canvas<'_>) {
    if let Open::Moment(typed) = &deck.open {
        let column = canvas.line(0, 0, "go to: ", HEAD);
        let column = canvas.line(column, 0, typed, PLAIN);
        canvas.line(column, 0, " ", BAR);
        return;
    }
    match &deck.notice {
        Some(notice) => canvas.line(0, 0, notice, HEAD),
        None if deck.stands_before_what_is_missing() => canvas.line(0, 0, MISSING, BAD),
        None => canvas.line(
            0,
            0,
            "space plays  n s d f u jump  c commands  g moment  a lanes  ? keys  q ends",
            FAINT,
        ),
    };
}

fn help(canvas: &mut Canvas<'_>) {
    for (row, (keys, does)) in (0..).zip(HELP) {
        canvas.line(1, row, keys, HEAD);
        canvas.line(13, row, does, PLAIN);
    }
}

fn lanes(deck: &Deck, canvas: &mut Canvas<'_>) {
    let area = canvas.area();
    let shown = if deck.all_lanes {
        deck.lanes
            .most_alive(usize::from(area.height / LANE).max(1))
    } else {
        deck.lanes.current().into_iter().collect()
    };
    let Ok(count @ 1..) = u16::try_from(shown.len()) else {
        canvas.line(1, 1, "nothing runs at this moment", FAINT);
        return;
    };
    let height = area.height / count;
    for (number, shown) in (0..count).zip(shown) {
        let y = area.y + number * height;
        let bottom = area.y + area.height;
        // The last one has what is left over.
        let height = if number + 1 == count {
            bottom - y
        } else {
            height
        };
        let part = Rect::new(area.x, y, area.width, height);
        lane(deck, shown, &mut canvas.part(part));
    }
}

fn lane(deck: &Deck, lane: &Lane, canvas: &mut Canvas<'_>) {
    let area = canvas.area();
    let is_chosen = deck.lanes.is_chosen()
        && deck
            .lanes
            .current()
            .is_some_and(|current| current.channel == lane.channel);
    let sign = if is_chosen { "\u{25c6}" } else { "\u{25b8}" };
    let head = format!("{sign} {}  {}  ", lane.channel.0, clock(lane.started_us));
    let column = canvas.line(0, 0, &head, FAINT);
    canvas.line(column, 0, &lane.line, HEAD);
    if let Some((text, style)) = ending(deck, lane) {
        let width = u16::try_from(text.chars().count()).unwrap_or(u16::MAX);
        let place = area.width.saturating_sub(width.saturating_add(1));
        canvas.line(place, 0, " ", PLAIN);
        canvas.line(place + 1, 0, &text, style);
    }
    let below = Rect::new(
        area.x,
        area.y + 1,
        area.width,
        area.height.saturating_sub(1),
    );
    let mut below = canvas.part(below);
    match &lane.body {
        Body::Terminal(shown) => picture::paint(shown, &mut below),
        Body::Streams(text) => streams(text, lane.from_middle, &mut below),
        Body::Protocol {
            input,
            output,
            files,
        } => {
            let text = format!("{input} bytes to the host, {output} bytes from it");
            below.line(2, 0, &text, FAINT);
            let area = below.area();
            let rest = Rect::new(
                area.x,
                area.y + 1,
                area.width,
                area.height.saturating_sub(1),
            );
            streams(files, lane.from_middle, &mut below.part(rest));
        }
    }
}

/// How a program ended, at the right of its line.
fn ending(deck: &Deck, lane: &Lane) -> Option<(String, Style)> {
    let Some(end) = &lane.end else {
        let is_lost = deck.stands_before_what_is_missing();
        return is_lost.then(|| (LOST.into(), BAD));
    };
    Some(match end {
        End::Status(0) => ("exit 0".into(), FAINT),
        End::Status(status) => (format!("exit {status}"), BAD),
        End::Signal(name) => (format!("signal {name}"), BAD),
        End::Unknown => ("closed".into(), FAINT),
    })
}

/// The last lines that fit, each in as many rows as it needs.
fn streams(text: &Text, from_middle: bool, canvas: &mut Canvas<'_>) {
    let area = canvas.area();
    let width = usize::from(area.width.saturating_sub(2)).max(1);
    let mut rows: Vec<(Line, bool)> = Vec::new();
    let lines = text.lines();
    let is_whole = lines.len() < usize::from(area.height);
    for line in lines.iter().rev() {
        let folded = fold(&line.text, width);
        let pieces = folded.into_iter().enumerate().map(|(number, text)| {
            let piece = Line {
                text,
                is_error: line.is_error,
            };
            (piece, number == 0)
        });
        let pieces: Vec<_> = pieces.collect();
        rows.extend(pieces.into_iter().rev());
        if rows.len() >= usize::from(area.height) {
            break;
        }
    }
    rows.truncate(usize::from(area.height));
    let mut row = 0;
    if from_middle && is_whole {
        canvas.line(2, row, "(what it wrote before is left out)", FAINT);
        row += 1;
    }
    for (line, is_first) in rows.iter().rev() {
        if line.is_error && *is_first {
            canvas.line(0, row, "!", BAD);
        }
        let style = if line.is_error { BAD } else { PLAIN };
        canvas.line(2, row, &line.text, style);
        row += 1;
    }
}

/// A line in pieces that fit.
fn fold(text: &str, width: usize) -> Vec<String> {
    use crate::review::replay::glyph::Glyph;
    let mut pieces = vec![String::new()];
    let mut used = 0;
    for character in text.chars() {
        let takes = usize::from(Glyph::of(character).width());
        if used + takes > width {
            pieces.push(String::new());
            used = 0;
        }
        if let Some(piece) = pieces.last_mut() {
            piece.push(character);
        }
        used += takes;
    }
    pieces
}

#[cfg(test)]
mod tests;
