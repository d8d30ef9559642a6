//! The only things that are painted.
//!
//! A recording is hostile. What stands in a cell of the reviewer's terminal is a [`Glyph`], and one
//! can only be made of a character that a terminal shows as itself, in a known number of cells.
//! Everything else becomes a sign that something stood there.

use portreeve_protocol::unseen::is_unseen;
use ratatui_core::buffer::Buffer;
use ratatui_core::layout::{Position, Rect};
use ratatui_core::style::{Modifier, Style};
use unicode_width::UnicodeWidthChar as _;

/// A character that may be painted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Glyph {
    character: char,
    is_wide: bool,
    /// It stands for something that is not shown.
    is_sign: bool,
}

impl Glyph {
    /// What stands for what cannot be painted.
    pub const SIGN: Self = Self {
        character: '?',
        is_wide: false,
        is_sign: true,
    };

    /// What stands for each character of a secret.
    pub const REDACTED: Self = Self {
        character: '\u{2588}',
        is_wide: false,
        is_sign: false,
    };

    /// What a character is painted as.
    #[must_use]
    pub fn of(character: char) -> Self {
        let width = character.width().unwrap_or(0);
        if is_unseen(character) || is_nothing(character) || !(1..=2).contains(&width) {
            return Self::SIGN;
        }
        Self {
            character,
            is_wide: width == 2,
            is_sign: false,
        }
    }

    /// How many cells it takes.
    #[must_use]
    pub const fn width(self) -> u16 {
        if self.is_wide { 2 } else { 1 }
    }
}

/// Characters without a meaning that anybody agreed on: private use and noncharacters.
fn is_nothing(character: char) -> bool {
    let code = u32::from(character);
    matches!(code, 0xe000..=0xf8ff | 0xf_0000.. | 0xfdd0..=0xfdef) || code & 0xfffe == 0xfffe
}

/// Paints glyphs into a part of the window.
#[derive(Debug)]
pub struct Canvas<'a> {
    buffer: &'a mut Buffer,
    area: Rect,
}

impl<'a> Canvas<'a> {
    /// Everything that is painted stays within `area`.
    #[must_use]
    pub fn new(buffer: &'a mut Buffer, area: Rect) -> Self {
        let area = area.intersection(buffer.area);
        Self { buffer, area }
    }

    /// A part of this one.
    #[must_use]
    pub fn part(&mut self, area: Rect) -> Canvas<'_> {
        Canvas {
            area: area.intersection(self.area),
            buffer: self.buffer,
        }
    }

    /// Where it is.
    #[must_use]
    pub const fn area(&self) -> Rect {
        self.area
    }

    /// Paints one glyph at a column and a row of this canvas. Outside of it nothing is painted; of
    /// a wide one that does not fit, the sign is.
    pub fn glyph(&mut self, column: u16, row: u16, glyph: Glyph, style: Style) {
        if column >= self.area.width || row >= self.area.height {
            return;
        }
        let fits = glyph.width() <= self.area.width - column;
        let glyph = if fits { glyph } else { Glyph::SIGN };
        let style = if glyph.is_sign {
            style.add_modifier(Modifier::REVERSED)
        } else {
            style
        };
        let place = Position::new(self.area.x + column, self.area.y + row);
        if let Some(cell) = self.buffer.cell_mut(place) {
            cell.set_char(glyph.character).set_style(style);
        }
        if glyph.is_wide
            && let Some(cell) = self.buffer.cell_mut(Position::new(place.x + 1, place.y))
        {
            // The second half: a terminal does not write into it.
            cell.reset();
            cell.set_style(style);
        }
    }

    /// Paints one line of text, cut where the canvas ends, and says in which column it ended.
    pub fn line(&mut self, column: u16, row: u16, text: &str, style: Style) -> u16 {
        let mut column = column;
        for character in text.chars() {
            let glyph = Glyph::of(character);
            if column >= self.area.width {
                break;
            }
            self.glyph(column, row, glyph, style);
            column = column.saturating_add(glyph.width());
        }
        column.min(self.area.width)
    }

    /// Gives every cell a style and empties it.
    pub fn fill(&mut self, style: Style) {
        for place in self.area.positions() {
            if let Some(cell) = self.buffer.cell_mut(place) {
                cell.reset();
                cell.set_style(style);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn only_what_is_seen_as_itself_is_painted() {
        for seen in [
            'a',
            ' ',
            '~',
            '\u{e9}',
            '\u{65e5}',
            '\u{1f600}',
            '\u{5d0}',
            '\u{2502}',
        ] {
            assert_ne!(Glyph::of(seen), Glyph::SIGN, "{seen:?}");
        }
        for unseen in [
            '\0',
            '\x07',
            '\n',
            '\r',
            '\t',
            '\x1b',
            '\x7f',
            '\u{80}',
            '\u{9b}',
            '\u{9d}',
            '\u{ad}',
            '\u{301}',
            '\u{200b}',
            '\u{200d}',
            '\u{202e}',
            '\u{2066}',
            '\u{2028}',
            '\u{fe0f}',
            '\u{feff}',
            '\u{e000}',
            '\u{e0041}',
            '\u{fffe}',
            '\u{10ffff}',
            '\u{f0000}',
            '\u{fdd0}',
        ] {
            assert_eq!(Glyph::of(unseen), Glyph::SIGN, "{unseen:?}");
        }
        assert_eq!(Glyph::of('\u{65e5}').width(), 2);
    }

    #[test]
    fn a_wide_one_stays_within_its_canvas() {
        let mut buffer = Buffer::empty(Rect::new(0, 0, 4, 1));
        let mut canvas = Canvas::new(&mut buffer, Rect::new(1, 0, 2, 9));
        canvas.line(0, 0, "a\u{65e5}b", Style::new());
        assert_eq!(buffer[(1, 0)].symbol(), "a");
        assert_eq!(buffer[(2, 0)].symbol(), "?");
        assert_eq!(buffer[(3, 0)].symbol(), " ");
    }

    proptest! {
        #[test]
        fn no_text_brings_anything_else_into_a_cell(text in any::<String>(), width in 0u16..20) {
            let mut buffer = Buffer::empty(Rect::new(0, 0, 12, 2));
            Canvas::new(&mut buffer, Rect::new(0, 0, width, 2)).line(0, 0, &text, Style::new());
            for cell in buffer.content() {
                let mut characters = cell.symbol().chars();
                let first = characters.next().unwrap_or(' ');
                prop_assert!(!is_unseen(first) && characters.next().is_none());
            }
        }
    }
}
