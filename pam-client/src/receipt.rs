//! What a session's end came to, as the host signs it. Pure.

mod before;

use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::time::Duration;

use portreeve_protocol::attest::{
    EndCause, FoundFile, FoundFiles, KilledProcess, Receipt, SudoCommand, SudoCommands, Took,
};
use portreeve_protocol::name::HostName;
use portreeve_protocol::time::Timestamp;
use serde::{Deserialize, Serialize};

use crate::apply::Removed;
use crate::chain::Tally;
use crate::plan::Plan;
use crate::step::Left;

pub(crate) use self::before::{Before, Tried};

/// How many killed processes, files, commands and lines for what is left a receipt has.
pub(crate) const MOST_LISTED: usize = 64;
/// How many bytes of text all of each kind have together. A session chooses the arguments of its
/// processes and the names of its files, and each byte may become seven where a receipt stands in an
/// event: what a session leaves must not make the receipt of its end too large to be signed, or for
/// the CA to take.
const MOST_KILLED: usize = 5 * 1024;
const MOST_LEFT: usize = 4 * 1024;
const MOST_FOUND: usize = 2 * 1024;
const MOST_COMMANDS: usize = 4 * 1024;
/// How long a line of what is left is, and a path, and a command's argument.
const MOST_LINE: usize = 512;
const MOST_ARGUMENT: usize = 256;

/// The processes that a removal killed: the first ones by name, the rest by number.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Killed {
    listed: Vec<KilledProcess>,
    more: u32,
    /// How long the arguments of those that are listed are.
    bytes: usize,
}

impl Killed {
    /// Adds a process; one that is tried again is counted once.
    pub(crate) fn add(&mut self, mut process: KilledProcess) {
        if self.listed.iter().any(|known| known.pid == process.pid) {
            return;
        }
        if self.has_room() {
            process.argv = fitting(process.argv, MOST_KILLED.saturating_sub(self.bytes));
            self.bytes += length(&process.argv);
            self.listed.push(process);
        } else {
            self.count();
        }
    }

    /// Those that a receipt names.
    fn told(listed: Vec<KilledProcess>, more: u32) -> Self {
        let bytes = listed.iter().map(|process| length(&process.argv)).sum();
        Self {
            listed,
            more,
            bytes,
        }
    }

    /// These and then others.
    fn and(mut self, later: Self) -> Self {
        later
            .listed
            .into_iter()
            .for_each(|process| self.add(process));
        self.more = self.more.saturating_add(later.more);
        self
    }

    /// Counts a process that is not listed.
    pub(crate) fn count(&mut self) {
        self.more = self.more.saturating_add(1);
    }

    /// Whether the next process would be listed.
    pub(crate) fn has_room(&self) -> bool {
        self.listed.len() < MOST_LISTED
    }

    /// How many there were.
    pub(crate) fn total(&self) -> u32 {
        u32::try_from(self.listed.len())
            .unwrap_or(u32::MAX)
            .saturating_add(self.more)
    }
}

/// So many of the arguments as have room, and a sign where that is not all of them.
fn fitting(mut arguments: Vec<String>, mut room: usize) -> Vec<String> {
    let fit = arguments.iter().take_while(|argument| {
        let fits = argument.len() <= room;
        room = room.saturating_sub(argument.len());
        fits
    });
    let fit = fit.count();
    if fit < arguments.len() {
        arguments.truncate(fit);
        arguments.push("…".into());
    }
    arguments
}

fn length(texts: &[String]) -> usize {
    texts.iter().map(String::len).sum()
}

/// The files that a removal found: the first ones by path, the rest by number.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Found {
    files: FoundFiles,
    bytes: usize,
    /// How many of those that are not listed were removed.
    more_removed: u64,
}

impl Found {
    /// Adds a file, or a directory with everything in it.
    pub(crate) fn add(&mut self, path: &Path, removed: bool) {
        let path = path.as_os_str().as_bytes().escape_ascii().to_string();
        let path = shortened(path, MOST_LINE);
        self.list(FoundFile { path, removed });
    }

    /// Says whether it is listed, and not only counted.
    fn list(&mut self, file: FoundFile) -> bool {
        let bytes = self.bytes + file.path.len();
        let has_room = self.files.files.len() < MOST_LISTED && bytes <= MOST_FOUND;
        if has_room {
            self.bytes = bytes;
            self.files.files.push(file);
        } else {
            self.files.more = self.files.more.saturating_add(1);
            let removed = u64::from(file.removed);
            self.more_removed = self.more_removed.saturating_add(removed);
        }
        has_room
    }

