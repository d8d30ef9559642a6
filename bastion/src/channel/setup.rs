//! What an agent says about a channel before it asks for a program.

use bytes::Bytes;
use portreeve_recording::event::Terminal;

use super::environment::is_passed_on;
use super::queue::{FromAgent, Receiver};
use crate::request::{Forwarding, Wanted};

/// The most variables.
const MAX_VARIABLES: usize = 32;
/// The longest value of `TERM`, and the most modes of a terminal.
const MAX_TERM: usize = 64;
const MAX_MODES: usize = 128;

/// How a program is to be started.
#[derive(Debug, Clone, Default)]
pub struct Setup {
    /// The terminal, if one is wanted.
    pub terminal: Option<Terminal>,
    /// The variables that are passed on.
    pub environment: Vec<(String, String)>,
    /// What was asked for and is never offered.
    pub refused: Vec<Forwarding>,
}

/// Collects until a program is asked for; nothing when the agent leaves before.
pub(super) async fn collect(queue: &mut Receiver) -> Option<(Setup, Wanted)> {
    let mut setup = Setup::default();
    loop {
        match queue.pop().await? {
            FromAgent::Start(program) => return Some((setup, program)),
            FromAgent::Terminal(mut terminal) => {
                terminal.term =
                    Bytes::copy_from_slice(terminal.term.get(..MAX_TERM).unwrap_or(&terminal.term));
                terminal.modes.truncate(MAX_MODES);
                setup.terminal = Some(terminal);
            }
            FromAgent::Variable(name, value) => {
                if setup.environment.len() < MAX_VARIABLES && is_passed_on(&name, &value) {
                    setup.environment.push((name, value));
                }
            }
            FromAgent::Window(size) => {
                if let Some(terminal) = &mut setup.terminal {
                    terminal.size = size;
                }
            }
            FromAgent::Forward(kind) => {
                if setup.refused.len() < MAX_VARIABLES {
                    setup.refused.push(Forwarding::new(kind, None));
                }
            }
            // Input before there is a program has nowhere to go; no client sends any.
            FromAgent::Data(_) | FromAgent::Signal(_) | FromAgent::EndOfInput => {}
        }
    }
}
