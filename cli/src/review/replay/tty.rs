//! The reviewer's terminal: taken over for the player, and given back as it was, whatever happens.
//!
//! Nothing of a recording is written here but what [`crate::review::replay::paint`] put into cells.
//! The terminal is asked nothing, so nothing that it answers can be taken for a key.

use std::io::{self, Stdout, Write as _};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crossterm::event::{self, Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use crossterm::terminal::{
    EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode,
};
use crossterm::{cursor, execute, style};
use ratatui_core::terminal::Terminal;
use ratatui_crossterm::CrosstermBackend;

use crate::review::replay::glyph::Canvas;
use crate::review::replay::key::Key;

/// Whether a player has the terminal.
static TAKEN: AtomicBool = AtomicBool::new(false);
/// What a panic said while a player had the terminal.
static PANIC: Mutex<Option<String>> = Mutex::new(None);

/// The terminal, while the player has it.
pub struct Tty {
    terminal: Terminal<CrosstermBackend<Stdout>>,
    _back: GiveBack,
}

impl Tty {
    /// Takes the terminal over.
    ///
    /// # Errors
    /// When there is none, or it cannot be changed.
    pub fn take() -> io::Result<Self> {
        hold_panics_back();
        enable_raw_mode()?;
        // From here on it is given back, also when the next line fails.
        TAKEN.store(true, Ordering::SeqCst);
        let back = GiveBack;
        execute!(io::stdout(), EnterAlternateScreen, cursor::Hide)?;
        let terminal = Terminal::new(CrosstermBackend::new(io::stdout()))?;
        Ok(Self {
            terminal,
            _back: back,
        })
    }

    /// Paints, at whatever size the window has now.
    ///
    /// # Errors
    /// When the terminal cannot be written.
    pub fn paint(&mut self, paint: impl FnOnce(Canvas<'_>)) -> io::Result<()> {
        self.terminal.draw(|frame| {
            let area = frame.area();
            paint(Canvas::new(frame.buffer_mut(), area));
        })?;
        Ok(())
    }

    /// The next key that the player knows, if one comes within `wait`.
    ///
    /// # Errors
    /// When the terminal is gone.
    pub fn key(&mut self, wait: Duration) -> io::Result<Option<Key>> {
        if !event::poll(wait)? {
            return Ok(None);
        }
        Ok(match event::read()? {
            Event::Key(key) => of_terminal(key),
            // The size is looked at before each painting.
            Event::Resize(..)
            | Event::FocusGained
            | Event::FocusLost
            | Event::Mouse(_)
            | Event::Paste(_) => None,
        })
    }
}

impl std::fmt::Debug for Tty {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tty").finish_non_exhaustive()
    }
}

/// Gives the terminal back when it goes out of scope: at the end, on an error, and when a panic
/// unwinds.
struct GiveBack;

impl Drop for GiveBack {
    fn drop(&mut self) {
        // Each by itself: one that fails must not keep the others from being tried.
        let _ = execute!(
            io::stdout(),
            style::ResetColor,
            LeaveAlternateScreen,
            cursor::Show
        );
        let _ = disable_raw_mode();
        TAKEN.store(false, Ordering::SeqCst);
        let said = PANIC.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let (true, Some(said)) = (std::thread::panicking(), said) {
            let _ = writeln!(io::stderr(), "{said}");
        }
    }
}

/// What a panic says would be written over the player, and vanish with it. It is told when the
/// terminal has been given back; of a panic that was caught, never.
fn hold_panics_back() {
    static ONCE: std::sync::Once = std::sync::Once::new();
    ONCE.call_once(|| {
        let usual = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            if TAKEN.load(Ordering::SeqCst) {
                *PANIC.lock().unwrap_or_else(PoisonError::into_inner) = Some(panic.to_string());
            } else {
                usual(panic);
            }
        }));
    });
}

fn of_terminal(key: KeyEvent) -> Option<Key> {
    if key.kind == KeyEventKind::Release {
        return None;
    }
    let (control, shift) = (
        key.modifiers.contains(KeyModifiers::CONTROL),
        key.modifiers.contains(KeyModifiers::SHIFT),
    );
    Some(match key.code {
        KeyCode::Char('c') if control => Key::Interrupt,
        KeyCode::Char(_) if control || key.modifiers.contains(KeyModifiers::ALT) => return None,
        KeyCode::Char(character) => Key::Char(character),
        KeyCode::Left if shift => Key::FarLeft,
        KeyCode::Right if shift => Key::FarRight,
        KeyCode::Left => Key::Left,
        KeyCode::Right => Key::Right,
        KeyCode::Up => Key::Up,
        KeyCode::Down => Key::Down,
        KeyCode::PageUp => Key::PageUp,
        KeyCode::PageDown => Key::PageDown,
        KeyCode::Home => Key::Home,
        KeyCode::End => Key::End,
        KeyCode::Enter => Key::Enter,
        KeyCode::Esc => Key::Escape,
        KeyCode::Backspace => Key::Backspace,
        KeyCode::Tab => Key::Tab,
        KeyCode::BackTab => Key::BackTab,
        KeyCode::Delete
        | KeyCode::Insert
        | KeyCode::F(_)
        | KeyCode::Null
        | KeyCode::CapsLock
        | KeyCode::ScrollLock
        | KeyCode::NumLock
        | KeyCode::PrintScreen
        | KeyCode::Pause
        | KeyCode::Menu
        | KeyCode::KeypadBegin
        | KeyCode::Media(_)
        | KeyCode::Modifier(_) => return None,
    })
}