    /// Those that a receipt names.
    fn told(files: FoundFiles) -> Self {
        let bytes = files.files.iter().map(|file| file.path.len()).sum();
        Self {
            files,
            bytes,
            more_removed: 0,
        }
    }

    /// One that was found before, whatever became of it.
    fn known(&mut self, path: &str) -> Option<&mut FoundFile> {
        let mut files = self.files.files.iter_mut();
        files.find(|known| known.path == path)
    }

    /// These and then others; one that was found before counts as what it is now.
    fn and(mut self, later: Self) -> Self {
        for file in later.files.files {
            if let Some(known) = self.known(&file.path) {
                known.removed = file.removed;
            } else {
                self.list(file);
            }
        }
        self.files.more = self.files.more.saturating_add(later.files.more);
        self.more_removed = self.more_removed.saturating_add(later.more_removed);
        self
    }

    /// As a receipt has them.
    pub(crate) fn into_files(self) -> FoundFiles {
        self.files
    }
}

/// The sudo commands that ran: the first ones by their arguments, the rest by number.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Commands {
    commands: SudoCommands,
    bytes: usize,
}

impl Commands {
    /// Adds a command.
    pub(crate) fn add(&mut self, run_as: &str, argv: &[String]) {
        let run_as = shortened(run_as.to_owned(), MOST_ARGUMENT);
        let bytes = self.bytes + run_as.len();
        if self.commands.commands.len() < MOST_LISTED && bytes <= MOST_COMMANDS {
            let argv = argv
                .iter()
                .map(|argument| shortened(argument.clone(), MOST_ARGUMENT));
            let argv = fitting(argv.collect(), MOST_COMMANDS - bytes);
            self.bytes = bytes + length(&argv);
            self.commands.commands.push(SudoCommand { run_as, argv });
        } else {
            self.commands.more = self.commands.more.saturating_add(1);
        }
    }

    /// As a receipt has them.
    pub(crate) fn into_commands(self) -> SudoCommands {
        self.commands
    }
}

/// A session's end.
#[derive(Debug, Clone)]
pub(crate) struct End {
    /// Why.
    pub(crate) cause: EndCause,
    /// When it began.
    pub(crate) ending_at: Timestamp,
    /// When it was done.
    pub(crate) gone_at: Timestamp,
    /// How long that took, by a clock that nobody sets.
    pub(crate) took: Duration,
    /// What was killed.
    pub(crate) killed: Killed,
    /// Which files were found.
    pub(crate) found: Found,
    /// What was done, and what is left.
    pub(crate) removed: Removed,
    /// What is left as well and no later try finds again.
    pub(crate) once: Vec<Left>,
}

/// The receipt of a session's end.
pub(crate) fn receipt(
    host: &HostName,
    plan: &Plan,
    tally: Tally,
    ran: Commands,
    end: End,
) -> Receipt {
    let (steps, micros): (Vec<_>, Vec<_>) = end
        .removed
        .steps
        .into_iter()
        .map(|done| (done.name.to_owned(), micros_of(done.took)))
        .unzip();
    Receipt {
        host: host.clone(),
        order: plan.order,
        order_digest: Some(plan.order_digest),
        session: plan.session,
        account: plan.account.name.clone(),
        uid: plan.account.uid.as_raw(),
        cause: end.cause,
        ending_at: end.ending_at,
        gone_at: end.gone_at,
        killed: end.killed.listed,
        killed_more: end.killed.more,
        steps,
        left: lines(end.once.iter().chain(&end.removed.left)),
        sudo_commands: tally.sudo_allowed,
        events: tally.events,
        last_event: tally.last,
        rules_digest: Some(plan.rules_digest),
        took: Some(Took {
            micros: micros_of(end.took),
            steps: micros,
        }),
        found: Some(end.found.into_files()),
        commands: Some(ran.into_commands()),
    }
}

fn micros_of(took: Duration) -> u64 {
    u64::try_from(took.as_micros()).unwrap_or(u64::MAX)
}

/// What is left, in as many lines and bytes as a receipt has for it.
pub(crate) fn lines<'a>(left: impl IntoIterator<Item = &'a Left>) -> Vec<String> {
    let mut lines: Vec<_> = left
        .into_iter()
        .map(|left| shortened(left.what.clone(), MOST_LINE))
        .collect();
    lines.dedup();
    let mut room = MOST_LEFT;
    let fit = lines.iter().take(MOST_LISTED).take_while(|line| {
        let fits = line.len() <= room;
        room = room.saturating_sub(line.len());
        fits
    });
    let fit = fit.count();
    let more = lines.len() - fit;
    if more > 0 {
        lines.truncate(fit);
        lines.push(format!("and {more} more"));
    }
    lines
}

