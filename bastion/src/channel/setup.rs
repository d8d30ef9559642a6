//! What an agent says about a channel before it asks for a program.

use bytes::Bytes;
use portreeve_recording::event::Terminal;

use super::environment::is_passed_on;
use super::queue::{FromAgent, Receiver};
use crate::request::{Forwarding, Wanted};

/// The most variables.
const MAX_VARIABLES: usize = 32;
/// The longest name of a variable that is recorded when it is not passed on.
const MAX_VARIABLE: usize = 128;
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
    /// What else was asked for and is not passed on, and why.
    pub left_out: Vec<LeftOut>,
}

/// A request that is not passed on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeftOut {
    /// What was asked for.
    pub what: String,
    /// Why it is not passed on.
    pub reason: &'static str,
}

/// A variable in words. Its value may be a secret, and is not needed to see what was tried.
pub(super) fn variable(name: &str) -> String {
    let name: String = name.chars().take(MAX_VARIABLE).collect();
    format!("variable {name}")
}

impl Setup {
    /// Takes the terminal away from what moves files. A terminal edits what passes through it, as
    /// its modes say, so the host would read something else than was followed and recorded.
    pub fn without_terminal(&mut self) {
        if self.terminal.take().is_some() {
            self.left_out.push(LeftOut {
                what: "a terminal".into(),
                reason: "what moves files has none",
            });
        }
    }

    fn leave_out(&mut self, what: String, reason: &'static str) {
        if self.left_out.len() < MAX_VARIABLES {
            self.left_out.push(LeftOut { what, reason });
        }
    }
}

/// Collects until a program is asked for; nothing when the agent leaves before.
pub(super) async fn collect(queue: &mut Receiver) -> Option<(Setup, Wanted)> {
    let mut setup = Setup::default();
    loop {
        match queue.pop().await? {
            FromAgent::Start(program) => return Some((setup, program)),
            FromAgent::Terminal(_) if setup.terminal.is_some() => {
                setup.leave_out("a terminal".into(), "the channel has one already");
            }
            FromAgent::Terminal(mut terminal) => {
                terminal.term =
                    Bytes::copy_from_slice(terminal.term.get(..MAX_TERM).unwrap_or(&terminal.term));
                terminal.modes.truncate(MAX_MODES);
                setup.terminal = Some(terminal);
            }
            FromAgent::Variable(name, value) => {
                if !is_passed_on(&name, &value) {
                    setup.leave_out(variable(&name), "only language and terminal are passed on");
                } else if setup.environment.len() < MAX_VARIABLES {
                    setup.environment.push((name, value));
                } else {
                    setup.leave_out(variable(&name), "there are more than are passed on");
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::channel::{queue, window};

    #[tokio::test]
    async fn what_is_not_passed_on_is_remembered() {
        let (sender, mut receiver, _gauge) = queue::new(queue::Total::default());
        let terminal = || {
            FromAgent::Terminal(Terminal {
                term: Bytes::from_static(b"xterm"),
                size: window(80, 24, 0, 0),
                modes: Vec::new(),
            })
        };
        let variable = |name: &str| FromAgent::Variable(name.into(), "x".into());
        let mut asked = vec![terminal(), terminal(), variable("LD_PRELOAD")];
        asked.extend((0..33).map(|_| variable("LC_ALL")));
        asked.extend([FromAgent::Forward("x11"), FromAgent::Start(Wanted::Shell)]);
        for item in asked {
            sender.push(item).unwrap();
        }
        let (setup, program) = collect(&mut receiver).await.unwrap();
        assert_eq!((program, setup.environment.len()), (Wanted::Shell, 32));
        assert_eq!(setup.refused, [Forwarding::new("x11", None)]);
        let left_out: Vec<_> = setup.left_out.iter().map(|out| out.what.as_str()).collect();
        assert_eq!(
            left_out,
            ["a terminal", "variable LD_PRELOAD", "variable LC_ALL"]
        );
    }
}