fn shortened(mut text: String, most: usize) -> String {
    if text.len() > most {
        text.truncate(text.floor_char_boundary(most));
        text.push('…');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::apply::Done;
    use crate::plan::tests::example;
    use portreeve_protocol::digest::Digest;
    use portreeve_protocol::event::MAX_EVENT;
    use portreeve_protocol::signed::Signed;

    pub(super) fn process(pid: i32) -> KilledProcess {
        KilledProcess {
            pid,
            uid: 0,
            argv: vec!["sleep".into()],
        }
    }

    #[test]
    fn lists_are_bounded_and_the_rest_is_counted() {
        let mut killed = Killed::default();
        for pid in 0..1000 {
            killed.add(process(pid));
            killed.add(process(0));
        }
        let left = (0..100).map(|n| Left::stays(format!("file {n}"))).collect();
        let (mut found, mut ran) = (Found::default(), Commands::default());
        for n in 0..100 {
            found.add(Path::new(&format!("/tmp/{n}\n")), n > 0);
            ran.add("root", &["id".into(), n.to_string()]);
        }
        let end = End {
            cause: EndCause::Asked,
            ending_at: Timestamp::from_seconds(1),
            gone_at: Timestamp::from_seconds(2),
            took: Duration::from_micros(9),
            killed,
            found,
            removed: Removed {
                steps: vec![Done {
                    name: "kill all processes",
                    took: Duration::from_micros(7),
                }],
                left,
            },
            once: Vec::new(),
        };
        let tally = Tally {
            events: 5,
            sudo: 4,
            sudo_allowed: 3,
            last: Digest::of(b"e"),
        };
        let receipt = receipt(&"prod-1".parse().unwrap(), &example(), tally, ran, end);
        assert_eq!((receipt.killed.len(), receipt.killed_more), (64, 936));
        assert_eq!(receipt.left.len(), 65);
        assert_eq!(receipt.left.last().unwrap(), "and 36 more");
        assert_eq!((receipt.events, receipt.sudo_commands), (5, 3));
        let took = receipt.took.unwrap();
        assert_eq!((took.micros, took.steps), (9, vec![7]));
        let found = receipt.found.unwrap();
        assert_eq!((found.files.len(), found.more), (64, 36));
        assert_eq!(found.files[0].path, r"/tmp/0\n");
        assert!(!found.files[0].removed && found.files[1].removed);
        let ran = receipt.commands.unwrap();
        assert_eq!((ran.commands.len(), ran.more), (64, 36));
        assert_eq!(ran.commands[1].argv, ["id", "1"]);
    }

    /// Whatever a session leaves, its end is signed and finds its way into the trail.
    #[test]
    fn no_session_makes_the_receipt_of_its_end_too_large() {
        for text in ["a", "\"", "\\", "\u{1}", "\u{fffd}"] {
            let mut killed = Killed::default();
            for pid in 0..100 {
                let argv = vec![text.repeat(256); 16];
                killed.add(KilledProcess {
                    argv,
                    ..process(pid)
                });
            }
            let left = (0..100)
                .map(|n| Left::must_go(format!("{n} {}", text.repeat(40_000))))
                .collect();
            let (mut found, mut ran) = (Found::default(), Commands::default());
            for _ in 0..100 {
                found.add(Path::new(&text.repeat(4000)), true);
                ran.add(&text.repeat(32), &vec![text.repeat(1024); 64]);
            }
            let end = End {
                cause: EndCause::Asked,
                ending_at: Timestamp::from_seconds(1),
                gone_at: Timestamp::from_seconds(2),
                took: Duration::MAX,
                killed,
                found,
                removed: Removed {
                    steps: vec![
                        Done {
                            name: "remove schedules, mail and timestamps",
                            took: Duration::MAX,
                        };
                        16
                    ],
                    left,
                },
                once: Vec::new(),
            };
            let tally = Tally {
                events: u64::MAX,
                sudo: u64::MAX,
                sudo_allowed: u64::MAX,
                last: Digest::of(b"e"),
            };
            let receipt = receipt(&"prod-1".parse().unwrap(), &example(), tally, ran, end);
            let payload = Signed::payload_of(&receipt).unwrap();
            let signed = Signed::<Receipt>::assemble(payload, "s".repeat(400));
            let report = serde_json::to_string(&signed).unwrap();
            // An event has the pair and the task beside it.
            assert!(
                report.len() < MAX_EVENT - 8 * 1024,
                "{text:?}: {}",
                report.len()
            );
        }
    }
}
